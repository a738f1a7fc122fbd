//! Background work: who runs what, when to try again, and how callers wait for it.
//!
//! Three tasks: preparing the next log segment, flushing immutable memtables, compacting. Each runs at most once at a time
//! except compaction, of which several may run on tables that do not touch. With [`Executor::Threads`] they run on threads
//! started here and nowhere else; with [`Executor::Inline`] the thread that made them due runs them to their end.
//!
//! A failed attempt is tried again after a pause that doubles; a full disk is tried for ever and at once when a writer asks
//! ([`Background::kick`]), so that space which was made is noticed. A task that fails again and again for another reason
//! poisons the handle. A panic poisons it at once.

pub mod compacting;
pub mod flushing;
pub mod segments;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::compaction::plan::{Claims, Compaction};
use crate::db::environment::Executor;
use crate::db::info_log::LogLevel;
use crate::db::obsolete;
use crate::db::state::Shared;
use crate::error::{Error, ErrorKind, Result};
use crate::util::planted::planted;
use crate::util::sync::atomic::{AtomicBool, Ordering};
use crate::util::sync::{Arc, Condvar, Mutex, Weak, thread};

/// What background threads do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Make the next log segment ready.
    PrepareSegment,
    /// Write immutable memtables to level 0.
    Flush,
    /// Merge tables into deeper levels.
    Compact,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Task::PrepareSegment => "preparing a log segment",
            Task::Flush => "a flush",
            Task::Compact => "a compaction",
        }
    }
}

const TASKS: [Task; 3] = [Task::PrepareSegment, Task::Flush, Task::Compact];

/// Attempts of one task that may fail in a row, other than for want of space or by damage, before the handle is poisoned.
const MAX_FAILURES: u32 = 5;
const FIRST_RETRY_MS: u64 = 50;
const LAST_RETRY_MS: u64 = 10_000;
/// How long an idle thread sleeps before it looks whether a pause is over.
const IDLE_PAUSE_MS: u64 = 200;

/// What a job is about to do.
enum Job {
    PrepareSegment,
    Flush,
    Compact(Box<Compaction>),
}

impl Job {
    fn task(&self) -> Task {
        match self {
            Job::PrepareSegment => Task::PrepareSegment,
            Job::Flush => Task::Flush,
            Job::Compact(_) => Task::Compact,
        }
    }
}

/// What there is to do.
enum Picked {
    Job(Job),
    /// Nothing as of so many schedules.
    Nothing(u64),
    /// Close has begun.
    Stop,
}

/// How one task is doing.
#[derive(Debug, Default)]
struct Progress {
    running: u32,
    failures: u32,
    /// Attempts that failed since open.
    failed_total: u64,
    retry_at_ms: u64,
    last_error: Option<Error>,
}

#[derive(Debug, Default)]
struct State {
    stopping: bool,
    tasks: [Progress; TASKS.len()],
    /// What running compactions have taken.
    claims: Claims,
    /// How often something may have become due.
    scheduled: u64,
    /// Attempts that have ended, well or not.
    finished: u64,
    threads: Vec<thread::JoinHandle<()>>,
}

/// A request for a fresh attempt; failures before it do not count against it.
pub struct Kick {
    task: Task,
    failed_before: u64,
}

/// Who runs what.
pub struct Background {
    executor: Executor,
    /// Whether something may be due; cleared by whoever looks.
    due: AtomicBool,
    state: Mutex<State>,
    work: Condvar,
    progress: Condvar,
}

impl Background {
    /// Nothing due, nobody working.
    pub fn new(executor: Executor) -> Background {
        let state = Mutex::new(State::default());
        Background { executor, due: AtomicBool::new(false), state, work: Condvar::new(), progress: Condvar::new() }
    }

    /// Starts the threads. They hold the database weakly, so that they never keep it alive.
    pub fn start(shared: &Arc<Shared>) -> Result<()> {
        let background = &shared.background;
        if background.executor == Executor::Inline {
            return Ok(());
        }
        // The first stays free of compactions, which may take minutes, for flushes and segments.
        for index in 0..=shared.options.background_threads {
            let weak = Arc::downgrade(shared);
            let may_compact = index > 0;
            let spawned = thread::Builder::new().name(format!("esker-{index}")).spawn(move || work(&weak, may_compact));
            match spawned {
                Ok(handle) => background.state.lock().threads.push(handle),
                Err(error) => return Err(Error::io("start of a background thread", &shared.dir, error)),
            }
        }
        Ok(())
    }

    /// Whether jobs run on the calling thread.
    pub fn is_inline(&self) -> bool {
        self.executor == Executor::Inline
    }

