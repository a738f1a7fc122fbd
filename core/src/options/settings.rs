//! [`Setting`]: one named option of a struct of options; and setting, reading and listing by name over a table of them.

use crate::error::{Error, Result};
use crate::util::nearest::unknown_name;

/// One named option of `T`: its documentation and how text becomes its value and back.
pub struct Setting<T: 'static> {
    /// The name, the same in every language.
    pub name: &'static str,
    /// What values it takes, for people.
    pub takes: &'static str,
    /// What it does: meaning, unit, limits.
    pub doc: &'static str,
    /// Whether most users should leave it alone.
    pub expert: bool,
    /// The value as text.
    pub get: fn(&T) -> String,
    /// Sets the value from text; an error says what would have been acceptable.
    pub set: fn(&mut T, &str) -> Result<(), String>,
}

/// Sets the option `name` of `target`. Nothing changes on an error.
pub fn set<T>(table: &[Setting<T>], target: &mut T, name: &str, text: &str) -> Result<()> {
    let setting = find(table, name)?;
    (setting.set)(target, text)
        .map_err(|expected| Error::invalid(format!("option \"{name}\" takes {expected}; got \"{text}\"")))
}

/// The option `name` of `target` as text.
pub fn get<T>(table: &[Setting<T>], target: &T, name: &str) -> Result<String> {
    Ok((find(table, name)?.get)(target))
}

fn find<'a, T>(table: &'a [Setting<T>], name: &str) -> Result<&'a Setting<T>> {
    let found = table.iter().find(|setting| setting.name == name);
    found.ok_or_else(|| unknown_name("option", name, table.iter().map(|setting| setting.name)))
}
