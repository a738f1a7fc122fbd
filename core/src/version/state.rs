//! [`ManifestState`]: everything the MANIFEST remembers, as one value; and how an edit makes the next one.
//!
//! The same code runs when an edit is about to be written and when it is read back, so that what was accepted is what
//! recovery accepts. [`StateBuilder`] applies many edits and puts tables into level order once; it never touches a family
//! that no edit names, so an unchanged family keeps the very same `Arc<Version>`.
//!
//! Invariants: counters only grow; a family id is never given twice; every file named lies below `next_file_number`; a table
//! belongs to one family. Errors are `InvalidArgument` with a reason; recovery turns them into `Corruption` with a place.
//!
//! Thread rule: plain data.

use std::collections::{BTreeMap, HashSet};

use crate::env::filename::{FileKind, FileNumber};
use crate::error::{Error, Result};
use crate::key::family::FamilyId;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::table::properties::order_name;
use crate::util::sync::Arc;
use crate::version::builder::VersionBuilder;
use crate::version::edit::{FamilySetting, MAX_NAME_LEN, NewFamily, VersionEdit};
use crate::version::file_meta::{FileMeta, Level};
use crate::version::orders::Orders;
use crate::version::version::Version;

/// What is on record about a family.
#[derive(Clone, Debug)]
pub struct FamilyState {
    /// What callers open it by.
    pub name: String,
    /// The name of its key order.
    pub order_name: String,
    /// What it is set to do, by name. Only what differs from the defaults.
    pub settings: BTreeMap<String, String>,
    /// Its tables.
    pub version: Arc<Version>,
    /// Everything of it up to this number is in tables.
    pub flushed_seqno: SeqNo,
}

/// Everything the MANIFEST remembers.
#[derive(Clone, Debug, Default)]
pub struct ManifestState {
    /// The families that exist.
    pub families: BTreeMap<FamilyId, FamilyState>,
    /// The live WAL segments, oldest first.
    pub wal_segments: Vec<FileNumber>,
    /// Above every file number on record.
    pub next_file_number: FileNumber,
    /// Above every family id ever given.
    pub next_family_id: FamilyId,
    /// The highest sequence number on record.
    pub last_seqno: SeqNo,
    /// The last logged commit known to be synced.
    pub synced_through: SeqNo,
    /// The highest time any view was given.
    pub view_time_ms: u64,
}

impl ManifestState {
    /// The state after `edit`; this one stays as it is.
    pub fn with(&self, edit: &VersionEdit, orders: &Orders) -> Result<ManifestState> {
        let mut builder = StateBuilder::new(self);
        builder.apply(edit, orders)?;
        builder.check_orders()?;
        builder.finish()
    }

    /// The one edit that makes this state out of nothing.
    pub fn to_snapshot(&self) -> VersionEdit {
        let mut edit = VersionEdit {
            wal_added: self.wal_segments.clone(),
            next_file_number: Some(self.next_file_number),
            next_family_id: Some(self.next_family_id),
            last_seqno: Some(self.last_seqno),
            synced_through: Some(self.synced_through),
            view_time_ms: Some(self.view_time_ms),
            ..VersionEdit::default()
        };
        for (&id, family) in &self.families {
            let (name, order_name) = (family.name.clone(), family.order_name.clone());
            edit.families_created.push(NewFamily { id, name, order_name });
            let setting = |(name, value): (&String, &String)| FamilySetting {
                family: id,
                name: name.clone(),
                value: value.clone(),
            };
            edit.family_settings.extend(family.settings.iter().map(setting));
            edit.flushed_seqno.push((id, family.flushed_seqno));
            edit.added.extend(family.version.files().map(|(level, file)| (level, Arc::clone(file))));
        }
        edit
    }

    /// Every table of every family.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<FileMeta>> {
        self.families.values().flat_map(|family| family.version.files().map(|(_, file)| file))
    }

    /// The files it names, besides the MANIFEST that holds it.
    pub fn live_files(&self) -> impl Iterator<Item = FileKind> {
        let tables = self.tables().map(|file| FileKind::Table(file.number));
        tables.chain(self.wal_segments.iter().copied().map(FileKind::Wal))
    }

    /// The family called `name`.
    pub fn family_named(&self, name: &str) -> Option<(FamilyId, &FamilyState)> {
        self.families.iter().find(|(_, family)| family.name == name).map(|(id, family)| (*id, family))
    }
}

