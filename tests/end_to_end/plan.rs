//! What a run will send has a digest, which the ledger records with the
//! confirmation.

use crate::support::World;

fn digest(stderr: &str) -> Option<&str> {
    let mut lines = stderr.lines();
    lines.find_map(|line| line.strip_prefix("Plan digest: "))
}

#[test]
fn a_dry_run_shows_the_digest_of_what_a_run_confirms() {
    let world = World::new();
    let ids: Vec<String> = world.online()[..2]
        .iter()
        .map(|online| online.machine.id.clone())
        .collect();
    let run = |more: &[&str]| {
        let ids = ids.iter().map(String::as_str);
        let args: Vec<&str> = ["run"]
            .into_iter()
            .chain(ids)
            .chain(more.iter().copied())
            .collect();
        world.offboard(&args)
    };
    let dry = run(&["--comment", "x", "--dry-run"]);
    let planned = digest(&dry.stderr).unwrap();
    assert_eq!(planned.len(), 64);
    let other = run(&["--comment", "y", "--dry-run"]);
    assert_ne!(digest(&other.stderr), Some(planned));
    let done = run(&["--comment", "x", "--yes"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(digest(&done.stderr), Some(planned));
}
