//! What the tests of the tool share: a scratch directory, and the program run on a database in it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A scratch directory with a database path in it.
pub struct Scratch {
    pub folder: TempDir,
}

impl Scratch {
    pub fn new() -> Scratch {
        Scratch { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Runs `esker COMMAND db REST…`.
    pub fn run(&self, command: &str, rest: &[&str]) -> Ran {
        self.run_with_input(command, rest, b"")
    }

    /// Runs `esker COMMAND PATH REST…`.
    pub fn run_on(&self, command: &str, path: &Path, rest: &[&str]) -> Ran {
        spawn(command, path, rest, b"")
    }

    pub fn run_with_input(&self, command: &str, rest: &[&str], input: &[u8]) -> Ran {
        spawn(command, &self.path("db"), rest, input)
    }
}

fn spawn(command: &str, path: &Path, rest: &[&str], input: &[u8]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_esker"))
        .arg(command)
        .arg(path)
        .args(rest)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may be gone by now.
    drop(child.stdin.take().unwrap().write_all(input));
    Ran(child.wait_with_output().unwrap())
}

/// What a run of the program left behind.
pub struct Ran(pub Output);

impl Ran {
    pub fn code(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// It went well; its output.
    #[track_caller]
    pub fn ok(&self) -> String {
        assert_eq!(self.code(), 0, "{}", self.err());
        self.out()
    }

    /// It ended with `code` and said `part`.
    #[track_caller]
    pub fn fails(&self, code: i32, part: &str) {
        assert_eq!(self.code(), code, "{}", self.err());
        assert!(self.err().contains(part), "\"{}\" lacks \"{part}\"", self.err());
        assert!(self.err().starts_with("esker: "), "{}", self.err());
    }
}

impl Ran {
    /// The argument parser refused it with `part`.
    #[track_caller]
    pub fn fails_usage(&self, part: &str) {
        assert_eq!(self.code(), 2, "{}", self.err());
        assert!(self.err().contains(part), "{}", self.err());
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
