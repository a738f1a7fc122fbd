//! The panic boundary: every export runs inside it, so that a bug of the engine becomes a status and never unwinds
//! into C.
//!
//! What a panic costs: in a writing or background path the engine itself turns the database read-only; in a read
//! nothing; in a move of an iterator that iterator (see `iter.rs`).
//!
//! # Threads
//! Any; nothing here keeps state.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::{Error, ErrorKind, Result};

use crate::callback::refuse_inside;
use crate::error::ErrorOut;
use crate::status::esker_status;

/// Runs the body of the export `name`. Its status is the result, and an error goes where `error` says. A call from within a
/// callback is refused.
pub(crate) fn boundary(
    name: &'static str,
    mut error: ErrorOut,
    body: impl FnOnce() -> Result<esker_status>,
) -> esker_status {
    let outside = || {
        refuse_inside()?;
        body()
    };
    match caught(name, outside).and_then(|result| result) {
        Ok(status) => status,
        Err(failure) => error.fill(failure),
    }
}

/// Runs `body`; a panic is an error.
pub(crate) fn caught<T>(name: &'static str, body: impl FnOnce() -> T) -> Result<T> {
    // What a panic leaves half done is behind the engine's own locks and flags, or in a handle that its file marks broken.
    catch_unwind(AssertUnwindSafe(|| {
        #[cfg(feature = "inject-panic")]
        crate::inject::panic_if_asked(name);
        body()
    }))
    .map_err(|payload| describe(name, payload))
}

fn describe(name: &str, payload: Box<dyn Any + Send>) -> Error {
    let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text.as_str(),
        _ => "no message",
    };
    let error = Error::new(ErrorKind::Panic, format!("a bug of the engine: panic in {name}: {text}"));
    // A payload may panic in its own drop; it is leaked instead, unless it is a text, as nearly all are.
    if payload.is::<&str>() || payload.is::<String>() {
        drop(payload);
    } else {
        mem::forget(payload);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    struct PanicsInDrop;
    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }

    #[test]
    fn a_panic_is_an_error_that_names_the_export() {
        let error = caught("esker_get", || -> () { panic!("index {}", 7) }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panic);
        assert_eq!(error.message(), "a bug of the engine: panic in esker_get: index 7");
    }

    #[test]
    fn a_payload_that_panics_in_its_own_drop_is_caught_too() {
        let error = caught("esker_get", || -> () { std::panic::panic_any(PanicsInDrop) }).unwrap_err();
        assert!(error.message().ends_with("no message"));
    }
}
