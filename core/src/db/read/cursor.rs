//! Making an iterator: bounds from the options, a view, and the sources that can hold keys within them.

use crate::db::family::Family;
use crate::db::iterator::Iter;
use crate::db::read;
use crate::db::read::options::ReadOptions;
use crate::db::state::Shared;
use crate::error::{Error, ErrorKind, Result};
use crate::iter::bounds::Bounds;
use crate::iter::resolve::View;
use crate::memtable::Memtable;
use crate::util::sync::{Arc, Weak};
use crate::version::super_version::Sources;

/// A cursor over `family` as `options` ask for it.
pub fn open_cursor(shared: &Arc<Shared>, family: &Arc<Family>, options: &ReadOptions) -> Result<Iter> {
    let origin = Origin { shared: Arc::downgrade(shared), family: Arc::clone(family), fill_cache: options.fill_cache };
    Ok(open_cursor_over(shared, family, options, None)?.with_origin(origin))
}

/// The same for a transaction: over `own`, its uncommitted writes, too. It cannot be refreshed.
pub fn open_cursor_over(
    shared: &Shared,
    family: &Family,
    options: &ReadOptions,
    own: Option<Memtable>,
) -> Result<Iter> {
    let (current, view) = read::view_of(shared, family, options)?;
    let current = read::with_own(current, own);
    let bounds = bounds_of(family, options)?;
    shared.counters.iterators.bump();
    let sources = current.sources(&bounds, view.seqno, options.fill_cache);
    let sources = sources.map_err(|error| shared.health.explain(error))?;
    let (order, operator) = (family.order.clone(), family.merge.clone());
    Ok(Iter::new(Arc::clone(&shared.health), order, view, bounds, sources, operator))
}

/// Where an iterator came from. Held weakly: an iterator never keeps a database open.
pub struct Origin {
    shared: Weak<Shared>,
    family: Arc<Family>,
    fill_cache: bool,
}

impl Origin {
    /// The family as it is now, for a walk within `bounds`.
    pub fn look_again(&self, bounds: &Bounds) -> Result<(View, Sources)> {
        let closed = || Error::new(ErrorKind::Closed, "the database is closed");
        let shared = self.shared.upgrade().ok_or_else(closed)?;
        let (current, view) = read::view_of(&shared, &self.family, &ReadOptions::default())?;
        Ok((view, current.sources(bounds, view.seqno, self.fill_cache)?))
    }
}

/// The keys that are within the bounds *and* start with the prefix.
fn bounds_of(family: &Family, options: &ReadOptions) -> Result<Bounds> {
    let bounds = Bounds::new(options.lower_bound.clone(), options.upper_bound.clone());
    match &options.prefix {
        Some(prefix) => Ok(bounds.intersect(&family.order, &Bounds::from_prefix(&family.order, prefix)?)),
        None => Ok(bounds),
    }
}
