//! The world of a model script: a database on a simulated disk, what it must hold, and its comings and goings.

use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::Arc;

use esker::env::clock::TestClock;
use esker::env::sim_fs::{CrashImage, SimFs};
use esker::{
    ColumnFamily, Comparator, Db, Environment, ErrorKind, FamilyId, FamilyOptions, Iter, Options, ReadOptions, Snapshot,
};

use super::transactions::Open;
use crate::support::oracle::{DEFAULT, FamilyOracle, Operator, OracleCursor, Write};
use crate::support::rng::Rng;

const DIR: &str = "/db";

/// Bytewise turned round.
#[derive(Debug)]
pub struct Backwards;

impl Comparator for Backwards {
    fn name(&self) -> &str {
        "backwards"
    }
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }
}

/// A family with what it must hold.
#[derive(Clone)]
pub struct Member {
    pub family: ColumnFamily,
    pub state: Rc<FamilyOracle>,
}

/// What readers of one moment must see.
#[derive(Clone)]
pub struct Moment {
    pub members: Vec<Member>,
    pub time_ms: u64,
}

pub struct World {
    pub disk: SimFs,
    pub clock: Arc<TestClock>,
    pub options: Options,
    pub db: Db,
    pub rng: Rng,
    pub members: Vec<Member>,
    pub snapshots: Vec<(Snapshot, Moment)>,
    pub cursors: Vec<(Iter, OracleCursor, String)>,
    pub transactions: Vec<Open>,
    /// Everything that was committed, in order.
    pub log: Vec<(FamilyId, Write)>,
    pub tag: u64,
    /// The time of the present views: that of the clock, unless it was set back.
    now_ms: u64,
}

impl World {
    pub fn new(options: &Options, seed: u64) -> World {
        let disk = SimFs::new(seed);
        let clock = Arc::new(TestClock::at(1_000_000));
        let mut options = options.clone();
        options.comparators.add(Arc::new(Backwards)).unwrap();
        let db = open(&disk, &clock, &options);
        let members = vec![Member { family: db.default_family(), state: Rc::default() }];
        let (rng, now_ms) = (Rng::new(seed), 1_000_000);
        let (snapshots, cursors, transactions, log) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let tag = 0;
        let mut world =
            World { disk, clock, options, db, rng, members, snapshots, cursors, transactions, log, tag, now_ms };
        let lz4 = FamilyOptions { compression: Some(esker::options::Compression::Lz4), ..FamilyOptions::default() };
        world.add_family("plain", &lz4);
        world.add_family("backwards", &FamilyOptions::default().with_comparator("backwards"));
        world.add_family("counters", &FamilyOptions::default().with_merge_operator(Operator::AddU64.name()));
        let log = FamilyOptions::default().with_merge_operator(Operator::Append(b',').name()).with_ttl_ms(3_000);
        world.add_family("log with ttl", &log);
        world
    }

    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Far enough for some values to expire.
    pub fn advance_clock(&mut self) {
        self.now_ms += 1 + self.rng.below(1_500) as u64;
        self.clock.set(self.now_ms);
        // A view of this time: later ones are not earlier.
        self.stats();
        self.db.get("k").unwrap();
    }

    pub fn set_clock_back(&mut self) {
        self.clock.set(self.now_ms - self.rng.below(10_000) as u64);
    }

    /// The present.
    pub fn now(&self) -> Moment {
        Moment { members: self.members.clone(), time_ms: self.now_ms }
    }

    /// A family, the default one most often.
    pub fn some_member(&mut self) -> usize {
        if self.rng.chance(40) { 0 } else { self.rng.below(self.members.len()) }
    }

    /// What a read may be told, and what it must see then: mostly the present.
    pub fn some_moment(&mut self) -> (ReadOptions, Moment) {
        if !self.snapshots.is_empty() && self.rng.chance(35) {
            let (snapshot, moment) = self.rng.pick(&self.snapshots);
            return (ReadOptions::new().with_snapshot(snapshot), moment.clone());
        }
        let fill_cache = self.rng.chance(80);
        (ReadOptions { fill_cache, ..ReadOptions::new() }, self.now())
    }

    /// Two keys in the order of `member`; now and then the same one twice, or as wide as everything.
    pub fn range(&mut self, member: usize) -> (Vec<u8>, Vec<u8>) {
        let state = Rc::clone(&self.members[member].state);
        let wide = self.rng.chance(2);
        let (a, b) = if wide { (Vec::new(), vec![0xff; 12]) } else { (self.rng.key(), self.rng.key()) };
        if state.key(&a) <= state.key(&b) { (a, b) } else { (b, a) }
    }

    pub fn take_snapshot(&mut self) {
        if self.snapshots.len() < 6 {
            self.snapshots.push((self.db.snapshot().unwrap(), self.now()));
        }
    }

