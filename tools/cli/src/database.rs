//! Opening the directory the way a command needs it, and closing it so that a failure is seen.

use std::path::Path;

use esker::{ColumnFamily, Db, ErrorKind, Options};

use crate::failure::Failure;

/// How a command uses the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads; never creates or changes a file.
    Read,
    /// Changes what is there.
    Change,
    /// Fills it, and creates it if there is none.
    Fill,
}

/// The options of `-o name=value`, over the defaults.
pub fn options(pairs: &[String]) -> Result<Options, Failure> {
    let mut options = Options::default();
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Failure::usage(format!("option \"{pair}\": write NAME=VALUE")));
        };
        options.set(name.trim(), value.trim()).map_err(|e| Failure::usage(e.to_string()))?;
    }
    Ok(options)
}

/// The family called `name`, or the default one.
pub fn family(db: &Db, name: Option<&str>) -> Result<ColumnFamily, Failure> {
    let Some(name) = name else { return Ok(db.default_family()) };
    db.family(name).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::failed(format!("{error}; `esker create-family` makes one")),
        _ => Failure::from(error),
    })
}

/// Opens `directory`, runs `work`, closes. A failed close is a failure even when the work went well.
pub fn with<T>(
    directory: &Path,
    access: Access,
    mut options: Options,
    work: impl FnOnce(&Db) -> Result<T, Failure>,
) -> Result<T, Failure> {
    match access {
        Access::Read => (options.read_only, options.create_if_missing) = (true, false),
        Access::Change => options.create_if_missing = false,
        Access::Fill => {}
    }
    let db = Db::open(directory, &options)?;
    let done = work(&db);
    let closed = db.close();
    let done = done?;
    closed?;
    Ok(done)
}
