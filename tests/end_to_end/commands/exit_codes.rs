//! Every exit code of the commands, in one table: docs/cli.md.

use offboard_simulator::{Config, FaultPlan, TokenRequest};

use crate::support::{MACHINE, World};

/// A command, the world in which it runs, and its exit code.
struct Case {
    name: &'static str,
    faults: &'static [&'static str],
    prepare: fn(&World),
    /// `ONLINE` and `OFFLINE` are replaced by the id of a machine.
    args: &'static [&'static str],
    code: i32,
    /// A part of standard output or standard error.
    reason: &'static str,
}

const UNPREPARED: fn(&World) = |_| {};
const RUN: [&str; 4] = ["run", "--yes", "--comment", "x"];

fn with_role(world: &World, role: &str) {
    world.use_token(TokenRequest::default().roles([role]));
}

#[test]
fn each_result_has_its_exit_code() {
    let run = |args: &'static [&'static str]| -> &'static [&'static str] {
        Vec::leak([&RUN[..], args].concat())
    };
    let case = |name, faults, prepare, args, code, reason| Case {
        name,
        faults,
        prepare,
        args,
        code,
        reason,
    };
    let cases = [
        case("accepted", &[], UNPREPARED, run(&["ONLINE"]), 0, "accepted"),
        case(
            "succeeded",
            &[],
            UNPREPARED,
            run(&["ONLINE", "--wait"]),
            0,
            "succeeded",
        ),
        case(
            "unknown machine",
            &[],
            UNPREPARED,
            run(&[MACHINE]),
            1,
            "rejected",
        ),
        case(
            "failed on the device",
            &["offboard:1:ends=Failed"],
            UNPREPARED,
            run(&["ONLINE", "--wait"]),
            1,
            "failed",
        ),
        case(
            "no such name",
            &[],
            UNPREPARED,
            &["find", "no-such-name"],
            1,
            "",
        ),
        case(
            "no offboarding",
            &[],
            UNPREPARED,
            &["status", "ONLINE"],
            1,
            "no-offboarding",
        ),
        case(
            "nothing to cancel",
            &[],
            UNPREPARED,
            &["cancel", "ONLINE", "-c", "x"],
            1,
            "",
        ),
        case(
            "no comment",
            &[],
            UNPREPARED,
            &["run", "--yes", MACHINE],
            2,
            "comment",
        ),
        case(
            "no terminal",
            &[],
            UNPREPARED,
            &["run", MACHINE, "-c", "x"],
            2,
            "--yes",
        ),
        case(
            "a low limit",
            &[],
            UNPREPARED,
            run(&[MACHINE, "--limit", "memory=1"]),
            2,
            "memory",
        ),
        case(
            "a bad tenant",
            &[],
            UNPREPARED,
            run(&[MACHINE, "--tenant", "a b"]),
            2,
            "--tenant",
        ),
        case(
            "a report of a dry run",
            &[],
            UNPREPARED,
            run(&["ONLINE", "-n", "--report", "/no-such-folder/r.html"]),
            2,
            "--report cannot be used with --dry-run",
        ),
        case(
            "a report without a ledger",
            &[],
            UNPREPARED,
            run(&[
                "ONLINE",
                "--no-ledger",
                "--report",
                "/no-such-folder/r.html",
            ]),
            2,
            "--report cannot be used with --no-ledger",
        ),
        case(
            "no ledger",
            &[],
            UNPREPARED,
            &["show", "last"],
            2,
            "ledger.db",
        ),
        case(
            "an expired token",
            &[],
            |world| world.use_token(TokenRequest::default().lifetime(-60)),
            run(&["ONLINE"]),
            3,
            "Get a new one",
        ),
        case(
            "no permission",
            &[],
            |world| with_role(world, "Machine.Read.All"),
            run(&["ONLINE"]),
            3,
            "Machine.Offboard",
        ),
        case(
            "no token",
            &[],
            |world| std::fs::remove_file(world.path("token")).unwrap(),
            run(&["ONLINE"]),
            3,
            "token",
        ),
        case(
            "status, no token",
            &[],
            |world| std::fs::remove_file(world.path("token")).unwrap(),
            &["status", "laptop-7"],
            3,
            "/token: the token file: cannot be read",
        ),
        case(
            "a token that is not a JWT",
            &[],
            |world| crate::support::write_secret(&world.path("token"), "opaque"),
            run(&["ONLINE"]),
            3,
            "The token cannot be read",
        ),
        case(
            "no permission to read, not waiting",
            &[],
            |world| with_role(world, "Machine.Offboard"),
            run(&["ONLINE"]),
            0,
            "accepted",
        ),
        case(
            "no permission to read, waiting",
            &[],
            |world| with_role(world, "Machine.Offboard"),
            run(&["ONLINE", "--wait"]),
            4,
            "cannot be tracked",
        ),
        case(
            "no answer",
            &["offboard:1:drop-before-commit"],
            UNPREPARED,
            run(&["ONLINE", "--grace", "0s"]),
            4,
            "unknown",
        ),
        case(
            "not ended",
            &[],
            UNPREPARED,
            run(&["OFFLINE", "--wait=1s"]),
            4,
            "pending",
        ),
        case(
            "the service is down",
            &["machineactions:always:status=503"],
            UNPREPARED,
            run(&["ONLINE"]),
            5,
            "not-sent",
        ),
        case("check", &[], UNPREPARED, &["check"], 0, "✓ answer"),
        case(
            "check, a low limit",
            &[],
            UNPREPARED,
            &["check", "--limit", "memory=1"],
            2,
            "memory",
        ),
        case(
            "check, a bad tenant",
            &[],
            UNPREPARED,
            &["check", "--tenant", "a b"],
            2,
            "--tenant",
        ),
        case(
            "check, no such host",
            &[],
            UNPREPARED,
            &["check", "--api-root", "http://127.0.0.1:1"],
            5,
            "✗ api",
        ),
        case(
            "check, an unreadable answer",
            &["machines:always:garbage"],
            UNPREPARED,
            &["check"],
            5,
            "✗ answer",
        ),
        case(
            "check, an error of the service",
            &["machines:always:status=500"],
            UNPREPARED,
            &["check"],
            5,
            "✗ answer",
        ),
        case(
            "check, an expired token",
            &[],
            |world| world.use_token(TokenRequest::default().lifetime(-60)),
            &["check"],
            3,
            "✗ token",
        ),
        case(
            "check, no permission",
            &[],
            |world| with_role(world, "Machine.Read.All"),
            &["check"],
            3,
            "✗ roles",
        ),
    ];
    let mut wrong = Vec::new();
    for case in cases {
        let name = case.name;
        let world = World::with(|config: &mut Config| {
            config.faults = FaultPlan::parse(case.faults.iter().copied()).unwrap();
        });
        (case.prepare)(&world);
        let (online, offline) = (world.online_ids(1).remove(0), world.offline().machine.id);
        let args: Vec<&str> = case
            .args
            .iter()
            .map(|argument| match *argument {
                "ONLINE" => &online,
                "OFFLINE" => &offline,
                argument => argument,
            })
            .collect();
        let outcome = world.offboard(&args);
        // A table wraps long cells.
        let words = outcome.stdout.split_whitespace();
        let words = words.chain(outcome.stderr.split_whitespace());
        let shown = words.collect::<Vec<_>>().join(" ");
        let sends_nothing = case.code != 2 || world.posts().is_empty();
        if outcome.code != case.code || !shown.contains(case.reason) || !sends_nothing {
            wrong.push(format!("{name}: not {}: {outcome:?}", case.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
