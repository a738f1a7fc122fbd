//! [`Db::transact`]: run a transaction, and again when it conflicts.

use crate::db::Db;
use crate::error::{ErrorKind, Result};
use crate::options::TransactionOptions;
use crate::transaction::Transaction;

impl Db {
    /// Runs `work` in a transaction and commits it. When that conflicts, or a deadlock was broken, everything is done again in
    /// a new transaction, up to `retries` times; any other error of `work` or of the commit ends it at once, rolled back.
    ///
    /// `work` may run more than once, so what it does outside the transaction should not matter then.
    ///
    /// ```no_run
    /// # let db = esker::Db::open("data", &esker::Options::default())?;
    /// let options = esker::TransactionOptions::default();
    /// let left = db.transact(&options, 10, |t| {
    ///     let stock = t.get("stock")?.map_or(0, |value| value.len());
    ///     t.put("stock", vec![b'x'; stock + 1])?;
    ///     Ok(stock + 1)
    /// })?;
    /// # let _ = left;
    /// # Ok::<(), esker::Error>(())
    /// ```
    pub fn transact<T>(
        &self,
        options: &TransactionOptions,
        retries: u32,
        mut work: impl FnMut(&mut Transaction) -> Result<T>,
    ) -> Result<T> {
        let mut left = retries;
        loop {
            let mut transaction = self.begin(options)?;
            let done = work(&mut transaction).and_then(|value| transaction.commit().map(|()| value));
            match done {
                Err(error) if error.kind() == ErrorKind::Conflict && left > 0 => left -= 1,
                done => return done,
            }
        }
    }
}
