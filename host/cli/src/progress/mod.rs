//! Shows the progress of a run: a progress bar on a terminal, or plain lines without one. Each
//! order of a short run is shown.

mod states;

use std::{
    cell::{Cell, RefCell},
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::states::States;
use super::{advice, rows, terminal::Terminal, waiting};
use offboard::{
    Client,
    contract::Problem,
    order::{Order, State},
    rate_limit::{Quota, time_left},
    run::{Event, OrderSnapshot},
    text::clean,
};

/// The most orders of a run whose successes are shown one by one.
const MAX_LISTED: u64 = 25;
/// A shorter remaining time is not shown.
const MIN_TIME_LEFT: Duration = Duration::from_secs(3);
/// The number of finished orders from which the speed is estimated.
const MIN_SAMPLE: u64 = 4;
/// The interval of the lines without a terminal.
const INTERVAL: Duration = Duration::from_secs(30);

/// Shows the events of a run.
pub(super) struct Progress<'a> {
    terminal: Terminal,
    client: &'a Client,
    quota: Quota,
    is_large: bool,
    states: RefCell<States>,
    /// How many orders are sent, reconciled or tracked.
    total: Cell<u64>,
    /// Whether all orders were sent, and their actions are tracked.
    is_tracking: Cell<bool>,
    started: Cell<Instant>,
    printed: Cell<Instant>,
    bar: RefCell<Option<ProgressBar>>,
}

impl<'a> Progress<'a> {
    /// The progress of a run with this number of orders.
    pub(super) fn new(terminal: &Terminal, client: &'a Client, orders: u64) -> Self {
        let now = Instant::now();
        Self {
            terminal: *terminal,
            client,
            quota: client.runner().rate_limiter.quota().clone(),
            is_large: orders > MAX_LISTED,
            states: RefCell::default(),
            total: Cell::new(0),
            is_tracking: Cell::new(false),
            started: Cell::new(now),
            printed: Cell::new(now),
            bar: RefCell::default(),
        }
    }

    /// Starts to count: this number of orders is sent, reconciled or tracked.
    fn begin(&self, total: u64) {
        let now = Instant::now();
        self.total.set(total);
        self.started.set(now);
        self.printed.set(now);
        if total < 2 || self.terminal.quiet() || !stderr().is_terminal() {
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let template = format!(
            "[{{bar:30}}] {{pos}} of {{len}} {}: {{msg}}",
            self.counted()
        );
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_secs(1));
        Terminal::set_progress_bar(Some(bar.clone()));
        *self.bar.borrow_mut() = Some(bar);
        self.draw();
    }

    /// Starts to track this number of actions.
    fn begin_tracking(&self, accepted: u64) {
        *self.states.borrow_mut() = States::default();
        self.is_tracking.set(true);
        self.begin(accepted);
    }

    /// Ends the counting.
    pub(super) fn end(&self) {
        Terminal::set_progress_bar(None);
        if self.bar.borrow_mut().take().is_some() || (self.is_large && self.total.get() > 0) {
            self.terminal.print(&self.summary());
        }
        self.total.set(0);
    }

    /// Shows an event.
    pub(super) fn observe(&self, event: &Event) {
        match event {
            Event::Sending {
                machines,
                unresolved,
            } => self.begin(machines + unresolved),
            Event::Tracking { actions } => {
                self.end();
                self.begin_tracking(*actions);
            }
            Event::Preflight { order } => {
                let text = format!("looking up {}", target(&order.order));
                self.terminal.print_detail(&text);
            }
            Event::FleetRead { machines } => {
                let text = format!("{machines} machines of the fleet were read");
                self.terminal.print_detail(&text);
            }
            Event::PreflightUnavailable { order, problem } => {
                self.preflight_unavailable(order, problem);
            }
            Event::Changed { order } => self.changed(&order.order),
            Event::Reconciling { order } => self.print_order(
                "The outcome is unknown. Querying the service.",
                &order.order,
            ),
            Event::Retrying {
                order,
                problem,
                after,
            } => {
                let after = waiting::in_words(*after);
                let text = format!("Retrying in {after}: {}", rows::words(problem));
                self.print_order(&text, &order.order);
            }
            Event::ExternalIdRefused { order, problem } => {
                let text = format!(
                    "The service refused the request with an external id, so it was not carried \
                     out. Sending it without one: {}",
                    rows::words(problem)
                );
                self.print_order(&text, &order.order);
            }
            Event::Tagged { order } => {
                let text = format!("{} is tagged", target(&order.order));
                self.terminal.print_detail(&text);
            }
            Event::TagFailed { .. } | Event::TaggingStopped { .. } => self.warn_about_tag(event),
            event => self.print_run_event(event),
        }
    }

