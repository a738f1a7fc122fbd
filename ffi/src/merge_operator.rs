//! Merge operators of the caller's.
//!
//! The callbacks return nothing: what they have to say goes through an opaque result, which every language can
//! call, and which takes a copy, so nobody's memory has to outlive anything.
//!
//! # In the header
//! Merge operators
//!
//! How operands become a value. "add_u64", "max", "append" and others are built in; an operator of the program's
//! own is made known to options under a name, families ask for it by that name ("merge_operator"), and the name is
//! on record. Both callbacks must be pure: the same arguments give the same result in every process that opens the
//! database, now and in years, because a value may be made by any of its readers or by a compaction, once or often.

use std::ffi::{c_char, c_void};
use std::fmt;
use std::sync::Arc;

use engine::{Error, MergeOperator, Result};

use crate::bytes::{array, text};
use crate::callback::{Gate, Userdata, esker_destroy_fn, inside};
use crate::error::{ErrorOut, esker_error};
use crate::handle::{Handle, borrow_mut, lend};
use crate::options::esker_options;
use crate::panic::{boundary, caught};
use crate::status::{self, ESKER_OK, esker_status};
use crate::value::start;

/// What a merge callback has to say. Lives for that call only.
pub struct esker_merge_result(Outcome);

/// What was said last.
enum Outcome {
    Nothing,
    Value(Vec<u8>),
    Failed(String),
}

impl Handle for esker_merge_result {
    const NAME: &'static str = "esker_merge_result";
}

/// Applies `n` operands, oldest first and at least one, to a base: calls esker_merge_result_set() with the value
/// they make, or esker_merge_result_fail(). `base` is NULL if the key had no value.
pub type esker_full_merge_fn = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        key: *const u8,
        key_len: usize,
        base: *const u8,
        base_len: usize,
        n: usize,
        operands: *const *const u8,
        operand_lens: *const usize,
        result: *mut esker_merge_result,
    ),
>;

/// Puts two operands together: calls esker_merge_result_set() with one operand that does to every base what `older`
/// and then `newer` do; or nothing, if there is none.
pub type esker_partial_merge_fn = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        key: *const u8,
        key_len: usize,
        older: *const u8,
        older_len: usize,
        newer: *const u8,
        newer_len: usize,
        result: *mut esker_merge_result,
    ),
>;

/// The same when it is there.
type Full = unsafe extern "C" fn(
    *mut c_void,
    *const u8,
    usize,
    *const u8,
    usize,
    usize,
    *const *const u8,
    *const usize,
    *mut esker_merge_result,
);

/// A merge operator as it was added to options.
#[derive(Clone)]
pub(crate) struct CustomOperator {
    pub(crate) name: String,
    full: Full,
    partial: esker_partial_merge_fn,
    pub(crate) userdata: Arc<Userdata>,
}

impl CustomOperator {
    /// The operator for one database, whose gate says for how long the userdata is there.
    pub(crate) fn behind(&self, gate: &Arc<Gate>) -> Arc<dyn MergeOperator> {
        let (name, full, partial) = (self.name.clone(), self.full, self.partial);
        Arc::new(Bound { name, full, partial, userdata: Arc::as_ptr(&self.userdata), gate: Arc::clone(gate) })
    }
}

/// A merge operator of a database.
struct Bound {
    name: String,
    full: Full,
    partial: esker_partial_merge_fn,
    /// Alive while the gate is not released: it keeps it.
    userdata: *const Userdata,
    gate: Arc<Gate>,
}

// SAFETY: Userdata is Send and Sync, and the pointer to it is used only while it lives.
unsafe impl Send for Bound {}
// SAFETY: as above.
unsafe impl Sync for Bound {}

impl Bound {
    /// Runs a callback with the userdata and a result; what it said.
    fn call(&self, callback: impl FnOnce(*mut c_void, *mut esker_merge_result)) -> Result<Outcome, String> {
        if self.gate.is_released() {
            return Err("the database is closed".to_owned());
        }
        // SAFETY: the gate is not released, and who calls is inside it.
        let userdata = unsafe { &*self.userdata }.pointer();
        let mut result = esker_merge_result(Outcome::Nothing);
        lend(&mut result, |result| inside(|| callback(userdata, result)));
        match result.0 {
            Outcome::Failed(why) => Err(why),
            said => Ok(said),
        }
    }
}

impl MergeOperator for Bound {
    fn name(&self) -> &str {
        &self.name
    }

