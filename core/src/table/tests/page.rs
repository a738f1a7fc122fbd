//! `docs/format/table.md` against the code: its tables of fields, its constants, and the table it shows in hex.

use crate::key::family::FamilyId;
use crate::key::internal::internal_key;
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::table::block_builder::{FLAG_HEADS, FLAG_WIDE, HEAD_LEN, HEADER_LEN};
use crate::table::compression::LZ4_MAX_RATIO;
use crate::table::filter::Filter;
use crate::table::format::{
    BlockHandle, FOOTER_LEN, FORMAT_VERSION, Footer, MAGIC, MAX_UNPACKED_LEN, TAIL_LEN, TRAILER_LEN,
};
use crate::table::properties::{FIXED_LEN, Properties};
use crate::table::tests::MemFile;
use crate::table::tests::samples::{open, options, put, seqno};
use crate::table::{Compression, TableBuilder, TableSummary};
use crate::util::doc_page::DocPage;
use crate::util::sync::Arc;

fn page() -> DocPage {
    DocPage::new(include_str!("../../../../docs/format/table.md"))
}

/// The table that the page shows.
fn shown() -> (Arc<MemFile>, TableSummary) {
    let file = MemFile::new();
    let table_id = u64::from_le_bytes(*b"table-id");
    let mut builder = TableBuilder::new(file.clone(), options(4096, Compression::None), table_id, FamilyId(3));
    // The page shows what the first release writes.
    builder.write_as(0x00_01_00);
    builder.add(&put(b"user01", 5), b"one").unwrap();
    builder.add(&internal_key(b"user02", seqno(7), Kind::Delete), b"").unwrap();
    builder.add_tombstone(b"user03", b"user05", seqno(6)).unwrap();
    let summary = builder.finish().unwrap();
    (file, summary)
}

fn footer(bytes: &[u8]) -> Footer {
    Footer::decode(&bytes[bytes.len() - FOOTER_LEN..], bytes.len() as u64).unwrap()
}

#[test]
fn the_hex_is_what_the_code_writes() {
    let (file, summary) = shown();
    let (page, bytes) = (page(), file.bytes());
    let dump: Vec<String> = bytes.chunks(16).map(|row| row.iter().map(|b| format!("{b:02x} ")).collect()).collect();
    assert_eq!(page.hex("table"), bytes, "the code writes:\n{}", dump.join("\n"));
    let shown = MemFile::with_bytes(page.hex("table"));
    let table = open(&shown, &summary, &Order::Bytewise, 0).unwrap();
    table.verify().unwrap();
}

#[test]
fn the_limits_are_those_of_the_code() {
    let text = include_str!("../../../../docs/format/table.md");
    let spaced: Vec<String> =
        MAX_UNPACKED_LEN.to_string().as_bytes().rchunks(3).rev().map(|c| String::from_utf8_lossy(c).into()).collect();
    assert!(text.contains(&format!("\n  {}, is damage", spaced.join(" "))));
    assert!(text.contains(&format!("above {LZ4_MAX_RATIO} times the stored one")));
}

#[test]
fn block_and_trailer_have_their_fields() {
    let (file, _) = shown();
    let (page, bytes) = (page(), file.bytes());
    page.check_fields("block", &[("count", 0, 4), ("flags", 4, 1), ("prefix length", 5, 3), ("heads", HEADER_LEN, 0)]);
    let field = |name| page.field("block", name, &bytes);
    assert_eq!((field("count"), field("flags"), field("prefix length")), (2, u64::from(FLAG_HEADS), 5));
    assert_eq!((HEAD_LEN, FLAG_WIDE), (8, 2));
    page.check_fields("trailer", &[("codec", 0, 1), ("stored length", 1, 4), ("raw length", 5, 4), ("check", 9, 4)]);
    let len = footer(&bytes).filter.offset as usize - TRAILER_LEN;
    let field = |name| page.field("trailer", name, &bytes[len..]);
    assert_eq!((field("codec"), field("stored length"), field("raw length")), (0, len as u64, len as u64));
}

