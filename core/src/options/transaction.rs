//! [`TransactionOptions`]: what a transaction promises, and how it keeps others away.

use crate::error::Result;
use crate::options::settings::{self, Setting};
use crate::options::value::parse_number;
use crate::options::write::Durability;

/// What concurrent transactions may see of one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// As if transactions ran one after the other: whatever one read, found or not, keys or stretches of keys, is unchanged when
    /// it commits.
    #[default]
    Serializable,
    /// Each reads the database as it was when it began; of two that write the same key the second to commit fails. Two that read
    /// what the other writes may both commit (write skew).
    Snapshot,
}

/// When a conflict is met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LockMode {
    /// At commit. Nothing waits.
    #[default]
    Optimistic,
    /// At the write, or the read for update: its key is held until the transaction ends, and other writers of it wait.
    Pessimistic,
}

/// How a transaction runs.
///
/// ```
/// let mut options = esker::TransactionOptions::default();
/// options.set("mode", "pessimistic").unwrap();
/// assert_eq!(options.get("isolation").unwrap(), "serializable");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionOptions {
    /// What concurrent transactions may see of one another.
    pub isolation: Isolation,
    /// When a conflict is met.
    pub mode: LockMode,
    /// How long a pessimistic transaction waits for a key before it gets `Busy`; 0 does not wait.
    pub lock_timeout_ms: u64,
    /// What its commit survives once acknowledged; `None` takes the database's default.
    pub durability: Option<Durability>,
}

impl Default for TransactionOptions {
    fn default() -> TransactionOptions {
        TransactionOptions {
            isolation: Isolation::Serializable,
            mode: LockMode::Optimistic,
            lock_timeout_ms: 1_000,
            durability: None,
        }
    }
}

impl TransactionOptions {
    /// Serializable and optimistic.
    pub fn new() -> TransactionOptions {
        TransactionOptions::default()
    }

    /// Under snapshot isolation.
    pub fn snapshot() -> TransactionOptions {
        TransactionOptions { isolation: Isolation::Snapshot, ..TransactionOptions::default() }
    }

    /// With key locks.
    pub fn pessimistic() -> TransactionOptions {
        TransactionOptions { mode: LockMode::Pessimistic, ..TransactionOptions::default() }
    }

    /// Sets an option by name.
    pub fn set(&mut self, name: &str, text: &str) -> Result<()> {
        settings::set(TRANSACTION_SETTINGS, self, name, text)
    }

    /// An option as text, by name.
    pub fn get(&self, name: &str) -> Result<String> {
        settings::get(TRANSACTION_SETTINGS, self, name)
    }

    /// All of them.
    pub fn settings() -> &'static [Setting<TransactionOptions>] {
        TRANSACTION_SETTINGS
    }
}

static TRANSACTION_SETTINGS: &[Setting<TransactionOptions>] = &[
    Setting {
        name: "isolation",
        takes: "serializable | snapshot",
        doc: "Whether what the transaction read must be unchanged when it commits, or only what it writes.",
        expert: false,
        get: |o| match o.isolation {
            Isolation::Serializable => "serializable".to_owned(),
            Isolation::Snapshot => "snapshot".to_owned(),
        },
        set: |o, text| {
            o.isolation = match text {
                "serializable" => Isolation::Serializable,
                "snapshot" => Isolation::Snapshot,
                _ => return Err("serializable or snapshot".to_owned()),
            };
            Ok(())
        },
    },
    Setting {
        name: "mode",
        takes: "optimistic | pessimistic",
        doc: "Whether conflicts are met at commit, or keys are locked when they are written or read for update.",
        expert: false,
        get: |o| match o.mode {
            LockMode::Optimistic => "optimistic".to_owned(),
            LockMode::Pessimistic => "pessimistic".to_owned(),
        },
        set: |o, text| {
            o.mode = match text {
                "optimistic" => LockMode::Optimistic,
                "pessimistic" => LockMode::Pessimistic,
                _ => return Err("optimistic or pessimistic".to_owned()),
            };
            Ok(())
        },
    },
    Setting {
        name: "lock_timeout_ms",
        takes: "milliseconds",
        doc: "How long a pessimistic transaction waits for a key before it gets Busy; 0 does not wait.",
        expert: false,
        get: |o| o.lock_timeout_ms.to_string(),
        set: |o, text| {
            o.lock_timeout_ms = parse_number(text, 0, u64::from(u32::MAX))?;
            Ok(())
        },
    },
    Setting {
        name: "durability",
        takes: "default | sync | buffered | none",
        doc: "What the commit survives once acknowledged; `default` takes the database's.",
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
];
