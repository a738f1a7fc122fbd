//! Scripts as Rust source: what a failure is printed as, to be pasted into `regressions` as it stands.

use std::fmt::{self, Write as _};

use esker::Durability;

use crate::support::oracle::Write;
use crate::support::script::{Script, Step};

/// A regression test that builds `script` and checks it by `call`, in which the script is named `script`.
pub fn regression_test(script: &Script, call: &str) -> String {
    let name: String = script.name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    let name = name.split('_').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_");
    let mut text = format!("#[test]\nfn shrunk_from_{name}() {{\n    let steps = vec![\n");
    for step in &script.steps {
        writeln!(text, "        {},", Source(step)).expect("a string takes it");
    }
    text.push_str("    ];\n");
    let script = format!("Script {{ options: {}, ..Script::new({:?}, steps) }}", script.options_source, script.name);
    write!(text, "    let script = {script};\n    {call};\n}}\n").expect("a string takes it");
    text
}

/// Something as Rust source.
struct Source<T>(T);

impl fmt::Display for Source<&Step> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Step::Commit(writes, durability) => {
                let writes: Vec<_> = writes.iter().map(|write| Source(write).to_string()).collect();
                write!(f, "Step::Commit(vec![{}], {})", writes.join(", "), Source(durability))
            }
            Step::CommitIn(writes, durability) => {
                write!(f, "Step::CommitIn({}, {})", Source(&writes[..]), Source(durability))
            }
            Step::Transaction(writes, durability) => {
                write!(f, "Step::Transaction({}, {})", Source(&writes[..]), Source(durability))
            }
            Step::Compact(start, end) => write!(f, "Step::Compact({}, {})", Source(start), Source(end)),
            // The others read the same in both.
            step => write!(f, "Step::{step:?}"),
        }
    }
}

impl fmt::Display for Source<&[(&'static str, Write)]> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let writes: Vec<_> = self.0.iter().map(|(family, write)| format!("({family:?}, {})", Source(write))).collect();
        write!(f, "vec![{}]", writes.join(", "))
    }
}

impl fmt::Display for Source<&Durability> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Durability::{:?}", self.0)
    }
}

impl fmt::Display for Source<&Option<Vec<u8>>> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(bytes) => write!(f, "Some({})", Source(&bytes[..])),
            None => f.write_str("None"),
        }
    }
}

impl fmt::Display for Source<&Write> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Write::Put(key, value) => write!(f, "Write::Put({}, {})", Source(&key[..]), Source(&value[..])),
            Write::Delete(key) => write!(f, "Write::Delete({})", Source(&key[..])),
            Write::DeleteRange(start, end) => {
                write!(f, "Write::DeleteRange({}, {})", Source(&start[..]), Source(&end[..]))
            }
            Write::PutExpiring(key, value, at) => {
                write!(f, "Write::PutExpiring({}, {}, {at})", Source(&key[..]), Source(&value[..]))
            }
            Write::Merge(key, operand) => write!(f, "Write::Merge({}, {})", Source(&key[..]), Source(&operand[..])),
        }
    }
}

impl fmt::Display for Source<&[u8]> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        let period = (1..=16).find(|period| (*period..bytes.len()).all(|i| bytes[i] == bytes[i - period]));
        match period {
            // Long values are a few bytes over and over.
            Some(period) if bytes.len() >= 32 => {
                let round = bytes[..period].escape_ascii();
                write!(f, "b\"{round}\".iter().copied().cycle().take({}).collect()", bytes.len())
            }
            _ => write!(f, "b\"{}\".to_vec()", bytes.escape_ascii()),
        }
    }
}
