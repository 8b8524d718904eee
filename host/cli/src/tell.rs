//! What people see while a run goes on: a bar at the end of a terminal, or plain
//! lines where there is none; each order where they are few.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{hint, report, screen::Screen};
use offboard::{
    Client,
    contract::{MachineId, Problem},
    order::{Order, State},
    rate_limit::{Quota, time_left},
    run::{Event, OrderSnapshot},
    text::clean,
};

/// Of more orders, only those that went wrong are told one by one.
const FEW: u64 = 25;
/// A time left that is shorter is not worth a word.
const SHORT: Duration = Duration::from_secs(3);
/// So many orders say how fast the others go.
const SAMPLE: u64 = 4;
/// How often the state of things is told where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(30);

/// How far each machine is, and how many are how far.
#[derive(Default)]
struct States {
    /// By the first digits of their ids: there may be a hundred thousand.
    of: HashMap<u128, State>,
    counts: HashMap<&'static str, u64>,
}

impl States {
    fn set(&mut self, machine: &MachineId, state: State) {
        let digits = machine.as_str().get(..32).unwrap_or_default();
        let key = u128::from_str_radix(digits, 16).unwrap_or_default();
        if let Some(before) = self.of.insert(key, state)
            && let Some(count) = self.counts.get_mut(before.name())
        {
            *count -= 1;
        }
        *self.counts.entry(state.name()).or_default() += 1;
    }

    fn count(&self, states: &[State]) -> u64 {
        let count = |state: &State| self.counts.get(state.name()).copied();
        states.iter().filter_map(count).sum()
    }

    /// How many orders there are, if this many were announced. Orders of an earlier process
    /// may turn out to belong to them only when they change.
    fn total(&self, announced: u64) -> u64 {
        announced.max(self.of.len() as u64)
    }

    /// How many have reached what is waited for: an answer, or the end of their action.
    fn settled(&self, follows: bool) -> u64 {
        let open = if follows {
            self.count(&[State::Accepted, State::Pending])
        } else {
            0
        };
        (self.of.len() as u64).saturating_sub(open)
    }
}

/// Tells what happens.
pub(super) struct Teller<'a> {
    screen: Screen,
    client: &'a Client,
    quota: Quota,
    is_large: bool,
    states: RefCell<States>,
    /// How many orders are sent, reconciled or tracked.
    total: Cell<u64>,
    /// Whether all is sent, and followed.
    follows: Cell<bool>,
    begun: Cell<Instant>,
    told: Cell<Instant>,
    bar: RefCell<Option<ProgressBar>>,
}

impl<'a> Teller<'a> {
    /// For a run of so many orders.
    pub(super) fn new(screen: &Screen, client: &'a Client, orders: u64) -> Self {
        let now = Instant::now();
        Self {
            screen: *screen,
            client,
            quota: client.runner().rate_limiter.quota().clone(),
            is_large: orders > FEW,
            states: RefCell::default(),
            total: Cell::new(0),
            follows: Cell::new(false),
            begun: Cell::new(now),
            told: Cell::new(now),
            bar: RefCell::default(),
        }
    }

