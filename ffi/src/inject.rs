//! Things going wrong on request, for the tests. Compiled only under the feature `inject-panic`, which no library that ships
//! has: it adds exports, and puts the engine's fault-injecting filesystem under every database.
//!
//! # Threads
//! Any; the state is global, so a test asks for one thing at a time.

use std::ffi::{CStr, c_char};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use engine::env::fault_fs::{Fault, FaultFs, FaultPlan};
use engine::env::op::{OpKind, OpKinds};
use engine::env::os_fs::OsFs;
use engine::{Db, Environment, Options, Result};

/// The export whose next call panics.
static PANICKING: Mutex<String> = Mutex::new(String::new());

/// Under every database of this process.
static FILES: LazyLock<FaultFs> = LazyLock::new(|| FaultFs::new(Arc::new(OsFs::new())));

/// Opens a database on the files that may fail.
pub(crate) fn open(path: &Path, options: &Options) -> Result<Db> {
    let environment = Environment { fs: Arc::new(FILES.clone()), ..Environment::system() };
    Db::open_in(environment, path, options)
}

/// Panics if the export `name` was asked to.
pub(crate) fn panic_if_asked(name: &str) {
    let mut panicking = PANICKING.lock().unwrap_or_else(PoisonError::into_inner);
    if *panicking == name {
        panicking.clear();
        drop(panicking);
        panic!("injected");
    }
}

/// The next call of the export `name` panics. Tells whether an earlier request is still waiting.
///
/// # Safety
/// `name` is a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_test_panic_in(name: *const c_char) -> u8 {
    // SAFETY: the contract.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
    let mut panicking = PANICKING.lock().unwrap_or_else(PoisonError::into_inner);
    let waiting = u8::from(!panicking.is_empty());
    *panicking = name.into_owned();
    waiting
}

/// From now on `what` happens to operations on files; "nothing" heals them.
///
/// # Safety
/// `what` is a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_test_fault(what: *const c_char) {
    // SAFETY: the contract.
    let what = unsafe { CStr::from_ptr(what) }.to_string_lossy();
    let panicking = |kind, path| FaultPlan::new(Fault::Eio, 0).among(OpKinds::of(&[kind])).on(path);
    ARMED.store(true, Ordering::Relaxed);
    FILES.heal();
    match &*what {
        "nothing" => {}
        "syncs fail" => FILES.inject(FaultPlan::new(Fault::SyncEioPageClean, 0).persistent()),
        "the disk is full" => FILES.inject(FaultPlan::new(Fault::Enospc, 0).persistent()),
        "reads fail" => FILES.inject(FaultPlan::new(Fault::Eio, 0).persistent().among(OpKinds::of(&[OpKind::Read]))),
        "a log write panics" => FILES.inject(panicking(OpKind::Write, |path| panic_once_on(path, "wal"))),
        "a table write panics" => FILES.inject(panicking(OpKind::Write, |path| panic_once_on(path, "sst"))),
        "a table read panics" => FILES.inject(panicking(OpKind::Read, |path| panic_once_on(path, "sst"))),
        _ => panic!("no such fault: {what}"),
    }
}

/// Whether the next matching operation panics.
static ARMED: AtomicBool = AtomicBool::new(false);

fn panic_once_on(path: &Path, extension: &str) -> bool {
    if path.extension().is_some_and(|found| found == extension) && ARMED.swap(false, Ordering::Relaxed) {
        panic!("injected into {}", path.display());
    }
    false
}
