//! Transactions: their beginning and their end. `txn_read.rs` and `txn_write.rs` have what happens between.
//!
//! # Invariants
//! - A call that panicked leaves a transaction in no known state, so it is broken from then on: every call says
//!   why, and only its free is left. Nothing of it is in the database.
//!
//! # In the header
//! Transactions
//!
//! Reads and writes that take effect together, as if nothing else had happened meanwhile, or not at all. A
//! transaction sees the database as it was at its beginning, and its own writes. When another commit touched what
//! it depends on, its commit is ESKER_CONFLICT, nothing is written, and the thing to do is to begin again.
//! docs/transactions.md says more.
//!
//! It should be short. Once it has ended, by a commit that worked or failed or by a rollback, every call with it
//! but its free is ESKER_INVALID_ARGUMENT.

use std::sync::Arc;

use engine::{ColumnFamily, Error, Result, Transaction};

use crate::callback::Gate;
use crate::db::{Entered, engine, esker_db};
use crate::error::{ErrorOut, esker_error};
use crate::family::esker_cf;
use crate::handle::{Handle, borrow, borrow_mut, end};
use crate::named::or_default;
use crate::out::Out;
use crate::panic::{boundary, caught};
use crate::status::{ESKER_OK, esker_status};
use crate::txn_options::esker_txn_options;

/// Reads and writes that take effect together. For one thread at a time; may move between threads.
pub struct esker_txn {
    transaction: Transaction,
    /// What calls without a column family mean.
    default: ColumnFamily,
    broken: Option<Error>,
    /// Of the callbacks of its database.
    gate: Option<Arc<Gate>>,
}

impl Handle for esker_txn {
    const NAME: &'static str = "esker_txn";
}

impl esker_txn {
    fn new(db: &Entered<'_>, transaction: Transaction) -> esker_txn {
        esker_txn { transaction, default: db.default_family().clone(), broken: None, gate: db.gate() }
    }

    /// Runs a call of the transaction, for the export `name`.
    fn run<T>(&mut self, name: &'static str, call: impl FnOnce(&mut Transaction) -> Result<T>) -> Result<T> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let _inside = self.gate.as_ref().map(|gate| gate.enter());
        caught(name, || call(&mut self.transaction)).unwrap_or_else(|panic| {
            self.broken = Some(panic.clone());
            Err(panic)
        })
    }
}

/// A transaction, and the family that a call with it is for.
pub(crate) struct Work<'a> {
    txn: &'a mut esker_txn,
    family: Option<&'a ColumnFamily>,
}

impl Work<'_> {
    /// For the iterators made from it.
    pub(crate) fn gate(&self) -> Option<Arc<Gate>> {
        self.txn.gate.clone()
    }

    /// Runs a call of the transaction on the family, for the export `name`.
    pub(crate) fn run<T>(
        self,
        name: &'static str,
        call: impl FnOnce(&mut Transaction, &ColumnFamily) -> Result<T>,
    ) -> Result<T> {
        let default = self.txn.default.clone();
        let family = self.family.unwrap_or(&default);
        self.txn.run(name, |transaction| call(transaction, family))
    }
}

/// What a call works with.
///
/// # Safety
/// Convention 9 of the header.
pub(crate) unsafe fn work<'a>(txn: *mut esker_txn, cf: *const esker_cf) -> Result<Work<'a>> {
    // SAFETY: the same contract.
    let (txn, cf) = unsafe { (borrow_mut(txn)?, borrow(cf)) };
    Ok(Work { txn, family: cf.map(|cf| &cf.family) })
}

/// Begins a transaction, which sees everything committed so far.
///
/// @param[in]  db       the database
/// @param[in]  options  NULL: serializable and optimistic
/// @param[out] txn      [own] the transaction, to free with esker_txn_free(); NULL unless ESKER_OK
/// @param[out] error    [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_begin(
    db: *const esker_db,
    options: *const esker_txn_options,
    txn: *mut *mut esker_txn,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, txn, db, options) = unsafe { (ErrorOut::new(error), Out::new(txn), engine(db), or_default(options)) };
    boundary("esker_txn_begin", error, || {
        let (mut txn, db) = (txn.required("txn")?, db?);
        txn.give(esker_txn::new(&db, db.begin(&options)?));
        Ok(ESKER_OK)
    })
}

