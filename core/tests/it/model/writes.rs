//! What a model script writes.

use std::rc::Rc;

use esker::{Durability, ErrorKind, FamilyId, WriteBatch, WriteOptions};

use super::world::World;
use crate::support::oracle::{Operator, Write};

impl World {
    fn write_options(&mut self) -> WriteOptions {
        let durability = match self.rng.below(20) {
            0 => Some(Durability::Sync),
            1..4 => Some(Durability::Buffered),
            _ => None,
        };
        // Longer than the clock goes at once, or not at all; now and then in spite of the family's own.
        let ttl_ms = if self.rng.chance(8) { Some([0, 1, 400, 5_000][self.rng.below(4)]) } else { None };
        WriteOptions { durability, ttl_ms }
    }

    /// Notes that `write` is committed.
    pub fn commit(&mut self, member: usize, write: &Write, ttl_ms: Option<u64>) {
        self.log.push((self.members[member].family.id(), write.clone()));
        let now_ms = self.now_ms();
        Rc::make_mut(&mut self.members[member].state).apply(write, now_ms, ttl_ms);
    }

    /// Something that may stand in `family` under a key: where operands are merged, what they can be merged with.
    pub fn value_for(&mut self, operator: Operator) -> Vec<u8> {
        self.tag += 1;
        match operator {
            Operator::AddU64 => (self.rng.next() >> self.rng.below(64)).to_le_bytes().to_vec(),
            Operator::Append(_) | Operator::None => self.rng.value(self.tag),
        }
    }

    /// One write to `member` that fits it.
    pub fn write_for(&mut self, member: usize) -> Write {
        let operator = self.members[member].state.operator;
        let key = self.rng.key();
        match self.rng.below(20) {
            0..8 => Write::Put(key, self.value_for(operator)),
            8..10 => Write::PutExpiring(key, self.value_for(operator), self.some_time()),
            10..14 if operator != Operator::None => Write::Merge(key, self.short_operand(operator)),
            14..16 => {
                let (start, end) = self.range(member);
                Write::DeleteRange(start, end)
            }
            _ => Write::Delete(key),
        }
    }

    /// Appended over and over, operands must not be as large as values.
    fn short_operand(&mut self, operator: Operator) -> Vec<u8> {
        match operator {
            Operator::AddU64 => self.value_for(operator),
            _ => vec![b'a' + (self.rng.below(26) as u8); self.rng.below(6)],
        }
    }

    /// A time near the present: some are over already.
    fn some_time(&mut self) -> u64 {
        self.now_ms() - 200 + self.rng.below(4_000) as u64
    }

    pub fn put(&mut self) {
        let (member, options, key) = (self.some_member(), self.write_options(), self.rng.key());
        let value = self.value_for(self.members[member].state.operator);
        self.db.put_in(&self.members[member].family, &key, &value, &options).unwrap();
        self.commit(member, &Write::Put(key, value), options.ttl_ms);
    }

    pub fn put_expiring(&mut self) {
        let (member, key, at) = (self.some_member(), self.rng.key(), self.some_time());
        let value = self.value_for(self.members[member].state.operator);
        let mut batch = WriteBatch::new();
        batch.put_expiring_in(self.members[member].family.id(), &key, &value, at).unwrap();
        self.db.write(&batch).unwrap();
        self.commit(member, &Write::PutExpiring(key, value, at), None);
    }

    /// A merge; into a family without an operator it is refused.
    pub fn merge(&mut self) {
        let (member, options, key) = (self.some_member(), self.write_options(), self.rng.key());
        let operator = self.members[member].state.operator;
        let operand = self.short_operand(operator);
        let merged = self.db.merge_in(&self.members[member].family, &key, &operand, &options);
        if operator == Operator::None {
            assert_eq!(merged.unwrap_err().kind(), ErrorKind::InvalidArgument);
            return;
        }
        merged.unwrap();
        self.commit(member, &Write::Merge(key, operand), None);
    }

    /// Time goes on; or the clock is set back, which brings nothing back.
    pub fn tick(&mut self) {
        if self.rng.chance(20) {
            return self.set_clock_back();
        }
        self.advance_clock();
    }

