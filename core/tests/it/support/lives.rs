//! A database that lives, dies and lives again on a simulated disk.

use std::sync::Arc;

use esker::env::sim_fs::{CrashImage, SimFs};
use esker::{Db, Options};

use crate::support::script::{DIR, inline};
use crate::support::sets::tiny_options;

/// A database with the disk it is on.
pub struct Life {
    pub disk: SimFs,
    pub options: Options,
    pub db: Db,
}

impl Life {
    pub fn new() -> Life {
        Life::with(tiny_options())
    }

    pub fn with(options: Options) -> Life {
        let disk = SimFs::new(1);
        let db = open(&disk, &options);
        Life { disk, options, db }
    }

    /// The process dies; every written byte stays.
    pub fn kill(self) -> Life {
        self.crash(CrashImage::Killed)
    }

    /// Dies with `image` of the disk, and opens what is left.
    pub fn crash(self, image: CrashImage) -> Life {
        let disk = self.disk.crash(image);
        let db = open(&disk, &self.options);
        Life { disk, options: self.options, db }
    }

    pub fn reopen(self) -> Life {
        self.db.close().unwrap();
        let db = open(&self.disk, &self.options);
        Life { disk: self.disk, options: self.options, db }
    }

    pub fn get(&self, key: &str) -> Option<String> {
        let value = self.db.get(key).unwrap();
        let scanned = self.scan().into_iter().find(|(k, _)| k == key).map(|(_, v)| v);
        let value = value.map(|value| String::from_utf8(value.to_vec()).unwrap());
        assert_eq!(value, scanned, "get and scan disagree about {key}");
        value
    }

    pub fn scan(&self) -> Vec<(String, String)> {
        let mut iter = self.db.iter().unwrap();
        iter.seek_to_first().unwrap();
        let mut all = Vec::new();
        while iter.valid() {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            all.push((text(iter.key()), text(iter.value())));
            iter.next().unwrap();
        }
        all
    }

    pub fn put(&self, key: &str, value: &str) {
        self.db.put(key, value).unwrap();
    }
}

fn open(disk: &SimFs, options: &Options) -> Db {
    Db::open_in(inline(Arc::new(disk.clone())), DIR, options).unwrap()
}
