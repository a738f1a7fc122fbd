//! Transactions of a model script: what they see is their snapshot under their own writes, and whether they may commit is told
//! exactly, by what was written meanwhile to what they depend on.

use std::rc::Rc;

use esker::{ColumnFamily, ErrorKind, FamilyId, Isolation, ReadOptions, Transaction, TransactionOptions};

use super::world::{Member, World};
use crate::support::oracle::{FamilyOracle, Limits, OracleCursor, OrderedKey, Write};

/// A transaction with what it must see and what it depends on.
pub struct Open {
    transaction: Transaction,
    isolation: Isolation,
    /// How long the log of all commits was when it began.
    began_at: usize,
    members: Vec<Member>,
    time_ms: u64,
    writes: Vec<(FamilyId, Write)>,
    savepoints: Vec<(usize, Vec<Member>)>,
    reads: Vec<(FamilyId, Stretch)>,
}

/// Keys from `lower` (`None`: the first) to `upper` (`None`: the last), and whether `upper` itself counts.
#[derive(Debug)]
struct Stretch {
    lower: Option<OrderedKey>,
    upper: Option<OrderedKey>,
    inclusive: bool,
}

impl Stretch {
    fn of_key(key: OrderedKey) -> Stretch {
        Stretch { lower: Some(key.clone()), upper: Some(key), inclusive: true }
    }

    /// Whether the end lies at or behind `key`.
    fn reaches(&self, key: &OrderedKey) -> bool {
        self.upper.as_ref().is_none_or(|upper| key < upper || (self.inclusive && key == upper))
    }

    fn is_empty(&self) -> bool {
        self.lower.as_ref().is_some_and(|lower| !self.reaches(lower))
    }

    fn is_touched_by(&self, family: &FamilyOracle, write: &Write) -> bool {
        match write {
            Write::DeleteRange(start, end) => {
                let (start, end) = (family.key(start), family.key(end));
                start < end && self.reaches(&start) && self.lower.as_ref().is_none_or(|lower| *lower < end)
            }
            _ => {
                let key = family.key(write.key());
                self.reaches(&key) && self.lower.as_ref().is_none_or(|lower| *lower <= key)
            }
        }
    }
}

impl Open {
    fn member(&self, family: FamilyId) -> &Member {
        self.members.iter().find(|member| member.family.id() == family).expect("it had the family when it began")
    }

    /// Whether its own writes alone say what `key` has.
    fn decides(&self, family: FamilyId, key: &[u8]) -> bool {
        let state = &self.member(family).state;
        let stretch = Stretch::of_key(state.key(key));
        let decisive = |write: &Write| !matches!(write, Write::Merge(..)) && stretch.is_touched_by(state, write);
        self.writes.iter().any(|(id, write)| *id == family && decisive(write))
    }

    /// What may not have been written to since it began.
    fn depends_on(&self, family: FamilyId) -> Vec<Stretch> {
        let state = &self.member(family).state;
        let own = self.writes.iter().filter(|(id, _)| *id == family).map(|(_, write)| match write {
            Write::DeleteRange(start, end) => {
                Stretch { lower: Some(state.key(start)), upper: Some(state.key(end)), inclusive: false }
            }
            _ => Stretch::of_key(state.key(write.key())),
        });
        own.collect()
    }

    fn must_conflict(&self, log: &[(FamilyId, Write)]) -> bool {
        let later = &log[self.began_at..];
        !self.writes.is_empty()
            && later.iter().any(|(family, write)| {
                let Some(member) = self.members.iter().find(|member| member.family.id() == *family) else {
                    return false;
                };
                let touched = |stretch: &Stretch| stretch.is_touched_by(&member.state, write);
                match self.isolation {
                    Isolation::Serializable => self.reads.iter().any(|(id, stretch)| id == family && touched(stretch)),
                    Isolation::Snapshot => self.depends_on(*family).iter().any(touched),
                }
            })
    }
}

impl World {
    pub fn begin(&mut self) {
        if self.transactions.len() >= 3 {
            return self.commit_transaction();
        }
        let isolation = if self.rng.chance(70) { Isolation::Serializable } else { Isolation::Snapshot };
        let options = TransactionOptions { isolation, ..TransactionOptions::default() };
        let moment = self.now();
        self.transactions.push(Open {
            transaction: self.db.begin(&options).unwrap(),
            isolation,
            began_at: self.log.len(),
            members: moment.members,
            time_ms: moment.time_ms,
            writes: Vec::new(),
            savepoints: Vec::new(),
            reads: Vec::new(),
        });
    }

    /// Some open transaction and a family that it knows.
    fn some_transaction(&mut self) -> (usize, ColumnFamily) {
        if self.transactions.is_empty() {
            self.begin();
        }
        let index = self.rng.below(self.transactions.len());
        let known = self.transactions[index].members.len();
        let at = if self.rng.chance(40) { 0 } else { self.rng.below(known) };
        (index, self.transactions[index].members[at].family.clone())
    }

    pub fn write_in_transaction(&mut self) {
        let (index, family) = self.some_transaction();
        let member = self.members.iter().position(|member| member.family.id() == family.id());
        let write = self.write_for(member.expect("families are not dropped under transactions"));
        let open = &mut self.transactions[index];
        match &write {
            Write::Put(key, value) => open.transaction.put_in(&family, key, value).unwrap(),
            Write::Delete(key) => open.transaction.delete_in(&family, key).unwrap(),
            Write::DeleteRange(start, end) => open.transaction.delete_range_in(&family, start, end).unwrap(),
            Write::PutExpiring(key, value, at) => open.transaction.put_expiring_in(&family, key, value, *at).unwrap(),
            Write::Merge(key, operand) => open.transaction.merge_in(&family, key, operand).unwrap(),
        }
        let time_ms = open.time_ms;
        let member = open.members.iter_mut().find(|member| member.family.id() == family.id());
        Rc::make_mut(&mut member.expect("chosen among them").state).apply(&write, time_ms, Some(0));
        if !matches!(&write, Write::DeleteRange(start, end) if start == end) {
            open.writes.push((family.id(), write));
        }
    }

