//! How near to the service's quotas a run comes, and what a long list takes: the
//! command as it is built, against a simulator. `docs/benchmark.md` says how to
//! read it. It promises nothing: other machines have other figures.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod pace;
mod process;
mod scale;
mod sliding;
mod world;

use std::{env, fmt::Display};

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    // `cargo test --benches` runs it, too, and wants a test that takes no time.
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

/// A line of the table: what, how much, and what was aimed at.
fn tell(what: &str, figure: impl Display, aim: Option<(bool, &str)>) {
    let (verdict, aim) = match aim {
        None => ("", String::new()),
        Some((true, aim)) => ("PASS", format!("({aim})")),
        Some((false, aim)) => ("short", format!("({aim})")),
    };
    let line = format!("  {what:<44} {figure:>12}  {verdict} {aim}");
    println!("{}", line.trim_end());
}
