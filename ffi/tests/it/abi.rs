//! What programs that are compiled today rely on: the ABI, compared with the committed baseline in `ffi/abi`.
//!
//! The baseline is what abidw makes of a stub: every function of `esker.h` with an empty body, compiled with `-g`. Not of the
//! library itself, whose debug information holds the engine's own types and half of the Rust standard library behind the
//! opaque pointers: half a megabyte that changes with every commit. That the stub speaks for the library is proven here too:
//! the library's own debug information is read (`[profile.dev.package.esker-ffi]` in Cargo.toml asks for it), and each function
//! must have in it the parameters that the header says, by name and by kind. Constants leave no trace in a library; they
//! have a list of their own.
//!
//! Rules for a change: docs/c-api.md, "What will not change".

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::header::generate;
use crate::prototypes::{self, Prototype};
use crate::support::{bless, finish, installed, library, scratch, skip, succeed};

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("abi").join(name)
}

/// The number in the SONAME: each has a baseline of its own.
fn baseline() -> PathBuf {
    let header = generate();
    let number = header.lines().find_map(|line| line.strip_prefix("#define ESKER_ABI_VERSION ")).unwrap();
    committed(&format!("libesker.so.{number}.xml"))
}

/// Whether the comparison can be made here. What a pointer and a size_t are, is another matter on other machines.
fn can_compare() -> bool {
    let there = installed("abidw") && installed("abidiff") && cfg!(all(target_os = "linux", target_arch = "x86_64"));
    if !there {
        skip("the ABI is compared by abidw and abidiff (abigail-tools), on x86-64 Linux");
    }
    there
}

/// Compiles the functions of a header with empty bodies, and describes them; no path of this machine is in it.
fn describe(header: &str, dir: &Path) -> PathBuf {
    let mut stub = String::from("#include \"esker.h\"\n");
    for Prototype { name, returns, parameters, .. } in prototypes::parse(header) {
        let list: Vec<String> = parameters.iter().map(|p| format!("{} {}", p.kind, p.name)).collect();
        let list = if list.is_empty() { "void".to_owned() } else { list.join(", ") };
        let body = if returns == "void" { "" } else { "return 0;" };
        stub.push_str(&format!("{returns} {name}({list}) {{ {body} }}\n"));
    }
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("esker.h"), header).unwrap();
    fs::write(dir.join("esker.c"), stub).unwrap();
    let flags = ["-std=c99", "-g", "-fPIC", "-shared", "-Wl,-soname,libesker.so.0", "-fdebug-prefix-map=OLD=."];
    let flags = flags.map(|flag| flag.replace("OLD", dir.to_str().unwrap()));
    succeed(Command::new("cc").current_dir(dir).args(flags).args(["esker.c", "-o", "libesker.so.0"]));
    let quiet = ["--no-show-locs", "--no-corpus-path", "--no-comp-dir-path", "--type-id-style", "hash"];
    succeed(Command::new("abidw").current_dir(dir).args(quiet).args(["--out-file", "abi.xml", "libesker.so.0"]));
    dir.join("abi.xml")
}

/// How two descriptions differ.
#[derive(Debug, PartialEq)]
enum Difference {
    None,
    /// Old programs do not notice.
    Additions,
    /// Old programs break; what abidiff says.
    Break(String),
}

