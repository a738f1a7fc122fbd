//! [`Stats`]: numbers about the database at one moment, for people, programs and Prometheus from one list of entries.

pub(crate) mod counters;

use std::borrow::Cow;
use std::fmt::Write;

use crate::db::background::Task;
use crate::db::background::compacting;
use crate::db::family::Family;
use crate::db::state::Shared;
use crate::error::{Error, Result};
use crate::util::nearest::unknown_name;
use crate::util::sync::Arc;
use crate::version::file_meta::Level;

/// How [`Stats::render`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatsFormat {
    /// Aligned lines for people.
    Text,
    /// One JSON object.
    Json,
    /// The Prometheus text exposition format.
    Prometheus,
}

impl StatsFormat {
    /// The format called `text`, `json` or `prometheus`.
    pub fn parse(text: &str) -> Result<StatsFormat> {
        match text {
            "text" => Ok(StatsFormat::Text),
            "json" => Ok(StatsFormat::Json),
            "prometheus" => Ok(StatsFormat::Prometheus),
            _ => Err(Error::invalid(format!("stats come as text, json or prometheus; got \"{text}\""))),
        }
    }
}

/// One entry of the statistics.
#[derive(Clone, Debug, PartialEq)]
pub enum StatValue {
    /// A number: a count, bytes or milliseconds, as its name says.
    Number(u64),
    /// A word or sentence.
    Text(String),
    /// Rows of named values.
    List(Vec<Row>),
}

/// Named values in a fixed order.
pub type Row = Vec<(&'static str, StatValue)>;

/// Numbers about a database at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    entries: Vec<(&'static str, StatValue)>,
}

impl Stats {
    /// Every name with its value, in a fixed order.
    pub fn entries(&self) -> &[(&'static str, StatValue)] {
        &self.entries
    }

    /// The number called `name`.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.entries.iter().find_map(|(n, value)| match value {
            StatValue::Number(number) if *n == name => Some(*number),
            _ => None,
        })
    }

    /// The value called `name` as text: rows as JSON. An unknown name is `InvalidArgument` and offers the nearest.
    pub fn property(&self, name: &str) -> Result<String> {
        match self.entries.iter().find(|(known, _)| *known == name) {
            Some((_, StatValue::Text(text))) => Ok(text.clone()),
            Some((_, value)) => Ok(json_value(value)),
            None => Err(unknown_name("property", name, self.entries.iter().map(|(known, _)| *known))),
        }
    }

    /// All of it as text in `format`.
    pub fn render(&self, format: StatsFormat) -> String {
        match format {
            StatsFormat::Text => text_lines(&self.entries),
            StatsFormat::Json => format!("{}\n", json_object(&self.entries)),
            StatsFormat::Prometheus => self.as_prometheus(),
        }
    }

    fn as_prometheus(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.entries {
            match value {
                StatValue::Number(n) => {
                    let _written = writeln!(out, "# TYPE esker_{name} {}\nesker_{name} {n}", prometheus_type(name));
                }
                StatValue::List(rows) => prometheus_rows(&mut out, rows),
                StatValue::Text(_) => {}
            }
        }
        out
    }
}

/// Names that say "so far" grow; the rest come and go.
fn prometheus_type(name: &str) -> &'static str {
    if name.ends_with("_total") { "counter" } else { "gauge" }
}

/// Rows become one series per column, named and labelled after the first: `esker_level_tables{level="0"}`.
fn prometheus_rows(out: &mut String, rows: &[Row]) {
    let Some([(of, _), columns @ ..]) = rows.first().map(Vec::as_slice) else { return };
    for (column, (name, _)) in columns.iter().enumerate() {
        let _written = writeln!(out, "# TYPE esker_{of}_{name} gauge");
        for row in rows {
            if let (Some((_, label)), Some((_, StatValue::Number(n)))) = (row.first(), row.get(column + 1)) {
                let _written = writeln!(out, "esker_{of}_{name}{{{of}={}}} {n}", prometheus_label(label));
            }
        }
    }
}

/// A label's value in quotes, with what the format wants escaped.
fn prometheus_label(value: &StatValue) -> String {
    match value {
        StatValue::Number(n) => format!("\"{n}\""),
        StatValue::Text(text) => {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
        }
        StatValue::List(_) => "\"\"".to_owned(),
    }
}

