//! Options of a database: by name and as text, over the engine's table of settings.
//!
//! # In the header
//! Options
//!
//! How a database is opened. Set by name, so that a new option needs no new function; the names, values and defaults
//! are those of every other language. In place of options NULL means the defaults.

use std::ffi::c_char;
use std::sync::Arc;

use engine::{Operators, Options, Orders, Result};

use crate::callback::Gate;
use crate::comparator::CustomOrder;

use crate::error::esker_error;
use crate::handle::end;
use crate::merge_operator::CustomOperator;
use crate::named::{self, named};
use crate::status::esker_status;
use crate::value::esker_value;

/// How a database is opened. Copied by esker_open(), so it may be changed and freed at any time after.
pub struct esker_options {
    options: Options,
    orders: Vec<CustomOrder>,
    operators: Vec<CustomOperator>,
}

named!(esker_options { options, orders, operators }, Options);

impl esker_options {
    /// Adds a key order, in place of one that had its name.
    pub(crate) fn add_comparator(&mut self, order: CustomOrder) -> Result<()> {
        // For its rules about names; what compares belongs to a database, and is made when one is opened.
        self.options.comparators.add(order.behind(&Gate::new(Vec::new())))?;
        self.orders.retain(|known| known.name != order.name);
        self.orders.push(order);
        Ok(())
    }

    /// Adds a merge operator.
    pub(crate) fn add_merge_operator(&mut self, operator: CustomOperator) -> Result<()> {
        self.options.merge_operators.add(operator.behind(&Gate::new(Vec::new())))?;
        self.operators.push(operator);
        Ok(())
    }

    /// The options for one database, and its gate if there are callbacks. Without options the defaults.
    pub(crate) fn for_one(options: Option<&esker_options>) -> Result<(Options, Option<Arc<Gate>>)> {
        options.map_or_else(|| Ok((Options::new(), None)), esker_options::bound)
    }

    fn bound(&self) -> Result<(Options, Option<Arc<Gate>>)> {
        let mut options = self.options.clone();
        if self.orders.is_empty() && self.operators.is_empty() {
            return Ok((options, None));
        }
        let orders = self.orders.iter().map(|order| Arc::clone(&order.userdata));
        let operators = self.operators.iter().map(|operator| Arc::clone(&operator.userdata));
        let gate = Gate::new(orders.chain(operators).collect());
        (options.comparators, options.merge_operators) = (Orders::new(), Operators::new());
        for order in &self.orders {
            options.comparators.add(order.behind(&gate))?;
        }
        for operator in &self.operators {
            options.merge_operators.add(operator.behind(&gate))?;
        }
        Ok((options, Some(gate)))
    }
}

/// Makes options with the defaults.
///
/// @return [own] options to free with esker_options_free(); NULL only after a panic
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_options_new() -> *mut esker_options {
    named::new("esker_options_new")
}

/// Sets an option, as in ("memory_budget", "64MiB") or ("read_only", "true"). On failure nothing is changed.
///
/// @param[in]  options  the options
/// @param[in]  name     a C string; esker_options_name() lists them
/// @param[in]  value    a C string
/// @param[out] error    [own] NULL, or where to put the error; it offers the nearest name for an unknown one
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: one at a time for the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_options_set(
    options: *mut esker_options,
    name: *const c_char,
    value: *const c_char,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: the same conventions.
    unsafe { named::set("esker_options_set", options, name, value, error) }
}

/// Reads an option as text; esker_options_set() takes that text.
///
/// @param[in]  options  the options
/// @param[in]  name     a C string
/// @param[out] value    [own] the text, to free with esker_value_free(); NULL unless ESKER_OK
/// @param[out] error    [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: any number at once while nobody sets. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_options_get(
    options: *const esker_options,
    name: *const c_char,
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: the same conventions.
    unsafe { named::get("esker_options_get", options, name, value, error) }
}

/// The name of the option at `index`: 0, 1, … until NULL.
///
/// @param[in] index  from 0
/// @return a C string, a constant; NULL after the last
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_options_name(index: usize) -> *const c_char {
    named::name::<esker_options>("esker_options_name", index)
}

/// What the option at `index` does and which values it takes, in a sentence or two.
///
/// @param[in] index  as for esker_options_name()
/// @return a C string, a constant; NULL after the last
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_options_doc(index: usize) -> *const c_char {
    named::doc::<esker_options>("esker_options_doc", index)
}

/// Frees options.
///
/// @param[in] options  [own] NULL: nothing happens
///
/// Threads: one at a time, with no other call on the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_options_free(options: *mut esker_options) {
    // SAFETY: convention 3.
    unsafe { end("esker_options_free", options) }
}
