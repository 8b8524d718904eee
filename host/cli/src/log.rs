//! What the library traces, as lines for `-v` (its outcomes) and `-vv` (each step).

use std::{
    cell::RefCell,
    collections::HashMap,
    fmt::{Debug, Write},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::set_global_default,
};

use super::screen::Screen;

thread_local! {
    /// The spans that this thread is in, the innermost one last.
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Prints what the library traces.
struct Log {
    screen: Screen,
    level: Level,
    next: AtomicU64,
    /// The words of each span, and how often it is held.
    spans: Mutex<HashMap<u64, (String, usize)>>,
}

/// Prints the traces of the library from now on, if the user wants details.
pub(super) fn start(verbose: u8, screen: &Screen) {
    let level = match verbose {
        0 => return,
        1 => Level::INFO,
        _ => Level::DEBUG,
    };
    let log = Log {
        screen: *screen,
        level,
        next: AtomicU64::new(1),
        spans: Mutex::default(),
    };
    // There is no other one: this is the only call.
    let _ = set_global_default(log);
}

impl Log {
    fn spans(&self) -> MutexGuard<'_, HashMap<u64, (String, usize)>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber for Log {
    /// Other crates trace requests with their headers.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let is_own = target == "offboard" || target.starts_with("offboard::");
        is_own && *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(self.level))
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut words = Words(attributes.metadata().name().to_owned());
        attributes.record(&mut words);
        self.spans().insert(id, (words.0, 1));
        Id::from_u64(id)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        if let Some((words, _)) = self.spans().get_mut(&id.into_u64()) {
            let mut more = Words(std::mem::take(words));
            values.record(&mut more);
            *words = more.0;
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut words = Words(String::new());
        ENTERED.with_borrow(|entered| {
            let spans = self.spans();
            for (span, _) in entered.iter().filter_map(|id| spans.get(id)) {
                let _ = write!(words.0, "{span}: ");
            }
        });
        event.record(&mut words);
        self.screen.detail(&words.0);
    }

    fn enter(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(id.into_u64()));
    }

    fn exit(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| {
            let last = entered
                .iter()
                .rposition(|entered| *entered == id.into_u64());
            last.map(|last| entered.remove(last));
        });
    }

    fn clone_span(&self, id: &Id) -> Id {
        if let Some((_, held)) = self.spans().get_mut(&id.into_u64()) {
            *held += 1;
        }
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut spans = self.spans();
        let Some((_, held)) = spans.get_mut(&id.into_u64()) else {
            return true;
        };
        *held -= 1;
        let is_last = *held == 0;
        if is_last {
            spans.remove(&id.into_u64());
        }
        is_last
    }
}

/// The message of an event, and its fields.
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {}={value}", field.name());
    }
}
