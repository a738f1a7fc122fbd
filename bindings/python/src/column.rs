//! Keys and values on their way in, many in one or two pieces of memory: what `multi_get_packed` and `put_many_packed` take.
//!
//! ```text
//! Packed                  what this package gives                 rows by its offsets
//! (data, offsets)         bytes, and n + 1 numbers for n rows     row i is data[offsets[i]:offsets[i + 1]]
//! array of one dimension  a row is an item: S, V, '>u8' …         S without the NULs at its end, as numpy reads it
//! array of more           a row is all that has one first index   (n, 16) of uint8: rows of 16 bytes
//! any other iterable      of bytes-like objects
//! ```
//! Keys that are numbers must sort as the numbers do: only unsigned big-endian ones are taken. A value may be any plain number.

use std::ops::Range;

use esker::ErrorKind;
use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::buffer::{Lent, room_for};
use crate::bytes::Bytes;
use crate::errors::{guarded, raise};
use crate::packed::Packed;

/// What a column is for.
#[derive(Clone, Copy, PartialEq)]
pub enum Use {
    Keys,
    Values,
}

/// Byte strings in a row.
pub struct Column {
    bytes: Source,
    cut: Cut,
    /// Whether NULs at the end of a row are no part of it.
    strip: bool,
}

enum Source {
    Lent(Lent),
    Owned(Vec<u8>),
}

/// Where the rows are.
enum Cut {
    Every {
        width: usize,
        rows: usize,
    },
    /// One more than there are rows, ascending, none beyond the bytes.
    At(Vec<usize>),
}

impl Column {
    /// The rows of `object`.
    pub fn of(object: &Bound<'_, PyAny>, what: Use) -> PyResult<Column> {
        let reader = Reader { py: object.py(), name: if what == Use::Keys { "keys" } else { "values" }, what };
        if let Ok(packed) = object.cast::<Packed>() {
            return reader.packed(packed.get());
        }
        if let Ok(pair) = object.cast::<PyTuple>() {
            return reader.pair(pair);
        }
        match reader.lent(object)? {
            Some(array) => reader.array(array),
            None => reader.listed(object),
        }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        match &self.cut {
            Cut::Every { rows, .. } => *rows,
            Cut::At(offsets) => offsets.len() - 1,
        }
    }

    /// How many bytes row `at` takes.
    pub fn width(&self, at: usize) -> usize {
        match &self.cut {
            Cut::Every { width, .. } => *width,
            Cut::At(offsets) => offsets[at + 1] - offsets[at],
        }
    }

    /// A copy of some of the rows.
    pub fn rows(&self, py: Python<'_>, some: Range<usize>) -> PyResult<Rows> {
        guarded(py, || {
            let mut ends = room_for(some.len())?;
            let bytes = match &self.cut {
                Cut::Every { width, .. } => {
                    ends.extend((1..=some.len()).map(|row| row * width));
                    some.start * width..some.end * width
                }
                Cut::At(offsets) => {
                    let first = offsets[some.start];
                    ends.extend(offsets[some.start + 1..=some.end].iter().map(|end| end - first));
                    first..offsets[some.end]
                }
            };
            let bytes = match &self.bytes {
                Source::Lent(lent) => lent.copy(py, bytes)?,
                Source::Owned(owned) => {
                    let mut copy = room_for(bytes.len())?;
                    copy.extend_from_slice(&owned[bytes]);
                    copy
                }
            };
            Ok(Rows { bytes, ends, strip: self.strip })
        })
    }
}

/// Rows that nobody else can change.
pub struct Rows {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    strip: bool,
}

impl Rows {
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let row = &self.bytes[start..*end];
            start = *end;
            let kept =
                if self.strip { row.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1) } else { row.len() };
            &row[..kept]
        })
    }
}

/// Makes a column of what it is given, or says what is wrong with it.
struct Reader<'py> {
    py: Python<'py>,
    name: &'static str,
    what: Use,
}

