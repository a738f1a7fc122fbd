//! What stands in a table: footer, properties, filter, range tombstones, and every data block with its first and last key.
//!
//! Blocks are read and checked one after the other as the index names them. Whether keys ascend is not looked at: that
//! needs the order of the keys, and is what `verify` does.

use crate::batch::BatchEntry;
use crate::db::inspect::{Findings, text};
use crate::db::stats::{Row, StatValue};
use crate::env::fs::{File, read_exact_at};
use crate::error::{Error, Result};
use crate::key::family::FamilyId;
use crate::key::internal;
use crate::table::block::Block;
use crate::table::compression::Codec;
use crate::table::filter::Filter;
use crate::table::format::{BlockHandle, FORMAT_VERSION, Footer, TRAILER_LEN, next_chain};
use crate::table::properties::Properties;
use crate::table::reader::{read_contents, read_footer};
use crate::table::tombstone_block;
use crate::util::coding::Reader;
use crate::util::sync::Arc;

/// A table that is being looked into.
struct Parts<'a> {
    file: &'a dyn File,
    footer: Footer,
    family: FamilyId,
}

/// Looks into `file`.
pub fn inspect(file: &dyn File, found: &mut Findings<'_>) -> Result<()> {
    let footer = read_footer(file, file.len()?)?;
    found.number("format_version", u64::from(FORMAT_VERSION));
    found.text("table_id", format!("{:016x}", footer.table_id));
    found.text("checksum", format!("{:08x}", footer.check));
    let sections = [
        ("filter", footer.filter),
        ("range tombstones", footer.tombstones),
        ("properties", footer.properties),
        ("index", footer.index),
    ];
    let section = |(name, handle): (&str, BlockHandle)| {
        vec![("name", text(name)), ("offset", number(handle.offset)), ("bytes", number(u64::from(handle.len)))]
    };
    found.extend([("sections", StatValue::List(sections.into_iter().map(section).collect()))]);
    let mut parts = Parts { file, footer, family: FamilyId::DEFAULT };
    let properties = Properties::decode(&parts.read(footer.properties)?)
        .ok_or_else(|| parts.damaged(footer.properties, "properties do not decode"))?;
    parts.family = properties.family;
    found.extend(property_facts(found, &properties)?);
    let filter = Filter::decode(&parts.read(footer.filter)?);
    let (probes, lines) =
        filter.ok_or_else(|| parts.damaged(footer.filter, "filter does not decode"))?.probes_and_lines();
    found.number("filter_probes", u64::from(probes));
    found.number("filter_lines", lines as u64);
    parts.tombstones(found)?;
    found.begin("blocks");
    let (blocks, chain) = parts.blocks(found)?;
    found.number("whole_blocks", blocks);
    if blocks != properties.data_blocks {
        let message = format!("properties speak of {} data blocks, the index names {blocks}", properties.data_blocks);
        return Err(parts.damaged(footer.properties, &message));
    }
    if chain != footer.chain {
        return Err(Error::corruption(file.path(), 0, "blocks are not those that the footer sums up"));
    }
    Ok(())
}

fn number(n: u64) -> StatValue {
    StatValue::Number(n)
}

/// What the table says about itself, under the names of docs/format/table.md.
fn property_facts(found: &Findings<'_>, said: &Properties) -> Result<Row> {
    let version = said.writer_version;
    Ok(vec![
        ("writer_version", text(format!("{}.{}.{}", version >> 16, version >> 8 & 0xff, version & 0xff))),
        ("family", number(u64::from(said.family.0))),
        ("order", text(&said.order)),
        ("entries", number(said.entries)),
        ("deletes", number(said.deletes)),
        ("merges", number(said.merges)),
        ("expiring", number(said.expiring)),
        ("range_tombstone_count", number(said.range_tombstones)),
        ("data_blocks", number(said.data_blocks)),
        ("data_bytes", number(said.data_bytes)),
        ("key_bytes", number(said.key_bytes)),
        ("value_bytes", number(said.value_bytes)),
        ("smallest_seqno", number(said.smallest_seqno.get())),
        ("largest_seqno", number(said.largest_seqno.get())),
        ("earliest_expiry_ms", number(said.earliest_expiry_ms)),
        ("latest_expiry_ms", number(said.latest_expiry_ms)),
        ("block_size_bytes", number(u64::from(said.block_size_bytes))),
        ("smallest", found.key(&said.smallest)?),
        ("largest", found.key(&said.largest)?),
        ("largest_exclusive", number(u64::from(said.largest_exclusive))),
    ])
}

