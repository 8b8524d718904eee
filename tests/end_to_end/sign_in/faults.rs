//! Failures of a sign-in or an order: the run and the check report each with its code, its
//! remedy and the right exit code. The check changes nothing.

use std::process::Command;

use offboard_simulator::{Config, TokenRequest};

use super::{CHECK, World, assert_contains, assert_not_sent, outcome, run, step, steps, text};
use crate::support::Outcome;

/// A sign-in that Entra ID refuses, and the expected report.
struct Refused {
    change: fn(&mut Config),
    prepare: fn(&World, &mut Command),
    code: &'static str,
    hint: &'static str,
}

const UNCHANGED: fn(&mut Config) = |_| {};
const UNPREPARED: fn(&World, &mut Command) = |_, _| {};
const OTHER_ID: &str = "00000000-0000-0000-0000-000000000001";

const REFUSED: [Refused; 8] = [
    Refused {
        change: UNCHANGED,
        prepare: |world, command| {
            let file = world.secret("wrong", "wrong");
            command.env("OFFBOARD_CLIENT_SECRET_FILE", file);
        },
        code: "AADSTS7000215",
        hint: "The client secret is wrong",
    },
    Refused {
        change: UNCHANGED,
        prepare: |world, _| world.simulator.revoke_secret(),
        code: "AADSTS7000215",
        hint: "The client secret is wrong",
    },
    Refused {
        change: |config| config.secret_expired = true,
        prepare: UNPREPARED,
        code: "AADSTS7000222",
        hint: "expired. Create a new one",
    },
    Refused {
        change: UNCHANGED,
        prepare: |_, command| {
            command.env("OFFBOARD_TENANT", OTHER_ID);
        },
        code: "AADSTS90002",
        hint: "Check --tenant and --cloud",
    },
    Refused {
        change: UNCHANGED,
        prepare: |_, command| {
            command.env("OFFBOARD_CLIENT_ID", OTHER_ID);
        },
        code: "AADSTS700016",
        hint: "Check --client-id, --tenant and --cloud",
    },
    Refused {
        change: |config| config.conditional_access = true,
        prepare: UNPREPARED,
        code: "AADSTS53003",
        hint: "conditional access",
    },
    Refused {
        change: UNCHANGED,
        prepare: |_, command| {
            command.env("OFFBOARD_RESOURCE", "https://other.example.test");
        },
        code: "AADSTS500011",
        hint: "does not have this resource",
    },
    Refused {
        change: |config| config.clock_skew = 3600,
        prepare: |world, command| {
            let pem = world.secret("app.pem", world.certificate().both());
            command
                .env("OFFBOARD_CERTIFICATE", pem)
                .env("OFFBOARD_AUTH", "certificate");
        },
        code: "AADSTS700024",
        hint: "this computer's clock",
    },
];

#[test]
fn a_refused_sign_in_is_reported_with_its_code_and_remedy() {
    for Refused {
        change,
        prepare,
        code,
        hint,
    } in REFUSED
    {
        let world = World::with(change);
        let machine = world.machine();
        let mut command = world.with_secret(&run(&machine));
        prepare(&world, &mut command);
        let error = assert_not_sent(&world, &mut command, 3);
        assert_eq!(
            (text(&error, "kind"), text(&error, "code")),
            ("no-credential", code)
        );
        assert!(!text(&error, "message").contains("AADSTS"), "{error}");
        assert_contains(text(&error, "hint"), &[hint]);

        let mut command = world.with_secret(&CHECK);
        prepare(&world, &mut command);
        let checked = outcome(&mut command);
        assert_eq!(checked.code, 3, "{checked:?}");
        let token = step(&checked, "token");
        assert_eq!(token["status"], "failed");
        // The code is reported once.
        assert_eq!(text(&token, "reason").matches(code).count(), 1, "{token}");
        assert_contains(text(&token, "hint"), &[hint]);
        assert_unchanged(&world, &checked);
    }
}

/// No POST came to the API, and no step recommends the role Global Administrator.
#[track_caller]
fn assert_unchanged(world: &World, checked: &Outcome) {
    assert_eq!((world.posts(), world.offboarded()), (0, 0));
    assert!(
        !format!("{checked:?}").contains("Global Admin"),
        "{checked:?}"
    );
    for step in checked.rows() {
        let needs_remedy = ["failed", "warning"].contains(&text(&step, "status"));
        assert_eq!(step["hint"].is_string(), needs_remedy, "{step}");
    }
}

