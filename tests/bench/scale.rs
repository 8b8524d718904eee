//! A long list: checked, recorded and preflighted, up to its first POST; then resumed, up to
//! the next one.

use std::time::Duration;

use offboard_simulator::{Config, Quota};

use crate::{
    command, print_row,
    process::{Resources, until_a_post},
    world, write_list,
};

/// Targets: the most memory, in MiB, and the most CPU time before a resumed run continues.
const MAX_MEMORY: f64 = 100.0;
const MAX_CPU: Duration = Duration::from_secs(1);

pub(crate) fn measure(machines: u32) {
    println!("\nA list of {machines} machines (the simulator needs a while for so many)");
    let world = world(Config {
        machines,
        quota: Quota { limits: Vec::new() },
        ..Config::default()
    });
    let count = write_list(&world, machines as usize, |_| true).to_string();
    let list = world.path("list.csv");
    let list = list.to_str().unwrap();
    let fixed = ["--yes", "--verbose", "--quota", "none", "--output", "jsonl"];
    let run = ["run", "--from", list, "--comment", "Retired, {ticket}"];
    let ordered = until_a_post(command(
        &world,
        &[&run, &fixed[..], &["--expect", &count]].concat(),
    ));
    show("run --from, to its first POST", &ordered, false);
    let resume = ["resume", "--max-devices", "1000000"];
    let resumed = until_a_post(command(&world, &[&resume, &fixed[..]].concat()));
    show("resume, to its first POST", &resumed, true);
}

fn show(what: &str, taken: &Resources, is_quick: bool) {
    let Resources { time, cpu, memory } = *taken;
    print_row(
        &format!("{what}: time"),
        format!("{:.1} s", time.as_secs_f64()),
        None,
    );
    if let Some(cpu) = cpu {
        print_row(
            "  work",
            format!("{:.2} s", cpu.as_secs_f64()),
            is_quick.then_some((cpu < MAX_CPU, "less than 1 s")),
        );
    }
    if let Some(memory) = memory {
        print_row(
            "  memory at most",
            format!("{memory:.0} MiB"),
            Some((memory <= MAX_MEMORY, "at most 100 MiB")),
        );
    }
}
