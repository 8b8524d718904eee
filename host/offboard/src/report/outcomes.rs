//! The number of orders with each outcome.

use std::fmt::Write as _;

use super::{
    states::{Group, STATES, place},
    text::{count, counted},
};

/// The width of the bar for all orders.
const BAR_WIDTH: f64 = 120.0;

/// The number of orders in each state.
#[derive(Default)]
pub(super) struct StateCounts {
    counts: [u64; STATES.len()],
}

impl StateCounts {
    pub(super) fn add(&mut self, state: &str) {
        self.counts[place(state)] += 1;
    }

    pub(super) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn of(&self, group: Group) -> u64 {
        let states = STATES.iter().zip(self.counts);
        states
            .filter(|(state, _)| state.group == group)
            .map(|(_, count)| count)
            .sum()
    }

    /// A sentence for each group, including zeros: it matters that no order is unknown.
    pub(super) fn html(&self) -> String {
        let total = self.total();
        let mut html = format!(
            "<p>{} in total.</p>\n<ul class=\"groups\">\n",
            counted(total, "order")
        );
        for group in Group::ALL {
            let _ = writeln!(
                html,
                "<li class=\"{}\"><b>{}</b> {}</li>",
                group.class(),
                count(self.of(group)),
                group.words()
            );
        }
        html.push_str("</ul>\n");
        if total > 0 {
            self.table(&mut html, total);
        }
        html
    }

    fn table(&self, html: &mut String, total: u64) {
        html.push_str(
            "<table class=\"outcomes\">\n<caption>Orders by state</caption>\n<thead><tr>\
             <th scope=\"col\">State</th><th scope=\"col\" class=\"number\">Orders</th>\
             <th scope=\"col\" class=\"number share\">Share</th><td class=\"bar\"></td>\
             <th scope=\"col\">Meaning</th></tr></thead>\n<tbody>\n",
        );
        for (state, orders) in STATES
            .iter()
            .zip(self.counts)
            .filter(|(_, count)| *count > 0)
        {
            let share = orders as f64 / total as f64;
            let class = state.group.class();
            let _ = writeln!(
                html,
                "<tr><th scope=\"row\"><span class=\"state {class}\"><span aria-hidden=\"true\">{}\
                 </span> {}</span></th><td class=\"number\">{}</td>\
                 <td class=\"number share\">{}</td>\
                 <td class=\"bar\"><svg aria-hidden=\"true\" class=\"{class}\" width=\"{BAR_WIDTH}\" \
                 height=\"10\"><rect width=\"{:.1}\" height=\"10\"/></svg></td><td>{}</td></tr>",
                state.mark,
                state.name,
                count(orders),
                percent(share),
                (share * BAR_WIDTH).max(1.0),
                state.meaning
            );
        }
        html.push_str("</tbody>\n</table>\n");
    }
}

/// Rounding must not show few orders as 0 %, or nearly all as 100 %.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 0.1 {
        "&lt; 0.1 %".to_owned()
    } else if percent > 99.9 && percent < 100.0 {
        "&gt; 99.9 %".to_owned()
    } else {
        format!("{percent:.1} %")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_counted_by_state_and_by_group() {
        let mut outcomes = StateCounts::default();
        for state in ["succeeded", "succeeded", "failed", "rejected", "odd"] {
            outcomes.add(state);
        }
        assert_eq!(outcomes.total(), 5);
        let html = outcomes.html();
        for part in [
            "5 orders in total",
            "<b>2</b> offboarded",
            "<b>0</b> in progress",
            "<b>1</b> unknown",
            "<b>2</b> refused or failed",
            "<td class=\"number\">2</td><td class=\"number share\">40.0 %</td>",
            "> other</span></th><td class=\"number\">1</td>",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("planned"), "{html}");
    }

    #[test]
    fn a_share_is_not_rounded_to_none_or_to_all() {
        assert_eq!(percent(1.0 / 100_000.0), "&lt; 0.1 %");
        assert_eq!(percent(99_999.0 / 100_000.0), "&gt; 99.9 %");
        assert_eq!(percent(1.0), "100.0 %");
    }

    #[test]
    fn a_run_without_orders_has_no_table() {
        let html = StateCounts::default().html();
        assert!(
            html.contains("0 orders in total") && !html.contains("<table"),
            "{html}"
        );
    }
}
