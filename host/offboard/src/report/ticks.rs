//! Round values for axes.

use super::time::written;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The steps of a time axis.
#[rustfmt::skip]
const STEPS: [i64; 28] = [
    1, 10, 100, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
    MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
    HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
    DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 365 * DAY, 3650 * DAY,
];

/// Round times between the first and the last one, at most `most`, with their labels.
pub(super) fn moments((first, last): (i64, i64), most: i64) -> Vec<(i64, String)> {
    let length = last - first;
    let step = STEPS
        .into_iter()
        .find(|step| length / step < most)
        .unwrap_or((length / most).max(1));
    let start = first.div_euclid(step) * step;
    (0..=length / step + 1)
        .map(|number| start + number * step)
        .filter(|at| (first..=last).contains(at))
        .map(|at| (at, label(at, step)))
        .collect()
}

fn label(at: i64, step: i64) -> String {
    let format = match step {
        step if step >= DAY => "%Y-%m-%d",
        // At the beginning of a day, the date is more useful than `00:00`.
        _ if at.rem_euclid(DAY) == 0 => "%d %b",
        step if step >= MINUTE => "%H:%M",
        step if step >= SECOND => "%H:%M:%S",
        _ => "%S%.3f s",
    };
    written(at, format)
}

/// A few round numbers from zero to at least `most`.
pub(super) fn numbers(most: u64) -> Vec<u64> {
    let mut size: u64 = 1;
    let step = loop {
        let fits = [1, 2, 5]
            .into_iter()
            .map(|n| n * size)
            .find(|step| most / step < 5);
        match (fits, size.checked_mul(10)) {
            (Some(step), _) => break step,
            (None, Some(larger)) if larger <= u64::MAX / 5 => size = larger,
            (None, _) => break most.max(1),
        }
    };
    (0..=most.div_ceil(step))
        .map(|number| number * step)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(first: i64, last: i64, most: i64) -> Vec<String> {
        let moments = moments((first, last), most);
        moments.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn time_is_cut_at_round_moments() {
        // 1970-01-01
        assert_eq!(labels(MINUTE, 17 * MINUTE, 6), ["00:05", "00:10", "00:15"]);
        assert_eq!(
            labels(20 * HOUR, 29 * HOUR, 6),
            ["20:00", "22:00", "02 Jan", "02:00", "04:00"]
        );
        assert_eq!(
            labels(12 * HOUR, 60 * HOUR, 3),
            ["1970-01-02", "1970-01-03"]
        );
        assert_eq!(labels(0, 20, 6), ["01 Jan", "00.010 s", "00.020 s"]);
    }

    #[test]
    fn any_span_has_a_few_moments() {
        for most in [3, 6] {
            for first in [-62_135_596_800_000, 0, 1_795_688_430_123] {
                for length in (0..15).map(|power| 7_i64.pow(power)) {
                    let moments = moments((first, first + length), most);
                    assert!(moments.len() as i64 <= most + 1, "{length}: {moments:?}");
                }
            }
        }
    }

    #[test]
    fn numbers_are_round_and_reach_the_most() {
        assert_eq!(numbers(0), [0]);
        assert_eq!(numbers(1), [0, 1]);
        assert_eq!(numbers(7), [0, 2, 4, 6, 8]);
        assert_eq!(numbers(400), [0, 100, 200, 300, 400]);
        assert_eq!(numbers(412), [0, 100, 200, 300, 400, 500]);
        assert!(numbers(u64::MAX / 8).len() < 7);
    }
}
