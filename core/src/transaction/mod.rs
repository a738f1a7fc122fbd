//! Transactions: reads and writes that happen as if alone, or not at all. Rank 10: over `db/`, which validates and locks.
//!
//! `transaction` is what callers hold, `own_writes` what it has written so far, `retry` the loop that most callers want. What a
//! commit is checked against lives with the commit lock: `db/write/conflicts`, `db/read/read_set`, `db/write/key_locks`. docs/transactions.md
//! says what is promised, docs/decisions/0009-transactions.md why it is done this way.

mod own_writes;
mod retry;
#[expect(clippy::module_inception, reason = "a Transaction is what the folder is about")]
mod transaction;

pub use transaction::Transaction;
