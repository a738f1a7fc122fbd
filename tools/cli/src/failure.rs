//! [`Failure`]: why a command ends otherwise than well, and the exit code that says so to scripts.

use std::io;
use std::path::Path;

/// The key is not there, or `verify` found damage.
pub const NEGATIVE: u8 = 1;
/// The arguments make no sense (the argument parser uses the same number).
pub const USAGE: u8 = 2;
/// The command could not be carried out.
pub const FAILED: u8 = 3;

/// An exit code and what to print, if anything.
#[derive(Debug)]
pub struct Failure {
    pub code: u8,
    pub message: String,
}

impl Failure {
    /// A clear "no": exit code 1.
    pub fn negative(message: impl Into<String>) -> Failure {
        Failure { code: NEGATIVE, message: message.into() }
    }

    /// Arguments that make no sense: exit code 2.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure { code: USAGE, message: message.into() }
    }

    /// It could not be done: exit code 3.
    pub fn failed(message: impl Into<String>) -> Failure {
        Failure { code: FAILED, message: message.into() }
    }

    /// A failed operation on a file that is not the database's.
    pub fn file(verb: &str, path: &Path, error: impl std::fmt::Display) -> Failure {
        Failure::failed(format!("cannot {verb} {}: {error}", path.display()))
    }

    /// A failed write to standard output. Whoever read it may have seen enough (`| head`): that is no failure.
    pub fn output(error: &io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure { code: 0, message: String::new() };
        }
        Failure::failed(format!("cannot write to standard output: {error}"))
    }
}

impl From<esker::Error> for Failure {
    fn from(error: esker::Error) -> Failure {
        Failure::failed(error.to_string())
    }
}
