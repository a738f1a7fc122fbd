//! What a model script reads, and how it compares.

use std::rc::Rc;

use esker::{Iter, ReadOptions};

use super::world::{Moment, World};
use crate::support::oracle::{Limits, OracleCursor};

impl World {
    fn get_as_of(&mut self, options: &ReadOptions, moment: &Moment) {
        let key = self.rng.key();
        let member = self.rng.pick(&moment.members);
        let got = self.db.get_in(&member.family, &key, options).unwrap();
        let expected = member.state.get(&key, moment.time_ms);
        assert_eq!(got.as_deref(), expected, "{key:?} of {:?} at {:?}", member.family, options.snapshot);
    }

    pub fn get(&mut self) {
        let now = self.now();
        self.get_as_of(&ReadOptions::new(), &now);
    }

    pub fn get_at_snapshot(&mut self) {
        let (options, moment) = self.some_moment();
        self.get_as_of(&options, &moment);
    }

    pub fn multi_get(&mut self) {
        let count = self.rng.below(8);
        let keys: Vec<Vec<u8>> = (0..count).map(|_| self.rng.key()).collect();
        let (options, moment) = self.some_moment();
        let member = self.rng.pick(&moment.members);
        let got = self.db.multi_get_in(&member.family, &keys, &options).unwrap();
        assert_eq!(got.len(), keys.len());
        for (key, value) in keys.iter().zip(got) {
            assert_eq!(value.unwrap().as_deref(), member.state.get(key, moment.time_ms), "multi_get of {key:?}");
        }
    }

    pub fn open_cursor(&mut self) {
        if self.cursors.len() >= 5 {
            self.drop_cursor();
        }
        let (mut options, moment) = self.some_moment();
        let member = self.rng.pick(&moment.members).clone();
        let mut limits = Limits::default();
        if self.rng.chance(40) {
            limits.lower = Some(self.rng.key());
        }
        if self.rng.chance(40) {
            limits.upper = Some(self.rng.key());
        }
        // Which keys start with something is a question of bytes, which another order does not keep together.
        if self.rng.chance(25) && !member.state.backwards {
            let key = self.rng.key();
            limits.prefix = Some(key[..self.rng.below(key.len() + 1)].to_vec());
        }
        options.lower_bound = limits.lower.clone();
        options.upper_bound = limits.upper.clone();
        options.prefix = limits.prefix.clone();
        let iter = self.db.iter_in(&member.family, &options).unwrap();
        let oracle = OracleCursor::new(Rc::clone(&member.state), moment.time_ms, limits);
        self.cursors.push((iter, oracle, member.family.name().to_owned()));
    }

    pub fn drop_cursor(&mut self) {
        if !self.cursors.is_empty() {
            let index = self.rng.below(self.cursors.len());
            self.cursors.swap_remove(index);
        }
    }

    pub fn refresh_cursor(&mut self) {
        if self.cursors.is_empty() {
            return;
        }
        let index = self.rng.below(self.cursors.len());
        let now = self.now();
        let (iter, oracle, name) = &mut self.cursors[index];
        let Some(member) = now.members.iter().find(|member| member.family.name() == name) else { return };
        // Under the name of a family that was dropped there may be another by now.
        if iter.refresh().is_ok() {
            oracle.refresh(Rc::clone(&member.state), now.time_ms);
        } else {
            self.cursors.swap_remove(index);
        }
    }

    /// Lets some cursor and the oracle's make the same move; they must stand on the same entry then.
    fn move_cursor(&mut self, walk: impl FnOnce(&mut Iter, &mut OracleCursor, &[u8])) {
        if self.cursors.is_empty() {
            self.open_cursor();
        }
        let (index, key) = (self.rng.below(self.cursors.len()), self.rng.key());
        let (iter, oracle, name) = &mut self.cursors[index];
        walk(iter, oracle, &key);
        iter.status().unwrap();
        let shown = iter.valid().then(|| (iter.key(), iter.value()));
        assert_eq!(shown, oracle.entry(), "cursor over {name}");
        if iter.valid() {
            assert_eq!(&*iter.pinned_value(), iter.value());
        }
    }