    /// Shows an event of the whole run.
    fn print_run_event(&self, event: &Event) {
        match event {
            Event::TokenRenewed => self
                .terminal
                .print("The service rejected the token. Retrying with a new one."),
            Event::Waiting { problem, after } => {
                let wait = waiting::in_words(*after);
                let reason = rows::words(problem);
                let text = format!("Waiting {wait} for the service: {reason}");
                waiting::show(&self.terminal, &text, *after);
            }
            Event::StatusUnavailable { problem } => self.terminal.print(&format!(
                "The status of the actions could not be read, and is read again later: {}",
                rows::words(problem)
            )),
            Event::ActionsNotKept { problem } => self.terminal.warn(&rows::words(problem)),
            Event::Stopped { problem } => self
                .terminal
                .print(&format!("Nothing more is sent: {}", rows::words(problem))),
            Event::NotRecorded { order, error } => {
                let machine = order.order.machine().map_or("", |id| id.as_str());
                self.terminal.report_failure(&format!(
                    "{machine} is {}, but this could not be recorded: {error}",
                    order.order.state()
                ));
            }
            Event::TrackingStopped { problem } => self.terminal.print(&format!(
                "The actions cannot be tracked: {}",
                rows::words(problem)
            )),
            _ => {}
        }
    }

    fn preflight_unavailable(&self, order: &OrderSnapshot, problem: &Problem) {
        let target = target(&order.order);
        if let Some(name) = &order.listed_name {
            self.terminal.print(&format!(
                "note: It cannot be checked that the name of {target} is {}, as in the list.",
                clean(name)
            ));
        }
        self.terminal.print(&format!(
            "the preflight of {target} is unavailable: {}",
            rows::words(problem)
        ));
        let advice = advice::for_problem(problem, self.client.known_token());
        self.terminal.print_advice(&advice);
    }

    fn warn_about_tag(&self, event: &Event) {
        let (text, problem) = match event {
            Event::TagFailed { order, problem } => (
                format!("{} is offboarded without the tag", target(&order.order)),
                problem,
            ),
            Event::TaggingStopped { problem } => (
                "The remaining machines are offboarded without the tag".to_owned(),
                problem,
            ),
            _ => return,
        };
        self.terminal
            .warn(&format!("{text}: {}", rows::words(problem)));
        let advice = advice::for_tag(problem, self.client.known_token());
        self.terminal.help(&advice);
    }

    /// Prints a message about an order; of a long run, only with `--verbose`.
    fn print_order(&self, text: &str, order: &Order) {
        self.print_unless(self.is_large, &format!("{}: {text}", target(order)));
    }

    /// Prints a message, or a detail if `is_detail` is set.
    fn print_unless(&self, is_detail: bool, text: &str) {
        if is_detail {
            self.terminal.print_detail(text);
        } else {
            self.terminal.print(text);
        }
    }