/// A check with a token with these claims.
fn checked_with(world: &World, request: TokenRequest) -> Outcome {
    let file = world.secret("token", world.token(request));
    let mut command = world.command(&CHECK);
    command
        .env("OFFBOARD_TOKEN_FILE", file)
        .env("OFFBOARD_TENANT", world.tenant());
    let checked = outcome(&mut command);
    assert_unchanged(world, &checked);
    checked
}

/// A run with such a token.
fn ordered_with(world: &World, machine: &str, request: TokenRequest) -> Outcome {
    let file = world.secret("token", world.token(request));
    outcome(
        world
            .command(&run(machine))
            .env("OFFBOARD_TOKEN_FILE", file),
    )
}

#[test]
fn a_wrong_audience_is_not_reported_as_a_missing_permission() {
    let world = World::new();
    let xdr = || TokenRequest::default().audience("https://api.security.microsoft.com");
    let checked = checked_with(&world, xdr());
    assert_eq!(checked.code, 3, "{checked:?}");
    assert_eq!(steps(&checked, "failed"), ["audience", "answer"]);
    let audience = step(&checked, "audience");
    let both = [
        "https://api.security.microsoft.com",
        "https://api.securitycenter.microsoft.com",
    ];
    assert_contains(text(&audience, "reason"), &both);
    assert_contains(text(&audience, "hint"), &["403"]);

    let ordered = ordered_with(&world, &world.machine(), xdr());
    assert_eq!(ordered.code, 3, "{ordered:?}");
    let error = ordered.row()["error"].clone();
    assert_eq!(error["kind"], "forbidden");
    assert_contains(
        text(&error, "hint"),
        &["rejects a wrong audience with 403", both[0]],
    );
    assert_eq!(world.offboarded(), 0);
}

/// A token that cannot be used does not show that machines can be read.
#[test]
fn reading_is_not_checked_with_an_expired_token_or_without_the_api() {
    let world = World::new();
    let checked = checked_with(&world, TokenRequest::default().lifetime(-60));
    let reading = step(&checked, "reading");
    assert_eq!(reading["status"], "skipped", "{checked:?}");
    assert_contains(text(&reading, "reason"), &["the token has expired"]);

    let file = world.secret("token", world.token(TokenRequest::default()));
    let closed = crate::support::ClosedPort::new();
    let mut command = world.command(&CHECK);
    command
        .env("OFFBOARD_TOKEN_FILE", file)
        .env("OFFBOARD_API_ROOT", closed.root());
    let reading = step(&outcome(&mut command), "reading");
    assert_eq!(reading["status"], "skipped", "{reading}");
    assert_contains(text(&reading, "reason"), &["the API cannot be reached"]);
}

#[test]
fn a_missing_role_is_reported_with_where_it_is_added() {
    let world = World::new();
    world.simulator.set_roles(["Machine.Read.All"]);
    let checked = outcome(&mut world.with_secret(&CHECK));
    assert_eq!(checked.code, 3, "{checked:?}");
    assert_eq!(steps(&checked, "failed"), ["roles"]);
    let roles = step(&checked, "roles");
    assert_contains(
        text(&roles, "reason"),
        &["Machine.Offboard", "Machine.Read.All"],
    );
    assert_contains(
        text(&roles, "hint"),
        &["WindowsDefenderATP", "administrator grant consent"],
    );
    assert_unchanged(&world, &checked);

    let machines = world.online();
    let mut args = run(&machines[0].machine.id).to_vec();
    args.push(&machines[1].machine.id);
    let ordered = outcome(&mut world.with_secret(&args));
    assert_eq!(ordered.code, 3, "{ordered:?}");
    let rows = ordered.rows();
    assert_eq!(rows[0]["error"]["kind"], "forbidden");
    assert_contains(
        text(&rows[0]["error"], "hint"),
        &["Machine.Offboard", "administrator granted consent"],
    );
    // The next order would fail, too.
    assert_eq!(rows[1]["state"], "not-sent");
    assert_eq!(world.posts(), 1);
}

#[test]
fn without_any_role_a_token_is_issued_and_the_check_reports_it() {
    let world = World::new();
    world.simulator.set_roles(Vec::<String>::new());
    let checked = outcome(&mut world.with_secret(&CHECK));
    assert_eq!(checked.code, 3, "{checked:?}");
    assert_eq!(steps(&checked, "failed"), ["roles"]);
    assert_contains(
        text(&step(&checked, "roles"), "reason"),
        &["no permissions"],
    );
    assert_eq!(steps(&checked, "warning"), ["reading", "answer"]);
}

