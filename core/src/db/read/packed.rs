//! Packing many entries into a caller's buffer in one call: what makes scans cheap over a C or Python boundary.
//!
//! ```text
//! u32 LE key length | u32 LE value length | key | value | … repeated
//! ```

use crate::db::iterator::Iter;
use crate::error::Result;

/// Bytes before each packed entry.
pub const ENTRY_HEADER_LEN: usize = 8;

/// What a packing call did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Bytes of the buffer that were filled.
    pub bytes: usize,
    /// Entries in them; 0 with `needed` `None` means the end.
    pub entries: usize,
    /// If not even one entry fitted: how many bytes it needs. The cursor has not moved.
    pub needed: Option<usize>,
}

impl Iter {
    /// Packs up to `max_entries` entries from the current one on and leaves the cursor on the first entry not packed.
    pub fn next_many(&mut self, buf: &mut [u8], max_entries: usize) -> Result<Packed> {
        pack(self, buf, max_entries, Iter::next)
    }

    /// The mirror of [`Iter::next_many`]: packs the current entry and those before it, in descending order.
    pub fn prev_many(&mut self, buf: &mut [u8], max_entries: usize) -> Result<Packed> {
        pack(self, buf, max_entries, Iter::prev)
    }
}

fn pack(iter: &mut Iter, buf: &mut [u8], max_entries: usize, step: fn(&mut Iter) -> Result<()>) -> Result<Packed> {
    iter.check()?;
    let mut packed = Packed::default();
    while iter.valid() && packed.entries < max_entries {
        let (key, value) = (iter.key(), iter.value());
        let need = ENTRY_HEADER_LEN + key.len() + value.len();
        let Some(room) = buf.get_mut(packed.bytes..packed.bytes + need) else {
            if packed.entries == 0 {
                packed.needed = Some(need);
            }
            return Ok(packed);
        };
        let (lengths, rest) = room.split_at_mut(ENTRY_HEADER_LEN);
        // Lengths fit: a key is at most 8 MiB and a value at most 1 GiB.
        lengths[..4].copy_from_slice(&(key.len() as u32).to_le_bytes());
        lengths[4..].copy_from_slice(&(value.len() as u32).to_le_bytes());
        rest[..key.len()].copy_from_slice(key);
        rest[key.len()..].copy_from_slice(value);
        packed.bytes += need;
        packed.entries += 1;
        // What is packed is the caller's, whatever the step meets; its error is sticky and the next call returns it.
        if step(iter).is_err() {
            break;
        }
    }
    Ok(packed)
}
