//! `families`, `create-family` and `drop-family`: the column families of a database.

use std::io::{self, Write as _};

use esker::{FamilyOptions, Options};

use crate::args;
use crate::database::{Access, family, with};
use crate::escape::escape;
use crate::failure::Failure;

/// Prints the families, the oldest first, each with the options that are not as the database has them.
pub fn list(arguments: &args::Families, options: Options) -> Result<(), Failure> {
    let text = with(&arguments.directory, Access::Read, options, |db| {
        let mut text = String::new();
        for name in db.families()? {
            escape(name.as_bytes(), &mut text);
            for (option, value) in db.family(&name)?.options().differing() {
                text.push('\t');
                escape(format!("{option}={value}").as_bytes(), &mut text);
            }
            text.push('\n');
        }
        Ok(text)
    })?;
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| Failure::output(&e))
}

/// Creates a family.
pub fn create(arguments: &args::CreateFamily, options: Options) -> Result<(), Failure> {
    let mut own = FamilyOptions::default();
    for pair in &arguments.set {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Failure::usage(format!("family option \"{pair}\": write NAME=VALUE")));
        };
        own.set(name.trim(), value).map_err(|e| Failure::usage(e.to_string()))?;
    }
    with(&arguments.directory, Access::Fill, options, |db| {
        db.create_family(&arguments.name, &own)?;
        Ok(())
    })
}

/// Drops a family.
pub fn drop_family(arguments: &args::DropFamily, options: Options) -> Result<(), Failure> {
    with(&arguments.directory, Access::Change, options, |db| Ok(db.drop_family(&family(db, Some(&arguments.name))?)?))
}
