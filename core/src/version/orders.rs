//! [`Orders`]: the key orders a handle knows, by the names under which families have them on record. Opening a family under
//! another order than it was written in would make every search in it wrong, so an unknown name fails the open.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::key::order::{Comparator, Order};
use crate::table::properties::order_name;
use crate::util::sync::Arc;

/// Key orders by name. Plain data.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    custom: BTreeMap<String, Arc<dyn Comparator>>,
}

impl Orders {
    /// Only the built-in order.
    pub fn new() -> Orders {
        Orders::default()
    }

    /// Makes `comparator` known under its name, in place of one that had it before.
    pub fn add(&mut self, comparator: Arc<dyn Comparator>) -> Result<()> {
        let name = comparator.name().to_owned();
        if name == bytewise() || name.is_empty() {
            return Err(Error::invalid(format!("a comparator cannot be called {name:?}")));
        }
        self.custom.insert(name, comparator);
        Ok(())
    }

    /// The order called `name`.
    pub fn find(&self, name: &str) -> Option<Order> {
        if name == bytewise() {
            return Some(Order::Bytewise);
        }
        self.custom.get(name).map(|comparator| Order::Custom(Arc::clone(comparator)))
    }
}

/// Equal if they know the same names: what a name stands for is fixed by the files that are written in its order.
impl PartialEq for Orders {
    fn eq(&self, other: &Orders) -> bool {
        self.custom.keys().eq(other.custom.keys())
    }
}

impl Eq for Orders {}

fn bytewise() -> &'static str {
    order_name(&Order::Bytewise)
}

#[cfg(test)]
pub mod testing {
    //! An order that is not the built-in one.

    use std::cmp::Ordering;

    use super::*;

    /// Keys backwards.
    #[derive(Debug)]
    pub struct Reversed;

    impl Comparator for Reversed {
        fn name(&self) -> &str {
            "reversed"
        }

        fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
            b.cmp(a)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::Reversed;
    use super::*;

    #[test]
    fn orders_are_found_by_the_name_they_are_recorded_under() {
        let mut orders = Orders::new();
        assert!(orders.find("reversed").is_none());
        orders.add(Arc::new(Reversed)).unwrap();
        let found = orders.find("reversed").unwrap();
        assert_eq!(order_name(&found), "reversed");
        assert!(found.cmp(b"b", b"a").is_lt());
        assert!(orders.find(order_name(&Order::Bytewise)).unwrap().is_bytewise());
    }
}
