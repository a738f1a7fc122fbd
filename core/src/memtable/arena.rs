//! [`Arena`]: memory that is handed out in pieces and freed all at once, when its memtable goes.
//!
//! Where in the flow: the tree puts each entry, and each of its nodes, into one piece. Pieces come from a *current*
//! chunk; chunks are an eighth of what the arena holds, between 4 KiB and 1 MiB, so that a small memtable takes little and a
//! large one asks rarely. A piece larger than a quarter of the next chunk goes into a *spare* chunk of its own size instead, so
//! that the rest of the current chunk is not lost: a value of 1 GiB costs 1 GiB. Room that is reserved ahead for a batch lies
//! in the spare chunk too; it counts as memory only as it is used, because until then the system has not backed it.
//!
//! An entry lies there as a [`Record`]: `key length, value length | internal key | value`.
//!
//! Invariants: a piece never moves and never overlaps another; a record never changes; chunks are freed only with the arena. Sizes
//! come from callers, so a chunk that cannot be had is an error, never an abort.
//!
//! Thread rule: [`Arena::reserve`] and [`Arena::allocate`] by one thread at a time, which their callers promise (`unsafe`);
//! [`Arena::memory_bytes`] by anyone. Pieces may be read by any thread to which the writer has published them.
#![expect(unsafe_code, reason = "hands out raw memory that one writer fills and many readers share")]

use std::alloc::{Layout, alloc, dealloc};
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use crate::error::{Error, ErrorKind, Result};
use crate::key::internal::{self, TRAILER_LEN};
use crate::util::sync::atomic::{AtomicUsize, Ordering};

/// Every piece starts at a multiple of this.
pub const ALIGN: usize = 8;

const FIRST_CHUNK: usize = 4 << 10;
const LARGEST_CHUNK: usize = 1 << 20;

/// Memory freed all at once.
#[derive(Debug)]
pub struct Arena {
    inner: UnsafeCell<Inner>,
    memory_bytes: AtomicUsize,
}

#[derive(Debug)]
struct Inner {
    /// Everything ever allocated, for the end.
    chunks: Vec<(NonNull<u8>, Layout)>,
    /// Small pieces come from here.
    current: Room,
    /// Large pieces and reservations come from here.
    spare: Room,
}

/// The unused rest of a chunk.
#[derive(Clone, Copy, Debug)]
struct Room {
    start: NonNull<u8>,
    left: usize,
}

impl Room {
    const NONE: Room = Room { start: NonNull::dangling(), left: 0 };

    fn take(&mut self, size: usize) -> Option<NonNull<u8>> {
        if size > self.left {
            return None;
        }
        let piece = self.start;
        self.left -= size;
        // SAFETY: `start` has `left` bytes of one chunk behind it and `size` was among them, so the sum stays within the chunk
        // or one past its end. (`Room::NONE` has no bytes, and no piece is empty: see `allocate`.)
        self.start = unsafe { piece.add(size) };
        Some(piece)
    }
}

// SAFETY: the arena owns its chunks alone; nothing in it belongs to the thread that made it.
unsafe impl Send for Arena {}
// SAFETY: through a shared reference, `inner` is reached only by `reserve` and `allocate`, whose callers promise to be one
// thread at a time; the count is atomic.
unsafe impl Sync for Arena {}

impl Arena {
    /// An arena that has allocated nothing yet.
    pub fn new() -> Arena {
        let inner = Inner { chunks: Vec::new(), current: Room::NONE, spare: Room::NONE };
        Arena { inner: UnsafeCell::new(inner), memory_bytes: AtomicUsize::new(0) }
    }

    /// Makes sure that pieces of `size` bytes altogether, each rounded up to [`ALIGN`], can be had without fail.
    ///
    /// # Safety
    /// No other call of `reserve` or `allocate` runs at the same time.
    pub unsafe fn reserve(&self, size: usize) -> Result<()> {
        // SAFETY: the caller promises to be the only one here, so this is the only reference.
        let inner = unsafe { &mut *self.inner.get() };
        // Pieces that still fit into the current chunk only make the spare one last longer.
        if inner.current.left < size && inner.spare.left < size {
            self.grow(inner, size)?;
        }
        Ok(())
    }

    /// `size` bytes of uninitialised memory at a multiple of [`ALIGN`], valid until the arena is dropped. `size` must not be
    /// zero.
    ///
    /// # Safety
    /// No other call of `reserve` or `allocate` runs at the same time.
    pub unsafe fn allocate(&self, size: usize) -> Result<NonNull<u8>> {
        // SAFETY: the caller promises to be the only one here, so this is the only reference.
        let inner = unsafe { &mut *self.inner.get() };
        debug_assert!(size > 0);
        let Some(rounded) = size.max(1).checked_next_multiple_of(ALIGN) else { return Err(out_of_memory(size)) };
        if let Some(piece) = inner.current.take(rounded) {
            return Ok(piece);
        }
        if inner.spare.left < rounded && self.grow(inner, rounded)? == Grown::Current {
            return inner.current.take(rounded).ok_or_else(|| out_of_memory(size));
        }
        self.memory_bytes.fetch_add(rounded, Ordering::Relaxed);
        inner.spare.take(rounded).ok_or_else(|| out_of_memory(size))
    }

