//! [`Packed`]: many byte strings in two pieces of memory, which numpy and Arrow take without a copy; and [`PackedIterator`], which
//! walks a database in chunks of them. For programs that work on columns: a Python object per entry is what they cannot afford.
//!
//! The layout is that of Arrow's `large_binary`: row `i` is `data[offsets[i]:offsets[i + 1]]`, and there is one offset more than
//! there are rows. A row that was not found is empty, and `found` tells it from a row that is empty.

use esker::{Iter, Pinned};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList, PyMemoryView};

use crate::buffer::{Cells, Row, room_for};
use crate::errors::{detached, raise};
use crate::exclusive::Exclusive;

/// A chunk ends with the entry that reaches this much, however few it has.
const CHUNK_BYTES: usize = 4 << 20;

/// Rows while they are gathered.
pub struct Values {
    data: Vec<u8>,
    offsets: Vec<i64>,
    found: Vec<u8>,
}

impl Values {
    /// Room for `rows` rows of `bytes` bytes in all.
    fn with_room(rows: usize, bytes: usize) -> esker::Result<Values> {
        let mut offsets = room_for(rows + 1)?;
        offsets.push(0);
        Ok(Values { data: room_for(bytes)?, offsets, found: room_for(rows)? })
    }

    /// What a read of many keys found; the first failure if one failed.
    pub fn of(found: Vec<esker::Result<Option<Pinned>>>) -> esker::Result<Values> {
        let found: Vec<Option<Pinned>> = found.into_iter().collect::<Result<_, _>>()?;
        let bytes = found.iter().flatten().map(|value| value.len()).sum();
        let mut values = Values::with_room(found.len(), bytes)?;
        for value in &found {
            values.push(value.as_deref())?;
        }
        Ok(values)
    }

    fn push(&mut self, row: Option<&[u8]>) -> esker::Result<()> {
        let bytes = row.unwrap_or_default();
        if self.data.capacity() - self.data.len() < bytes.len() {
            // Doubled, as vectors grow, but tried: a single entry may be a gibibyte.
            let more = bytes.len().max(self.data.capacity());
            self.data.try_reserve_exact(more).map_err(|_| {
                esker::Error::new(esker::ErrorKind::Busy, format!("no memory for an entry of {} bytes", bytes.len()))
            })?;
        }
        self.data.extend_from_slice(bytes);
        self.offsets.push(self.data.len() as i64);
        self.found.push(u8::from(row.is_some()));
        Ok(())
    }
}

/// Byte strings in a row.
#[pyclass(frozen, module = "esker")]
pub struct Packed {
    pub data: Py<Cells>,
    offsets: Py<Cells>,
    found: Py<Cells>,
}

impl Packed {
    pub fn new(py: Python<'_>, values: Values) -> PyResult<Packed> {
        Ok(Packed {
            data: Py::new(py, Cells::new(Row::Bytes(values.data)))?,
            offsets: Py::new(py, Cells::new(Row::Numbers(values.offsets)))?,
            found: Py::new(py, Cells::new(Row::Flags(values.found)))?,
        })
    }

    /// Where the rows begin and end; one more than there are rows.
    pub fn offsets(&self) -> &[i64] {
        self.offsets.get().numbers()
    }

    /// The first row that was not found.
    pub fn first_missing(&self) -> Option<usize> {
        self.found.get().bytes().iter().position(|found| *found == 0)
    }

    fn len(&self) -> usize {
        self.found.get().bytes().len()
    }

    /// Row `at`, which is there; `None` if it was not found.
    fn row(&self, at: usize) -> Option<&[u8]> {
        let offsets = self.offsets();
        let range = offsets[at] as usize..offsets[at + 1] as usize;
        (self.found.get().bytes()[at] != 0).then(|| &self.data.get().bytes()[range])
    }
}

#[pymethods]
impl Packed {
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyMemoryView>> {
        PyMemoryView::from(self.data.bind(py).as_any())
    }

    #[getter(offsets)]
    fn offsets_view<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyMemoryView>> {
        PyMemoryView::from(self.offsets.bind(py).as_any())
    }

    #[getter]
    fn found<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyMemoryView>> {
        PyMemoryView::from(self.found.bind(py).as_any())
    }

    fn __len__(&self) -> usize {
        self.len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, at: isize) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let from_end = if at < 0 { self.len() } else { 0 };
        match from_end.checked_add_signed(at).filter(|at| *at < self.len()) {
            Some(at) => Ok(self.row(at).map(|row| PyBytes::new(py, row))),
            None => Err(PyIndexError::new_err(format!("there is no row {at} of {}", self.len()))),
        }
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let rows = (0..self.len()).map(|at| self.row(at).map(|row| PyBytes::new(py, row)));
        PyList::new(py, rows.collect::<Vec<_>>())?.try_iter()
    }

    fn __repr__(&self) -> String {
        format!("<esker.Packed of {} rows, {} bytes>", self.len(), self.data.get().bytes().len())
    }
}

/// Entries of a database in order, in packed chunks, as of the moment it was made.
#[pyclass(frozen, module = "esker")]
pub struct PackedIterator {
    chunk_size: usize,
    reverse: bool,
    iter: Exclusive<Iter>,
}

impl PackedIterator {
    /// Over the cursor that `open` gives, from the first entry or, in reverse, the last.
    pub fn new(
        py: Python<'_>,
        open: impl FnOnce() -> esker::Result<Iter> + Send,
        reverse: bool,
        chunk_size: usize,
    ) -> PyResult<Self> {
        if chunk_size == 0 {
            return Err(raise(py, &esker::Error::invalid("chunk_size: a chunk has at least one entry")));
        }
        let iter = detached(py, || {
            let mut iter = open()?;
            if reverse {
                iter.seek_to_last()?
            } else {
                iter.seek_to_first()?
            }
            Ok(iter)
        })?;
        Ok(PackedIterator { chunk_size, reverse, iter: Exclusive::new(iter) })
    }

    /// The next chunk; no rows at the end.
    fn chunk(&self, iter: &mut Iter) -> esker::Result<(Values, Values)> {
        // Of no entries: what it returns is the cursor's own failure, or that the database was closed.
        iter.next_many(&mut [], 0)?;
        let (mut keys, mut values) = (Values::with_room(0, 0)?, Values::with_room(0, 0)?);
        while iter.valid() && keys.found.len() < self.chunk_size && keys.data.len() + values.data.len() < CHUNK_BYTES {
            keys.push(Some(iter.key()))?;
            values.push(Some(iter.value()))?;
            let stepped = if self.reverse { iter.prev() } else { iter.next() };
            // What is gathered is the caller's, whatever the step meets; its error is sticky, and the next call raises it.
            if stepped.is_err() {
                break;
            }
        }
        Ok((keys, values))
    }
}

#[pymethods]
impl PackedIterator {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<(Packed, Packed)>> {
        // `list(db.items_packed())` is one long call in C: without this, Ctrl-C would wait for its end.
        py.check_signals()?;
        let mut iter = self.iter.take(py)?;
        let iter: &mut Iter = &mut iter;
        let (keys, values) = detached(py, || self.chunk(iter))?;
        if keys.found.is_empty() {
            return Ok(None);
        }
        Ok(Some((Packed::new(py, keys)?, Packed::new(py, values)?)))
    }

    fn __repr__(&self) -> &'static str {
        "<esker.PackedIterator>"
    }
}
