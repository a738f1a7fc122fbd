//! Opening the directory the way a command needs it, and closing it so that a failure is seen.

use std::path::Path;

use esker::{ColumnFamily, Db, ErrorKind, InspectOptions, Operators, Options, Orders, StatValue};

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

/// Why `directory` cannot be opened; if that takes an operator or key order of some program's own, what can be done without.
pub fn explained(directory: &Path, error: esker::Error) -> Failure {
    let missing = match error.kind() {
        ErrorKind::InvalidArgument => unknown_name(directory),
        _ => None,
    };
    let Some(missing) = missing else { return Failure::from(error) };
    Failure::failed(format!(
        "{missing}, which only programs have that bring it; the esker tool has the built-in ones. `esker inspect` shows what is in the \
         files of such a database [{}]",
        directory.display()
    ))
}

/// The first family that is kept by something which is not built in, and what that is.
fn unknown_name(directory: &Path) -> Option<String> {
    let text = |row: &[(&str, StatValue)], wanted: &str| {
        row.iter().find_map(|(name, value)| match value {
            StatValue::Text(text) if *name == wanted => Some(text.clone()),
            _ => None,
        })
    };
    let list = |row: &[(&'static str, StatValue)], wanted: &str| {
        row.iter().find_map(|(name, value)| match value {
            StatValue::List(rows) if *name == wanted => Some(rows.clone()),
            _ => None,
        })
    };
    let found = Db::inspect(directory, &InspectOptions { rows: 0, ..InspectOptions::default() }).ok()?;
    list(found.entries(), "families")?.iter().find_map(|family| {
        let name = text(family, "name")?;
        let order = text(family, "order").filter(|order| Orders::new().find(order).is_none());
        if let Some(order) = order {
            return Some(format!("column family {name:?} is in the key order {order:?}"));
        }
        let settings = list(family, "settings")?;
        let operator = settings.iter().find(|row| text(row, "name").as_deref() == Some("merge_operator"))?;
        let operator = text(operator, "value").filter(|operator| Operators::new().find(operator).is_err())?;
        Some(format!("column family {name:?} has the merge operator {operator:?}"))
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
    let db = Db::open(directory, &options).map_err(|error| explained(directory, error))?;
    let done = work(&db);
    let closed = db.close();
    let done = done?;
    closed?;
    Ok(done)
}