    fn changed(&self, order: &Order) {
        let state = order.state();
        if let Some(machine) = order.machine() {
            self.states.borrow_mut().set(machine, state);
        }
        let id = order
            .machine()
            .map_or_else(String::new, ToString::to_string);
        let name = clean(order.name().unwrap_or_default());
        let detail = rows::detail(order.action(), order.problem());
        let text = format!("{state} {id} {name}  {detail}");
        let is_success = matches!(state, State::Accepted | State::Succeeded | State::Skipped)
            && !order.has_reported_since();
        self.print_unless(self.is_large && is_success, &text);
        self.draw();
    }

    /// Updates the progress bar. Without one, prints a line at intervals.
    fn draw(&self) {
        if let Some(bar) = &*self.bar.borrow() {
            bar.set_length(self.total());
            bar.set_position(self.settled());
            bar.set_message(self.summary());
        } else if self.is_large && self.total.get() > 0 && self.printed.get().elapsed() >= INTERVAL
        {
            self.printed.set(Instant::now());
            let (settled, total) = (self.settled(), self.total());
            let text = format!(
                "{settled} of {total} {}: {}",
                self.counted(),
                self.summary()
            );
            self.terminal.print(&text);
        }
    }

    /// What is counted.
    fn counted(&self) -> &'static str {
        if self.is_tracking.get() {
            "actions ended"
        } else {
            "orders"
        }
    }

    fn settled(&self) -> u64 {
        self.states.borrow().settled(self.is_tracking.get())
    }

    fn total(&self) -> u64 {
        self.states.borrow().total(self.total.get())
    }

    fn summary(&self) -> String {
        let states = self.states.borrow();
        let mut parts = states.in_words();
        drop(states);
        let settled = self.settled();
        let elapsed = self.started.get().elapsed();
        let minutes = elapsed.as_secs_f64() / 60.0;
        if minutes > 0.1 && !self.is_tracking.get() {
            parts.push(format!("{:.0} per minute", settled as f64 / minutes));
        }
        let left = self.total().saturating_sub(settled);
        if left > 0 && !self.is_tracking.get() {
            parts.extend(time_to_go(&self.quota, elapsed, settled, left));
        }
        parts.join(", ")
    }
}

/// The target of an order as text for the terminal.
fn target(order: &Order) -> String {
    clean(&order.target().to_string())
}

/// The estimated remaining time: the shortest that the quota allows, or longer if the calls
/// were slower.
fn time_to_go(quota: &Quota, elapsed: Duration, settled: u64, left: u64) -> Option<String> {
    let by_quota = time_left(quota, elapsed, settled, left);
    let by_speed = if settled < MIN_SAMPLE {
        Duration::ZERO
    } else {
        elapsed.mul_f64(left as f64 / settled as f64)
    };
    let (time, reason) = if by_quota >= by_speed {
        (by_quota, ", limited by the quota")
    } else {
        (by_speed, "")
    };
    if time < MIN_TIME_LEFT {
        return None;
    }
    let unit = if time.as_secs() < 60 { 1 } else { 60 };
    let rounded = Duration::from_secs(time.as_secs() / unit * unit);
    let rounded = humantime::format_duration(rounded);
    Some(format!("about {rounded} left{reason}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_short_time_left_is_not_shown() {
        let text = |quota: &str, elapsed, settled, left| {
            let elapsed = Duration::from_secs(elapsed);
            time_to_go(&quota.parse().unwrap(), elapsed, settled, left)
        };
        let text =
            |quota, elapsed, settled, left| text(quota, elapsed, settled, left).unwrap_or_default();
        assert_eq!(text("3/5s", 0, 0, 5), "about 5s left, limited by the quota");
        assert_eq!(
            text("100/60s", 0, 0, 250),
            "about 2m left, limited by the quota"
        );
        // Slower than the quota.
        assert_eq!(text("100/60s", 10, 20, 40), "about 20s left");
        assert_eq!(text("none", 90, 10, 11), "about 1m left");
        // Too short, and too early.
        assert_eq!(text("100/60s", 10, 20, 4), "");
        assert_eq!(text("none", 9, 3, 40), "");
    }
}
