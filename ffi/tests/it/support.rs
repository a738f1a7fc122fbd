//! Builds the library and C programs against it, and runs them under a watchdog.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// A program that runs longer than this hangs. Generous: the machine may be busy with a build.
const WATCHDOG: Duration = Duration::from_secs(240);

/// The repository.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Whether committed files are to be rewritten instead of compared.
pub fn bless() -> bool {
    std::env::var_os("ESKER_BLESS").is_some_and(|value| value == "1")
}

/// A directory that goes away with the value.
pub fn scratch(name: &str) -> tempfile::TempDir {
    tempfile::Builder::new().prefix(&format!("esker-{name}-")).tempdir().unwrap()
}

/// Whether a program is installed.
pub fn installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Says that a test could not be run. Past the capture of what passing tests print, or nobody would hear of it.
pub fn skip(reason: &str) {
    std::io::stderr().write_all(format!("SKIPPED: {reason}\n").as_bytes()).unwrap();
}

/// Where cargo puts what it builds with the profile of this test: target/debug or target/release.
fn profile_dir() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_path_buf()
}

/// A built library: where it lies, with the links an installation has.
#[derive(Clone, Debug)]
pub struct Library {
    pub dir: PathBuf,
}

impl Library {
    pub fn shared(&self) -> PathBuf {
        self.dir.join("libesker.so.0")
    }

    pub fn archive(&self) -> PathBuf {
        self.dir.join("libesker.a")
    }
}

/// The library as it ships, in the profile of this test. Built here, because cargo does not build a shared library for
/// tests; with the tests, so that the engine in it is the one this test was built with and is not compiled again.
pub fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| build(profile_dir().parent().unwrap(), &["--tests"]))
}

/// The library with the feature `inject-panic`, in a target directory of its own.
pub fn panicking_library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    let features = ["--features", "inject-panic"];
    LIBRARY.get_or_init(|| build(&profile_dir().parent().unwrap().join("inject-panic"), &features))
}

fn build(target: &Path, arguments: &[&str]) -> Library {
    let profile = profile_dir().file_name().unwrap().to_str().unwrap().to_owned();
    let release: &[&str] = if profile == "release" { &["--release"] } else { &[] };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).args(["build", "--quiet", "-p", "esker-ffi", "--lib", "--target-dir"]).arg(target);
    let output = cargo.args(release).args(arguments).output().unwrap();
    assert!(output.status.success(), "{cargo:?}: {}", String::from_utf8_lossy(&output.stderr));
    let built = target.join(if release.is_empty() { "debug" } else { "release" });
    let dir = built.join("lib");
    fs::create_dir_all(&dir).unwrap();
    for (link, file) in [("libesker.so.0", "libesker.so"), ("libesker.so", "libesker.so"), ("libesker.a", "libesker.a")]
    {
        let made = std::os::unix::fs::symlink(built.join(file), dir.join(link));
        // It is there from an earlier run, or another test process has just made it.
        made.unwrap_or_else(|error| assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists));
    }
    Library { dir }
}

/// How to compile: which language, against which library.
#[derive(Clone, Debug)]
pub struct Compiler {
    program: &'static str,
    flags: Vec<String>,
}

impl Compiler {
    /// C by this standard, with every warning an error.
    pub fn c(standard: &str) -> Compiler {
        Compiler::new("cc", standard)
    }

    /// C++ by this standard, with every warning an error.
    pub fn cpp(standard: &str) -> Compiler {
        Compiler::new("c++", standard)
    }

    /// This compiler, by this standard, with every warning an error.
    pub fn new(program: &'static str, standard: &str) -> Compiler {
        let flags = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror", "-g"];
        let mut compiler = Compiler { program, flags: vec![format!("-std={standard}")] };
        compiler.flags.extend(flags.map(str::to_owned));
        compiler.with(&[&format!("-I{}", root().join("include").display())])
    }

    /// The same with more flags.
    pub fn with(mut self, flags: &[&str]) -> Compiler {
        self.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    /// Compiles without linking, and fails the test on any warning.
    pub fn check(&self, source: &Path) {
        succeed(Command::new(self.program).args(&self.flags).args(["-fsyntax-only"]).arg(source));
    }

    /// Compiles `source` into `program`, linked with `library`.
    pub fn build(&self, source: &Path, program: &Path, library: &Library) {
        let rpath = format!("-Wl,-rpath,{}", library.dir.display());
        let mut command = Command::new(self.program);
        command.args(&self.flags).arg(source).arg("-o").arg(program).arg("-L").arg(&library.dir);
        succeed(command.args([&rpath, "-lesker", "-lpthread"]));
    }

    /// Compiles `source` into `program`, without the library: it loads that itself.
    pub fn build_unlinked(&self, source: &Path, program: &Path) {
        let mut command = Command::new(self.program);
        succeed(command.args(&self.flags).arg(source).arg("-o").arg(program).args(["-ldl", "-lpthread"]));
    }

    /// Compiles `source` into `program`, with the static library inside.
    pub fn build_static(&self, source: &Path, program: &Path, library: &Library) {
        let mut command = Command::new(self.program);
        command.args(&self.flags).arg(source).arg("-o").arg(program).arg(library.archive());
        succeed(command.args(["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"]));
    }
}

/// Runs a command that must succeed, and tells what it said if it does not.
pub fn succeed(command: &mut Command) -> String {
    let output = finish(command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out
}

/// Runs a command to its end, or kills it when it hangs.
pub fn finish(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let out = drain(child.stdout.take().unwrap());
    let err = drain(child.stderr.take().unwrap());
    let status = wait(&mut child, &format!("{command:?}"));
    Output { status, stdout: out.join().unwrap(), stderr: err.join().unwrap() }
}

fn drain(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

fn wait(child: &mut Child, what: &str) -> std::process::ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > WATCHDOG {
            child.kill().unwrap();
            panic!("hangs: {what}");
        }
        thread::sleep(Duration::from_millis(5));
    }
}
