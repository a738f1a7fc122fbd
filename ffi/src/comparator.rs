//! Comparators: key orders of the caller's.
//!
//! # In the header
//! Comparators
//!
//! A key order other than bytewise. It is made known to options under a name, families ask for it by that name
//! ("comparator"), and the name is on record: the database is opened only by those who know it.

use std::cmp::Ordering;
use std::ffi::{c_char, c_void};
use std::fmt;
use std::sync::Arc;

use engine::{Comparator, Error};

use crate::bytes::text;
use crate::callback::{Gate, Userdata, esker_destroy_fn, inside};
use crate::error::{ErrorOut, esker_error};
use crate::handle::borrow_mut;
use crate::options::esker_options;
use crate::panic::boundary;
use crate::status::{ESKER_OK, esker_status};
use crate::value::start;

/// Compares two keys: below 0 if `a` comes before `b`, above 0 if after, 0 only if their bytes are equal. The order
/// must be total, and the same in every process that opens the database, now and in years.
pub type esker_compare_fn =
    Option<unsafe extern "C" fn(userdata: *mut c_void, a: *const u8, a_len: usize, b: *const u8, b_len: usize) -> i32>;

/// The same when it is there.
type Compare = unsafe extern "C" fn(*mut c_void, *const u8, usize, *const u8, usize) -> i32;

/// A comparator as it was added to options.
#[derive(Clone)]
pub(crate) struct CustomOrder {
    pub(crate) name: String,
    compare: Compare,
    pub(crate) userdata: Arc<Userdata>,
}

impl CustomOrder {
    /// The comparator for one database, whose gate says for how long the userdata is there.
    pub(crate) fn behind(&self, gate: &Arc<Gate>) -> Arc<dyn Comparator> {
        let (name, compare, userdata) = (self.name.clone(), self.compare, Arc::as_ptr(&self.userdata));
        Arc::new(Bound { name, compare, userdata, gate: Arc::clone(gate) })
    }
}

/// A comparator of a database.
struct Bound {
    name: String,
    compare: Compare,
    /// Alive while the gate is not released: it keeps it.
    userdata: *const Userdata,
    gate: Arc<Gate>,
}

// SAFETY: Userdata is Send and Sync, and the pointer to it is used only while it lives.
unsafe impl Send for Bound {}
// SAFETY: as above.
unsafe impl Sync for Bound {}

impl Comparator for Bound {
    fn name(&self) -> &str {
        &self.name
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        if self.gate.is_released() {
            // The database is closed: nothing looks at the answer.
            return a.cmp(b);
        }
        // SAFETY: the gate is not released, and who calls is inside it.
        let userdata = unsafe { &*self.userdata }.pointer();
        // SAFETY: the caller gave function and userdata together; the bytes live for the call.
        let order = inside(|| unsafe { (self.compare)(userdata, start(a), a.len(), start(b), b.len()) }).cmp(&0);
        debug_assert!(order.is_ne() || a == b, "comparator {:?} calls different keys equal", self.name);
        order
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Comparator({:?})", self.name)
    }
}

/// Makes a key order known to options, for the families that ask for it by its name. One that had the name goes.
///
/// @param[in]  options   the options
/// @param[in]  name      a C string, on record in every database that uses the order
/// @param[in]  compare   the function
/// @param[in]  userdata  its first argument; NULL is as good as any. Esker's from this call on, whatever it returns
/// @param[in]  destroy   NULL, or what to end userdata with
/// @param[out] error     [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_BUSY (from a callback), ESKER_PANIC
///
/// Threads: one at a time for the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_options_add_comparator(
    options: *mut esker_options,
    name: *const c_char,
    compare: esker_compare_fn,
    userdata: *mut c_void,
    destroy: esker_destroy_fn,
    error: *mut *mut esker_error,
) -> esker_status {
    let userdata = Userdata::new(userdata, destroy);
    // SAFETY: conventions 6 to 9.
    let (error, options, name) = unsafe { (ErrorOut::new(error), borrow_mut(options), text(name, "name")) };
    boundary("esker_options_add_comparator", error, || {
        let compare = compare.ok_or_else(|| Error::invalid("compare is NULL"))?;
        options?.add_comparator(CustomOrder { name: name?.to_owned(), compare, userdata })?;
        Ok(ESKER_OK)
    })
}