    pub fn get_in_transaction(&mut self) {
        let (index, family) = self.some_transaction();
        let keys: Vec<Vec<u8>> = (0..1 + self.rng.below(3)).map(|_| self.rng.key()).collect();
        let open = &mut self.transactions[index];
        let got = match &keys[..] {
            [key] => vec![Ok(open.transaction.get_in(&family, key).unwrap())],
            keys => open.transaction.multi_get_in(&family, keys).unwrap(),
        };
        for (key, value) in keys.iter().zip(got) {
            let state = &open.member(family.id()).state;
            assert_eq!(value.unwrap().as_deref(), state.get(key, open.time_ms), "{key:?} in a transaction");
            let stretch = Stretch::of_key(state.key(key));
            if !open.decides(family.id(), key) {
                open.reads.push((family.id(), stretch));
            }
        }
    }

    pub fn scan_in_transaction(&mut self) {
        let (index, family) = self.some_transaction();
        let (forward, steps, target) = (self.rng.chance(60), self.rng.below(5), self.rng.key());
        let mut limits = Limits::default();
        if self.rng.chance(30) {
            limits.lower = Some(self.rng.key());
        }
        if self.rng.chance(30) {
            limits.upper = Some(self.rng.key());
        }
        let options = ReadOptions {
            lower_bound: limits.lower.clone(),
            upper_bound: limits.upper.clone(),
            ..ReadOptions::default()
        };
        let open = &mut self.transactions[index];
        let state = Rc::clone(&open.member(family.id()).state);
        let mut oracle = OracleCursor::new(Rc::clone(&state), open.time_ms, limits.clone());
        let mut iter = open.transaction.iter_in(&family, &options).unwrap();
        if forward {
            (iter.seek(&target).unwrap(), oracle.seek(&target)).1
        } else {
            (iter.seek_for_prev(&target).unwrap(), oracle.seek_for_prev(&target)).1
        }
        for _ in 0..steps {
            assert_eq!(iter.valid().then(|| (iter.key(), iter.value())), oracle.entry(), "scan in a transaction");
            if forward { (iter.next().unwrap(), oracle.next()).1 } else { (iter.prev().unwrap(), oracle.prev()).1 }
        }
        assert_eq!(iter.valid().then(|| (iter.key(), iter.value())), oracle.entry(), "scan in a transaction");
        let stood = oracle.entry().map(|(key, _)| state.key(key));
        let (lower, upper) =
            (limits.lower.as_deref().map(|key| state.key(key)), limits.upper.as_deref().map(|key| state.key(key)));
        let target = state.key(&target);
        let stretch = if forward {
            let from = lower.filter(|lower| *lower > target).unwrap_or(target);
            let inclusive = stood.is_some();
            Stretch { lower: Some(from), upper: stood.or(upper), inclusive }
        } else {
            let beyond = upper.filter(|upper| *upper <= target);
            let inclusive = beyond.is_none();
            Stretch { lower: stood.or(lower), upper: Some(beyond.unwrap_or(target)), inclusive }
        };
        if !stretch.is_empty() {
            open.reads.push((family.id(), stretch));
        }
    }

    pub fn set_savepoint(&mut self) {
        let (index, _) = self.some_transaction();
        let open = &mut self.transactions[index];
        open.transaction.set_savepoint().unwrap();
        open.savepoints.push((open.writes.len(), open.members.clone()));
    }

    pub fn rollback_to_savepoint(&mut self) {
        let (index, _) = self.some_transaction();
        let keep = self.rng.chance(25);
        let open = &mut self.transactions[index];
        let done = match keep {
            true => open.transaction.pop_savepoint(),
            false => open.transaction.rollback_to_savepoint(),
        };
        match open.savepoints.pop() {
            None => assert_eq!(done.unwrap_err().kind(), ErrorKind::NotFound),
            Some(_) if keep => done.unwrap(),
            Some((len, members)) => {
                done.unwrap();
                open.writes.truncate(len);
                open.members = members;
            }
        }
    }

    pub fn commit_transaction(&mut self) {
        let (index, _) = self.some_transaction();
        let mut open = self.transactions.swap_remove(index);
        let must_conflict = open.must_conflict(&self.log);
        match open.transaction.commit() {
            Ok(()) => {
                assert!(!must_conflict, "committed although what it depends on had changed");
                for (family, write) in open.writes {
                    let member = self.members.iter().position(|member| member.family.id() == family);
                    self.commit(member.expect("families are not dropped under transactions"), &write, None);
                }
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                // A small budget holds the write sets of some dozens of commits; then it is told so.
                let dropped = error.message().contains("dropped to stay inside the memory budget");
                let many = self.log.len() - open.began_at > 20;
                assert!(must_conflict || (dropped && many), "conflict for nothing: {error}; read {:?}", open.reads);
            }
        }
        assert_eq!(open.transaction.get("k").unwrap_err().kind(), ErrorKind::InvalidArgument);
    }

    pub fn rollback_transaction(&mut self) {
        let (index, _) = self.some_transaction();
        let mut open = self.transactions.swap_remove(index);
        if self.rng.chance(50) {
            open.transaction.rollback().unwrap();
        }
    }
}