/// Makes the writes of a transaction take effect, all at once. Whatever this returns, it has ended; it is still to
/// be freed.
///
/// @param[in]  txn    the transaction
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_CONFLICT (another commit touched what it depends on, or it lived too long to tell; begin
///         again), ESKER_INVALID_ARGUMENT (also if it has ended), ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED,
///         ESKER_READ_ONLY, ESKER_NO_SPACE, ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_BUSY,
///         ESKER_CANCELLED, ESKER_PANIC
///
/// Threads: one at a time for the same transaction. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_commit(txn: *mut esker_txn, error: *mut *mut esker_error) -> esker_status {
    // SAFETY: conventions 6 and 9.
    unsafe { plain("esker_txn_commit", txn, error, Transaction::commit) }
}

/// Ends a transaction without a trace. It is still to be freed; a free alone does the same.
///
/// @param[in]  txn    the transaction
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if it has ended), ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: one at a time for the same transaction. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_rollback(txn: *mut esker_txn, error: *mut *mut esker_error) -> esker_status {
    // SAFETY: conventions 6 and 9.
    unsafe { plain("esker_txn_rollback", txn, error, Transaction::rollback) }
}

/// Remembers what was written so far, for esker_txn_rollback_to_savepoint(). Savepoints nest.
///
/// @param[in]  txn    the transaction
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: one at a time for the same transaction. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_set_savepoint(txn: *mut esker_txn, error: *mut *mut esker_error) -> esker_status {
    // SAFETY: conventions 6 and 9.
    unsafe { plain("esker_txn_set_savepoint", txn, error, Transaction::set_savepoint) }
}

/// Takes back the writes after the latest savepoint, and forgets that savepoint. What was read stays read, and what
/// was locked stays locked.
///
/// @param[in]  txn    the transaction
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_NOT_FOUND (with an error: there is no savepoint), ESKER_INVALID_ARGUMENT, ESKER_CLOSED,
///         ESKER_FORKED, ESKER_PANIC
///
/// Threads: one at a time for the same transaction. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_rollback_to_savepoint(
    txn: *mut esker_txn,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    unsafe { plain("esker_txn_rollback_to_savepoint", txn, error, Transaction::rollback_to_savepoint) }
}

/// Forgets the latest savepoint, and keeps what was written after it.
///
/// @param[in]  txn    the transaction
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_NOT_FOUND (with an error: there is no savepoint), ESKER_INVALID_ARGUMENT, ESKER_CLOSED,
///         ESKER_FORKED, ESKER_PANIC
///
/// Threads: one at a time for the same transaction. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_pop_savepoint(txn: *mut esker_txn, error: *mut *mut esker_error) -> esker_status {
    // SAFETY: conventions 6 and 9.
    unsafe { plain("esker_txn_pop_savepoint", txn, error, Transaction::pop_savepoint) }
}

/// Runs a call that has nothing but the transaction.
///
/// # Safety
/// Conventions 6 and 9 of the header.
unsafe fn plain(
    name: &'static str,
    txn: *mut esker_txn,
    error: *mut *mut esker_error,
    call: impl FnOnce(&mut Transaction) -> Result<()>,
) -> esker_status {
    // SAFETY: the same contract.
    let (error, txn) = unsafe { (ErrorOut::new(error), borrow_mut(txn)) };
    boundary(name, error, || {
        txn?.run(name, call)?;
        Ok(ESKER_OK)
    })
}

/// Frees a transaction. One that has not ended is rolled back.
///
/// @param[in] txn  [own] NULL: nothing happens
///
/// Threads: one at a time, with no other call on the same transaction. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_free(txn: *mut esker_txn) {
    // SAFETY: convention 3.
    unsafe { end("esker_txn_free", txn) }
}
