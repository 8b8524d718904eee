//! The resources of a process, if the system reports them (Linux).

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command},
    time::{Duration, Instant},
};

use offboard_testkit::signal;

/// The resources that were used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Resources {
    pub(crate) time: Duration,
    pub(crate) cpu: Option<Duration>,
    /// The peak memory, in MiB.
    pub(crate) memory: Option<f64>,
}

/// Runs a command that reports its progress until it has sent a request, asks it to end, and
/// returns the resources that it used.
pub(crate) fn until_a_post(mut command: Command) -> Resources {
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut lines = Vec::new();
    let mut taken = None;
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if taken.is_none() && line.starts_with("offboard: POST") {
            taken = Some(Resources {
                time: begun.elapsed(),
                cpu: cpu(&child),
                memory: memory(&child),
            });
            // As a user would: requests in flight are finished.
            signal(&child, "TERM");
        }
        lines.push(line);
    }
    child.wait().unwrap();
    taken.unwrap_or_else(|| panic!("nothing was sent: {}", lines.join("\n")))
}

/// Programs see Linux's ticks as hundredths of a second.
fn cpu(child: &Child) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    let (_, after) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}

fn memory(child: &Child) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes / 1024.0)
}
