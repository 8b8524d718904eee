//! Ctrl-C, SIGTERM and SIGHUP: after the first signal, requests in flight are finished. After
//! the second, the command stops at once. If it cannot, because the system blocks it in a file
//! operation, the process exits. A signal that the caller ignored, as `nohup` does, stays
//! ignored.

use std::time::Duration;
#[cfg(unix)]
use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
};

#[cfg(unix)]
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{exit::Exit, sent_orders::SentOrders, terminal::Terminal};
use offboard::ledger::Ledger;

/// The time from the second signal to the forced exit of the process.
const FORCED_EXIT_DELAY: Duration = Duration::from_secs(5);

/// Whether the first and the second signal were received.
pub(super) struct Signals {
    /// Cancelled by the first signal.
    pub(super) stop: CancellationToken,
    /// Cancelled by the second signal.
    now: CancellationToken,
    /// The orders that were sent, which are shown before a forced exit.
    pub(super) sent: SentOrders,
}

impl Signals {
    /// Starts to listen.
    pub(super) fn listen(terminal: &Terminal) -> Self {
        let signals = Self {
            stop: CancellationToken::new(),
            now: CancellationToken::new(),
            sent: SentOrders::default(),
        };
        let (stop, now) = (signals.stop.clone(), signals.now.clone());
        let sent = signals.sent.clone();
        let terminal = *terminal;
        let mut stop_signals = StopSignals::new();
        tokio::spawn(async move {
            stop_signals.next().await;
            terminal.print(
                "Stopping after the requests in flight. Press Ctrl-C again to stop at once.",
            );
            stop.cancel();
            stop_signals.next().await;
            now.cancel();
            tokio::select! {
                () = stop_signals.next() => {}
                () = tokio::time::sleep(FORCED_EXIT_DELAY) => {}
            }
            sent.show(&terminal);
            std::process::exit(u8::from(Exit::Interrupted).into());
        });
        signals
    }

    /// Whether the first signal was received.
    pub(super) fn stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits for the first signal.
    pub(super) async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Waits for the second signal.
    pub(super) async fn at_once(&self) {
        self.now.cancelled().await;
    }
}

/// The signals that end the command.
#[cfg(unix)]
struct StopSignals(Vec<Listener>);

/// Whether a signal was received that `StopSignals::next` has not returned yet.
#[cfg(unix)]
static RECEIVED: AtomicBool = AtomicBool::new(false);

#[cfg(unix)]
impl StopSignals {
    /// Includes SIGHUP: a run of several hours may lose its terminal with an SSH connection.
    fn new() -> Self {
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        Self::of(kinds, signal)
    }

    /// A signal that the caller ignored gets no handler, because it would then no longer
    /// be ignored.
    fn of(
        kinds: impl IntoIterator<Item = SignalKind>,
        listener: impl Fn(SignalKind) -> io::Result<Listener>,
    ) -> Self {
        let stop_signals = kinds
            .into_iter()
            .filter(|kind| !is_ignored(kind.as_raw_value()))
            .filter_map(|kind| {
                set_handler(
                    kind.as_raw_value(),
                    record as *const () as libc::sighandler_t,
                );
                let listener = listener(kind).ok();
                if listener.is_none() {
                    // Without a listener, nothing would react to the signal. It ends the process.
                    set_handler(kind.as_raw_value(), libc::SIG_DFL);
                }
                listener
            });
        Self(stop_signals.collect())
    }

