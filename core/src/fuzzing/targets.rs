//! The list of targets, for the fuzz programs and for the test that replays their corpora.

use crate::fuzzing::{batch, directory, inspect, manifest, merge, options, pieces, table, wal};

/// One reader of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called: the fuzz program and the folder of its corpus have the same name.
    pub name: &'static str,
    /// Reads any bytes; whether they were accepted. Panics if anything is wrong with how.
    pub check: fn(&[u8]) -> bool,
    /// Bytes that must be accepted, made by the writer of the format.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
#[rustfmt::skip]
pub const TARGETS: &[Target] = &[
    Target { name: "batch", check: batch::check, seeds: batch::seeds },
    Target { name: "record", check: wal::check_record, seeds: wal::record_seeds },
    Target { name: "wal", check: wal::check, seeds: wal::seeds },
    Target { name: "edit", check: manifest::check_edit, seeds: manifest::edit_seeds },
    Target { name: "manifest", check: manifest::check, seeds: manifest::seeds },
    Target { name: "footer", check: pieces::check_footer, seeds: pieces::footer_seeds },
    Target { name: "framed_block", check: pieces::check_framed, seeds: pieces::framed_seeds },
    Target { name: "block", check: pieces::check_block, seeds: pieces::block_seeds },
    Target { name: "properties", check: pieces::check_properties, seeds: pieces::properties_seeds },
    Target { name: "filter", check: pieces::check_filter, seeds: pieces::filter_seeds },
    Target { name: "tombstones", check: pieces::check_tombstones, seeds: pieces::tombstone_seeds },
    Target { name: "table", check: table::check, seeds: table::seeds },
    Target { name: "options", check: options::check, seeds: options::seeds },
    Target { name: "merge", check: merge::check, seeds: merge::seeds },
    Target { name: "inspect", check: inspect::check, seeds: inspect::seeds },
    Target { name: "directory", check: directory::check, seeds: directory::seeds },
];

/// Gives `data` to the target called `name`, which must exist; whether it was accepted.
pub fn run(name: &str, data: &[u8]) -> bool {
    let target = TARGETS.iter().find(|target| target.name == name);
    assert!(target.is_some(), "there is no target called {name:?}");
    target.is_some_and(|target| (target.check)(data))
}