    /// Says that something may be due.
    pub fn schedule(&self) {
        self.due.store(true, Ordering::Release);
        if !self.is_inline() {
            self.state.lock().scheduled += 1;
            self.work.notify_all();
        }
    }

    /// Asks for an attempt of `task` now, whatever pause it is in.
    pub fn kick(&self, task: Task) -> Kick {
        let mut state = self.state.lock();
        let progress = &mut state.tasks[task as usize];
        progress.retry_at_ms = 0;
        let kick = Kick { task, failed_before: progress.failed_total };
        drop(state);
        self.schedule();
        kick
    }

    /// The error of an attempt that failed since `kick`, if one did.
    pub fn failure_since(&self, kick: &Kick) -> Option<Error> {
        let state = self.state.lock();
        let progress = &state.tasks[kick.task as usize];
        if progress.failed_total > kick.failed_before { progress.last_error.clone() } else { None }
    }

    /// The last error of each task that is failing now.
    pub fn failing(&self) -> Vec<(Task, Error)> {
        let state = self.state.lock();
        TASKS.iter().filter_map(|t| Some((*t, state.tasks[*t as usize].last_error.clone()?))).collect()
    }

    /// How many attempts have ended; changes are what waiters wait for.
    pub fn finished(&self) -> u64 {
        self.state.lock().finished
    }

    /// Waits until more than `seen` attempts have ended, for at most `left_ms`.
    pub fn wait_progress(&self, seen: u64, left_ms: Option<u64>) {
        let state = self.state.lock();
        if state.finished > seen || state.stopping {
            return;
        }
        // Bounded even without a limit: a state that changes without an attempt (a close, a poisoning, an interrupt) is looked
        // at again.
        let limit = left_ms.unwrap_or(u64::MAX).min(50);
        drop(self.progress.wait_timeout(state, Duration::from_millis(limit)));
    }

    /// Lets everybody who waits look again.
    pub fn wake_waiters(&self) {
        let mut state = self.state.lock();
        state.finished += 1;
        drop(state);
        self.progress.notify_all();
    }

    /// Lets a caller that runs compactions itself decide beside what is running. `Closed` once close has begun.
    pub fn with_claims<T>(&self, decide: impl FnOnce(&mut Claims) -> T) -> Result<T> {
        let mut state = self.state.lock();
        if state.stopping {
            return Err(Error::new(ErrorKind::Closed, "the database is closed"));
        }
        Ok(decide(&mut state.claims))
    }

    /// Frees what such a caller has taken.
    pub fn release(&self, compaction: &Compaction) {
        self.state.lock().claims.release(compaction);
        self.wake_waiters();
        self.schedule();
    }

    /// Whether close has begun: long jobs give up.
    pub fn is_stopping(&self) -> bool {
        self.state.lock().stopping
    }

    /// Ends all background work, and waits for it: running jobs give up or finish, also those that callers run; threads end. Later
    /// schedules do nothing.
    pub fn stop(&self) {
        let threads = {
            let mut state = self.state.lock();
            state.stopping = true;
            std::mem::take(&mut state.threads)
        };
        self.work.notify_all();
        self.progress.notify_all();
        let me = thread::current().id();
        let is_worker = threads.iter().any(|handle| handle.thread().id() == me);
        for handle in threads {
            // A worker that holds the last reference to the database closes it from its own thread.
            if handle.thread().id() != me && handle.join().is_err() {
                // The panic was reported to the health of the database where it happened.
                continue;
            }
        }
        // A compaction that its caller runs reads and removes files as ours do: the directory is not free before it has ended.
        let mut state = self.state.lock();
        while !state.claims.is_empty() && !is_worker && !planted("close-beside-callers") {
            state = self.progress.wait(state);
        }
    }

    /// Inline: runs everything that is due, to its end. Threads: nothing.
    pub fn run_inline(&self, shared: &Shared) {
        if !self.is_inline() || !self.due.swap(false, Ordering::AcqRel) {
            return;
        }
        while let Picked::Job(job) = self.pick(shared, true) {
            self.run(shared, job);
        }
    }

    /// The next job that is due and not in a pause, marked as running.
    fn pick(&self, shared: &Shared, may_compact: bool) -> Picked {
        let mut state = self.state.lock();
        if state.stopping {
            return Picked::Stop;
        }
        if shared.health.poisoned().is_some() {
            return Picked::Nothing(state.scheduled);
        }
        let now = shared.env.clock.monotonic_ms();
        let ready = |task: Task| state.tasks[task as usize].retry_at_ms <= now;
        let idle = |task: Task| state.tasks[task as usize].running == 0 && ready(task);
        let job = if idle(Task::PrepareSegment) && segments::is_due(shared) {
            Job::PrepareSegment
        } else if idle(Task::Flush) && flushing::is_due(shared) {
            Job::Flush
        } else if may_compact
            && ready(Task::Compact)
            && let Some(compaction) = compacting::pick(shared, &state.claims)
        {
            state.claims.take(&compaction);
            Job::Compact(Box::new(compaction))
        } else {
            return Picked::Nothing(state.scheduled);
        };
        state.tasks[job.task() as usize].running += 1;
        Picked::Job(job)
    }