impl Parts<'_> {
    fn read(&self, handle: BlockHandle) -> Result<Vec<u8>> {
        read_contents(self.file, handle, self.footer.table_id, None)
    }

    fn block(&self, handle: BlockHandle) -> Result<Block> {
        let block = Block::parse(Arc::new(self.read(handle)?));
        block.map_err(|why| self.damaged(handle, &format!("block {why}")))
    }

    fn trailer(&self, handle: BlockHandle) -> Result<[u8; TRAILER_LEN]> {
        let mut trailer = [0; TRAILER_LEN];
        read_exact_at(self.file, &mut trailer, handle.offset + u64::from(handle.len))?;
        Ok(trailer)
    }

    fn damaged(&self, handle: BlockHandle, why: &str) -> Error {
        Error::corruption(self.file.path(), handle.offset, why)
    }

    fn tombstones(&self, found: &mut Findings<'_>) -> Result<()> {
        let handle = self.footer.tombstones;
        let mut rows = Vec::new();
        let visited = tombstone_block::visit(&self.read(handle)?, &mut |start, end, seqnos| {
            if (rows.len() as u64) < found.options.rows {
                let numbers = seqnos.iter().map(|seqno| vec![("seqno", number(seqno.get()))]).collect();
                rows.push(vec![
                    ("start", found.key(start)?),
                    ("end", found.key(end)?),
                    ("seqnos", StatValue::List(numbers)),
                ]);
            }
            Ok(())
        });
        found.extend([("range_tombstones", StatValue::List(rows))]);
        visited.map_err(|error| error.with_file(self.file.path()).with_offset(handle.offset))
    }

    /// Shows every data block that the index names; how many there are, and the chain through all blocks.
    fn blocks(&self, found: &mut Findings<'_>) -> Result<(u64, u32)> {
        let footer = &self.footer;
        let index = self.block(footer.index)?;
        let (mut at, mut chain) = (0, 0);
        for i in 0..index.len() {
            let mut value = Reader::new(index.value(i));
            let handle = BlockHandle::decode(&mut value).filter(|handle| value.is_empty() && handle.offset == at);
            // So that no handle names bytes that are not there: data blocks end where the filter starts.
            let inside = handle.and_then(|handle| Some((handle, handle.end()?)));
            let (handle, end) = inside.filter(|(_, end)| *end <= footer.filter.offset).ok_or_else(|| {
                self.damaged(footer.index, "index names data blocks that do not lie end to end before the filter")
            })?;
            let row = self.block_row(handle, found)?;
            found.row(row);
            chain = next_chain(chain, &self.trailer(handle)?);
            at = end;
        }
        if at != footer.filter.offset {
            return Err(self.damaged(footer.index, "index does not name all data blocks"));
        }
        for handle in [footer.filter, footer.tombstones, footer.properties, footer.index] {
            chain = next_chain(chain, &self.trailer(handle)?);
        }
        Ok((index.len() as u64, chain))
    }

    fn block_row(&self, handle: BlockHandle, found: &mut Findings<'_>) -> Result<Row> {
        let block = self.block(handle)?;
        let trailer = self.trailer(handle)?;
        let codec = match Codec::from_u8(trailer[0]) {
            Some(Codec::None) => "none",
            Some(Codec::Lz4) => "lz4",
            None => return Err(self.damaged(handle, "block has an unknown codec")),
        };
        if block.is_empty() {
            return Err(self.damaged(handle, "data block has no entries"));
        }
        let mut entries = Vec::new();
        for i in 0..block.len() {
            let key = key_of(&block, i);
            let parsed =
                internal::parse(&key).ok_or_else(|| self.damaged(handle, "block has a key that does not parse"))?;
            let (family, value) = (self.family, block.value(i));
            let entry = BatchEntry { family, kind: parsed.kind, key: parsed.user_key, value };
            found.entry(&mut entries, &entry, Some(parsed.seqno.get()))?;
        }
        let last = key_of(&block, block.len() - 1);
        let mut row = vec![
            ("offset", number(handle.offset)),
            ("bytes", number(u64::from(handle.len))),
            ("codec", text(codec)),
            ("unpacked_bytes", number(block.bytes().len() as u64)),
            ("count", number(block.len() as u64)),
            ("first", found.key(internal::user_key(&key_of(&block, 0)))?),
            ("last", found.key(internal::user_key(&last))?),
        ];
        if !entries.is_empty() {
            row.push(("entries", StatValue::List(entries)));
        }
        Ok(row)
    }
}

/// The internal key of entry `i`, which must exist.
fn key_of(block: &Block, i: usize) -> Vec<u8> {
    let mut key = block.prefix().to_vec();
    block.append_key(i, &mut key);
    key
}