impl Reader<'_> {
    fn refuse(&self, why: impl AsRef<str>) -> PyErr {
        let message = format!("{}: {}", self.name, why.as_ref());
        raise(self.py, &esker::Error::new(ErrorKind::InvalidArgument, message))
    }

    fn lent(&self, object: &Bound<'_, PyAny>) -> PyResult<Option<Lent>> {
        Lent::of(object).map_err(|error| match error.is_instance_of::<PyBufferError>(self.py) {
            // Of numpy's arrays one without a dimension; of others whatever they say.
            true => self.refuse(format!("the array shows no rows ({})", error.value(self.py))),
            false => error,
        })
    }

    fn packed(&self, packed: &Packed) -> PyResult<Column> {
        if let Some(row) = packed.first_missing() {
            return Err(self.refuse(format!("row {row} was not found, and so is no bytes")));
        }
        let data = packed.data.bind(self.py).as_any();
        let offsets = packed.offsets().iter().map(|offset| *offset as usize).collect();
        let bytes = Lent::of(data)?.map_or_else(|| Source::Owned(Vec::new()), Source::Lent);
        Ok(Column { bytes, cut: Cut::At(offsets), strip: false })
    }

    fn pair(&self, pair: &Bound<'_, PyTuple>) -> PyResult<Column> {
        let Ok((data, offsets)) = pair.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>() else {
            let len = pair.len();
            return Err(self.refuse(format!("a tuple is (data, offsets), and has 2 items, not {len}; make it a list")));
        };
        let part = |object: &Bound<'_, PyAny>, part: &str| {
            let kind = object.get_type().name()?;
            let array = self.lent(object)?.ok_or_else(|| self.refuse(format!("{part} is no array, but '{kind}'")))?;
            if array.is_scattered() {
                return Err(self.refuse(format!("{part} is not in one piece (C-contiguous); copy it first")));
            }
            if array.array().dimensions() != 1 {
                return Err(self.refuse(format!("{part} has {} dimensions, not one", array.array().dimensions())));
            }
            Ok(array)
        };
        let (data, offsets) = (part(&data, "data")?, part(&offsets, "offsets")?);
        if data.array().item_size() != 1 {
            return Err(self.refuse(format!("data is of {}, not of bytes", format_of(&data))));
        }
        let offsets = self.offsets(&offsets)?;
        let (mut row, mut before, len) = (0, 0, data.array().len_bytes());
        for offset in &offsets {
            if *offset < before {
                return Err(self.refuse(format!("row {} ends before it begins: offsets must not descend", row - 1)));
            }
            if *offset > len {
                return Err(self.refuse(format!("offsets[{row}] is {offset}, but data has {len} bytes")));
            }
            (row, before) = (row + 1, *offset);
        }
        Ok(Column { bytes: Source::Lent(data), cut: Cut::At(offsets), strip: false })
    }

    /// The numbers of an array of 32 or 64 bits, in the byte order of this machine.
    fn offsets(&self, array: &Lent) -> PyResult<Vec<usize>> {
        let (format, size) = (format_of(array), array.array().item_size());
        let native = format.strip_prefix(['@', '=', if cfg!(target_endian = "big") { '>' } else { '<' }]);
        let letter = native.unwrap_or(&format);
        if !matches!(letter, "i" | "l" | "q" | "n" | "I" | "L" | "Q" | "N") || !matches!(size, 4 | 8) {
            return Err(self.refuse(format!("offsets are of {format}, not int64 or int32")));
        }
        let signed = matches!(letter, "i" | "l" | "q" | "n");
        let bytes = guarded(self.py, || array.copy(self.py, 0..array.array().len_bytes()))?;
        let number = |bytes: &[u8]| match (bytes, signed) {
            ([a, b, c, d], true) => i64::from(i32::from_ne_bytes([*a, *b, *c, *d])).try_into().ok(),
            ([a, b, c, d], false) => usize::try_from(u32::from_ne_bytes([*a, *b, *c, *d])).ok(),
            (eight, true) => usize::try_from(i64::from_ne_bytes(eight.try_into().ok()?)).ok(),
            (eight, false) => usize::try_from(u64::from_ne_bytes(eight.try_into().ok()?)).ok(),
        };
        let mut offsets = guarded(self.py, || room_for(bytes.len() / size))?;
        for bytes in bytes.chunks_exact(size) {
            let at = offsets.len();
            offsets.push(number(bytes).ok_or_else(|| self.refuse(format!("offsets[{at}] is negative or too large")))?);
        }
        if offsets.is_empty() {
            return Err(
                self.refuse("offsets are empty; for n rows there are n + 1, the first of them where row 0 begins")
            );
        }
        Ok(offsets)
    }

    fn array(&self, array: Lent) -> PyResult<Column> {
        let (format, shape) = (format_of(&array), array.array().shape().to_vec());
        if array.is_scattered() {
            return Err(self.refuse("the array is not in one piece (C-contiguous); copy it first"));
        }
        let Some((&rows, inner)) = shape.split_first() else {
            return Err(self.refuse("an array without a dimension has no rows"));
        };
        self.check_item(&format, inner.is_empty())?;
        let width = inner.iter().try_fold(array.array().item_size(), |width, n| width.checked_mul(*n));
        let width = width.ok_or_else(|| self.refuse("a row is larger than memory"))?;
        // What numpy calls S4, and leaves out when it hands out an item.
        let strip = format.ends_with('s') && inner.is_empty();
        Ok(Column { bytes: Source::Lent(array), cut: Cut::Every { width, rows }, strip })
    }

    /// Whether items of `format` can be rows, or parts of rows.
    fn check_item(&self, format: &str, whole: bool) -> PyResult<()> {
        let letters = without_names(format);
        if letters.contains(['O', 'P', '&', 'X', 'w', 'u']) {
            return Err(self.refuse(format!("items of {format} are objects or text, not bytes; encode them")));
        }
        if whole && matches!(&*letters, "B" | "b" | "c") {
            return Err(self
                .refuse("one row of bytes says not where keys or values end; give (data, offsets) or two dimensions"));
        }
        let bytes = letters.ends_with(['s', 'x']) || matches!(&*letters, "B" | "c");
        let sorts = whole && matches!(&*letters, ">H" | ">I" | ">L" | ">Q" | "!H" | "!I" | "!L" | "!Q");
        if self.what == Use::Keys && !bytes && !sorts {
            return Err(self.refuse(format!(
                "numbers of {format} do not sort as keys; unsigned big-endian ones do, such as array.astype('>u8')"
            )));
        }
        Ok(())
    }

    fn listed(&self, object: &Bound<'_, PyAny>) -> PyResult<Column> {
        let Ok(items) = object.try_iter() else {
            let kind = object.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "{}: an array, or an iterable of bytes, not '{kind}'",
                self.name
            )));
        };
        let (mut bytes, mut offsets) = (Vec::new(), vec![0]);
        for item in items {
            bytes.extend_from_slice(&Bytes::of(&item?)?);
            offsets.push(bytes.len());
        }
        Ok(Column { bytes: Source::Owned(bytes), cut: Cut::At(offsets), strip: false })
    }
}

/// What the items of an array are, in the letters of Python's `struct`.
fn format_of(array: &Lent) -> String {
    array.array().format().to_string_lossy().into_owned()
}

/// A format without the names of fields: `T{>I:count:B:Options:}` has no object in it.
fn without_names(format: &str) -> String {
    format.split(':').step_by(2).collect()
}
