//! Calls that last, and that Ctrl-C must be able to leave.
//!
//! *Work* (a flush, a compaction, an open) runs on a thread of its own; the caller looks for signals about every 50 ms. After an
//! interrupt the call raises `KeyboardInterrupt` at once, and the work goes on to its end behind it: a compaction that is
//! abandoned half way would have to be done again.
//!
//! *Waits* (of a write for room, or for a key that a transaction holds) happen on the caller's thread, where the engine asks
//! [`look_for_signals`] about as often; what a handler raised is kept aside until the call has come back, having changed nothing.

use std::cell::RefCell;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use esker::{Error, ErrorKind};
use pyo3::prelude::*;

use crate::errors::raise;

thread_local! {
    /// What a signal handler raised during a wait of this thread.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Lets signal handlers run; whether one of them raised. For the engine, which calls it with nothing locked.
pub fn look_for_signals() -> bool {
    let raised = Python::try_attach(|py| py.check_signals().err()).flatten();
    let interrupted = raised.is_some();
    if interrupted {
        RAISED.set(raised);
    }
    interrupted
}

/// What made the call that has just come back give up.
pub fn take_raised() -> Option<PyErr> {
    RAISED.take()
}

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs `work` without the interpreter's lock, and lets signals through.
pub fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> esker::Result<T> + Send + 'static,
) -> PyResult<T> {
    // A loop in C around a short call runs no Python code that would notice.
    py.check_signals()?;
    let (sender, receiver) = channel();
    let receiver = Mutex::new(receiver);
    let started = std::thread::Builder::new().name("esker-call".to_owned()).spawn(move || {
        // Nobody listens any more after an interrupt; the result has no other use.
        let _delivered = sender.send(work());
    });
    if let Err(error) = started {
        return Err(raise(py, &Error::new(ErrorKind::Busy, format!("no thread for the call: {error}"))));
    }
    loop {
        let wait = || receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LOOK_EVERY);
        match py.detach(wait) {
            Ok(result) => return result.map_err(|error| raise(py, &error)),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(raise(py, &Error::new(ErrorKind::Panic, "a panic in the engine; please report it")));
            }
        }
    }
}