/// A family while edits are applied to it.
#[derive(Debug)]
struct FamilyDraft {
    state: FamilyState,
    /// Its tables, once an edit has named them.
    changed: Option<VersionBuilder>,
    /// Whether its key order is known. A family that is dropped further on needs none.
    ordered: bool,
}

impl FamilyDraft {
    fn new(state: FamilyState, ordered: bool) -> FamilyDraft {
        FamilyDraft { state, changed: None, ordered }
    }

    fn builder(&mut self) -> &mut VersionBuilder {
        self.changed.get_or_insert_with(|| VersionBuilder::new(&self.state.version))
    }

    fn finish(mut self) -> Result<FamilyState> {
        if let Some(builder) = self.changed {
            let version = builder.finish().map_err(|e| e.context(format!("family {:?}", self.state.name)))?;
            self.state.version = Arc::new(version);
        }
        Ok(self.state)
    }
}

/// A state that edits are applied to.
#[derive(Debug)]
pub struct StateBuilder {
    families: BTreeMap<FamilyId, FamilyDraft>,
    /// Everything but the families.
    rest: ManifestState,
}

impl StateBuilder {
    /// Starts from `base`.
    pub fn new(base: &ManifestState) -> StateBuilder {
        StateBuilder {
            families: base.families.iter().map(|(id, family)| (*id, FamilyDraft::new(family.clone(), true))).collect(),
            rest: ManifestState {
                families: BTreeMap::new(),
                wal_segments: base.wal_segments.clone(),
                next_file_number: base.next_file_number,
                next_family_id: base.next_family_id,
                last_seqno: base.last_seqno,
                synced_through: base.synced_through,
                view_time_ms: base.view_time_ms,
            },
        }
    }

    /// Applies one edit. After an error the builder is half changed and good for nothing.
    pub fn apply(&mut self, edit: &VersionEdit, orders: &Orders) -> Result<()> {
        for family in &edit.families_created {
            self.create_family(family, orders)?;
        }
        for FamilySetting { family, name, value } in &edit.family_settings {
            let settings = &mut self.family(*family)?.state.settings;
            match value.is_empty() {
                true => settings.remove(name),
                false => settings.insert(name.clone(), value.clone()),
            };
        }
        self.apply_tables(edit)?;
        for (family, seqno) in &edit.flushed_seqno {
            let state = &mut self.family(*family)?.state;
            state.flushed_seqno = state.flushed_seqno.max(*seqno);
        }
        for family in &edit.families_dropped {
            if self.families.remove(family).is_none() {
                return Err(Error::invalid(format!("edit drops family {family}, which does not exist")));
            }
        }
        self.apply_wal(edit)?;
        let rest = &mut self.rest;
        rest.next_file_number = rest.next_file_number.max(edit.next_file_number.unwrap_or_default());
        rest.next_family_id = rest.next_family_id.max(edit.next_family_id.unwrap_or_default());
        rest.last_seqno = rest.last_seqno.max(edit.last_seqno.unwrap_or_default());
        rest.synced_through = rest.synced_through.max(edit.synced_through.unwrap_or_default());
        rest.view_time_ms = rest.view_time_ms.max(edit.view_time_ms.unwrap_or_default());
        let tables = edit.added.iter().map(|(_, file)| file.number);
        match tables.chain(edit.wal_added.iter().copied()).find(|number| *number >= rest.next_file_number) {
            Some(number) => Err(Error::invalid(format!("edit names file {number}, a number that was never given"))),
            None => Ok(()),
        }
    }

    /// Whether the key order of every family that is left is known. To be asked before [`StateBuilder::finish`]: an error is
    /// the caller's to mend, not damage.
    pub fn check_orders(&self) -> Result<()> {
        let Some(draft) = self.families.values().find(|draft| !draft.ordered) else { return Ok(()) };
        let FamilyState { name, order_name, .. } = &draft.state;
        let message = format!("family {name:?} is ordered by {order_name:?}: open it with a comparator of that name");
        Err(Error::invalid(message))
    }

    /// The state, every family's tables in order and checked.
    pub fn finish(self) -> Result<ManifestState> {
        let mut state = self.rest;
        for (id, draft) in self.families {
            state.families.insert(id, draft.finish()?);
        }
        let mut seen = HashSet::new();
        let twice = state.live_files().filter_map(FileKind::number).find(|number| !seen.insert(*number));
        match twice {
            Some(number) => Err(Error::invalid(format!("file number {number} is in use twice"))),
            None => Ok(state),
        }
    }

