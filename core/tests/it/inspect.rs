//! Looking into the files of a database: what is in them is shown, what is broken in them is named, and nothing is changed.

use std::fs;
use std::path::{Path, PathBuf};

use esker::{
    Db, ErrorKind, FamilyOptions, InspectKind, InspectOptions, Inspection, Options, StatsFormat, WriteBatch,
    WriteOptions,
};
use serde_json::Value;

fn inspect(path: &Path) -> Inspection {
    Db::inspect(path, &InspectOptions { entries: 1_000, ..InspectOptions::default() }).unwrap()
}

fn json(inspection: &Inspection) -> Value {
    serde_json::from_str(&inspection.render(StatsFormat::Json).unwrap()).unwrap()
}

fn rows<'a>(json: &'a Value, name: &str) -> &'a Vec<Value> {
    json[name].as_array().unwrap_or_else(|| panic!("no {name} in {json}"))
}

fn sum(rows: &[Value], name: &str) -> u64 {
    rows.iter().map(|row| row[name].as_u64().unwrap()).sum()
}

/// The files of `dir` whose names end so, oldest first.
fn files(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(ending));
    paths.sort();
    paths
}

fn manifest(dir: &Path) -> PathBuf {
    dir.join(fs::read_to_string(dir.join("CURRENT")).unwrap().trim_end())
}

/// A database with a table of every kind of entry, and every kind of write in its log.
fn filled(dir: &Path) -> Db {
    let options = Options { wal_segment_size: 64 << 10, block_size: 256, ..Options::default() };
    let db = Db::open(dir, &options).unwrap();
    let notes = FamilyOptions { merge_operator: "append(,)".to_owned(), ..FamilyOptions::default() };
    let notes = db.create_family("notes\n", &notes).unwrap();
    let write = || {
        let mut batch = WriteBatch::new();
        batch.put(b"a \"\xff", b"value").unwrap();
        batch.delete(b"gone").unwrap();
        batch.put_expiring(b"lease", b"held", 1 << 50).unwrap();
        batch.delete_range(b"r", b"s").unwrap();
        batch.merge_in(notes.id(), b"list", b"more").unwrap();
        db.write_with(&batch, &WriteOptions::sync()).unwrap();
    };
    write();
    (0..40).for_each(|n| db.put(format!("key{n:02}"), [n; 30]).unwrap());
    db.flush().unwrap();
    write();
    db
}

/// The bytes of every file, to see that nothing changes.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    files(dir, "").into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn every_kind_of_file_of_an_open_database_shows_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let db = filled(dir.path());
    let before = contents(dir.path());

    let overview = json(&inspect(dir.path()));
    assert_eq!(overview["kind"], "directory");
    assert_eq!(rows(&overview, "families")[1]["name"], "notes\n");
    assert_eq!(rows(&overview, "families")[1]["settings"][0]["value"], "append(,)");
    assert_eq!(rows(&overview, "files").len(), before.len());
    assert!(rows(&overview, "files").iter().all(|file| file["live"] == "yes"), "{overview}");
    let text = inspect(dir.path()).render(StatsFormat::Text).unwrap();
    assert!(text.contains("name notes\\n") && !text.contains("notes\n "), "{text}");

    let log = files(dir.path(), ".wal").iter().map(|path| json(&inspect(path))).find(|log| log["entries"] == 50);
    let log = log.expect("the log that was written to has 50 entries");
    let records = rows(&log, "records");
    assert_eq!((&log["kind"], &records[0]["type"], records.len()), (&"wal".into(), &"link".into(), 43));
    let entries = records[42]["entries"].as_array().unwrap();
    let shown: Vec<String> = entries.iter().map(|e| format!("{} {} {}", e["kind"], e["family"], e["key"])).collect();
    let expected = [
        r#""put" 0 "a \\\"\\xff""#,
        r#""delete" 0 "gone""#,
        r#""put_expiring" 0 "lease""#,
        r#""delete_range" 0 "r""#,
        r#""merge" 1 "list""#,
    ];
    assert_eq!(shown, expected);
    assert_eq!((&entries[2]["expires_at_ms"], &entries[2]["value_bytes"]), (&(1u64 << 50).into(), &4.into()));
    assert_eq!((&entries[3]["end"], &entries[4]["value_bytes"]), (&"s".into(), &4.into()));
    assert_eq!(log["slot_synced_seqno"], log["last_seqno"], "the last write was synced");

    let edits = json(&inspect(&manifest(dir.path())));
    assert_eq!((&edits["kind"], &edits["edits"][0]["type"]), (&"manifest".into(), &"snapshot".into()));
    let of = |field: &str| rows(&edits, "edits").iter().filter_map(|edit| edit[field].as_array()).flatten().count();
    assert_eq!((of("tables_added"), of("families_created")), (2, 2), "{edits}");
    assert_eq!(edits["slot_synced_end"], edits["end"]);

    let tables: Vec<Value> = files(dir.path(), ".sst").iter().map(|path| json(&inspect(path))).collect();
    let of_default = tables.iter().find(|table| table["family"] == 0).unwrap();
    let blocks = rows(of_default, "blocks");
    assert!(blocks.len() > 3 && sum(blocks, "count") == 43 && of_default["entries"] == 43, "{of_default}");
    assert_eq!((&blocks[0]["first"], &blocks.last().unwrap()["last"]), (&"a \\\"\\xff".into(), &"lease".into()));
    assert_eq!(blocks[0]["offset"], 0);
    assert_eq!(sum(blocks, "bytes") + 13 * blocks.len() as u64, of_default["data_bytes"].as_u64().unwrap());
    assert_eq!(of_default["range_tombstones"][0]["end"], "s");
    let first = &blocks[0]["entries"][0];
    assert_eq!((&first["kind"], &first["value_bytes"]), (&"put".into(), &5.into()));

    for path in files(dir.path(), "").iter().filter(|path| is_inspected(path)) {
        let inspection = inspect(path);
        assert!(inspection.problem().is_none() && json(&inspection)["problems"] == Value::Array(vec![]), "{path:?}");
        assert!(!inspection.render(StatsFormat::Text).unwrap().contains('\u{1b}'));
    }
    assert!(contents(dir.path()) == before, "something was changed");
    db.put("still", "open").unwrap();
}

