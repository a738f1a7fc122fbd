//! [`Origin`]: how an iterator finds its database again, to be refreshed.

use crate::db::family::Family;
use crate::db::read;
use crate::db::read::options::ReadOptions;
use crate::db::state::Shared;
use crate::error::{Error, ErrorKind, Result};
use crate::iter::bounds::Bounds;
use crate::iter::resolve::View;
use crate::util::sync::{Arc, Weak};
use crate::version::super_version::Sources;

/// Where an iterator came from. Held weakly: an iterator never keeps a database open.
pub struct Origin {
    shared: Weak<Shared>,
    family: Arc<Family>,
    fill_cache: bool,
}

impl Origin {
    /// For an iterator over `family` of `shared`.
    pub fn new(shared: &Arc<Shared>, family: &Arc<Family>, fill_cache: bool) -> Origin {
        Origin { shared: Arc::downgrade(shared), family: Arc::clone(family), fill_cache }
    }

    /// The family as it is now, for a walk within `bounds`.
    pub fn look_again(&self, bounds: &Bounds) -> Result<(View, Sources)> {
        let closed = || Error::new(ErrorKind::Closed, "the database is closed");
        let shared = self.shared.upgrade().ok_or_else(closed)?;
        let (current, view) = read::view_of(&shared, &self.family, &ReadOptions::default())?;
        Ok((view, current.sources(bounds, view.seqno, self.fill_cache)?))
    }
}