    fn family(&mut self, id: FamilyId) -> Result<&mut FamilyDraft> {
        self.families
            .get_mut(&id)
            .ok_or_else(|| Error::invalid(format!("edit names family {id}, which does not exist")))
    }

    fn create_family(&mut self, new: &NewFamily, orders: &Orders) -> Result<()> {
        // Records of a dropped family may still stand in the WAL: under a number used twice they would come back to life.
        if new.id < self.rest.next_family_id {
            return Err(Error::invalid(format!("edit creates family {} under a number that was used before", new.id)));
        }
        let named = |draft: &FamilyDraft| draft.state.name == new.name;
        if new.name.is_empty() || new.name.len() > MAX_NAME_LEN || self.families.values().any(named) {
            return Err(Error::invalid(format!(
                "a family cannot be called {:?}: the name is taken or unfit",
                new.name
            )));
        }
        let order = orders.find(&new.order_name);
        let Some(next) = new.id.0.checked_add(1) else {
            return Err(Error::invalid(format!("family id {} is the last there is", new.id)));
        };
        self.rest.next_family_id = self.rest.next_family_id.max(FamilyId(next));
        let ordered = order.is_some();
        let state = FamilyState {
            name: new.name.clone(),
            order_name: new.order_name.clone(),
            settings: BTreeMap::new(),
            version: Arc::new(Version::empty(order.unwrap_or_default())),
            flushed_seqno: SeqNo::ZERO,
        };
        self.families.insert(new.id, FamilyDraft::new(state, ordered));
        Ok(())
    }

    fn apply_tables(&mut self, edit: &VersionEdit) -> Result<()> {
        let mut changes: BTreeMap<FamilyId, TableChanges<'_>> = BTreeMap::new();
        for (family, level, number) in &edit.deleted {
            changes.entry(*family).or_default().deleted.push((*level, *number));
        }
        for (level, file) in &edit.added {
            changes.entry(file.family).or_default().added.push((*level, file));
            self.rest.last_seqno = self.rest.last_seqno.max(file.largest_seqno);
        }
        for (family, change) in changes {
            self.family(family)?.builder().apply(change.deleted, change.added)?;
        }
        Ok(())
    }

    fn apply_wal(&mut self, edit: &VersionEdit) -> Result<()> {
        let live = &mut self.rest.wal_segments;
        for number in &edit.wal_removed {
            let Some(at) = live.iter().position(|n| n == number) else {
                return Err(Error::invalid(format!("edit removes WAL segment {number}, which is not live")));
            };
            live.remove(at);
        }
        live.extend(&edit.wal_added);
        Ok(())
    }
}

#[derive(Debug, Default)]
struct TableChanges<'e> {
    deleted: Vec<(Level, FileNumber)>,
    added: Vec<(Level, &'e Arc<FileMeta>)>,
}

