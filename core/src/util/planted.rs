//! Planted bugs: places where the engine does something wrong on purpose, so that it can be shown that the tests notice.
//!
//! A build with `--cfg planted` has all of them, and `ESKER_PLANTED` names the one that is active in a process; any other build
//! has none. `scripts/test-planted.sh` builds once and runs the tests that must fail. Example: `if !planted("skip-wal-sync")`.
//!
//! Thread rule: any; the name is read once.

/// Whether this bug is active. In every build that ships this is `false`, and the compiler sees that.
#[inline(always)]
pub fn planted(name: &str) -> bool {
    #[cfg(planted)]
    return active() == Some(name);
    #[cfg(not(planted))]
    {
        let _: &str = name;
        false
    }
}

/// The bug that this process is asked to have.
#[cfg(planted)]
fn active() -> Option<&'static str> {
    static ACTIVE: crate::util::sync::OnceLock<Option<String>> = crate::util::sync::OnceLock::new();
    ACTIVE.get_or_init(|| std::env::var("ESKER_PLANTED").ok()).as_deref()
}