fn is_inspected(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    name.ends_with(".wal") || name.ends_with(".sst") || name.starts_with("MANIFEST-")
}

#[test]
fn a_log_cut_anywhere_shows_the_records_before_the_cut() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).close().unwrap();
    let logs = files(dir.path(), ".wal");
    let whole = logs.iter().map(|path| (path, json(&inspect(path)))).find(|(_, log)| log["entries"] == 50);
    let (path, whole) = whole.unwrap();
    let (bytes, end) = (fs::read(path).unwrap(), whole["end"].as_u64().unwrap() as usize);
    let ends: Vec<u64> = rows(&whole, "records").iter().map(|record| record["offset"].as_u64().unwrap()).collect();
    let copy = dir.path().join("copy").join(path.file_name().unwrap());
    fs::create_dir(copy.parent().unwrap()).unwrap();
    for len in (0..1100).step_by(3).chain(1100..=end + 1) {
        fs::write(&copy, &bytes[..len]).unwrap();
        let cut = json(&inspect(&copy));
        if len >= 1024 {
            // A record is there if the next one could start within what is left.
            let whole = ends.iter().skip(1).chain([&(end as u64)]).filter(|next| **next <= len as u64).count();
            assert_eq!(rows(&cut, "records").len(), whole, "cut at {len}");
        }
        // The slot vouches for the last batch, and is not in use before the first two sectors are synced.
        let missing = len < end;
        assert_eq!(rows(&cut, "problems").len(), usize::from(missing), "cut at {len}: {cut}");
        assert!(!missing || cut["problems"][0]["file"].is_string() && cut["problems"][0]["offset"].is_u64(), "{cut}");
    }
}

#[test]
fn one_changed_byte_of_a_table_or_of_what_is_synced_is_a_problem() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).close().unwrap();
    let table = files(dir.path(), ".sst").remove(0);
    let log = files(dir.path(), ".wal").into_iter().find(|path| json(&inspect(path))["entries"] == 50).unwrap();
    for path in [table, log, manifest(dir.path())] {
        let (bytes, said) = (fs::read(&path).unwrap(), json(&inspect(&path)));
        let end = said["end"].as_u64().map_or(bytes.len(), |end| end as usize);
        for at in (0..end).step_by(if end > 4096 { 7 } else { 1 }) {
            // The slot vouches for the rest: without it the rest still has to be whole, and is.
            if said["end"].is_u64() && (40..1024).contains(&at) {
                continue;
            }
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            fs::write(&path, &changed).unwrap();
            let inspection = inspect(&path);
            let problem = inspection.problem().unwrap_or_else(|| panic!("byte {at} of {path:?} changed unnoticed"));
            assert_eq!(problem.file(), Some(path.as_path()), "byte {at}: {problem}");
            assert!(problem.offset().is_some_and(|offset| offset <= bytes.len() as u64), "byte {at}: {problem}");
        }
        fs::write(&path, &bytes).unwrap();
    }
}