    /// Sleeps until something is scheduled after `seen`, and now and then for a task whose pause is over.
    fn sleep(&self, seen: u64) {
        let state = self.state.lock();
        if state.scheduled == seen && !state.stopping {
            drop(self.work.wait_timeout(state, Duration::from_millis(IDLE_PAUSE_MS)));
        }
    }

    fn run(&self, shared: &Shared, job: Job) {
        let task = job.task();
        let attempt = catch_unwind(AssertUnwindSafe(|| match &job {
            Job::PrepareSegment => segments::prepare(shared),
            Job::Flush => flushing::run(shared),
            Job::Compact(compaction) => compacting::run(shared, compaction),
        }));
        let result = attempt.unwrap_or_else(|panic| {
            let error = Error::new(ErrorKind::Panic, format!("a panic during {task:?}: {}", panic_text(&*panic)));
            shared.health.poison(error.clone());
            Err(error)
        });
        if let Job::Compact(compaction) = &job {
            self.state.lock().claims.release(compaction);
        }
        // It holds the inputs, which may go now.
        drop(job);
        obsolete::remove_unused(shared);
        self.finish(shared, task, result);
    }

    fn finish(&self, shared: &Shared, task: Task, result: Result<()>) {
        let mut state = self.state.lock();
        state.finished += 1;
        let stopping = state.stopping;
        let progress = &mut state.tasks[task as usize];
        progress.running -= 1;
        match result {
            Ok(()) => {
                progress.failures = 0;
                progress.retry_at_ms = 0;
                progress.last_error = None;
            }
            Err(error) if stopping && error.kind() == ErrorKind::Cancelled => {}
            Err(error) => {
                shared.counters.background_failures.bump();
                progress.failures += 1;
                progress.failed_total += 1;
                progress.retry_at_ms = shared.env.clock.monotonic_ms() + retry_pause_ms(progress.failures);
                let text = format!("{} failed, for the {}. time in a row: {error}", task.name(), progress.failures);
                shared.health.log().push(LogLevel::Error, "background", text);
                if gives_up(&error, progress.failures) {
                    shared.health.poison(error.clone());
                }
                progress.last_error = Some(error);
            }
        }
        state.scheduled += 1;
        drop(state);
        self.due.store(true, Ordering::Release);
        self.progress.notify_all();
        self.work.notify_all();
    }
}

/// How long to wait before attempt number `failures + 1`.
fn retry_pause_ms(failures: u32) -> u64 {
    (FIRST_RETRY_MS << failures.saturating_sub(1).min(16)).min(LAST_RETRY_MS)
}

/// Whether an error that keeps coming makes the handle read-only. A full disk is waited out; damage in a table stops the
/// compactions that need it and nothing else; anything else gets a few attempts.
fn gives_up(error: &Error, failures: u32) -> bool {
    match error.kind() {
        ErrorKind::NoSpace | ErrorKind::Corruption | ErrorKind::Poisoned => false,
        _ => failures >= MAX_FAILURES,
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// A worker's life: take a job, run it, sleep when there is none.
fn work(weak: &Weak<Shared>, may_compact: bool) {
    // The reference is taken anew for every round: a database whose last handle is gone is closed by its owner, not here.
    while let Some(shared) = weak.upgrade() {
        let background = &shared.background;
        match background.pick(&shared, may_compact) {
            Picked::Job(job) => background.run(&shared, job),
            Picked::Nothing(seen) => background.sleep(seen),
            Picked::Stop => return,
        }
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Background({:?})", self.executor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        assert_eq!([1, 2, 3].map(retry_pause_ms), [50, 100, 200]);
        assert_eq!(retry_pause_ms(60), LAST_RETRY_MS);
    }

    #[test]
    fn a_full_disk_is_waited_out_and_a_failing_one_is_not() {
        let error = |kind| Error::new(kind, "x");
        assert!(!gives_up(&error(ErrorKind::NoSpace), 1000));
        assert!(!gives_up(&error(ErrorKind::Corruption), 1000));
        assert!(!gives_up(&error(ErrorKind::Io), MAX_FAILURES - 1) && gives_up(&error(ErrorKind::Io), MAX_FAILURES));
    }
}
