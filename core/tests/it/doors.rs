//! T11: locks, permissions and paths. Who may open what, and what happens to the rest.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use esker::{Db, ErrorKind, Options};

fn open(dir: &Path) -> Result<Db, esker::Error> {
    Db::open(dir, &Options::default())
}

fn kind(result: Result<Db, esker::Error>) -> ErrorKind {
    result.map(|_| ()).unwrap_err().kind()
}

fn filled(dir: &Path) {
    let db = open(dir).unwrap();
    db.put("k", "v").unwrap();
    db.flush().unwrap();
    db.put("log", "v").unwrap();
    db.close().unwrap();
}

fn find(dir: &Path, ending: &str) -> std::path::PathBuf {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.into_iter().find(|path| path.to_string_lossy().ends_with(ending)).unwrap()
}

#[test]
fn twice_in_one_process_is_locked_and_names_this_process() {
    let dir = tempfile::tempdir().unwrap();
    let _db = open(dir.path()).unwrap();
    let error = open(dir.path()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    // By another path it is the same directory.
    let alias = dir.path().join(".");
    assert_eq!(kind(open(&alias)), ErrorKind::Locked);
}

#[test]
fn files_are_for_their_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("db");
    filled(&db);
    assert_eq!(fs::metadata(&db).unwrap().permissions().mode() & 0o777, 0o700);
    for entry in fs::read_dir(&db).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn a_symlink_in_the_place_of_a_table_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let table = find(dir.path(), ".sst");
    let elsewhere = dir.path().join("elsewhere");
    fs::rename(&table, &elsewhere).unwrap();
    symlink(&elsewhere, &table).unwrap();
    assert_eq!(kind(open(dir.path())), ErrorKind::Corruption);
    assert!(elsewhere.exists() && table.is_symlink(), "nothing was removed");
}

#[test]
fn a_symlink_to_the_directory_is_the_callers_choice() {
    let dir = tempfile::tempdir().unwrap();
    let (real, alias) = (dir.path().join("real"), dir.path().join("alias"));
    filled(&real);
    symlink(&real, &alias).unwrap();
    let db = open(&alias).unwrap();
    assert_eq!(db.get("k").unwrap().as_deref(), Some(&b"v"[..]));
    assert_eq!(kind(open(&real)), ErrorKind::Locked);
}

#[test]
fn a_directory_in_the_place_of_current_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    fs::remove_file(dir.path().join("CURRENT")).unwrap();
    fs::create_dir(dir.path().join("CURRENT")).unwrap();
    assert!(open(dir.path()).is_err());
    assert!(find(dir.path(), ".sst").exists());
}

#[test]
fn a_file_in_the_place_of_the_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert_eq!(kind(open(&file)), ErrorKind::InvalidArgument);
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn a_missing_parent_is_an_error_that_names_the_path() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("no/such/parent");
    let error = open(&deep).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("no/such/parent"), "{error}");
}

#[test]
fn odd_names_are_directories_like_any_other() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    for name in [&b"with space"[..], b"newline\n", b"\xff\xfe not utf-8", "\u{1f600}".as_bytes()] {
        let path = dir.path().join(std::ffi::OsStr::from_bytes(name));
        filled(&path);
        assert_eq!(open(&path).unwrap().get("k").unwrap().as_deref(), Some(&b"v"[..]));
    }
    let too_long = dir.path().join("x".repeat(5000));
    assert!(open(&too_long).is_err());
    let nul = dir.path().join("a\0b");
    assert_eq!(kind(open(&nul)), ErrorKind::InvalidArgument);
}

#[test]
fn a_moved_database_opens_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    filled(&old);
    fs::rename(&old, &new).unwrap();
    let db = open(&new).unwrap();
    assert_eq!(db.get("k").unwrap().as_deref(), Some(&b"v"[..]));
    assert_eq!(db.get("log").unwrap().as_deref(), Some(&b"v"[..]));
}

#[test]
fn garbage_in_current_a_deleted_log_and_a_cut_table_name_the_file_and_delete_nothing() {
    type Harm = fn(&Path) -> String;
    let harms: [Harm; 4] = [
        |dir| {
            fs::write(dir.join("CURRENT"), "garbage\n").unwrap();
            "CURRENT".to_owned()
        },
        |dir| {
            let log = find(dir, ".wal");
            fs::remove_file(&log).unwrap();
            log.file_name().unwrap().to_string_lossy().into_owned()
        },
        |dir| {
            let table = find(dir, ".sst");
            let file = fs::OpenOptions::new().write(true).open(&table).unwrap();
            file.set_len(100).unwrap();
            table.file_name().unwrap().to_string_lossy().into_owned()
        },
        |dir| {
            let manifest = find(dir, "MANIFEST-000001");
            let mut bytes = fs::read(&manifest).unwrap();
            bytes[1100] ^= 4;
            fs::write(&manifest, bytes).unwrap();
            "MANIFEST-000001".to_owned()
        },
    ];
    for harm in harms {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path());
        let name = harm(dir.path());
        let before: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let error = open(dir.path()).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corruption, "{name}: {error}");
        assert!(error.to_string().contains(&name), "{name}: {error}");
        let after: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(before.len(), after.len(), "{name}: {before:?} became {after:?}");
        let report = Db::verify(dir.path()).unwrap();
        assert!(!report.is_ok() && report.render().contains(&name), "{name}: {}", report.render());
    }
}

#[test]
fn files_of_others_in_the_directory_stay() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    for name in ["notes.txt", "7.sst", "000099.sst.bak", "sub"] {
        fs::write(dir.path().join(name), "mine").unwrap();
    }
    filled(dir.path());
    Db::destroy(dir.path()).unwrap();
    let mut left: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["000099.sst.bak", "7.sst", "notes.txt", "sub"]);
}

#[test]
fn an_orphan_table_goes_and_a_needed_one_stays() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let needed = find(dir.path(), ".sst");
    let orphan = dir.path().join("000777.sst");
    fs::write(&orphan, "half a table").unwrap();
    let db = open(dir.path()).unwrap();
    assert!(!orphan.exists() && needed.exists());
    db.put("new", "v").unwrap();
    db.flush().unwrap();
    assert!(
        fs::read_dir(dir.path()).unwrap().any(|e| *e.unwrap().file_name().to_string_lossy() > *"000777"),
        "numbers go on above"
    );
}

#[test]
fn a_directory_of_another_engine_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("CURRENT"), "MANIFEST-000002\n").unwrap();
    fs::write(dir.path().join("MANIFEST-000002"), b"\x56\xf9\xb8\xf8\x1c\0\x01\x01\x1aleveldb.BytewiseComparator")
        .unwrap();
    fs::write(dir.path().join("000003.log"), "").unwrap();
    fs::write(dir.path().join("LOG"), "").unwrap();
    let error = open(dir.path()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    let mut names: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "LOCK");
    assert_eq!(names.len(), 4, "{names:?}");
}