#[test]
fn what_is_left_out_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).close().unwrap();
    let log = files(dir.path(), ".wal").into_iter().find(|path| json(&inspect(path))["entries"] == 50).unwrap();
    let few = InspectOptions { rows: 3, entries: 6, ..InspectOptions::default() };
    let few = json(&Db::inspect(&log, &few).unwrap());
    assert_eq!((rows(&few, "records").len(), &few["rows_left_out"]), (3, &40.into()));
    assert_eq!((&few["entries"], &few["entries_left_out"]), (&50.into(), &44.into()));
    let hex = InspectOptions { entries: 1, show: |key| Ok(format!("{key:02x?}")), ..InspectOptions::default() };
    let hex = json(&Db::inspect(&log, &hex).unwrap());
    assert_eq!(hex["records"][1]["entries"][0]["key"], "[61, 20, 22, ff]");
    let refused =
        InspectOptions { entries: 1, show: |_| Err(esker::Error::invalid("no")), ..InspectOptions::default() };
    assert_eq!(Db::inspect(&log, &refused).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn what_is_no_file_of_a_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let refused =
        |path: &Path, kind| Db::inspect(path, &InspectOptions { kind, ..InspectOptions::default() }).unwrap_err();
    assert_eq!(refused(&at("missing.wal"), None).kind(), ErrorKind::NotFound);
    assert_eq!(refused(dir.path(), None).kind(), ErrorKind::NotFound, "an empty directory");
    assert_eq!(refused(dir.path(), Some(InspectKind::Wal)).kind(), ErrorKind::InvalidArgument);
    fs::write(at("notes.txt"), "a text of more than eight bytes").unwrap();
    let unknown = refused(&at("notes.txt"), None);
    assert!(unknown.kind() == ErrorKind::InvalidArgument && unknown.file().is_some(), "{unknown}");
    std::os::unix::fs::symlink(at("notes.txt"), at("000001.wal")).unwrap();
    assert_eq!(refused(&at("000001.wal"), None).kind(), ErrorKind::Io, "symlinks are not followed");
    let fifo = std::process::Command::new("mkfifo").arg(at("000002.sst")).status().unwrap();
    assert!(fifo.success());
    assert_eq!(refused(&at("000002.sst"), None).kind(), ErrorKind::Io, "a pipe is not waited for");
}

#[test]
fn a_file_without_its_magic_number_is_what_its_name_or_the_caller_says() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("000007.wal");
    for (bytes, kind) in [(&b""[..], None), (b"nothing like a log", None), (&[0; 4096], Some(InspectKind::Table))] {
        fs::write(&path, bytes).unwrap();
        let inspection = Db::inspect(&path, &InspectOptions { kind, ..InspectOptions::default() }).unwrap();
        assert_eq!(json(&inspection)["kind"], if kind.is_some() { "table" } else { "wal" });
        let problem = inspection.problem().unwrap();
        assert_eq!((problem.kind(), problem.file()), (ErrorKind::Corruption, Some(path.as_path())));
    }
    // Whole files under each other's names are told by their bytes.
    let db = dir.path().join("db");
    filled(&db).close().unwrap();
    fs::copy(files(&db, ".sst").remove(0), &path).unwrap();
    let swapped = inspect(&path);
    assert_eq!(json(&swapped)["kind"], "table");
    assert!(swapped.problem().unwrap().message().contains("under the name of a wal"));
    fs::copy(manifest(&db), dir.path().join("MANIFEST-000099")).unwrap();
    assert!(inspect(&dir.path().join("MANIFEST-000099")).problem().unwrap().message().contains("another name"));
    assert!(Db::inspect(&path, &InspectOptions::default()).unwrap().render(StatsFormat::Prometheus).is_err());
}

#[test]
fn a_directory_that_lacks_files_names_the_first_and_shows_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).close().unwrap();
    let table = files(dir.path(), ".sst").remove(0);
    fs::write(dir.path().join("000999.wal"), "nobody's").unwrap();
    fs::remove_file(&table).unwrap();
    let inspection = inspect(dir.path());
    assert_eq!(inspection.problem().unwrap().file(), Some(table.as_path()));
    let overview = json(&inspection);
    let orphan = rows(&overview, "files").iter().find(|file| file["name"] == "000999.wal").unwrap();
    assert_eq!(orphan["live"], "no");
    for gone in [PathBuf::from("IDENTITY"), manifest(dir.path()), PathBuf::from("CURRENT")] {
        fs::remove_file(dir.path().join(&gone)).unwrap();
        let overview = json(&inspect(dir.path()));
        assert_eq!(rows(&overview, "problems").len(), 1, "without {gone:?}");
        assert!(rows(&overview, "files").len() > 4);
    }
}
