//! Power cuts at every operation of a log's life, with every image of what they leave: what was synced is there, what is there
//! is a prefix, and nothing of it is mistaken for damage.

use crate::env::sim_fs::{CrashImage, SimFs};
use crate::wal::Link;
use crate::wal::test_log::{Named, TestLog, read, seq};

/// What may be found after a crash at some operation.
#[derive(Clone, Debug, Default)]
struct Promise {
    /// From this operation on.
    op: u64,
    named: Named,
    /// Numbers appended (acknowledged as buffered), in order.
    appended: Vec<u64>,
    /// Through here they were acknowledged as synced.
    synced: u64,
}

struct Script {
    log: TestLog,
    promises: Vec<Promise>,
    appended: Vec<u64>,
    synced: u64,
}

impl Script {
    fn new(log: TestLog, appended: Vec<u64>, synced: u64) -> Script {
        log.fs.record_states();
        let mut script = Script { log, promises: Vec::new(), appended, synced };
        script.promise();
        script
    }

    fn promise(&mut self) {
        let (op, named) = (self.log.fs.op_count(), self.log.named.clone());
        self.promises.push(Promise { op, named, appended: self.appended.clone(), synced: self.synced });
    }

    fn put(&mut self, seqno: u64) {
        self.log.put(seqno);
        self.appended.push(seqno);
        self.promise();
    }

    fn sync(&mut self) {
        self.log.sync();
        self.synced = self.log.writer.synced_seqno().get();
        self.promise();
    }

    /// A sync beside which the log goes on, into another segment even.
    fn sync_beside(&mut self, seqno: u64) {
        let point = self.log.writer.sync_point().unwrap();
        self.put(seqno);
        if seqno.is_multiple_of(2) {
            self.roll();
        }
        let synced = point.run().unwrap();
        self.put(seqno + 1);
        self.synced = self.synced.max(synced.seqno().get());
        self.promise();
        self.log.writer.note_synced(synced).unwrap();
        self.promise();
    }

    fn roll(&mut self) {
        self.log.roll();
        self.promise();
    }

    /// A flush of every family through the last number that is synced, and the segments that go with it.
    fn flush(&mut self) {
        let through = self.log.writer.synced_seqno();
        let gone = self.log.writer.obsolete_segments(through);
        self.log.writer.forget_segments(&gone);
        self.log.named.segments.retain(|number| !gone.contains(number));
        self.log.named.flushed_through = self.log.named.flushed_through.max(through.get());
        self.log.named.synced_through = self.log.named.flushed_through;
        self.promise();
    }

    /// Crashes at every operation with every image, and hands each disk with what it held to `then`.
    fn crash_everywhere(&self, seed: u64, mut then: impl FnMut(SimFs, &Promise, Vec<u64>)) -> usize {
        let mut crashes = 0;
        for point in self.log.fs.crash_points() {
            let at = self.promises.iter().rposition(|p| p.op <= point.op).expect("the script starts with a promise");
            let promise = &self.promises[at];
            let ahead = self.promises.get(at + 1).unwrap_or(promise);
            for image in CrashImage::all(seed.wrapping_add(point.op)) {
                let disk = point.disk.crash(image);
                // The MANIFEST of this test changes with a promise: between two of them either may be found.
                let (seqnos, report) = read(&disk, &promise.named)
                    .unwrap_or_else(|error| panic!("{point}, {image:?}: {error}\n{promise:?}"));
                let why = format!("{point}, {image:?}: {seqnos:?} of {promise:?}");
                check(&seqnos, promise, ahead, image, &why);
                assert_eq!(report.end.map(|end| end.last_seqno), Some(report.last_seqno), "{why}");
                then(disk, promise, seqnos);
                crashes += 1;
            }
        }
        crashes
    }
}

fn check(seqnos: &[u64], promise: &Promise, ahead: &Promise, image: CrashImage, why: &str) {
    let flushed = promise.named.flushed_through;
    let unflushed = |numbers: &[u64]| -> Vec<u64> { numbers.iter().copied().filter(|&n| n > flushed).collect() };
    let (found, possible) = (unflushed(seqnos), unflushed(&ahead.appended));
    assert!(possible.starts_with(&found), "a prefix: {why}");
    let must = match image {
        CrashImage::Everything => unflushed(&promise.appended),
        _ => unflushed(&promise.appended).into_iter().filter(|&n| n <= promise.synced).collect(),
    };
    assert!(found.len() >= must.len(), "what was acknowledged: {why}");
}

/// Puts, syncs, rolls and flushes, chosen by the seed.
fn run(script: &mut Script, seed: u64, first: u64, steps: u64) {
    let (mut state, mut seqno) = (seed, first);
    for _ in 0..steps {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match state >> 33 & 15 {
            0..=9 => {
                script.put(seqno);
                seqno += 1 + (state >> 40 & 3);
            }
            10..=11 => script.sync(),
            12 => {
                script.sync_beside(seqno);
                seqno += 2;
            }
            13 => script.roll(),
            _ => script.flush(),
        }
    }
}

#[test]
fn what_was_synced_survives_every_power_cut() {
    let mut crashes = 0;
    for seed in 0..24 {
        let mut script = Script::new(TestLog::new(2048), Vec::new(), 0);
        run(&mut script, seed, 1, 40);
        crashes += script.crash_everywhere(seed, |_, _, _| {});
    }
    assert!(crashes > 20_000, "{crashes}");
}

#[test]
fn a_log_goes_on_after_a_crash_and_survives_the_next() {
    for seed in 100..104 {
        let mut script = Script::new(TestLog::new(2048), Vec::new(), 0);
        run(&mut script, seed, 1, 25);
        let mut nth = 0u64;
        script.crash_everywhere(seed, |disk, promise, seqnos| {
            nth += 1;
            if nth % 7 != seed % 7 {
                return;
            }
            // What was replayed is made durable, here by a sync of all there is, before the log goes on.
            let disk = disk.crash(CrashImage::Everything);
            let (_, report) = read(&disk, &promise.named).unwrap();
            let link = report.end.unwrap_or(Link::first(seq(0)));
            let last = link.last_seqno.get();
            let log = TestLog::start(disk, promise.named.clone(), link, 1000, 2048);
            let mut second = Script::new(log, seqnos, last);
            run(&mut second, seed ^ nth, last + 1000, 6);
            second.crash_everywhere(nth, |_, _, _| {});
        });
        assert!(nth > 300, "{nth} crashes");
    }
}
