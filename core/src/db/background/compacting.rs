//! Compacting: what the pickers decide is executed here and installed. By background threads, or for a range by its caller.

use std::collections::HashSet;

use crate::compaction::job::{self, JobContext, Outcome};
use crate::compaction::manual::{RangeCompaction, Step};
use crate::compaction::options::{CompactionOptions, CompressedLevels, Style};
use crate::compaction::picker::Picker;
use crate::compaction::plan::{Claims, Compaction};
use crate::compaction::retention::LiveViews;
use crate::compaction::writer::OutputPlace;
use crate::db::background::flushing;
use crate::db::family::Family;
use crate::db::health::PoisonOnPanic;
use crate::db::info_log::LogLevel;
use crate::db::install;
use crate::db::obsolete;
use crate::db::state::Shared;
use crate::env::filename::{FileKind, FileNumber};
use crate::error::{Error, ErrorKind, Result};
use crate::memtable::Memtable;
use crate::options::{self, FamilyOptions, Options};
use crate::table::{Compression, TableOptions};
use crate::util::sync::Arc;
use crate::version::file_meta::FileMeta;
use crate::version::key_span::KeySpan;

/// The compaction that should run next beside those that hold `claims`.
pub fn pick(shared: &Shared, claims: &Claims) -> Option<Compaction> {
    let families = shared.all_families();
    families.iter().find_map(|family| with_picker(shared, family, claims, |picker| picker.pick()))
}

/// About how many bytes compactions must still write before nothing is due.
pub fn debt_bytes(shared: &Shared) -> u64 {
    let claims = Claims::default();
    shared.all_families().iter().map(|family| with_picker(shared, family, &claims, |picker| picker.debt_bytes())).sum()
}

/// Runs `compaction` and installs what it makes.
pub fn run(shared: &Shared, compaction: &Compaction) -> Result<()> {
    let started = shared.env.clock.monotonic_ms();
    let cancelled = || shared.background.is_stopping() || shared.health.poisoned().is_some();
    let Some(family) = shared.family(compaction.family) else {
        // Dropped since it was picked: its tables are obsolete already.
        return Ok(());
    };
    let table = table_options(shared, &family, Compression::Lz4);
    let new_number = || shared.numbers.allocate();
    let place = OutputPlace {
        fs: &*shared.env.fs,
        dir: &shared.dir,
        family: compaction.family,
        table: &table,
        new_number: &new_number,
    };
    let inputs: HashSet<FileNumber> = compaction.tables().map(|file| file.number).collect();
    // The same tables that the pick looked at: what it found droppable would otherwise be picked and refused for ever.
    let span = compaction.span();
    let elsewhere =
        |file: &FileMeta| !inputs.contains(&file.number) && span.overlaps(&compaction.order, &KeySpan::of(file));
    let views = views_over(shared, &family, elsewhere, |_| true);
    if compaction.drop_unread && !compaction.may_drop(&views) {
        // An operand came in between. The next pick sees it.
        return Ok(());
    }
    let (tables, operator) = (shared.tables(), family.merge.as_deref());
    let context = JobContext { place, tables: &tables, views: &views, operator, cancelled: &cancelled };
    let outcome = job::run(compaction, &context).map_err(|failed| install::abandon(shared, failed))?;
    let made = (outcome.tables.len(), outcome.written_bytes);
    install_outcome(shared, compaction, outcome)?;
    let took = shared.env.clock.monotonic_ms().saturating_sub(started);
    shared.health.log().push(LogLevel::Info, "compaction", describe(&family.name, compaction, made, took));
    Ok(())
}

/// What a compaction did, for people; `made` is how many tables it wrote, and their bytes.
fn describe(family: &str, compaction: &Compaction, made: (usize, u64), took_ms: u64) -> String {
    let (from, to, tables) = (compaction.level, compaction.output_level, compaction.tables().count());
    let of = format!("of family \"{}\"", family.escape_debug());
    if compaction.drop_unread {
        return format!("{tables} tables {of} on {from} had expired and went, in {took_ms} ms");
    }
    if compaction.trivial_move {
        return format!("{tables} tables {of} moved from {from} to {to} as they were, in {took_ms} ms");
    }
    let (read, (outputs, written)) = (compaction.input_bytes(), made);
    format!(
        "{tables} tables {of} from {from} into {to}: {read} bytes became {outputs} tables, {written} bytes, in {took_ms} ms"
    )
}

fn install_outcome(shared: &Shared, compaction: &Compaction, outcome: Outcome) -> Result<()> {
    // The outputs of a trivial move are the inputs: they stay whatever happens.
    let made = if compaction.trivial_move { &[][..] } else { &outcome.tables[..] };
    let files: Vec<FileKind> = made.iter().map(|table| FileKind::Table(table.number)).collect();
    install::apply(shared, outcome.edit).map_err(|error| error.remove_if_not_applied(shared, &files))?;
    let counters = &shared.counters;
    counters.expired_entries.add(outcome.expired);
    if compaction.drop_unread {
        counters.expired_tables.bump();
    } else if compaction.trivial_move {
        counters.trivial_moves.bump()
    } else {
        counters.compactions.bump()
    }
    counters.compaction_read_bytes.add(outcome.read_bytes);
    counters.compaction_write_bytes.add(outcome.written_bytes);
    Ok(())
}

