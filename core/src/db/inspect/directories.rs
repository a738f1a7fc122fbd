//! What a database directory holds: which database it is, its families, and every file, with whether the database needs it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::db::inspect::manifests::edits;
use crate::db::inspect::{Findings, text};
use crate::db::open::no_database;
use crate::db::stats::{Row, StatValue};
use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{FileSystem, OpenMode};
use crate::error::{Error, Result};
use crate::key::family::FamilyId;
use crate::version::edit::VersionEdit;
use crate::version::{current, identity};

/// What the edits of a MANIFEST make, as far as names and numbers go.
#[derive(Default)]
struct Named {
    families: BTreeMap<FamilyId, Family>,
    tables: BTreeMap<FileNumber, (FamilyId, u64)>,
    segments: BTreeSet<FileNumber>,
}

#[derive(Default)]
struct Family {
    name: String,
    order: String,
    settings: BTreeMap<String, String>,
}

impl Named {
    fn apply(&mut self, edit: &VersionEdit) {
        for family in &edit.families_created {
            let (name, order) = (family.name.clone(), family.order_name.clone());
            self.families.insert(family.id, Family { name, order, ..Family::default() });
        }
        for setting in &edit.family_settings {
            if let Some(family) = self.families.get_mut(&setting.family) {
                family.settings.insert(setting.name.clone(), setting.value.clone());
                family.settings.retain(|_, value| !value.is_empty());
            }
        }
        for (_, _, table) in &edit.deleted {
            self.tables.remove(table);
        }
        for (_, file) in &edit.added {
            self.tables.insert(file.number, (file.family, file.file_size));
        }
        for dropped in &edit.families_dropped {
            self.families.remove(dropped);
            self.tables.retain(|_, (family, _)| family != dropped);
        }
        self.segments.extend(&edit.wal_added);
        self.segments.retain(|segment| !edit.wal_removed.contains(segment));
    }

    fn family_row(&self, id: FamilyId, family: &Family) -> Row {
        let tables = self.tables.values().filter(|(of, _)| *of == id);
        let (count, bytes) = tables.fold((0, 0u64), |(count, sum), (_, bytes)| (count + 1, sum.saturating_add(*bytes)));
        let mut row = vec![
            ("family", StatValue::Number(u64::from(id.0))),
            ("name", text(&family.name)),
            ("order", text(&family.order)),
            ("tables", StatValue::Number(count)),
            ("table_bytes", StatValue::Number(bytes)),
        ];
        let setting = |(name, value): (&String, &String)| vec![("name", text(name)), ("value", text(value))];
        if !family.settings.is_empty() {
            row.push(("settings", StatValue::List(family.settings.iter().map(setting).collect())));
        }
        row
    }
}

/// Looks at `dir`.
pub fn inspect(fs: &dyn FileSystem, dir: &Path, found: &mut Findings<'_>) -> Result<()> {
    let mut files: Vec<FileKind> = fs.list(dir)?.iter().filter_map(|name| FileKind::parse(name)).collect();
    if files.is_empty() {
        return Err(no_database(dir));
    }
    files.sort();
    found.text("kind", "directory");
    found.text("directory", dir.display().to_string());
    let mut named = Named::default();
    let manifest = match database(fs, dir, found, &mut named) {
        Ok(manifest) => manifest,
        Err(error) => {
            found.problem(error);
            None
        }
    };
    let families = named.families.iter().map(|(id, family)| named.family_row(*id, family)).collect();
    found.extend([("families", StatValue::List(families))]);
    found.begin("files");
    for kind in &files {
        let Some(stat) = fs.stat(&dir.join(kind.name()))? else { continue };
        let needed = match kind {
            FileKind::Manifest(_) => manifest == Some(*kind),
            FileKind::Wal(number) => named.segments.contains(number),
            FileKind::Table(number) => named.tables.contains_key(number),
            FileKind::Temp(_) => false,
            FileKind::Lock | FileKind::Identity | FileKind::Current | FileKind::Options => true,
        };
        let live = text(if needed { "yes" } else { "no" });
        found.row(vec![("name", text(kind.name())), ("bytes", StatValue::Number(stat.len)), ("live", live)]);
    }
    let tables = named.tables.keys().map(|number| FileKind::Table(*number));
    let missing = tables.chain(named.segments.iter().map(|number| FileKind::Wal(*number)));
    if let Some(kind) = missing.into_iter().find(|kind| !files.contains(kind)) {
        let path = dir.join(kind.name());
        found.problem(Error::corruption(path, 0, "MANIFEST names this file, and it is missing"));
    }
    Ok(())
}

/// IDENTITY, CURRENT and the MANIFEST that it names, which is returned.
fn database(fs: &dyn FileSystem, dir: &Path, found: &mut Findings<'_>, named: &mut Named) -> Result<Option<FileKind>> {
    let missing = |kind: FileKind| Error::corruption(dir.join(kind.name()), 0, format!("{} is missing", kind.name()));
    if identity::read(fs, dir)?.is_none() {
        found.problem(missing(FileKind::Identity));
    }
    let number = current::read(fs, dir)?.ok_or_else(|| missing(FileKind::Current))?;
    let manifest = FileKind::Manifest(number);
    found.text("manifest", manifest.name());
    let file = fs.open(&dir.join(manifest.name()), OpenMode::Read)?;
    edits(&file, Some(number), found, &mut |_, _, edit, _| {
        named.apply(edit);
        Ok(())
    })?;
    Ok(Some(manifest))
}
