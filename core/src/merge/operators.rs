//! [`Operators`]: the merge operators that a database knows, by name: the built-in ones and those its caller adds.
//!
//! Names are on record for each family, so that a family is never read with another operator than it was written with. Plain
//! data; thread rule: built by one thread, then read by any.

use crate::error::{Error, Result};
use crate::merge::append::Append;
use crate::merge::bytewise::{BitOr, Extreme};
use crate::merge::counters::Add;
use crate::merge::json_patch::JsonMergePatch;
use crate::merge::operator::MergeOperator;
use crate::util::nearest::unknown_name;
use crate::util::sync::Arc;

/// The longest name of an operator.
const MAX_NAME_BYTES: usize = 255;

/// The built-in operators with a name of their own. `append(SEP)` goes by its separator besides.
const BUILT_IN: [&str; 7] = ["add_u64", "add_i64", "min", "max", "append", "bit_or", "json_merge_patch"];

/// The merge operators that a database knows.
#[derive(Clone, Debug, Default)]
pub struct Operators {
    custom: Vec<Arc<dyn MergeOperator>>,
}

impl Operators {
    /// The built-in ones.
    pub fn new() -> Operators {
        Operators::default()
    }

    /// Adds one of the caller's. `InvalidArgument` if the name is empty, longer than 255 bytes, or taken.
    pub fn add(&mut self, operator: Arc<dyn MergeOperator>) -> Result<()> {
        let name = operator.name();
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(Error::invalid(format!("a merge operator's name has 1 to {MAX_NAME_BYTES} bytes")));
        }
        if self.find(name).is_ok() {
            return Err(Error::invalid(format!("there is a merge operator called {name:?} already")));
        }
        self.custom.push(operator);
        Ok(())
    }

    /// The operator called `name`. `InvalidArgument` with the nearest name if there is none.
    pub fn find(&self, name: &str) -> Result<Arc<dyn MergeOperator>> {
        if let Some(custom) = self.custom.iter().find(|operator| operator.name() == name) {
            return Ok(Arc::clone(custom));
        }
        built_in(name).ok_or_else(|| unknown_name("merge operator", name, self.names()))
    }

    /// The names of all of them; `append` stands for `append(SEP)` too.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        BUILT_IN.into_iter().chain(self.custom.iter().map(|operator| operator.name()))
    }
}

/// Equal if they know the same names: what a name stands for is fixed by the data that was written with it.
impl PartialEq for Operators {
    fn eq(&self, other: &Operators) -> bool {
        self.names().eq(other.names())
    }
}

impl Eq for Operators {}

fn built_in(name: &str) -> Option<Arc<dyn MergeOperator>> {
    Some(match name {
        "add_u64" => Arc::new(Add::U64),
        "add_i64" => Arc::new(Add::I64),
        "min" => Arc::new(Extreme::MIN),
        "max" => Arc::new(Extreme::MAX),
        "bit_or" => Arc::new(BitOr),
        "json_merge_patch" => Arc::new(JsonMergePatch),
        _ if name.len() <= MAX_NAME_BYTES => Arc::new(Append::named(name)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Last(&'static str);

    impl MergeOperator for Last {
        fn name(&self) -> &str {
            self.0
        }

        fn full_merge(&self, _: &[u8], _: Option<&[u8]>, operands: &[&[u8]], out: &mut Vec<u8>) -> Result<(), String> {
            out.extend_from_slice(operands.last().copied().unwrap_or_default());
            Ok(())
        }
    }

    #[test]
    fn every_operator_is_found_by_its_own_name() {
        let mut operators = Operators::new();
        operators.add(Arc::new(Last("last"))).unwrap();
        for name in operators.names().chain(["append(, )"]) {
            assert_eq!(operators.find(name).unwrap().name(), name);
        }
        assert_eq!(operators.names().count(), BUILT_IN.len() + 1);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let error = Operators::new().find("add_u46").unwrap_err();
        assert_eq!(error.message(), "unknown merge operator \"add_u46\"; did you mean \"add_u64\"?");
    }

    #[test]
    fn names_are_taken_once() {
        let mut operators = Operators::new();
        operators.add(Arc::new(Last("last"))).unwrap();
        for name in ["last", "max", "append(x)", ""] {
            assert!(operators.add(Arc::new(Last(name))).is_err(), "{name:?}");
        }
    }
}