/// A family of the name `name`, ordered by `order`, as an edit records it.
pub fn new_family(id: FamilyId, name: &str, order: &Order) -> NewFamily {
    NewFamily { id, name: name.to_owned(), order_name: order_name(order).to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::file_meta::testing::meta;
    use crate::version::orders::testing::Reversed;

    fn family(id: u32, name: &str) -> NewFamily {
        new_family(FamilyId(id), name, &Order::Bytewise)
    }

    fn table(number: u64, family: u32) -> (Level, Arc<FileMeta>) {
        (Level::ZERO, Arc::new(FileMeta { family: FamilyId(family), ..meta(number, "a", "z", 5..=9) }))
    }

    fn base() -> ManifestState {
        let edit = VersionEdit {
            families_created: vec![family(0, "default"), family(1, "users")],
            added: vec![table(3, 0), table(4, 1)],
            wal_added: vec![FileNumber::new(2)],
            flushed_seqno: vec![(FamilyId(1), SeqNo::new(9).unwrap())],
            next_file_number: Some(FileNumber::new(10)),
            view_time_ms: Some(77),
            ..VersionEdit::default()
        };
        ManifestState::default().with(&edit, &Orders::new()).unwrap()
    }

    fn same(a: &ManifestState, b: &ManifestState) -> bool {
        a.to_snapshot() == b.to_snapshot()
    }

    #[test]
    fn a_snapshot_makes_the_same_state_out_of_nothing() {
        let state = base();
        assert_eq!((state.last_seqno.get(), state.next_family_id), (9, FamilyId(2)));
        let again = ManifestState::default().with(&state.to_snapshot(), &Orders::new()).unwrap();
        assert!(same(&state, &again));
        assert_eq!(state.live_files().count(), 3);
        assert_eq!(state.family_named("users").map(|(id, _)| id), Some(FamilyId(1)));
    }

    #[test]
    fn a_family_that_no_edit_names_keeps_its_version() {
        let state = base();
        let edit = VersionEdit { added: vec![(Level::LAST, table(5, 1).1)], ..VersionEdit::default() };
        let next = state.with(&edit, &Orders::new()).unwrap();
        let version = |state: &ManifestState, id| Arc::clone(&state.families[&FamilyId(id)].version);
        assert!(Arc::ptr_eq(&version(&state, 0), &version(&next, 0)));
        assert_eq!(version(&next, 1).file_count(), 2);
    }

    #[test]
    fn counters_never_run_backwards() {
        let edit = VersionEdit {
            next_file_number: Some(FileNumber::new(1)),
            last_seqno: Some(SeqNo::ZERO),
            view_time_ms: Some(1),
            flushed_seqno: vec![(FamilyId(1), SeqNo::ZERO)],
            ..VersionEdit::default()
        };
        let state = base();
        assert!(same(&state.with(&edit, &Orders::new()).unwrap(), &state));
    }

    #[test]
    fn a_dropped_family_takes_its_tables_along_and_its_id_never_comes_back() {
        let drop = VersionEdit { families_dropped: vec![FamilyId(1)], ..VersionEdit::default() };
        let dropped = base().with(&drop, &Orders::new()).unwrap();
        assert_eq!(dropped.tables().count(), 1);
        let again = |id| VersionEdit { families_created: vec![family(id, "users")], ..VersionEdit::default() };
        assert!(dropped.with(&again(1), &Orders::new()).is_err());
        assert!(dropped.with(&again(2), &Orders::new()).is_ok());
        // Through a snapshot as well: the counter is on record, not derived from the families that are left.
        let reread = ManifestState::default().with(&dropped.to_snapshot(), &Orders::new()).unwrap();
        assert!(reread.with(&again(1), &Orders::new()).is_err());
    }

    #[test]
    fn edits_that_make_no_sense_are_refused() {
        let state = base();
        let refused = |edit: VersionEdit| state.with(&edit, &Orders::new()).unwrap_err().message().to_owned();
        let none = VersionEdit::default;
        assert!(refused(VersionEdit { added: vec![table(5, 7)], ..none() }).contains("family 7"));
        assert!(refused(VersionEdit { added: vec![table(10, 0)], ..none() }).contains("never given"));
        let twice = (Level::LAST, table(3, 1).1);
        assert!(refused(VersionEdit { added: vec![twice], ..none() }).contains("in use twice"));
        let segment = vec![FileNumber::new(2)];
        assert!(refused(VersionEdit { wal_added: segment, ..none() }).contains("in use twice"));
        let unknown = vec![FileNumber::new(8)];
        assert!(refused(VersionEdit { wal_removed: unknown, ..none() }).contains("not live"));
        assert!(refused(VersionEdit { families_dropped: vec![FamilyId(5)], ..none() }).contains("family 5"));
        for name in ["default", "", &"x".repeat(256)] {
            assert!(refused(VersionEdit { families_created: vec![family(2, name)], ..none() }).contains("called"));
        }
    }

    #[test]
    fn an_order_that_is_not_known_fails_and_says_what_to_do() {
        let mut orders = Orders::new();
        let new = NewFamily { id: FamilyId(2), name: "logs".to_owned(), order_name: "reversed".to_owned() };
        let edit = VersionEdit { families_created: vec![new], ..VersionEdit::default() };
        let error = base().with(&edit, &orders).unwrap_err();
        assert!(error.message().contains("\"reversed\": open it with a comparator of that name"), "{error}");
        orders.add(Arc::new(Reversed)).unwrap();
        let state = base().with(&edit, &orders).unwrap();
        assert!(state.families[&FamilyId(2)].version.order().cmp(b"b", b"a").is_lt());
    }
}