/// Aligned lines for people; rows of rows stand below theirs, further in.
pub fn text_lines(entries: &[(&'static str, StatValue)]) -> String {
    let mut out = String::new();
    for (name, value) in entries {
        // Writing to a String cannot fail.
        let _written = match value {
            StatValue::Number(n) => writeln!(out, "{name:<32} {n}"),
            StatValue::Text(text) => writeln!(out, "{name:<32} {}", printable(text)),
            StatValue::List(rows) => writeln!(out, "{name}\n{}", text_rows(rows, 2).trim_end()),
        };
    }
    out
}

fn text_rows(rows: &[Row], indent: usize) -> String {
    let mut out = String::new();
    for row in rows {
        let mut line = " ".repeat(indent);
        for (name, value) in row {
            let _written = match value {
                StatValue::Number(n) => write!(line, "{name} {n:<12}  "),
                StatValue::Text(text) => write!(line, "{name} {}  ", printable(text)),
                StatValue::List(_) => Ok(()),
            };
        }
        out.extend([line.trim_end(), "\n"]);
        for (name, value) in row {
            if let StatValue::List(rows) = value {
                let _written = write!(out, "{}{name}\n{}", " ".repeat(indent + 2), text_rows(rows, indent + 4));
            }
        }
    }
    out
}

/// Without what would end the line or move the cursor: names of families are any text.
fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// One JSON object.
pub fn json_object(entries: &[(&'static str, StatValue)]) -> String {
    let fields: Vec<String> = entries.iter().map(|(name, value)| format!("\"{name}\":{}", json_value(value))).collect();
    format!("{{{}}}", fields.join(","))
}

fn json_value(value: &StatValue) -> String {
    match value {
        StatValue::Number(n) => n.to_string(),
        StatValue::Text(text) => json_string(text),
        StatValue::List(rows) => {
            let rows: Vec<String> = rows.iter().map(|row| json_object(row)).collect();
            format!("[{}]", rows.join(","))
        }
    }
}

/// `text` in quotes, as JSON has it.
pub(super) fn json_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => {
                let _written = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Reads all numbers. They are taken one after the other: each is right, their sum may be off by what happened meanwhile.
pub fn collect(shared: &Shared) -> Result<Stats> {
    shared.health.check_open()?;
    let mut entries = identity(shared);
    entries.extend(memory(shared));
    entries.extend(activity(shared));
    entries.push(("compaction_debt_bytes", StatValue::Number(compacting::debt_bytes(shared))));
    entries.push(("levels", StatValue::List(levels(shared))));
    entries.push(("families", StatValue::List(families(shared))));
    Ok(Stats { entries })
}

fn identity(shared: &Shared) -> Vec<(&'static str, StatValue)> {
    let text = |text: String| StatValue::Text(text);
    let failing: Vec<String> =
        shared.background.failing().iter().map(|(task, error)| format!("{}: {error}", task_name(*task))).collect();
    vec![
        ("path", text(shared.dir.display().to_string())),
        ("latest_seqno", StatValue::Number(shared.visible_seqno().get())),
        ("synced_seqno", StatValue::Number(shared.sync_queue.synced().get())),
        ("recovered_batches", StatValue::Number(shared.recovery.batches)),
        ("discarded_wal_bytes", StatValue::Number(shared.recovery.discarded_bytes)),
        ("read_only_reason", text(shared.health.poisoned().map(|e| e.to_string()).unwrap_or_default())),
        ("background_failing", text(failing.join("; "))),
    ]
}

fn task_name(task: Task) -> &'static str {
    match task {
        Task::PrepareSegment => "wal segment",
        Task::Flush => "flush",
        Task::Compact => "compaction",
    }
}

fn memory(shared: &Shared) -> Vec<(&'static str, StatValue)> {
    let families: Vec<_> = shared.all_families().iter().map(|family| family.current()).collect();
    let active: usize = families.iter().map(|f| f.memtable().approximate_bytes()).sum();
    let immutable: usize = families.iter().flat_map(|f| f.immutables()).map(|m| m.approximate_bytes()).sum();
    let waiting: usize = families.iter().map(|f| f.immutables().len()).sum();
    let tables = shared.tables();
    let (transactions, write_sets) = shared.transactions_and_their_bytes();
    [
        ("memory_budget_bytes", shared.options.memory_budget),
        ("memtable_bytes", active as u64),
        ("immutable_memtables", waiting as u64),
        ("immutable_memtable_bytes", immutable as u64),
        ("block_cache_capacity_bytes", tables.blocks().capacity_bytes()),
        ("block_cache_bytes", tables.blocks().used_bytes()),
        ("block_cache_hits_total", tables.blocks().hits()),
        ("block_cache_misses_total", tables.blocks().misses()),
        ("open_tables", tables.open_count() as u64),
        ("snapshots", shared.snapshots.count() as u64),
        ("live_tables", families.iter().map(|f| f.version().file_count() as u64).sum()),
        ("transactions", transactions),
        ("recent_write_set_bytes", write_sets),
        ("key_locks", shared.key_locks.held()),
        ("key_lock_waits_total", shared.key_locks.waits()),
        ("obsolete_tables", shared.obsolete.lock().len() as u64),
    ]
    .map(|(name, n)| (name, StatValue::Number(n)))
    .into()
}

fn activity(shared: &Shared) -> Vec<(&'static str, StatValue)> {
    let c = &shared.counters;
    [
        ("writes_total", &c.writes),
        ("write_bytes_total", &c.write_bytes),
        ("wal_bytes_total", &c.wal_bytes),
        ("wal_syncs_total", &c.wal_syncs),
        ("gets_total", &c.gets),
        ("gets_found_total", &c.gets_found),
        ("iterators_total", &c.iterators),
        ("flushes_total", &c.flushes),
        ("flush_bytes_total", &c.flush_bytes),
        ("compactions_total", &c.compactions),
        ("trivial_moves_total", &c.trivial_moves),
        ("expired_entries_total", &c.expired_entries),
        ("expired_tables_total", &c.expired_tables),
        ("compaction_read_bytes_total", &c.compaction_read_bytes),
        ("compaction_write_bytes_total", &c.compaction_write_bytes),
        ("background_failures_total", &c.background_failures),
        ("stalls_memtables_total", &c.stalls_memtables),
        ("stalls_level0_total", &c.stalls_level0),
        ("stalls_wal_segment_total", &c.stalls_wal_segment),
        ("stalled_ms_total", &c.stalled_ms),
        ("files_removed_total", &c.files_removed),
        ("transactions_total", &c.transactions),
        ("conflicts_total", &c.conflicts),
        ("read_sets_widened_total", &c.read_sets_widened),
    ]
    .map(|(name, counter)| (name, StatValue::Number(counter.get())))
    .to_vec()
}

/// One row per family.
fn families(shared: &Shared) -> Vec<Row> {
    let row = |family: &Arc<Family>| {
        let current = family.current();
        let immutable: usize = current.immutables().iter().map(|memtable| memtable.approximate_bytes()).sum();
        vec![
            ("family", StatValue::Text(family.name.clone())),
            ("id", StatValue::Number(u64::from(family.id.0))),
            ("tables", StatValue::Number(current.version().file_count() as u64)),
            ("bytes", StatValue::Number(current.version().total_bytes())),
            ("memtable_bytes", StatValue::Number((current.memtable().approximate_bytes() + immutable) as u64)),
        ]
    };
    shared.all_families().iter().map(row).collect()
}

/// One row per level, over all families.
fn levels(shared: &Shared) -> Vec<Row> {
    let families: Vec<_> = shared.all_families().iter().map(|family| family.current()).collect();
    let row = |level: Level| {
        let files = || families.iter().flat_map(|family| family.version().level(level));
        let sum = |of: fn(&crate::version::file_meta::FileMeta) -> u64| StatValue::Number(files().map(|f| of(f)).sum());
        vec![
            ("level", StatValue::Number(level.index() as u64)),
            ("tables", StatValue::Number(files().count() as u64)),
            ("bytes", sum(|f| f.file_size)),
            ("entries", sum(|f| f.entries)),
            ("deletes", sum(|f| f.deletes)),
            ("range_tombstones", sum(|f| f.range_tombstones)),
        ]
    };
    Level::all().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Stats {
        let level = |n| vec![("level", StatValue::Number(n)), ("tables", StatValue::Number(n + 3))];
        Stats {
            entries: vec![
                ("path", StatValue::Text("a \"b\"\n".to_owned())),
                ("writes_total", StatValue::Number(7)),
                ("levels", StatValue::List(vec![level(0), level(1)])),
            ],
        }
    }

    #[test]
    fn json_escapes_what_it_must() {
        let expected = "{\"path\":\"a \\\"b\\\"\\u000a\",\"writes_total\":7,\
                        \"levels\":[{\"level\":0,\"tables\":3},{\"level\":1,\"tables\":4}]}\n";
        assert_eq!(sample().render(StatsFormat::Json), expected);
    }

    #[test]
    fn prometheus_has_a_type_for_every_series() {
        let expected = "# TYPE esker_writes_total counter\nesker_writes_total 7\n# TYPE esker_level_tables gauge\n\
                        esker_level_tables{level=\"0\"} 3\nesker_level_tables{level=\"1\"} 4\n";
        assert_eq!(sample().render(StatsFormat::Prometheus), expected);
    }

    #[test]
    fn an_unknown_format_names_the_known_ones() {
        assert!(StatsFormat::parse("xml").unwrap_err().message().contains("prometheus"));
    }
}