    pub fn delete(&mut self) {
        let (member, options, key) = (self.some_member(), self.write_options(), self.rng.key());
        self.db.delete_in(&self.members[member].family, &key, &options).unwrap();
        self.commit(member, &Write::Delete(key), None);
    }

    pub fn delete_range(&mut self) {
        let (member, options) = (self.some_member(), self.write_options());
        let (start, end) = self.range(member);
        self.db.delete_range_in(&self.members[member].family, &start, &end, &options).unwrap();
        if start != end && self.rng.chance(5) {
            let refused = self.db.delete_range_in(&self.members[member].family, &end, &start, &options);
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
        self.commit(member, &Write::DeleteRange(start, end), None);
    }

    /// Up to `most` writes over any families.
    fn random_writes(&mut self, most: usize) -> Vec<(usize, Write)> {
        let count = self.rng.below(most + 1);
        let one = |world: &mut World| {
            let member = world.some_member();
            (member, world.write_for(member))
        };
        (0..count).map(|_| one(self)).collect()
    }

    fn add_all(&self, batch: &mut WriteBatch, writes: &[(usize, Write)]) {
        for (member, write) in writes {
            add(batch, self.members[*member].family.id(), write);
        }
    }

    fn write(&mut self, batch: &WriteBatch, writes: &[(usize, Write)]) {
        let options = self.write_options();
        self.db.write_with(batch, &options).unwrap();
        for (member, write) in writes {
            self.commit(*member, write, options.ttl_ms);
        }
    }

    pub fn write_batch(&mut self) {
        let writes = self.random_writes(12);
        let mut batch = WriteBatch::new();
        self.add_all(&mut batch, &writes);
        self.write(&batch, &writes);
    }

    pub fn write_batch_from_data(&mut self) {
        let writes = self.random_writes(6);
        let mut batch = WriteBatch::new();
        self.add_all(&mut batch, &writes);
        let copy = WriteBatch::from_data(batch.data()).unwrap();
        assert_eq!(copy.count(), batch.count());
        assert!(copy.iter().map(Result::unwrap).eq(batch.iter().map(Result::unwrap)));
        self.write(&copy, &writes);
    }

    pub fn write_appended_batch(&mut self) {
        let (first, second) = (self.random_writes(5), self.random_writes(5));
        let (mut batch, mut other) = (WriteBatch::new(), WriteBatch::new());
        self.add_all(&mut batch, &first);
        self.add_all(&mut other, &second);
        batch.append(&other).unwrap();
        self.write(&batch, &[first, second].concat());
    }

    pub fn write_rolled_back_batch(&mut self) {
        let (kept, undone, more) = (self.random_writes(5), self.random_writes(5), self.random_writes(3));
        let mut batch = WriteBatch::new();
        self.add_all(&mut batch, &kept);
        batch.set_savepoint();
        self.add_all(&mut batch, &undone);
        batch.rollback_to_savepoint().unwrap();
        self.add_all(&mut batch, &more);
        self.write(&batch, &[kept, more].concat());
    }

    pub fn write_empty_batch(&mut self) {
        let before = self.db.latest_seqno().unwrap();
        self.write(&WriteBatch::new(), &[]);
        assert_eq!(self.db.latest_seqno().unwrap(), before);
    }

    /// A batch that names a family which does not exist leaves no trace, whatever else is in it.
    pub fn refuse_unknown_family(&mut self) {
        let writes = self.random_writes(3);
        let mut batch = WriteBatch::new();
        self.add_all(&mut batch, &writes);
        batch.put_in(FamilyId(u32::MAX - 7), b"k", b"v").unwrap();
        let refused = self.db.write(&batch).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
        if self.rng.chance(10) {
            self.scan_everything();
        }
    }
}

/// Adds `write` to `batch`.
pub fn add(batch: &mut WriteBatch, family: FamilyId, write: &Write) {
    match write {
        Write::Put(key, value) => batch.put_in(family, key, value).unwrap(),
        Write::Delete(key) => batch.delete_in(family, key).unwrap(),
        Write::DeleteRange(start, end) => batch.delete_range_in(family, start, end).unwrap(),
        Write::PutExpiring(key, value, at) => batch.put_expiring_in(family, key, value, *at).unwrap(),
        Write::Merge(key, operand) => batch.merge_in(family, key, operand).unwrap(),
    }
}
