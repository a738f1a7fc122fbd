//! Making an iterator: bounds from the options, a view, and the sources that can hold keys within them.

use crate::db::family::Family;
use crate::db::iterator::Iter;
use crate::db::read;
use crate::db::read_options::ReadOptions;
use crate::db::state::Shared;
use crate::error::Result;
use crate::iter::bounds::Bounds;
use crate::util::sync::Arc;

/// A cursor over `family` as `options` ask for it.
pub fn open_cursor(shared: &Arc<Shared>, family: &Family, options: &ReadOptions) -> Result<Iter> {
    let (current, view) = read::view_of(shared, family, options)?;
    let bounds = bounds_of(family, options)?;
    shared.counters.iterators.bump();
    let sources = current.sources(&bounds, view.seqno, options.fill_cache)?;
    Ok(Iter::new(Arc::clone(&shared.health), family.order.clone(), view, bounds, sources))
}

/// The keys that are within the bounds *and* start with the prefix.
fn bounds_of(family: &Family, options: &ReadOptions) -> Result<Bounds> {
    let bounds = Bounds::new(options.lower_bound.clone(), options.upper_bound.clone());
    match &options.prefix {
        Some(prefix) => Ok(bounds.intersect(&family.order, &Bounds::from_prefix(&family.order, prefix)?)),
        None => Ok(bounds),
    }
}
