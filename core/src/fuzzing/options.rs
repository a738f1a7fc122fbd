//! Target `options`: options by name, as text that comes from configuration files and command lines.

use crate::error::{Error, ErrorKind, Result};
use crate::options::{FamilyOptions, Options, Setting, TransactionOptions, WriteOptions, settings};

/// Lines of `name=value` for every kind of options: what is taken reads back as text that means the same. Whether any was taken.
pub fn check(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let mut taken = false;
    taken |= check_lines(&text, Options::settings(), |options: &Options| options.validate());
    taken |= check_lines(&text, FamilyOptions::settings(), |options: &FamilyOptions| options.validate());
    taken |= check_lines(&text, TransactionOptions::settings(), |_: &TransactionOptions| Ok(()));
    taken |= check_lines(&text, WriteOptions::settings(), |_: &WriteOptions| Ok(()));
    taken
}

fn check_lines<T>(text: &str, table: &'static [Setting<T>], validate: fn(&T) -> Result<()>) -> bool
where
    T: Default + Clone,
{
    let mut options = T::default();
    let mut taken = false;
    let all = |options: &T| -> Vec<String> { table.iter().map(|setting| (setting.get)(options)).collect() };
    // More lines are only more of the same, and every line is followed by a look at every option.
    for (name, value) in text.lines().filter_map(|line| line.split_once('=')).take(64) {
        let before = all(&options);
        match settings::set(table, &mut options, name, value) {
            Err(error) => {
                check_refusal(&error);
                assert_eq!(all(&options), before, "a refusal of {name}={value} changed something");
                continue;
            }
            Ok(()) => taken = true,
        }
        let after = all(&options);
        let shown = settings::get(table, &options, name);
        let mut again = options.clone();
        let set = shown.and_then(|shown| settings::set(table, &mut again, name, &shown));
        assert!(set.is_ok(), "{name}={value} reads back as something that is refused: {set:?}");
        assert_eq!(all(&again), after, "{name}={value} reads back as something else");
    }
    if let Err(error) = validate(&options) {
        check_refusal(&error);
    }
    taken
}

fn check_refusal(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error:?}");
}

/// Every option with its default.
pub fn seeds() -> Vec<Vec<u8>> {
    let lines = defaults(Options::settings())
        + &defaults(FamilyOptions::settings())
        + &defaults(TransactionOptions::settings())
        + &defaults(WriteOptions::settings());
    vec![lines.into_bytes()]
}

fn defaults<T: Default>(table: &[Setting<T>]) -> String {
    let options = T::default();
    table.iter().map(|setting| format!("{}={}\n", setting.name, (setting.get)(&options))).collect()
}
