//! The progress of orders over time, counted in steps. As the time span grows, the steps
//! become coarser instead of more numerous.

use std::collections::BTreeMap;

use super::{ReportOrder, ReportedChange};

/// The curves: each counts a subset of the orders of the one before it.
pub(super) const CURVES: [&str; 4] = ["sent", "accepted", "ended", "succeeded"];

/// More than a plot has pixels.
const MAX_STEPS: usize = 1024;

/// The range of times that the calendar supports. Times outside of it are clamped.
const FIRST: i64 = -62_135_596_800_000;
const LAST: i64 = 253_402_207_200_000;

/// A count for each curve.
pub(super) type Counts = [u64; CURVES.len()];

/// The progress of orders over time.
pub(super) struct Timeline {
    /// The length of a step, in milliseconds.
    width: i64,
    /// The counts in each step, by its number.
    steps: BTreeMap<i64, Counts>,
    /// The first and the last time.
    span: Option<(i64, i64)>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            width: 1,
            steps: BTreeMap::new(),
            span: None,
        }
    }
}

impl Timeline {
    pub(super) fn add(&mut self, entry: &ReportOrder) {
        // It may have been claimed, but was never sent.
        if reach(&entry.state) == 0 {
            return;
        }
        for curve in 0..CURVES.len() {
            let came = |moment: &&ReportedChange| reach(&moment.state) > curve;
            if let Some(at) = entry.moments.iter().filter(came).map(|m| m.at).min() {
                self.count(at, curve);
            }
        }
    }

    fn count(&mut self, at: i64, curve: usize) {
        let at = at.clamp(FIRST, LAST);
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        self.steps.entry(at.div_euclid(self.width)).or_default()[curve] += 1;
        while self.steps.len() > MAX_STEPS {
            self.width *= 2;
            let mut coarser: BTreeMap<i64, Counts> = BTreeMap::new();
            for (step, counts) in std::mem::take(&mut self.steps) {
                let sum = coarser.entry(step.div_euclid(2)).or_default();
                for (sum, count) in sum.iter_mut().zip(counts) {
                    *sum += count;
                }
            }
            self.steps = coarser;
        }
    }

    /// The first and the last time.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        self.span
    }

    /// Times, and the counts up to each of them. A step counts from its end, so that nothing
    /// appears before it happened.
    pub(super) fn curves(&self) -> Vec<(i64, Counts)> {
        let Some((first, last)) = self.span else {
            return Vec::new();
        };
        let mut sum = Counts::default();
        self.steps
            .iter()
            .map(|(step, counts)| {
                for (sum, count) in sum.iter_mut().zip(counts) {
                    *sum += count;
                }
                let end = step * self.width + (self.width - 1);
                (end.clamp(first, last), sum)
            })
            .collect()
    }
}

/// The number of curves that count an order in this state.
fn reach(state: &str) -> usize {
    match state {
        "planned" | "not-sent" | "skipped" => 0,
        "accepted" | "pending" => 2,
        "failed" | "timed-out" | "cancelled" => 3,
        "succeeded" => 4,
        // `sending`, `rejected`, `unknown`, and unknown names.
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::entry;
    use super::*;

    fn order(moments: &[(i64, &str)]) -> ReportOrder {
        let mut order = entry(1, moments.last().map_or("planned", |(_, state)| state));
        order.moments = moments
            .iter()
            .map(|(at, state)| ReportedChange {
                at: *at,
                state: (*state).to_owned(),
                detail: String::new(),
            })
            .collect();
        order
    }

    fn timeline<'a>(orders: impl IntoIterator<Item = &'a [(i64, &'a str)]>) -> Timeline {
        let mut timeline = Timeline::default();
        for moments in orders {
            timeline.add(&order(moments));
        }
        timeline
    }

    #[test]
    fn an_order_is_counted_once_for_each_thing_that_it_reached() {
        let timeline = timeline([
            &[
                (0, "planned"),
                (10, "sending"),
                (20, "accepted"),
                (30, "pending"),
                (40, "succeeded"),
            ][..],
            &[(0, "planned"), (12, "sending"), (22, "rejected")],
            &[
                (0, "planned"),
                (14, "sending"),
                (24, "unknown"),
                (44, "accepted"),
                (54, "failed"),
            ],
        ]);
        assert_eq!(timeline.span(), Some((10, 54)));
        assert_eq!(
            timeline.curves(),
            [
                (10, [1, 0, 0, 0]),
                (12, [2, 0, 0, 0]),
                (14, [3, 0, 0, 0]),
                (20, [3, 1, 0, 0]),
                (40, [3, 1, 1, 1]),
                (44, [3, 2, 1, 1]),
                (54, [3, 2, 2, 1]),
            ]
        );
    }

    #[test]
    fn what_never_left_is_on_no_curve() {
        let timeline = timeline([
            &[(0, "planned"), (10, "sending"), (20, "not-sent")][..],
            &[(0, "planned"), (5, "skipped")],
            &[(0, "planned")],
            &[],
        ]);
        assert_eq!(timeline.curves(), []);
    }

    #[test]
    fn any_number_of_moments_takes_a_bounded_number_of_steps() {
        let mut timeline = Timeline::default();
        for number in 0..20_000 {
            timeline.add(&order(&[
                (number * 977, "sending"),
                (number * 991 + 5, "succeeded"),
            ]));
        }
        for at in [i64::MIN, i64::MAX] {
            timeline.add(&order(&[(at, "sending")]));
        }
        let curves = timeline.curves();
        assert!(curves.len() <= MAX_STEPS, "{}", curves.len());
        assert!(curves.is_sorted());
        assert_eq!(
            curves.last().map(|(_, counts)| *counts),
            Some([20_002, 20_000, 20_000, 20_000])
        );
    }
}