    /// Copies an entry in.
    ///
    /// # Safety
    /// No other call of `reserve` or `allocate` runs at the same time.
    pub unsafe fn add_record(&self, user_key: &[u8], trailer: u64, value: &[u8]) -> Result<NonNull<Record>> {
        let too_long = || Error::invalid("a key or value of 4 GiB or more");
        let key_len = user_key.len().checked_add(TRAILER_LEN).and_then(|len| u32::try_from(len).ok());
        let key_len = key_len.ok_or_else(too_long)?;
        let value_len = u32::try_from(value.len()).map_err(|_| too_long())?;
        let size = Record::size(user_key.len(), value.len()).ok_or_else(too_long)?;
        // SAFETY: the caller is the only one here.
        let record = unsafe { self.allocate(size) }?.cast::<Record>();
        // SAFETY: the piece is `size` bytes, aligned for a record, and nobody else knows it. Record, key and value follow each
        // other without gaps and add up to `size`.
        unsafe {
            record.write(Record { key_len, value_len });
            let bytes = record.add(1).cast::<u8>().as_ptr();
            ptr::copy_nonoverlapping(user_key.as_ptr(), bytes, user_key.len());
            let trailer = trailer.to_le_bytes();
            ptr::copy_nonoverlapping(trailer.as_ptr(), bytes.add(user_key.len()), TRAILER_LEN);
            ptr::copy_nonoverlapping(value.as_ptr(), bytes.add(key_len as usize), value.len());
        }
        Ok(record)
    }

    /// Bytes of memory held: chunks as far as they are used or will be soon, and the list of them.
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    /// How many chunks it has. Nobody may be writing.
    #[cfg(all(test, not(loom)))]
    pub fn chunks(&self) -> usize {
        // SAFETY: the tests that ask hold the writer's lock.
        unsafe { (*self.inner.get()).chunks.len() }
    }

    /// Replaces the current or the spare chunk by one that has room for `size` bytes, and says which. What the old one had left
    /// is given up: less than a quarter of a chunk in the case of the current one.
    fn grow(&self, inner: &mut Inner, size: usize) -> Result<Grown> {
        let next_chunk = (self.memory_bytes() / 8).next_multiple_of(FIRST_CHUNK).clamp(FIRST_CHUNK, LARGEST_CHUNK);
        let grown = if size > next_chunk / 4 { Grown::Spare } else { Grown::Current };
        let capacity = if grown == Grown::Spare { size.checked_next_multiple_of(ALIGN) } else { Some(next_chunk) };
        let layout = capacity.and_then(|capacity| Layout::from_size_align(capacity, ALIGN).ok());
        let layout = layout.ok_or_else(|| out_of_memory(size))?;
        inner.chunks.try_reserve(1).map_err(|_| out_of_memory(size))?;
        // SAFETY: the layout's size is not zero: it is a chunk's, or more than a quarter of one.
        let start = NonNull::new(unsafe { alloc(layout) }).ok_or_else(|| out_of_memory(size))?;
        inner.chunks.push((start, layout));
        let room = Room { start, left: layout.size() };
        let mut counted = size_of::<(NonNull<u8>, Layout)>();
        match grown {
            Grown::Spare => inner.spare = room,
            Grown::Current => {
                inner.current = room;
                counted += layout.size();
            }
        }
        self.memory_bytes.fetch_add(counted, Ordering::Relaxed);
        Ok(grown)
    }
}

/// Which chunk is a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grown {
    Current,
    Spare,
}

impl Drop for Arena {
    fn drop(&mut self) {
        for (start, layout) in self.inner.get_mut().chunks.drain(..) {
            // SAFETY: allocated in `grow` with this layout and freed nowhere else. Whoever reads pieces borrows the arena or
            // shares its ownership, so nobody is left.
            unsafe { dealloc(start.as_ptr(), layout) };
        }
    }
}

/// An entry in an arena: its lengths; its internal key and its value follow.
#[repr(C)]
#[derive(Debug)]
pub struct Record {
    key_len: u32,
    value_len: u32,
}

const _: () = assert!(align_of::<Record>() <= ALIGN);

impl Record {
    /// Bytes of one with a user key and a value of these lengths.
    pub fn size(user_key_len: usize, value_len: usize) -> Option<usize> {
        (size_of::<Record>() + TRAILER_LEN).checked_add(user_key_len)?.checked_add(value_len)
    }
}