    fn full_merge(&self, key: &[u8], base: Option<&[u8]>, operands: &[&[u8]], out: &mut Vec<u8>) -> Result<(), String> {
        let starts: Vec<*const u8> = operands.iter().map(|operand| start(operand)).collect();
        let lens: Vec<usize> = operands.iter().map(|operand| operand.len()).collect();
        let (base, base_len) = base.map_or((std::ptr::null(), 0), |base| (start(base), base.len()));
        let said = self.call(|userdata, result| {
            let (starts, lens) = (starts.as_ptr(), lens.as_ptr());
            // SAFETY: the caller gave function and userdata together; the bytes and arrays live for the call.
            unsafe {
                (self.full)(userdata, start(key), key.len(), base, base_len, operands.len(), starts, lens, result);
            }
        })?;
        let Outcome::Value(value) = said else { return Err("it set no result".to_owned()) };
        *out = value;
        Ok(())
    }

    fn partial_merge(&self, key: &[u8], older: &[u8], newer: &[u8], out: &mut Vec<u8>) -> Result<bool, String> {
        let Some(partial) = self.partial else { return Ok(false) };
        let said = self.call(|userdata, result| {
            let [(key, key_len), (older, older_len), (newer, newer_len)] =
                [key, older, newer].map(|bytes| (start(bytes), bytes.len()));
            // SAFETY: the caller gave function and userdata together; the bytes live for the call.
            unsafe { partial(userdata, key, key_len, older, older_len, newer, newer_len, result) };
        })?;
        let Outcome::Value(value) = said else { return Ok(false) };
        *out = value;
        Ok(true)
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MergeOperator({:?})", self.name)
    }
}

/// Makes a merge operator known to options, for the families that ask for it by its name.
///
/// @param[in]  options   the options
/// @param[in]  name      a C string that no operator has, on record in every database that uses it
/// @param[in]  full      applies operands to a base
/// @param[in]  partial   NULL, or what puts two operands together
/// @param[in]  userdata  their first argument; NULL is as good as any. Esker's from this call on, whatever it
///                       returns
/// @param[in]  destroy   NULL, or what to end userdata with
/// @param[out] error     [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if the name is taken), ESKER_BUSY (from a callback), ESKER_PANIC
///
/// Threads: one at a time for the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_options_add_merge_operator(
    options: *mut esker_options,
    name: *const c_char,
    full: esker_full_merge_fn,
    partial: esker_partial_merge_fn,
    userdata: *mut c_void,
    destroy: esker_destroy_fn,
    error: *mut *mut esker_error,
) -> esker_status {
    let userdata = Userdata::new(userdata, destroy);
    // SAFETY: conventions 6 to 9.
    let (error, options, name) = unsafe { (ErrorOut::new(error), borrow_mut(options), text(name, "name")) };
    boundary("esker_options_add_merge_operator", error, || {
        let full = full.ok_or_else(|| Error::invalid("full is NULL"))?;
        options?.add_merge_operator(CustomOperator { name: name?.to_owned(), full, partial, userdata })?;
        Ok(ESKER_OK)
    })
}

/// Says what operands make, from within a merge callback. The last word counts.
///
/// @param[in] result            what the callback got
/// @param[in] value, value_len  at most 1 GiB; copied
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: the callback's. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_merge_result_set(
    result: *mut esker_merge_result,
    value: *const u8,
    value_len: usize,
) -> esker_status {
    // SAFETY: conventions 7 and 9.
    let (result, value) = unsafe { (borrow_mut(result), array(value, value_len, "value")) };
    said("esker_merge_result_set", result, || Ok(Outcome::Value(value?.to_vec())))
}

/// Says that operands make no value, and why, from within a merge callback: a read fails with that, and what is
/// stored stays as it is.
///
/// @param[in] result  what the callback got
/// @param[in] why     a C string, for the error's message
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: the callback's. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_merge_result_fail(result: *mut esker_merge_result, why: *const c_char) -> esker_status {
    // SAFETY: conventions 7 and 9.
    let (result, why) = unsafe { (borrow_mut(result), text(why, "why")) };
    said("esker_merge_result_fail", result, || Ok(Outcome::Failed(why?.to_owned())))
}

/// Notes what a callback says. The only calls that come from callbacks, so not through the boundary, which refuses
/// those.
fn said(
    name: &'static str,
    result: Result<&mut esker_merge_result>,
    outcome: impl FnOnce() -> Result<Outcome>,
) -> esker_status {
    let noted = caught(name, || {
        result?.0 = outcome()?;
        Ok(ESKER_OK)
    });
    noted.and_then(|noted| noted).unwrap_or_else(|error: Error| status::of(error.kind()))
}