    /// Returns at the next signal.
    async fn next(&mut self) {
        std::future::poll_fn(|context| {
            // They only wake this task. The flag is read after that, because a signal in
            // between would be lost (a race).
            for signal in &mut self.0 {
                while let Poll::Ready(Some(())) = signal.poll_recv(context) {}
            }
            if RECEIVED.swap(false, Ordering::SeqCst) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// Records that a signal was received. It may interrupt anything, so it only sets a flag.
#[cfg(unix)]
extern "C" fn record(_: libc::c_int) {
    RECEIVED.store(true, Ordering::SeqCst);
}

/// Sets the handler of a signal. tokio installs its handler before it registers its
/// listener, and loses a signal in between (a race). Its handler calls the previous one, so a
/// handler that is set before loses nothing.
#[cfg(unix)]
fn set_handler(signal: libc::c_int, handler: libc::sighandler_t) {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: zeros are a valid `sigaction`: no flags, and an empty mask. The handler is
    // `SIG_DFL` or `record`, which lives as long as the process and is safe in a signal
    // handler, because it only stores to an atomic.
    #[allow(unsafe_code)]
    unsafe {
        let action = action.assume_init_mut();
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(signal, action, std::ptr::null_mut());
    }
}

/// Whether this process ignores a signal. A process inherits the signals that its caller
/// ignored.
#[cfg(unix)]
fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action, sigaction changes nothing. It writes the current
    // action to `action`; if it fails, the zeros there are valid.
    #[allow(unsafe_code)]
    let (result, action) = unsafe {
        let result = libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        (result, action.assume_init())
    };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}

#[cfg(not(unix))]
struct StopSignals;

#[cfg(not(unix))]
impl StopSignals {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// The longest time that Ctrl-Z waits for a transaction.
#[cfg(unix)]
const LONGEST_TRANSACTION: Duration = Duration::from_secs(2);

/// From now on, Ctrl-Z stops this process between two writes to the ledger, so that other
/// processes can write while it is stopped.
#[cfg(unix)]
pub(super) fn stop_between_writes(ledger: &Ledger) {
    if is_ignored(libc::SIGTSTP) {
        return;
    }
    let ledger = ledger.clone();
    let Ok(mut stops) = signal(SignalKind::from_raw(libc::SIGTSTP)) else {
        return;
    };
    tokio::spawn(async move {
        while stops.recv().await.is_some() {
            let rest = tokio::time::timeout(LONGEST_TRANSACTION, ledger.rest()).await;
            stop_here();
            drop(rest);
        }
    });
}

/// Does what the system does for SIGTSTP without a handler: stops this process and returns
/// when it is continued, or returns at once if no shell can continue it (POSIX, "orphaned
/// process group"; only the system knows, because in a container the number of a
/// session is often 0). The signal is for this thread: if another thread took it, this one
/// could begin a write, and would then be stopped with the lock held (a deadlock for others).
#[cfg(unix)]
fn stop_here() {
    let mut own = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    let default = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: zeros are a valid `sigaction`, namely `SIG_DFL` without flags. The handler
    // that is set again is the one that was there before.
    #[allow(unsafe_code)]
    unsafe {
        if libc::sigaction(libc::SIGTSTP, default.as_ptr(), own.as_mut_ptr()) == 0 {
            libc::raise(libc::SIGTSTP);
            libc::sigaction(libc::SIGTSTP, own.as_ptr(), std::ptr::null_mut());
        }
    }
}

#[cfg(not(unix))]
pub(super) fn stop_between_writes(_: &Ledger) {}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    /// The signal comes between tokio's handler and its listener, where tokio would lose it.
    #[tokio::test]
    async fn a_signal_that_comes_before_the_listener_is_not_lost() {
        let raise = || kill_process(getpid(), Signal::USR1).unwrap();
        let kind = SignalKind::user_defined1();
        let mut stop_signals = StopSignals::of([kind], |kind| {
            raise();
            signal(kind)
        });
        let next = tokio::time::timeout(Duration::from_secs(300), stop_signals.next());
        assert!(next.await.is_ok());
        // It is returned once.
        let next = tokio::time::timeout(Duration::from_millis(100), stop_signals.next());
        assert!(next.await.is_err());
        // A later one is returned, too.
        raise();
        let next = tokio::time::timeout(Duration::from_secs(300), stop_signals.next());
        assert!(next.await.is_ok());
    }
}
