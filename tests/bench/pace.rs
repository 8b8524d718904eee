//! Measures the share of the quotas that a run uses, in scaled time, and compares it with
//! other clients.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use offboard_simulator::{Config, Quota};
use serde_json::Value;

use crate::{command, print_row, sliding, world, write_list};

/// The number of machines, and the quota.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    machines: usize,
    quota: &'static str,
}

/// How many times faster than Microsoft's the quotas are.
const FASTER: u32 = 20;

/// Microsoft's quota, accelerated.
pub(crate) const FULL: Course = Course {
    machines: 3000,
    quota: "100/3s,1500/180s",
};

/// Too short for a precise result: the time of the first calls is a large part of it.
pub(crate) const QUICK: Course = Course {
    machines: 300,
    quota: "100/3s,150/12s",
};

pub(crate) fn measure(course: Course) {
    let Course { machines, quota } = course;
    let limits: Quota = quota.parse().unwrap();
    let ideal = sliding::ideal(&limits, machines);
    println!("\nThe pace: {machines} machines, the simulator takes {quota}");
    print_row("at best", seconds(ideal), None);

    let paced = run(course, quota);
    show("offboard run --quota", &paced, ideal, true);
    // The time for computation does not grow with a slower quota.
    let slow = ideal * FASTER;
    let slowly = slow + paced.time.saturating_sub(ideal);
    let share = 100.0 * slow.as_secs_f64() / slowly.as_secs_f64();
    let what = format!("  with quotas {FASTER} times as slow (worked out)");
    print_row(&what, format!("{share:.2} %"), None);

    let unpaced = run(course, "none");
    show(
        "offboard run --quota none, with Retry-After",
        &unpaced,
        ideal,
        false,
    );

    for limit in &limits.limits {
        let interval = limit.window / limit.calls;
        let (time, refused) = sliding::even(&limits, machines, interval);
        let figures = Figures {
            taken: machines,
            refused: usize::try_from(refused).unwrap(),
            time,
        };
        let what = format!("a call each {:.3} s (worked out)", interval.as_secs_f64());
        show(&what, &figures, ideal, false);
    }
}

/// The results of a run.
struct Figures {
    taken: usize,
    refused: usize,
    /// The time from the first to the last accepted request.
    time: Duration,
}

fn run(course: Course, quota: &str) -> Figures {
    let world = world(Config {
        // More than the list needs: some machines cannot be offboarded.
        machines: u32::try_from(course.machines * 2).unwrap(),
        quota: course.quota.parse().unwrap(),
        ..Config::default()
    });
    let count = write_list(&world, course.machines, |truth| {
        truth.supported && truth.machine.onboarding_status == "Onboarded"
    });
    assert_eq!(count, course.machines);
    let (list, count) = (world.path("list.csv"), count.to_string());
    let begun = Instant::now();
    let args = [
        "run",
        "--from",
        list.to_str().unwrap(),
        "--comment",
        "Retired, {ticket}",
        "--yes",
        "--expect",
        &count,
        "--output",
        "jsonl",
        "--quota",
        quota,
    ];
    let outcome = command(&world, &args).output().unwrap();
    let stderr = String::from_utf8_lossy(&outcome.stderr);
    let posts = world.posts();
    let with = |status| posts.iter().filter(move |post| post["status"] == status);
    let arrived = |post: &Value| post["time"].as_str().unwrap().parse().unwrap();
    let taken: Vec<Timestamp> = with(200).map(arrived).collect();
    let refused = with(429).count();
    let (Some(first), Some(last)) = (taken.iter().min(), taken.iter().max()) else {
        panic!("nothing was sent: {stderr}");
    };
    let time = last.duration_since(*first).unsigned_abs();
    if taken.len() != course.machines {
        println!("  {} of {count} were taken: {stderr}", taken.len());
    }
    print_row("  the whole command", seconds(begun.elapsed()), None);
    Figures {
        taken: taken.len(),
        refused,
        time,
    }
}

fn show(what: &str, figures: &Figures, ideal: Duration, aims: bool) {
    let share = 100.0 * ideal.as_secs_f64() / figures.time.as_secs_f64();
    print_row(what, seconds(figures.time), None);
    let aim = (share >= 99.0, "at least 99 %");
    print_row(
        "  of the quota",
        format!("{share:.2} %"),
        aims.then_some(aim),
    );
    let aim = (figures.refused == 0, "none");
    let each = figures.refused as f64 / figures.taken as f64;
    let refused = format!("{} ({each:.2} each)", figures.refused);
    print_row("  answers of 429", refused, aims.then_some(aim));
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