    pub fn drop_snapshot(&mut self) {
        if !self.snapshots.is_empty() {
            let index = self.rng.below(self.snapshots.len());
            self.snapshots.swap_remove(index);
        }
    }

    pub fn flush(&mut self) {
        self.db.flush().unwrap();
    }

    pub fn flush_family(&mut self) {
        let member = self.some_member();
        self.db.flush_family(&self.members[member].family).unwrap();
    }

    pub fn compact_all(&mut self) {
        let member = self.some_member();
        self.db.compact_range_in(&self.members[member].family, None, None).unwrap();
    }

    pub fn compact_range(&mut self) {
        let member = self.some_member();
        let (start, end) = self.range(member);
        self.db.compact_range_in(&self.members[member].family, Some(&start), Some(&end)).unwrap();
    }

    pub fn sync(&mut self) {
        self.db.sync().unwrap();
    }

    /// Children go first half of the time, and outlive the database the other half.
    pub fn reopen(&mut self) {
        if self.rng.chance(50) {
            self.forget_children();
        }
        self.db.close().unwrap();
        self.db = open(&self.disk, &self.clock, &self.options);
        self.find_families_again();
    }

    /// The process dies; the operating system, and so every written byte, lives on.
    pub fn kill(&mut self) {
        // What time it was, only a clean close is sure to remember.
        self.clock.set(self.now_ms);
        self.forget_children();
        self.disk = self.disk.crash(CrashImage::Killed);
        self.db = open(&self.disk, &self.clock, &self.options);
        self.find_families_again();
    }

    fn forget_children(&mut self) {
        self.snapshots.clear();
        self.cursors.clear();
        self.transactions.clear();
    }

    fn find_families_again(&mut self) {
        self.forget_children();
        for member in &mut self.members {
            let found = self.db.family(member.family.name()).unwrap();
            assert_eq!((found.id(), found.options()), (member.family.id(), member.family.options()));
            member.family = found;
        }
        self.list_families();
    }

    fn add_family(&mut self, name: &str, options: &FamilyOptions) {
        let family = self.db.create_family(name, options).unwrap();
        let operators = [Operator::None, Operator::AddU64, Operator::Append(b',')];
        let operator = operators.into_iter().find(|operator| operator.name() == options.merge_operator);
        let operator = operator.expect("an operator the oracle knows");
        let state = Rc::new(FamilyOracle::new(options.comparator == "backwards", operator, options.ttl_ms));
        self.members.push(Member { family, state });
    }

    pub fn create_family(&mut self) {
        self.tag += 1;
        let mut options = FamilyOptions::default();
        if self.rng.chance(30) {
            options.comparator = "backwards".to_owned();
        }
        if self.rng.chance(30) {
            options.block_size = Some(64);
            options.filter_bits_per_key = Some(0);
        }
        if self.rng.chance(30) {
            options.merge_operator = Operator::AddU64.name();
        }
        if self.rng.chance(30) {
            options.ttl_ms = 2_000;
        }
        let name = format!("family {}", self.rng.below(6));
        if self.members.iter().any(|member| member.family.name() == name) {
            let error = self.db.create_family(&name, &options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            return;
        }
        self.add_family(&name, &options);
    }

    /// Cursors and snapshots of it go on.
    pub fn drop_family(&mut self) {
        let index = self.rng.below(self.members.len());
        let family = self.members[index].family.clone();
        if index < 5 {
            let refused = self.db.drop_family(&self.db.default_family());
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument);
            return;
        }
        self.transactions.clear();
        self.db.drop_family(&family).unwrap();
        self.members.remove(index);
        let error = self.db.get_in(&family, "k", &ReadOptions::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }

    pub fn list_families(&mut self) {
        let names: Vec<_> = self.members.iter().map(|member| member.family.name().to_owned()).collect();
        assert_eq!(self.db.families().unwrap(), names);
        assert_eq!(names[0], DEFAULT);
        let unknown = self.db.family("nobody").unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::NotFound);
    }

    pub fn stats(&mut self) {
        let stats = self.db.stats().unwrap();
        // A transaction holds one, too.
        assert_eq!(stats.number("snapshots"), Some((self.snapshots.len() + self.transactions.len()) as u64));
        assert!(self.db.poisoned().is_none());
    }

    pub fn property(&mut self) {
        let latest = self.db.latest_seqno().unwrap();
        assert_eq!(self.db.property("latest_seqno").unwrap(), latest.to_string());
        assert!(self.snapshots.iter().all(|(snapshot, _)| snapshot.seqno() <= latest));
    }
}

fn open(disk: &SimFs, clock: &Arc<TestClock>, options: &Options) -> Db {
    let environment = Environment::inline(Arc::new(disk.clone()), clock.clone());
    Db::open_in(environment, DIR, options).unwrap()
}
