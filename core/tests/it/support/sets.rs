//! The option sets that the same script runs under: tiny memtables, blocks and tables, so that a short script crosses every
//! boundary, each set bending another way.

use esker::Options;
use esker::options::{CompactionStyle, Compression};

fn tiny() -> Options {
    Options {
        memory_budget: 1 << 20,
        memtable_size: 12 << 10,
        block_size: 256,
        target_file_size: 2 << 10,
        level_base_size: 8 << 10,
        level_size_multiplier: 3,
        l0_compaction_trigger: 2,
        l0_stall_trigger: 8,
        wal_segment_size: 64 << 10,
        manifest_rotate_size: 4 << 10,
        max_open_files: 8,
        ..Options::default()
    }
}

/// Every set with the name under which a failure reports it.
pub fn option_sets() -> Vec<(&'static str, Options)> {
    let base = tiny();
    vec![
        ("tiny", base.clone()),
        ("one kibibyte memtables", Options { memtable_size: 1 << 10, target_file_size: 1 << 10, ..base.clone() }),
        ("64 byte blocks, lz4", Options { block_size: 64, compression: Compression::Lz4, ..base.clone() }),
        (
            "no filters, no compression",
            Options { filter_bits_per_key: 0, compression: Compression::None, ..base.clone() },
        ),
        (
            "lazy level 0",
            Options { l0_compaction_trigger: 6, l0_stall_trigger: 30, level_size_multiplier: 2, ..base.clone() },
        ),
        (
            "large tables",
            Options { target_file_size: 64 << 10, level_base_size: 256 << 10, memtable_size: 16 << 10, ..base.clone() },
        ),
        ("memory only until asked", Options { memtable_size: 16 << 20, memory_budget: 256 << 20, ..base.clone() }),
        ("size-tiered", Options { compaction_style: CompactionStyle::Tiered, ..base.clone() }),
        ("defaults", Options { wal_segment_size: 64 << 10, ..Options::default() }),
    ]
}

/// The first of the sets: for families that need one.
pub fn tiny_options() -> Options {
    tiny()
}
