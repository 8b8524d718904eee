//! Ctrl-C, SIGTERM and SIGHUP: the first finishes what is in flight, the second
//! stops at once. If the command cannot react even to that, because the system keeps it
//! waiting for a file, the process ends without it. A signal that the caller ignored, as
//! `nohup` does, stays ignored.

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

use super::{exit::Exit, screen::Screen};
use offboard::ledger::Ledger;

/// How long after the second the process has to end by itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// The two wishes to end.
pub(super) struct Signals {
    /// Cancelled by the first.
    pub(super) stop: CancellationToken,
    /// Cancelled by the second.
    now: CancellationToken,
}

impl Signals {
    /// Listens from now on.
    pub(super) fn listen(screen: &Screen) -> Self {
        let signals = Self {
            stop: CancellationToken::new(),
            now: CancellationToken::new(),
        };
        let (stop, now) = (signals.stop.clone(), signals.now.clone());
        let screen = *screen;
        let mut heard = Heard::new();
        tokio::spawn(async move {
            heard.next().await;
            screen.say("Stopping: what is in flight is finished. Once more stops at once.");
            stop.cancel();
            heard.next().await;
            now.cancel();
            tokio::select! {
                () = heard.next() => {}
                () = tokio::time::sleep(PATIENCE) => {}
            }
            std::process::exit(u8::from(Exit::Interrupted).into());
        });
        signals
    }

    /// Whether the first has come.
    pub(super) fn stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Returns at the first.
    pub(super) async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Returns at the second.
    pub(super) async fn at_once(&self) {
        self.now.cancelled().await;
    }
}

/// The signals that end the command.
#[cfg(unix)]
struct Heard(Vec<Listener>);

/// Whether a signal came that `Heard::next` has not returned for yet.
#[cfg(unix)]
static CAME: AtomicBool = AtomicBool::new(false);

#[cfg(unix)]
impl Heard {
    /// SIGHUP is one, too: a run of several hours may lose its terminal with a
    /// connection.
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
        let heard = kinds
            .into_iter()
            .filter(|kind| !is_ignored(kind.as_raw_value()))
            .filter_map(|kind| {
                note(kind.as_raw_value(), came as *const () as libc::sighandler_t);
                let listener = listener(kind).ok();
                if listener.is_none() {
                    // Nothing would react to it: it ends the process.
                    note(kind.as_raw_value(), libc::SIG_DFL);
                }
                listener
            });
        Self(heard.collect())
    }

    /// Returns at the next signal.
    async fn next(&mut self) {
        std::future::poll_fn(|context| {
            // They only wake this task. The flag is read after that, because a signal in
            // between would be lost (a race).
            for signal in &mut self.0 {
                while let Poll::Ready(Some(())) = signal.poll_recv(context) {}
            }
            if CAME.swap(false, Ordering::SeqCst) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// Notes that a signal came. It may interrupt anything, and only sets a flag.
#[cfg(unix)]
extern "C" fn came(_: libc::c_int) {
    CAME.store(true, Ordering::SeqCst);
}

/// Sets the handler of a signal. tokio installs its handler before it registers its
/// listener, and loses a signal that comes in between (a race). Its handler calls the one
/// that was there before, so a handler that is set first misses nothing.
#[cfg(unix)]
fn note(signal: libc::c_int, handler: libc::sighandler_t) {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: zeros are a valid `sigaction`: no flags, and an empty mask. The handler is
    // `SIG_DFL` or `came`, which lives as long as the process and is safe in a signal
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
    let (asked, action) = unsafe {
        let asked = libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        (asked, action.assume_init())
    };
    asked == 0 && action.sa_sigaction == libc::SIG_IGN
}

#[cfg(not(unix))]
struct Heard;

#[cfg(not(unix))]
impl Heard {
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
/// process group"; only the system can tell, because in a container the number of a
/// session is often 0). The signal is for this thread: if another thread took it, this one
/// would go on for a moment, and let a write begin that is then stopped with the lock held.
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

    /// It comes between tokio's handler and its listener, where tokio would lose it.
    #[tokio::test]
    async fn a_signal_that_comes_before_the_listener_is_not_lost() {
        let raise = || kill_process(getpid(), Signal::USR1).unwrap();
        let kind = SignalKind::user_defined1();
        let mut heard = Heard::of([kind], |kind| {
            raise();
            signal(kind)
        });
        let next = tokio::time::timeout(Duration::from_secs(300), heard.next());
        assert!(next.await.is_ok());
        // It is returned once.
        let next = tokio::time::timeout(Duration::from_millis(100), heard.next());
        assert!(next.await.is_err());
        // A later one is returned, too.
        raise();
        let next = tokio::time::timeout(Duration::from_secs(300), heard.next());
        assert!(next.await.is_ok());
    }
}
