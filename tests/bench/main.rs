//! Measures how much of the service's quotas a run uses, and the resources for a long list. It
//! runs the built command against a simulator. `docs/benchmark.md` explains the results. They
//! are not a promise: other machines have other results.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod pace;
mod process;
mod scale;
mod sliding;

use std::{
    env,
    fmt::Display,
    process::{Command, Stdio},
};

use offboard_simulator::{Config, MachineTruth};
use offboard_testkit::{World, builder, built, isolated};

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    // `cargo test --benches` also runs it, and expects a test that takes no time.
    if !args.iter().any(|arg| arg == "--bench") {
        println!("cargo bench -p offboard-cli [-- [--quick] [pace] [scale]]");
        return;
    }
    let quick = args.iter().any(|arg| arg == "--quick");
    let named: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    let is_selected = |name: &str| named.is_empty() || named.iter().any(|one| *one == name);
    if is_selected("pace") {
        pace::measure(if quick { pace::QUICK } else { pace::FULL });
    }
    if is_selected("scale") {
        scale::measure(if quick { 10_000 } else { 100_000 });
    }
}

/// Prints a row of the table: the measure, the result, and the target.
fn print_row(what: &str, figure: impl Display, target: Option<(bool, &str)>) {
    let (verdict, target) = match target {
        None => ("", String::new()),
        Some((true, target)) => ("PASS", format!("({target})")),
        Some((false, target)) => ("short", format!("({target})")),
    };
    let line = format!("  {what:<44} {figure:>12}  {verdict} {target}");
    println!("{}", line.trim_end());
}

/// A simulator with exactly this configuration.
fn world(config: Config) -> World {
    World::with(|default| *default = config)
}

/// A command that may take as long as a build.
fn command(world: &World, args: &[&str]) -> Command {
    let mut command = isolated(builder(built("offboard")), args);
    world.authorize(&mut command).stdout(Stdio::null());
    command
}

/// Writes `list.csv` with at most `most` of the machines for which `fits` holds. Returns their
/// number.
fn write_list(world: &World, most: usize, fits: impl Fn(&MachineTruth) -> bool) -> usize {
    let mut table = String::from("machineId,name,ticket\n");
    let machines = world.simulator.machines();
    let listed = machines.iter().filter(|truth| fits(truth)).take(most);
    let mut count = 0;
    for (number, truth) in (1..).zip(listed) {
        let (id, name) = (&truth.machine.id, &truth.machine.computer_dns_name);
        table.push_str(&format!("{id},{name},INC-{number}\n"));
        count = number;
    }
    std::fs::write(world.path("list.csv"), table).unwrap();
    count
}
