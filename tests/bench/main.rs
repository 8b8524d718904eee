//! Measures how much of the service's quotas a run uses, and the resources for a long list. It
//! runs the built command against a simulator. `docs/benchmark.md` explains the results. They
//! are not a promise: other machines have other results.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod pace;
mod process;
mod scale;
mod sliding;
mod world;

use std::{env, fmt::Display};

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    // `cargo test --benches` also runs it, and expects a test that takes no time.
    if !args.iter().any(|arg| arg == "--bench") {
        println!("cargo bench -p offboard-cli [-- [--quick] [pace] [scale]]");
        return;
    }
    let quick = args.iter().any(|arg| arg == "--quick");
    let named: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|one| *one == name);
    if wanted("pace") {
        pace::measure(if quick { pace::QUICK } else { pace::FULL });
    }
    if wanted("scale") {
        scale::measure(if quick { 10_000 } else { 100_000 });
    }
}

/// Prints a row of the table: the measure, the result, and the target.
fn tell(what: &str, figure: impl Display, aim: Option<(bool, &str)>) {
    let (verdict, aim) = match aim {
        None => ("", String::new()),
        Some((true, aim)) => ("PASS", format!("({aim})")),
        Some((false, aim)) => ("short", format!("({aim})")),
    };
    let line = format!("  {what:<44} {figure:>12}  {verdict} {aim}");
    println!("{}", line.trim_end());
}
