//! Column families: the type is in every signature from the first version on, the families themselves are not there
//! yet.

use engine::{Error, ErrorKind, Result};

/// A named tree within a database. In this version no function makes one: pass NULL, the default family.
pub struct esker_cf {
    _none: (),
}

/// Refuses what is not the default family. The pointer is not looked at: nothing can be behind it.
pub(crate) fn default_only(cf: *const esker_cf) -> Result<()> {
    if cf.is_null() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, "cf is not NULL: this version has the default column family only"))
}