    /// So many orders are sent, reconciled or tracked from now on.
    fn begin(&self, total: u64) {
        let now = Instant::now();
        self.total.set(total);
        self.begun.set(now);
        self.told.set(now);
        if total < 2 || self.screen.quiet() || !stderr().is_terminal() {
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("[{bar:30}] {pos} of {len}  {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_secs(1));
        Screen::set_bar(Some(bar.clone()));
        *self.bar.borrow_mut() = Some(bar);
        self.draw();
    }

    /// So many are followed from now on.
    fn begin_to_follow(&self, accepted: u64) {
        *self.states.borrow_mut() = States::default();
        self.follows.set(true);
        self.begin(accepted);
    }

    /// All is sent, or followed to its end.
    pub(super) fn end(&self) {
        Screen::set_bar(None);
        if self.bar.borrow_mut().take().is_some() || (self.is_large && self.total.get() > 0) {
            self.screen.say(&self.summary());
        }
        self.total.set(0);
    }

    pub(super) fn tell(&self, event: &Event) {
        match event {
            Event::Sending {
                machines,
                unresolved,
            } => self.begin(machines + unresolved),
            Event::Tracking { actions } => {
                self.end();
                self.begin_to_follow(*actions);
            }
            Event::Preflight { order } => {
                let asked = clean(&order.order.target().to_string());
                self.screen.detail(&format!("looking up {asked}"));
            }
            Event::FleetRead { machines } => {
                let words = format!("{machines} machines of the fleet are read");
                self.screen.detail(&words);
            }
            Event::PreflightUnavailable { order, problem } => self.not_seen(order, problem),
            Event::Changed { order } => self.changed(&order.order),
            Event::Reconciling { order } => self.say_of_one(
                "the outcome is unknown; asking the service what became of it",
                &order.order,
            ),
            Event::Retrying {
                order,
                problem,
                after,
            } => {
                let pause = humantime::format_duration(*after);
                let words = report::words(problem);
                self.say_of_one(&format!("it comes again in {pause}: {words}"), &order.order);
            }
            Event::Tagged { order } => {
                let asked = clean(&order.order.target().to_string());
                self.screen.detail(&format!("{asked} is tagged"));
            }
            Event::TagFailed { order, problem } => {
                self.screen.warn(&format!(
                    "{}: it is offboarded without the tag: {}",
                    clean(&order.order.target().to_string()),
                    report::words(problem)
                ));
                self.advise_on_tag(problem);
            }
            Event::TaggingStopped { problem } => {
                self.screen.warn(&format!(
                    "no machine is tagged any more, and the offboarding goes on: {}",
                    report::words(problem)
                ));
                self.advise_on_tag(problem);
            }
            Event::TokenRenewed => self
                .screen
                .say("the service refused the token; sending again with a fresh one"),
            Event::Waiting { problem, after } => self.screen.progress(&format!(
                "the service cannot be asked just now, waiting {}: {}",
                humantime::format_duration(*after),
                report::words(problem)
            )),
            Event::StatusUnavailable { problem } => self.screen.say(&format!(
                "how far the actions are cannot be asked just now, and is asked again: {}",
                report::words(problem)
            )),
            Event::ActionsNotKept { problem } => self.screen.warn(&report::words(problem)),
            Event::Stopped { problem } => self
                .screen
                .say(&format!("nothing more is sent: {}", report::words(problem))),
            Event::NotRecorded { order, error } => {
                let machine = order.order.machine().map_or("", |id| id.as_str());
                self.screen.fail(&format!(
                    "{machine} is {}, and that is not on record: {error}",
                    order.order.state()
                ));
            }
            Event::TrackingStopped { problem } => self.screen.say(&format!(
                "the actions cannot be followed: {}",
                report::words(problem)
            )),
            _ => {}
        }
    }

    fn not_seen(&self, order: &OrderSnapshot, problem: &Problem) {
        let asked = clean(&order.order.target().to_string());
        if let Some(called) = &order.listed_name {
            self.screen.say(&format!(
                "note: whether {asked} is {}, as the list says, cannot be checked",
                clean(called)
            ));
        }
        let hint = hint::hint(problem, self.client.claims());
        self.screen.say(&format!(
            "preflight of {asked} is unavailable: {}",
            report::words(problem)
        ));
        self.screen.advise(&hint);
    }

    fn advise_on_tag(&self, problem: &Problem) {
        let help = hint::of_tag(problem, self.client.claims());
        self.screen.help(&help);
    }

    fn say_of_one(&self, words: &str, order: &Order) {
        let text = format!("{}: {words}", clean(&order.target().to_string()));
        match self.is_large {
            true => self.screen.detail(&text),
            false => self.screen.say(&text),
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
        let detail = report::detail(order.action(), order.problem());
        let text = format!("{state} {id} {name}  {detail}");
        let went_well = matches!(state, State::Accepted | State::Succeeded | State::Skipped)
            && !order.has_reported_since();
        match self.is_large && went_well {
            true => self.screen.detail(&text),
            false => self.screen.say(&text),
        }
        self.draw();
    }

    /// Brings the bar up to date; or a line, where there is none, now and then.
    fn draw(&self) {
        if let Some(bar) = &*self.bar.borrow() {
            bar.set_length(self.total());
            bar.set_position(self.settled());
            bar.set_message(self.summary());
        } else if self.is_large && self.total.get() > 0 && self.told.get().elapsed() >= INTERVAL {
            self.told.set(Instant::now());
            let (settled, total) = (self.settled(), self.total());
            let text = format!("{settled} of {total}: {}", self.summary());
            self.screen.say(&text);
        }
    }

    fn settled(&self) -> u64 {
        self.states.borrow().settled(self.follows.get())
    }

    fn total(&self) -> u64 {
        self.states.borrow().total(self.total.get())
    }

    fn summary(&self) -> String {
        let states = self.states.borrow();
        use State as S;
        let groups: [(&str, &[State]); 7] = [
            ("done", &[S::Succeeded]),
            ("accepted", &[S::Accepted]),
            ("pending", &[S::Pending]),
            ("skipped", &[S::Skipped]),
            (
                "refused",
                &[S::Rejected, S::Failed, S::TimedOut, S::Cancelled],
            ),
            ("not sent", &[S::NotSent]),
            ("unknown", &[S::Unknown]),
        ];
        let mut words: Vec<String> = groups
            .iter()
            .map(|(name, wanted)| (name, states.count(wanted)))
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        drop(states);
        let settled = self.settled();
        let elapsed = self.begun.get().elapsed();
        let minutes = elapsed.as_secs_f64() / 60.0;
        if minutes > 0.1 && !self.follows.get() {
            words.push(format!("{:.0} a minute", settled as f64 / minutes));
        }
        let left = self.total().saturating_sub(settled);
        if left > 0 && !self.follows.get() {
            words.extend(time_to_go(&self.quota, elapsed, settled, left));
        }
        words.join(", ")
    }
}

/// How long the rest takes: what the quota asks for, or longer where the calls
/// have been slower.
fn time_to_go(quota: &Quota, elapsed: Duration, settled: u64, left: u64) -> Option<String> {
    let by_quota = time_left(quota, elapsed, settled, left);
    let by_pace = match settled {
        ..SAMPLE => Duration::ZERO,
        _ => elapsed.mul_f64(left as f64 / settled as f64),
    };
    let (time, why) = match by_quota >= by_pace {
        true => (by_quota, ", by the quota"),
        false => (by_pace, ""),
    };
    let unit = if time.as_secs() < 60 { 1 } else { 60 };
    let told = Duration::from_secs(time.as_secs() / unit * unit);
    let words = || format!("about {} left{why}", humantime::format_duration(told));
    (time >= SHORT).then(words)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_more_orders_are_done_than_there_are() {
        let of = |number: u32| {
            format!("{number:08x}{:032x}", 0)
                .parse::<MachineId>()
                .unwrap()
        };
        let mut states = States::default();
        states.set(&of(1), State::Unknown);
        for number in 1..=24 {
            states.set(&of(number), State::Accepted);
        }
        assert_eq!((states.settled(false), states.total(23)), (24, 24));
        assert_eq!((states.settled(true), states.total(30)), (0, 30));
        states.set(&of(1), State::Succeeded);
        assert_eq!(states.settled(true), 1);
    }

    #[test]
    fn the_time_left_is_shown_from_a_few_seconds_on() {
        let told = |quota: &str, elapsed, settled, left| {
            let elapsed = Duration::from_secs(elapsed);
            time_to_go(&quota.parse().unwrap(), elapsed, settled, left)
        };
        let told =
            |quota, elapsed, settled, left| told(quota, elapsed, settled, left).unwrap_or_default();
        assert_eq!(told("3/5s", 0, 0, 5), "about 5s left, by the quota");
        assert_eq!(told("100/60s", 0, 0, 250), "about 2m left, by the quota");
        // Below the quota, as fast as it went until now.
        assert_eq!(told("100/60s", 10, 20, 40), "about 20s left");
        assert_eq!(told("none", 90, 10, 11), "about 1m left");
        // Too short to tell, and too early.
        assert_eq!(told("100/60s", 10, 20, 4), "");
        assert_eq!(told("none", 9, 3, 40), "");
    }
}
