//! Making an iterator: bounds from the options, a view, and the sources that can hold keys within them.

use crate::db::family::Family;
use crate::db::iterator::Iter;
use crate::db::read;
use crate::db::read::options::ReadOptions;
use crate::db::read::origin::Origin;
use crate::db::state::Shared;
use crate::error::Result;
use crate::iter::bounds::Bounds;
use crate::memtable::Memtable;
use crate::util::sync::Arc;

/// A cursor over `family` as `options` ask for it.
pub fn open_cursor(shared: &Arc<Shared>, family: &Arc<Family>, options: &ReadOptions) -> Result<Iter> {
    let origin = Origin::new(shared, family, options.fill_cache);
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

/// The keys that are within the bounds *and* start with the prefix.
fn bounds_of(family: &Family, options: &ReadOptions) -> Result<Bounds> {
    let bounds = Bounds::new(options.lower_bound.clone(), options.upper_bound.clone());
    match &options.prefix {
        Some(prefix) => Ok(bounds.intersect(&family.order, &Bounds::from_prefix(&family.order, prefix)?)),
        None => Ok(bounds),
    }
}
