//! Prints the library's traces: outcomes with `-v`, and each step with `-vv`.

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

use super::terminal::Terminal;

thread_local! {
    /// The spans that this thread is in, the innermost one last.
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Prints the traces of the library.
struct Log {
    terminal: Terminal,
    level: Level,
    next: AtomicU64,
    /// The text of each span, and its number of references.
    spans: Mutex<HashMap<u64, (String, usize)>>,
}

/// Prints the traces of the library from now on, if the user wants details.
pub(super) fn start(verbose: u8, terminal: &Terminal) {
    let level = match verbose {
        0 => return,
        1 => Level::INFO,
        _ => Level::DEBUG,
    };
    let log = Log {
        terminal: *terminal,
        level,
        next: AtomicU64::new(1),
        spans: Mutex::default(),
    };
    // This is the only call, so it cannot fail.
    let _ = set_global_default(log);
}

impl Log {
    fn spans(&self) -> MutexGuard<'_, HashMap<u64, (String, usize)>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber for Log {
    /// Only the library is traced: other crates trace requests with their headers.
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
        let mut text = FieldText(attributes.metadata().name().to_owned());
        attributes.record(&mut text);
        self.spans().insert(id, (text.0, 1));
        Id::from_u64(id)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        if let Some((text, _)) = self.spans().get_mut(&id.into_u64()) {
            let mut more = FieldText(std::mem::take(text));
            values.record(&mut more);
            *text = more.0;
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = FieldText(String::new());
        ENTERED.with_borrow(|entered| {
            let spans = self.spans();
            for (span, _) in entered.iter().filter_map(|id| spans.get(id)) {
                let _ = write!(text.0, "{span}: ");
            }
        });
        event.record(&mut text);
        self.terminal.print_detail(&text.0);
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
        if let Some((_, references)) = self.spans().get_mut(&id.into_u64()) {
            *references += 1;
        }
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut spans = self.spans();
        let Some((_, references)) = spans.get_mut(&id.into_u64()) else {
            return true;
        };
        *references -= 1;
        let is_last = *references == 0;
        if is_last {
            spans.remove(&id.into_u64());
        }
        is_last
    }
}

/// The message of an event, and its fields.
struct FieldText(String);

impl Visit for FieldText {
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