    pub fn seek_to_first(&mut self) {
        self.move_cursor(|iter, oracle, _| (iter.seek_to_first().unwrap(), oracle.seek_to_first()).1);
    }

    pub fn seek_to_last(&mut self) {
        self.move_cursor(|iter, oracle, _| (iter.seek_to_last().unwrap(), oracle.seek_to_last()).1);
    }

    pub fn seek(&mut self) {
        self.move_cursor(|iter, oracle, key| (iter.seek(key).unwrap(), oracle.seek(key)).1);
    }

    pub fn seek_for_prev(&mut self) {
        self.move_cursor(|iter, oracle, key| (iter.seek_for_prev(key).unwrap(), oracle.seek_for_prev(key)).1);
    }

    pub fn next(&mut self) {
        self.move_cursor(|iter, oracle, _| (iter.next().unwrap(), oracle.next()).1);
    }

    pub fn prev(&mut self) {
        self.move_cursor(|iter, oracle, _| (iter.prev().unwrap(), oracle.prev()).1);
    }

    pub fn next_many(&mut self) {
        self.move_cursor(|iter, oracle, _| pack(iter, oracle, true));
    }

    pub fn prev_many(&mut self) {
        self.move_cursor(|iter, oracle, _| pack(iter, oracle, false));
    }

    pub fn scan_everything(&mut self) {
        let (options, moment) = self.some_moment();
        for member in &moment.members {
            let mut iter = self.db.iter_in(&member.family, &options).unwrap();
            let mut expected = member.state.visible(moment.time_ms);
            iter.seek_to_first().unwrap();
            while iter.valid() {
                assert_eq!(Some((iter.key(), iter.value())), expected.next(), "scan of {:?}", member.family);
                iter.next().unwrap();
            }
            assert_eq!(expected.next(), None, "the scan of {:?} ended early", member.family);
            let mut expected = member.state.visible(moment.time_ms).rev();
            iter.seek_to_last().unwrap();
            while iter.valid() {
                assert_eq!(Some((iter.key(), iter.value())), expected.next(), "reverse scan of {:?}", member.family);
                iter.prev().unwrap();
            }
            assert_eq!(expected.next(), None, "the reverse scan of {:?} ended early", member.family);
        }
    }

    /// What is in tables for certain takes room, and no range takes more than everything.
    pub fn approximate_size(&mut self) {
        let member = self.some_member();
        let (start, end) = self.range(member);
        let family = &self.members[member].family;
        let all = self.db.approximate_size_in(family, None, None).unwrap();
        let part = self.db.approximate_size_in(family, Some(&start), Some(&end)).unwrap();
        assert!(part <= all, "{part} of {all}");
    }
}

/// Packs some entries and lets the oracle walk the same way.
fn pack(iter: &mut Iter, oracle: &mut OracleCursor, forward: bool) {
    let mut buf = [0; 600];
    let packed = if forward { iter.next_many(&mut buf, 7) } else { iter.prev_many(&mut buf, 7) }.unwrap();
    let mut rest = &buf[..packed.bytes];
    for _ in 0..packed.entries {
        let (key, value) = oracle.entry().expect("fewer entries than were packed");
        let (head, tail) = rest.split_at(8);
        assert_eq!(head[..4], (key.len() as u32).to_le_bytes());
        assert_eq!(head[4..], (value.len() as u32).to_le_bytes());
        assert_eq!(&tail[..key.len()], key);
        assert_eq!(&tail[key.len()..key.len() + value.len()], value);
        rest = &tail[key.len() + value.len()..];
        if forward { oracle.next() } else { oracle.prev() }
    }
    assert!(rest.is_empty());
    if let Some(needed) = packed.needed {
        let (key, value) = oracle.entry().expect("an entry was too large");
        assert!(packed.entries == 0 && needed == 8 + key.len() + value.len() && needed > buf.len());
    }
}
