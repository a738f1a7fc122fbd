//! Target `batch`: an encoded write batch, as the WAL stores it and as callers hand it in.

use crate::batch::{BatchIter, WriteBatch};
use crate::error::ErrorKind;
use crate::fuzzing::golden::sample_batch;

/// Whatever decodes is exactly what encoding its entries again makes; one spelling, no entry without its bytes.
pub fn check(data: &[u8]) -> bool {
    let entries: Vec<_> = BatchIter::new(data).collect();
    assert!(entries.len() <= data.len() / 2 + 1, "{} entries in {} bytes", entries.len(), data.len());
    let batch = match WriteBatch::from_data(data) {
        Ok(batch) => batch,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corruption, "{error:?}");
            assert!(entries.last().is_some_and(Result::is_err), "the entries are fine, the batch is not: {error:?}");
            return false;
        }
    };
    assert_eq!(batch.count() as usize, entries.len());
    assert_eq!(batch.data(), data);
    let mut again = WriteBatch::new();
    for entry in entries {
        let added = entry.and_then(|entry| again.add(entry.family, entry.kind, entry.key, entry.value));
        assert!(added.is_ok(), "an entry of a batch cannot be added to one: {added:?}");
    }
    assert_eq!(again.data(), data);
    assert_eq!((again.count(), again.has_merges()), (batch.count(), batch.has_merges()));
    true
}

/// A batch of every kind of entry, and an empty one.
pub fn seeds() -> Vec<Vec<u8>> {
    vec![Vec::new(), sample_batch().data().to_vec()]
}
