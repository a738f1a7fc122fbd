//! [`EntryIterator`]: what `items()`, `keys()` and `values()` return. Entries are fetched in chunks, without the interpreter's
//! lock, and handed out one by one from the chunk: crossing the border costs once per chunk, not once per entry.

use esker::Iter;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::errors::{detached, guarded};
use crate::exclusive::Exclusive;

/// How many entries are fetched ahead.
#[derive(Clone, Copy)]
pub struct Chunks {
    first: usize,
    most: usize,
}

impl Chunks {
    /// The first chunk is small, for callers that want a few entries; each following one has twice the entries, up to a limit.
    pub const GROWING: Chunks = Chunks { first: 16, most: 4096 };
    /// One by one: for a transaction, which depends on all that was fetched.
    pub const SINGLE: Chunks = Chunks { first: 1, most: 1 };
}

const CHUNK_BYTES: usize = 64 << 10;

/// What an iterator yields.
#[derive(Clone, Copy)]
pub enum Show {
    Keys,
    Values,
    Items,
}

/// Entries of a database in order, as of the moment it was made.
#[pyclass(frozen, module = "esker")]
pub struct EntryIterator {
    show: Show,
    state: Exclusive<State>,
}

struct State {
    iter: Iter,
    reverse: bool,
    chunk: Vec<u8>,
    /// The part of `chunk` that is filled and not handed out yet.
    start: usize,
    end: usize,
    /// How many the next chunk has, and the largest.
    entries: usize,
    most: usize,
}

impl EntryIterator {
    /// Over the cursor that `open` gives, from the first entry or, in reverse, the last.
    pub fn new(
        py: Python<'_>,
        open: impl FnOnce() -> esker::Result<Iter> + Send,
        reverse: bool,
        show: Show,
        chunks: Chunks,
    ) -> PyResult<Self> {
        let iter = detached(py, || {
            let mut iter = open()?;
            if reverse {
                iter.seek_to_last()?
            } else {
                iter.seek_to_first()?
            }
            Ok(iter)
        })?;
        let state =
            State { iter, reverse, chunk: Vec::new(), start: 0, end: 0, entries: chunks.first, most: chunks.most };
        Ok(EntryIterator { show, state: Exclusive::new(state) })
    }
}

#[pymethods]
impl EntryIterator {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut state = self.state.take(py)?;
        if state.start == state.end && !state.refill(py)? {
            return Ok(None);
        }
        let (key, value) = state.take();
        Ok(Some(match self.show {
            Show::Keys => PyBytes::new(py, key).into_any(),
            Show::Values => PyBytes::new(py, value).into_any(),
            Show::Items => PyTuple::new(py, [PyBytes::new(py, key), PyBytes::new(py, value)])?.into_any(),
        }))
    }

    fn __repr__(&self) -> &'static str {
        "<esker.EntryIterator>"
    }
}

impl State {
    /// Fetches the next chunk; false at the end.
    fn refill(&mut self, py: Python<'_>) -> PyResult<bool> {
        // `list(db)` is one long call in C: without this, Ctrl-C would wait for its end.
        py.check_signals()?;
        if self.chunk.is_empty() {
            self.chunk = vec![0; CHUNK_BYTES];
        }
        loop {
            let State { iter, chunk, entries, reverse, .. } = self;
            let packed =
                detached(
                    py,
                    || {
                        if *reverse { iter.prev_many(chunk, *entries) } else { iter.next_many(chunk, *entries) }
                    },
                )?;
            if let Some(needed) = packed.needed {
                guarded(py, || grow(chunk, needed))?;
                continue;
            }
            (self.start, self.end) = (0, packed.bytes);
            self.entries = (self.entries * 2).min(self.most);
            return Ok(packed.entries > 0);
        }
    }

    /// Hands out the next entry of the chunk, which has one.
    fn take(&mut self) -> (&[u8], &[u8]) {
        let number =
            |at: usize| self.chunk[at..at + 4].iter().rev().fold(0usize, |n, byte| n << 8 | usize::from(*byte));
        let (key_len, value_len) = (number(self.start), number(self.start + 4));
        let key = self.start + 8;
        let value = key + key_len;
        self.start = value + value_len;
        (&self.chunk[key..value], &self.chunk[value..self.start])
    }
}

/// A single entry may be larger than a chunk.
fn grow(chunk: &mut Vec<u8>, needed: usize) -> esker::Result<()> {
    let more = needed.saturating_sub(chunk.len());
    chunk
        .try_reserve_exact(more)
        .map_err(|_| esker::Error::new(esker::ErrorKind::Busy, format!("no memory for an entry of {needed} bytes")))?;
    chunk.resize(needed, 0);
    Ok(())
}
