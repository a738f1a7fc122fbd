//! What the strikes of a script met: how many there were, and by kind of fault how many runs it struck. A fault that hardly ever
//! strikes proves nothing, and a harness in which one never strikes looks exactly like an engine that copes with it.

use std::collections::BTreeMap;
use std::fmt;

use esker::env::fault_fs::Fault;

/// What one run of a script met.
#[derive(Debug, Default)]
pub struct Met {
    /// The faults that struck, each once, however often they did.
    pub faults: Vec<Fault>,
    /// Whether a second fault was planned and struck.
    pub is_pair: bool,
    /// Crashes between the fault and the end of the script.
    pub crashes: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Tally {
    strikes: u64,
    pairs: u64,
    crashes: u64,
    runs: BTreeMap<Fault, u64>,
}

impl Tally {
    pub fn add(&mut self, met: &Met) {
        self.strikes += 1;
        self.pairs += u64::from(met.is_pair);
        self.crashes += met.crashes;
        for fault in &met.faults {
            *self.runs.entry(*fault).or_default() += 1;
        }
    }

    /// How many runs `fault` struck.
    pub fn runs_with(&self, fault: Fault) -> u64 {
        self.runs.get(&fault).copied().unwrap_or(0)
    }

    /// The faults that struck fewer runs than their `floor`, in words.
    pub fn rare(&self, floor: impl Fn(Fault) -> u64) -> Vec<String> {
        let below = Fault::ALL.into_iter().filter(|fault| self.runs_with(*fault) < floor(*fault));
        below.map(|fault| format!("{fault:?} struck {} runs of {}", self.runs_with(fault), floor(fault))).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { strikes, pairs, crashes, runs } = self;
        write!(f, "{strikes} strikes, {pairs} of them pairs, {crashes} crashes between fault and end, {runs:?}")
    }
}

#[test]
fn a_fault_that_never_strikes_is_named() {
    let mut tally = Tally::default();
    for fault in Fault::ALL.into_iter().filter(|fault| *fault != Fault::RenameEio) {
        tally.add(&Met { faults: vec![fault], ..Met::default() });
    }
    assert_eq!(tally.rare(|_| 1), ["RenameEio struck 0 runs of 1"]);
    tally.add(&Met { faults: vec![Fault::RenameEio, Fault::Eio], is_pair: true, crashes: 3 });
    assert_eq!(tally.rare(|_| 1), Vec::<String>::new());
    assert_eq!(tally.rare(|_| 2).len(), Fault::ALL.len() - 1, "only Eio struck two runs");
    let text = tally.to_string();
    assert!(text.starts_with("11 strikes, 1 of them pairs, 3 crashes between fault and end, {Eio: 2, "), "{text}");
}