#[test]
fn the_filter_has_its_fields() {
    let (file, _) = shown();
    let (page, bytes) = (page(), file.bytes());
    page.check_fields("filter", &[("probes", 0, 1), ("zero", 1, 3), ("lines", 4, 4), ("bits", 8, 0)]);
    let BlockHandle { offset, len } = footer(&bytes).filter;
    let block = &bytes[offset as usize..][..len as usize];
    assert_eq!((page.field("filter", "probes", block), page.field("filter", "lines", block)), (6, 1));
    assert!(Filter::decode(block).is_some());
}

#[test]
fn the_properties_have_their_fields() {
    let numbers = |writer_version: u32, base: u64| Properties {
        writer_version,
        family: FamilyId(2),
        entries: base,
        deletes: base + 1,
        merges: base + 2,
        expiring: base + 3,
        range_tombstones: base + 4,
        data_blocks: base + 5,
        data_bytes: base + 6,
        key_bytes: base + 7,
        value_bytes: base + 8,
        smallest_seqno: seqno(base + 9),
        largest_seqno: seqno(base + 10),
        earliest_expiry_ms: base + 11,
        latest_expiry_ms: base + 12,
        block_size_bytes: 77,
        largest_exclusive: true,
        order: "order".to_owned(),
        smallest: b"small".to_vec(),
        largest: b"larger".to_vec(),
    };
    let mut bytes = Vec::new();
    numbers(1, 100).encode(&mut bytes);
    let page = page();
    let counters = [
        "entries",
        "deletes",
        "merges",
        "expiring",
        "range tombstones",
        "data blocks",
        "data bytes",
        "key bytes",
        "value bytes",
        "smallest number",
        "largest number",
        "earliest expiry",
        "latest expiry",
    ];
    let mut fields = vec![("writer version", 0, 4), ("family", 4, 4)];
    for (i, name) in counters.into_iter().enumerate() {
        fields.push((name, 8 + 8 * i, 8));
        assert_eq!(page.field("properties", name, &bytes), 100 + i as u64, "{name}");
    }
    let words = ["block size", "largest exclusive", "order length", "smallest length", "largest length", "zero"];
    for (i, name) in words.into_iter().enumerate() {
        fields.push((name, 112 + 4 * i, 4));
        assert_eq!(page.field("properties", name, &bytes), [77, 1, 5, 5, 6, 0][i], "{name}");
    }
    fields.push(("strings", FIXED_LEN, 0));
    page.check_fields("properties", &fields);
    assert_eq!(&bytes[FIXED_LEN..], b"ordersmalllarger");
}

#[test]
fn the_footer_has_its_fields() {
    let (file, summary) = shown();
    let (page, bytes) = (page(), file.bytes());
    let footer = footer(&bytes);
    let fields = [
        ("table id", 0, 8),
        ("filter", 8, 12),
        ("range tombstones", 20, 12),
        ("properties", 32, 12),
        ("index", 44, 12),
        ("suite", 56, 2),
        ("tag length", 58, 2),
        ("key epoch", 60, 4),
        ("chain", 64, 4),
        ("check", 68, 4),
        ("format version", FOOTER_LEN - TAIL_LEN, 4),
        ("version check", 76, 4),
        ("magic", FOOTER_LEN - MAGIC.len(), MAGIC.len()),
    ];
    page.check_fields("footer", &fields);
    let tail = &bytes[bytes.len() - FOOTER_LEN..];
    let field = |name| page.field("footer", name, tail);
    assert_eq!(field("table id"), summary.table_id);
    assert_eq!((field("suite"), field("tag length"), field("key epoch")), (0, 0, 0));
    assert_eq!((field("chain"), field("check")), (u64::from(footer.chain), u64::from(summary.checksum)));
    assert_eq!(field("format version"), u64::from(FORMAT_VERSION));
    assert_eq!(field("magic"), u64::from_le_bytes(MAGIC));
    for (name, handle) in [
        ("filter", footer.filter),
        ("range tombstones", footer.tombstones),
        ("properties", footer.properties),
        ("index", footer.index),
    ] {
        let (_, offset, size) = fields.iter().find(|field| field.0 == name).unwrap();
        let mut encoded = Vec::new();
        handle.encode(&mut encoded);
        assert_eq!(&tail[*offset..offset + size], encoded, "{name}");
    }
}