/// One entry of an arena that is borrowed.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    record: NonNull<Record>,
    arena: PhantomData<&'a Arena>,
}

impl<'a> Entry<'a> {
    /// The entry in `record`.
    ///
    /// # Safety
    /// `record` came from [`Arena::add_record`] of an arena that lives for `'a`, and was published to this thread since.
    pub unsafe fn new(record: NonNull<Record>) -> Entry<'a> {
        Entry { record, arena: PhantomData }
    }

    /// Where it lies.
    pub fn record(self) -> NonNull<Record> {
        self.record
    }

    /// Its internal key.
    pub fn key(self) -> &'a [u8] {
        // SAFETY: by the contract of `new` the record was whole before it was published, its key follows it, and neither changes
        // while the arena lives. The pointer may be used for the whole piece: it descends from the one that the arena gave.
        unsafe {
            let len = (*self.record.as_ptr()).key_len as usize;
            std::slice::from_raw_parts(self.record.add(1).cast::<u8>().as_ptr(), len)
        }
    }

    /// Its user key.
    pub fn user_key(self) -> &'a [u8] {
        internal::user_key(self.key())
    }

    /// Its value.
    pub fn value(self) -> &'a [u8] {
        // SAFETY: as in `key`; the value follows the key.
        unsafe {
            let (key_len, value_len) = ((*self.record.as_ptr()).key_len, (*self.record.as_ptr()).value_len);
            let start = self.record.add(1).cast::<u8>().add(key_len as usize);
            std::slice::from_raw_parts(start.as_ptr(), value_len as usize)
        }
    }
}

fn out_of_memory(size: usize) -> Error {
    Error::new(ErrorKind::NoSpace, format!("no memory for {size} bytes of a memtable"))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn take(arena: &Arena, size: usize) -> NonNull<u8> {
        // SAFETY: the tests are the only users of their arenas.
        let piece = unsafe { arena.allocate(size) }.unwrap();
        assert_eq!(piece.as_ptr() as usize % ALIGN, 0);
        // SAFETY: `size` bytes at `piece` were just handed out. Miri and the sanitizers see an overlap or an overrun.
        unsafe { piece.write_bytes(size as u8, size) };
        piece
    }

    #[test]
    fn pieces_of_all_sizes_keep_their_bytes() {
        let arena = Arena::new();
        let mut pieces = Vec::new();
        let sizes = [1, 15, 16, 17, 100, 1000, 3000, 5000, 40_000, 2 << 20];
        let (rounds, kinds) = if cfg!(miri) { (3, 7) } else { (50, sizes.len()) };
        for round in 0..rounds {
            for size in sizes[..kinds].iter().map(|size| size + round) {
                pieces.push((take(&arena, size), size));
            }
        }
        for (piece, size) in &pieces {
            // SAFETY: `take` filled these bytes, and the arena is alive.
            let bytes = unsafe { std::slice::from_raw_parts(piece.as_ptr(), *size) };
            assert!(bytes.iter().all(|byte| *byte == *size as u8));
        }
        let asked: usize = pieces.iter().map(|(_, size)| size).sum();
        assert!(arena.memory_bytes() >= asked);
        assert!(arena.memory_bytes() < asked + asked / 4 + 2 * FIRST_CHUNK, "{} for {asked}", arena.memory_bytes());
    }

    #[test]
    fn a_small_arena_is_small_and_a_large_piece_costs_its_size() {
        let arena = Arena::new();
        assert_eq!(arena.memory_bytes(), 0);
        take(&arena, 10);
        assert!(arena.memory_bytes() < 5000);
        take(&arena, 3 << 20);
        assert!(arena.memory_bytes() < (3 << 20) + 5000);
        take(&arena, 10);
        assert!(arena.memory_bytes() < (3 << 20) + 5000, "the rest of the current chunk was lost");
    }

    #[test]
    fn what_is_reserved_can_be_had() {
        let mut arena = Arena::new();
        for size in [100, 10_000, if cfg!(miri) { 50_000 } else { 3 << 20 }] {
            // SAFETY: nobody else uses this arena.
            unsafe { arena.reserve(size) }.unwrap();
            let chunks = |arena: &mut Arena| arena.inner.get_mut().chunks.len();
            let before = chunks(&mut arena);
            for _ in 0..size / 48 {
                take(&arena, 48);
            }
            assert_eq!(chunks(&mut arena), before);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri ends the process when memory runs out")]
    fn sizes_beyond_memory_are_errors() {
        let arena = Arena::new();
        for size in [usize::MAX, usize::MAX / 2, isize::MAX as usize - 100] {
            // SAFETY: nobody else uses this arena.
            assert_eq!(unsafe { arena.allocate(size) }.unwrap_err().kind(), ErrorKind::NoSpace);
            // SAFETY: as above.
            assert!(unsafe { arena.reserve(size) }.is_err());
        }
        take(&arena, 16);
    }
}
