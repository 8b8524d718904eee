//! Engines, and the clock that interrupts a computing guest.

use std::{
    io,
    time::{Duration, Instant},
};

use wasmtime::{Engine, Result, StoreContextMut, UpdateDeadline};

use super::{limiter::size, limits::Limits};
use crate::component;

/// Interval at which the engine checks whether a computation has exceeded its deadline.
const TICK: Duration = Duration::from_millis(10);

/// Stack space for the host's frames in addition to the guest's, in bytes.
const HOST_STACK: usize = 2 * 1024 * 1024;

/// An engine with its clock: a thread that ends when the engine does.
pub(super) fn engine(limits: &Limits) -> wasmtime::Result<Engine> {
    let stack = size(limits.stack);
    let mut config = component::config();
    config
        .max_wasm_stack(stack)
        .async_stack_size(stack + HOST_STACK);
    let engine = Engine::new(&config)?;
    tick(&engine)?;
    Ok(engine)
}

fn tick(engine: &Engine) -> io::Result<()> {
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("offboard-epoch".to_owned())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })?;
    Ok(())
}

/// Called at each tick of a call that computes. It yields, so that other tasks run and
/// the user can stop the run. Shortly before the deadline it interrupts the call, which
/// distinguishes a computing guest from a waiting one.
pub(super) fn on_tick<T>(
    deadline: Duration,
) -> impl FnMut(StoreContextMut<'_, T>) -> Result<UpdateDeadline> + Send + Sync + 'static {
    let began = Instant::now();
    move |_| {
        Ok(if began.elapsed() + 3 * TICK < deadline {
            UpdateDeadline::Yield(1)
        } else {
            UpdateDeadline::Interrupt
        })
    }
}