#[test]
fn without_a_role_to_read_an_order_by_id_is_accepted() {
    let world = World::new();
    world.simulator.set_roles(["Machine.Offboard"]);
    let checked = outcome(&mut world.with_secret(&CHECK));
    assert_eq!(checked.code, 0, "{checked:?}");
    assert_eq!(steps(&checked, "warning"), ["reading", "answer"]);
    assert_contains(
        text(&step(&checked, "reading"), "hint"),
        &["Machine.Read.All"],
    );
    assert_unchanged(&world, &checked);

    let ordered = outcome(&mut world.with_secret(&run(&world.machine())));
    assert_eq!(ordered.code, 0, "{ordered:?}");
    let row = ordered.row();
    assert_eq!(
        (text(&row, "state"), text(&row, "preflight")),
        ("accepted", "unavailable")
    );
    assert_contains(&ordered.stderr, &["Machine.Read.All"]);
}

#[test]
fn a_token_of_another_tenant_is_reported() {
    let world = World::new();
    let other = || TokenRequest::default().tenant(OTHER_ID.parse().unwrap());
    let checked = checked_with(&world, other());
    assert_eq!(checked.code, 3, "{checked:?}");
    assert_eq!(steps(&checked, "failed"), ["tenant"]);
    assert!(world.calls().is_empty(), "{:?}", world.calls());
    assert_contains(
        text(&step(&checked, "tenant"), "reason"),
        &[OTHER_ID, &world.tenant()],
    );
    assert_eq!(ordered_with(&world, &world.machine(), other()).code, 3);
}

#[test]
fn an_expired_token_is_reported_as_such() {
    let world = World::new();
    let over = || TokenRequest::default().lifetime(-60);
    let checked = checked_with(&world, over());
    assert_eq!(checked.code, 3, "{checked:?}");
    assert_eq!(steps(&checked, "failed"), ["token", "answer"]);
    let token = step(&checked, "token");
    assert_contains(text(&token, "reason"), &["it expired 1m"]);
    assert_contains(text(&token, "hint"), &["Get a new one"]);
    assert_contains(text(&step(&checked, "answer"), "reason"), &["expired"]);
    let ordered = ordered_with(&world, &world.machine(), over());
    assert_eq!(ordered.code, 3, "{ordered:?}");
    let error = ordered.row()["error"].clone();
    assert_contains(text(&error, "message"), &["expired"]);
    assert_contains(text(&error, "hint"), &["Get a new one"]);
    assert_eq!(world.offboarded(), 0);
}

#[test]
fn a_401_without_another_reason_names_the_licence() {
    let world = World::new();
    let token = world.token(TokenRequest::default());
    world.simulator.revoke_tokens();
    let file = world.secret("token", token);
    let checked = outcome(world.command(&CHECK).env("OFFBOARD_TOKEN_FILE", file));
    assert_eq!(checked.code, 3, "{checked:?}");
    let answer = step(&checked, "answer");
    assert_eq!(answer["status"], "failed");
    assert_contains(
        text(&answer, "hint"),
        &["licence for Defender for Endpoint"],
    );
}

#[test]
fn a_clock_that_is_off_is_reported_with_the_amount() {
    // It alone does not prevent an offboarding. A sign-in may fail because of it.
    for (skew, status, amount) in [
        (600, "warning", "10m"),
        (-1200, "warning", "20m"),
        (120, "warning", "2m"),
        (0, "passed", ""),
    ] {
        let world = World::with(|config| config.clock_skew = skew);
        let checked = outcome(&mut world.with_secret(&CHECK));
        assert_unchanged(&world, &checked);
        let ordered = outcome(&mut world.with_secret(&run(&world.machine())));
        assert_eq!(checked.code, ordered.code, "{checked:?} {ordered:?}");
        let clock = step(&checked, "clock");
        assert_eq!(clock["status"], status, "{clock}");
        // A few seconds may pass.
        let reason = text(&clock, "reason");
        let earlier = format!("{}m 5", minutes(amount).saturating_sub(1));
        let is_expected = reason.starts_with(amount) || reason.starts_with(&earlier);
        assert!(is_expected, "{reason}");
        if status != "passed" {
            assert_contains(text(&clock, "hint"), &["Correct this computer's clock"]);
        }
    }
}

fn minutes(amount: &str) -> u64 {
    let digits: String = amount.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}