fn compare(old: &Path, new: &Path) -> Difference {
    let run = |flags: &[&str]| {
        let output = finish(Command::new("abidiff").args(flags).arg(old).arg(new));
        let code = output.status.code().unwrap();
        assert_eq!(code & 3, 0, "abidiff failed: {}", String::from_utf8_lossy(&output.stderr));
        (code != 0).then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    // A new value of an enumeration, or a type that grew, counts too: nothing is harmless that is seen.
    match (run(&["--no-added-syms", "--harmless"]), run(&[])) {
        (Some(report), _) => Difference::Break(report),
        (None, Some(_)) => Difference::Additions,
        (None, None) => Difference::None,
    }
}

#[test]
fn the_abi_is_that_of_the_baseline() {
    if !can_compare() {
        return;
    }
    let scratch = scratch("abi");
    let now = describe(&generate(), scratch.path());
    let text = fs::read_to_string(&now).unwrap();
    let described = text.matches("<function-decl name='esker_").count();
    assert_eq!(described, prototypes::parse(&generate()).len(), "abidw did not see every function's type");
    assert!(!text.contains("/tmp") && !text.contains("/work") && !text.contains("/home"), "a path of this machine");
    let baseline = baseline();
    if bless() && !baseline.exists() {
        fs::copy(&now, &baseline).unwrap();
    }
    assert!(baseline.exists(), "{} is missing; ESKER_BLESS=1 writes it", baseline.display());
    match compare(&baseline, &now) {
        Difference::None => {}
        Difference::Additions if bless() => drop(fs::copy(&now, &baseline).unwrap()),
        Difference::Additions => panic!("the ABI has grown, which is fine; ESKER_BLESS=1 puts it on record"),
        // Not even blessed: old programs break without a word if the number stays.
        Difference::Break(report) => panic!("{report}\nThis breaks programs. docs/c-api.md says what to do"),
    }
}

/// The test of the test: breaks planted into the header, each of which must be found, and what is none.
#[test]
fn a_break_of_the_abi_is_found() {
    if !can_compare() {
        return;
    }
    let scratch = scratch("abi-break");
    let header = generate();
    let before = describe(&header, &scratch.path().join("before"));
    let after = |whole: &str, changed: &str| {
        assert!(header.contains(whole), "the header has no {whole:?}");
        compare(&before, &describe(&header.replacen(whole, changed, 1), &scratch.path().join("after")))
    };
    let flush = "esker_status esker_flush(const esker_db *db, const esker_cf *cf, esker_error **error);";
    let breaks = [
        ("a parameter's size", "esker_names_at(const esker_names *names, size_t index)", "size_t", "uint32_t"),
        ("a result", "esker_cf_id(const esker_cf *cf)", "esker_cf_id", "*esker_cf_id"),
        ("a parameter less", flush, "const esker_cf *cf, ", ""),
        ("the status", "typedef int32_t esker_status;", "int32_t", "int64_t"),
        ("a callback", "typedef void (*esker_destroy_fn)(void *userdata);", "void *userdata", "int userdata"),
        ("a name less", flush, flush, "/* gone */"),
        ("another name", flush, "esker_flush", "esker_flush_all"),
        ("an order", flush, "const esker_db *db, const esker_cf *cf", "const esker_cf *cf, const esker_db *db"),
    ];
    for (what, place, from, to) in breaks {
        let difference = after(place, &place.replacen(from, to, 1));
        assert!(matches!(difference, Difference::Break(_)), "{what}: {difference:?}");
    }
    let more = format!("{flush}\n\n/** More. */\nesker_status esker_flush_more(const esker_db *db);");
    assert_eq!(after(flush, &more), Difference::Additions);
    assert_eq!(after("/** Done. */", "/** Well done. */"), Difference::None);
}

/// The constants of the header but for the release's version, which is to change.
fn constants(header: &str) -> BTreeSet<String> {
    let defines = header.lines().filter_map(|line| line.strip_prefix("#define ESKER_"));
    let kept = defines.filter(|line| line.contains(' ') && !line.starts_with("VERSION_"));
    kept.map(|line| format!("ESKER_{line}")).collect()
}

#[test]
fn constants_keep_their_numbers() {
    let list = committed("constants.txt");
    let now = constants(&generate());
    assert!(now.contains("ESKER_OK 0") && now.len() > 20, "{now:?}");
    let read = || fs::read_to_string(&list).unwrap_or_default().lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let changed: Vec<String> = read().difference(&now).cloned().collect();
    assert!(changed.is_empty(), "{changed:?} are not in the header any more, which breaks programs: docs/c-api.md");
    if bless() {
        fs::write(&list, now.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    }
    assert_eq!(read(), now, "there are new constants, which is fine; ESKER_BLESS=1 puts them on record");
}

/// What a C type or a Rust type is to the machine.
fn kind_in_c(kind: &str) -> &str {
    match kind {
        _ if kind.ends_with('*') || kind.ends_with("_fn") => "pointer",
        "esker_status" | "int32_t" => "i32",
        "uint8_t" => "u8",
        "uint32_t" => "u32",
        "uint64_t" => "u64",
        "size_t" => "usize",
        "void" => "void",
        other => panic!("{other} is not known here yet"),
    }
}

/// The functions that a library's debug information tells of: their parameters and, last, what they return.
fn in_debug_information(xml: &str) -> BTreeMap<String, Vec<(String, String)>> {
    let attribute = |line: &str, name: &str| -> String {
        let value = line.split_once(&format!(" {name}='")).and_then(|(_, rest)| rest.split_once('\''));
        value.map(|(value, _)| value.to_owned()).unwrap_or_default()
    };
    let mut kinds = BTreeMap::new();
    for line in xml.lines().filter(|line| line.contains(" id='")) {
        let pointer =
            line.contains("<pointer-type-def") || line.contains("name='Option&lt;unsafe extern &quot;C&quot; fn");
        let kind = if pointer { "pointer".to_owned() } else { attribute(line, "name").replace("()", "void") };
        kinds.insert(attribute(line, "id"), kind);
    }
    let kind = |line: &str| kinds.get(&attribute(line, "type-id")).cloned().unwrap_or_else(|| line.to_owned());
    let mut functions = BTreeMap::new();
    for function in xml.split("<function-decl ").skip(1) {
        let function = function.split("</function-decl>").next().unwrap();
        let parts = function.lines().filter(|line| line.contains("<parameter ") || line.contains("<return "));
        functions.insert(
            attribute(&format!(" {function}"), "name"),
            parts.map(|line| (attribute(line, "name"), kind(line))).collect(),
        );
    }
    functions
}

#[test]
fn the_library_takes_what_the_header_says() {
    if !can_compare() {
        return;
    }
    if !cfg!(debug_assertions) {
        skip("a release build has no types in its debug information");
        return;
    }
    let quiet = ["--no-show-locs", "--no-corpus-path", "--no-comp-dir-path", "--type-id-style", "hash"];
    let found = in_debug_information(&succeed(Command::new("abidw").args(quiet).arg(library().shared())));
    for prototype in prototypes::parse(&generate()) {
        let mut said: Vec<(String, String)> =
            prototype.parameters.iter().map(|p| (p.name.clone(), kind_in_c(&p.kind).to_owned())).collect();
        said.push((String::new(), kind_in_c(&prototype.returns).to_owned()));
        assert_eq!(found.get(&prototype.name), Some(&said), "{}", prototype.name);
    }
}
