//! [`WriteOptions`] and [`Durability`]: what an acknowledged write survives.

use crate::error::Result;
use crate::options::settings::{self, Setting};
use crate::options::value::parse_number;

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// On the medium before the call returns: survives a power cut.
    Sync,
    /// In the operating system's hands: survives the death of the process; a power cut keeps a prefix of the commit order
    /// that includes everything before the last sync.
    #[default]
    Buffered,
    /// Not logged: kept from the next flush on. Until then it may be missing after a crash while later writes are there.
    None,
}

impl Durability {
    /// Its name in options.
    pub fn name(self) -> &'static str {
        match self {
            Durability::Sync => "sync",
            Durability::Buffered => "buffered",
            Durability::None => "none",
        }
    }

    /// The durability of this name.
    pub fn parse(text: &str) -> Result<Durability, String> {
        match text {
            "sync" => Ok(Durability::Sync),
            "buffered" => Ok(Durability::Buffered),
            "none" => Ok(Durability::None),
            _ => Err("sync, buffered or none".to_owned()),
        }
    }
}

/// Choices for one write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// What the write survives once acknowledged; `None` takes the database's default.
    pub durability: Option<Durability>,
    /// Its puts expire this many milliseconds after the commit, but for those with an expiry of their own; 0 for never, `None`
    /// takes the family's time to live.
    pub ttl_ms: Option<u64>,
}

impl WriteOptions {
    /// The database's defaults.
    pub fn new() -> WriteOptions {
        WriteOptions::default()
    }

    /// A write that is on the medium before the call returns.
    pub fn sync() -> WriteOptions {
        WriteOptions { durability: Some(Durability::Sync), ..WriteOptions::default() }
    }

    /// The same options with this durability.
    pub fn durability(mut self, durability: Durability) -> WriteOptions {
        self.durability = Some(durability);
        self
    }

    /// The same options with this time to live.
    pub fn ttl_ms(mut self, ttl_ms: u64) -> WriteOptions {
        self.ttl_ms = Some(ttl_ms);
        self
    }

    /// Sets an option by name.
    pub fn set(&mut self, name: &str, text: &str) -> Result<()> {
        settings::set(WRITE_SETTINGS, self, name, text)
    }

    /// An option as text, by name.
    pub fn get(&self, name: &str) -> Result<String> {
        settings::get(WRITE_SETTINGS, self, name)
    }

    /// All of them.
    pub fn settings() -> &'static [Setting<WriteOptions>] {
        WRITE_SETTINGS
    }
}

static WRITE_SETTINGS: &[Setting<WriteOptions>] = &[
    Setting {
        name: "durability",
        takes: "default | sync | buffered | none",
        doc: "What the write survives once acknowledged; `default` takes the database's.",
        expert: false,
        get: |o| o.durability.map_or("default", Durability::name).to_owned(),
        set: |o, text| {
            o.durability = match text {
                "default" => None,
                _ => Some(Durability::parse(text).map_err(|expected| format!("default, {expected}"))?),
            };
            Ok(())
        },
    },
    Setting {
        name: "ttl_ms",
        takes: "default | milliseconds, 0 to 18446744073709551615",
        doc: "Puts of this write expire this long after its commit, 0 is never; `default` takes the family's time.",
        expert: false,
        get: |o| o.ttl_ms.map_or("default".to_owned(), |ttl| ttl.to_string()),
        set: |o, text| {
            o.ttl_ms = match text {
                "default" => None,
                _ => Some(parse_number(text, 0, u64::MAX).map_err(|expected| format!("default, or {expected}"))?),
            };
            Ok(())
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_reads_back_as_it_was_set() {
        let mut options = WriteOptions::sync().ttl_ms(u64::MAX);
        let mut copy = WriteOptions::default();
        for setting in WriteOptions::settings() {
            copy.set(setting.name, &options.get(setting.name).unwrap()).unwrap();
        }
        assert_eq!(copy, options);
        options.set("ttl_ms", "default").unwrap();
        assert_eq!((options.ttl_ms, options.get("ttl_ms").unwrap()), (None, "default".to_owned()));
        let error = options.set("ttl_ms", "-1").unwrap_err();
        assert!(error.message().contains("default, or a whole number"), "{error}");
    }
}