/// How tables of `family` are written.
pub fn table_options(shared: &Shared, family: &Family, compression: Compression) -> TableOptions {
    TableOptions {
        block_size_bytes: family.options.block_size.unwrap_or(shared.options.block_size) as u32,
        compression,
        filter_bits_per_key: family.options.filter_bits_per_key.unwrap_or(shared.options.filter_bits_per_key),
        order: family.order.clone(),
    }
}

/// Compacts everything of `family` between `start` and `end` on the calling thread.
pub fn compact_range(shared: &Shared, family: &Arc<Family>, start: Option<&[u8]>, end: Option<&[u8]>) -> Result<()> {
    if let (Some(start), Some(end)) = (start, end)
        && family.order.cmp(start, end) == std::cmp::Ordering::Greater
    {
        return Err(Error::invalid("the range to compact ends before it starts"));
    }
    flushing::flush_now(shared, Some(family))?;
    let own = |key: Option<&[u8]>| key.map(<[u8]>::to_vec);
    let mut range = RangeCompaction::new(own(start), own(end), shared.numbers.next());
    loop {
        shared.health.check_writable()?;
        family.check_readable(None)?;
        let seen = shared.background.finished();
        let step = shared.background.with_claims(|claims| {
            let step = with_picker(shared, family, claims, |picker| range.next(picker));
            if let Step::Run(compaction) = &step {
                claims.take(compaction);
            }
            step
        })?;
        match step {
            Step::Done => return Ok(()),
            Step::Run(compaction) => {
                run_claimed(shared, &compaction)?;
                range.note_done(&compaction);
                // It holds the inputs, which may go now.
                drop(compaction);
                obsolete::remove_unused(shared);
                shared.background.run_inline(shared);
            }
            Step::Wait if shared.background.is_inline() => {
                return Err(Error::new(ErrorKind::Busy, "a compaction holds the tables of this range"));
            }
            Step::Wait => shared.background.wait_progress(seen, None),
        }
    }
}

/// Runs a compaction whose tables were claimed by the caller, and lets them go.
fn run_claimed(shared: &Shared, compaction: &Compaction) -> Result<()> {
    let _claimed = Claimed { shared, compaction };
    let guard = PoisonOnPanic::new(&shared.health, "a compaction");
    let result = run(shared, compaction);
    guard.disarm();
    result
}

/// Dropped, also by a panic, it lets go of the tables: close waits for that.
struct Claimed<'a> {
    shared: &'a Shared,
    compaction: &'a Compaction,
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        self.shared.background.release(self.compaction);
    }
}

fn with_picker<T>(shared: &Shared, family: &Family, claims: &Claims, ask: impl FnOnce(&Picker<'_>) -> T) -> T {
    let current = family.current();
    let views = shared.live_views();
    let (oldest_view, oldest_time_ms) = (views.oldest(), views.oldest_time_ms());
    let memtables = current.immutables().iter().chain([current.memtable()]);
    let earliest_operand_ms = memtables.map(|memtable| memtable.earliest_operand_ms()).min().unwrap_or(u64::MAX);
    let options = compaction_options(&shared.options, &family.options);
    let (family, version, options) = (family.id, current.version(), &options);
    ask(&Picker { family, version, options, claims, oldest_view, oldest_time_ms, earliest_operand_ms })
}

/// The live views, for work on tables or memtables of `family`; the two others say what of it is not among those.
pub fn views_over(
    shared: &Shared,
    family: &Family,
    is_table_elsewhere: impl Fn(&FileMeta) -> bool,
    is_memtable_elsewhere: impl Fn(&Arc<Memtable>) -> bool,
) -> LiveViews {
    let views = shared.live_views();
    if family.merge.is_none() {
        return views;
    }
    // Operands get their time under this lock: once it was ours, one with an earlier time than the views' is in its memtable.
    drop(shared.commit.lock());
    let current = family.current();
    let memtables = current.immutables().iter().chain([current.memtable()]);
    let memtables = memtables.filter(|memtable| is_memtable_elsewhere(memtable));
    let memtables = memtables.map(|memtable| memtable.earliest_operand_ms());
    let tables = current
        .version()
        .files()
        .filter(|(_, file)| is_table_elsewhere(file))
        .map(|(_, file)| file.earliest_operand_ms());
    views.with_operands_from(memtables.chain(tables).min().unwrap_or(u64::MAX))
}

/// The compaction layer's share of the options.
pub fn compaction_options(options: &Options, family: &FamilyOptions) -> CompactionOptions {
    CompactionOptions {
        l0_trigger: options.l0_compaction_trigger as usize,
        base_size_bytes: options.level_base_size,
        size_multiplier: u64::from(options.level_size_multiplier),
        target_file_size_bytes: options.target_file_size,
        style: match family.compaction_style.unwrap_or(options.compaction_style) {
            options::CompactionStyle::Leveled => Style::Leveled,
            options::CompactionStyle::Tiered => Style::Tiered,
        },
        compressed: match family.compression.unwrap_or(options.compression) {
            options::Compression::Auto => CompressedLevels::BelowBase,
            options::Compression::None => CompressedLevels::None,
            options::Compression::Lz4 => CompressedLevels::All,
        },
    }
}
