//! No argument of any export can do harm: NULL, impossible lengths, closed databases, panics.
//!
//! Method: for every function of the header one case is generated, in C. It calls the function with good arguments and then
//! with every argument wrong in turn; what must come back is read from the function's own comment: a parameter whose
//! description says NULL accepts it, any other is refused, and no status comes back that the comment does not name. So an
//! export without a case, or a comment that is not true, fails here.

use std::fmt::Write;
use std::fs;

use crate::prototypes::{self, Parameter, Prototype};
use crate::support::{self, Compiler, Library, library, panicking_library, root, scratch};

/// They read a constant or a field; there is nothing in them that could panic.
const CANNOT_PANIC: &[&str] = &[
    "esker_version",
    "esker_version_number",
    "esker_abi_version",
    "esker_status_name",
    "esker_error_code",
    "esker_error_message",
    "esker_error_file",
    "esker_error_offset",
];

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const INVALID_ARGUMENT: u32 = 2;
const CLOSED: u32 = 5;
const BUFFER_TOO_SMALL: u32 = 15;
const PANIC: u32 = 17;

#[test]
fn every_argument_of_every_export_wrong() {
    run("abuse", library(), |prototype, out| {
        variants(prototype).iter().for_each(|variant| call(prototype, variant, out));
    });
}

#[test]
fn every_export_catches_a_panic() {
    run("panics", panicking_library(), |prototype, out| {
        if CANNOT_PANIC.contains(&prototype.name.as_str()) {
            return;
        }
        let good = prototype.parameters.iter().map(|parameter| good(prototype, parameter)).collect();
        let before = format!("esker_test_panic_in(\"{}\");", prototype.name);
        call(prototype, &Variant { what: "a panic".into(), before, arguments: good, expected: 1 << PANIC }, out);
        writeln!(out, "    CHECK(!esker_test_panic_in(\"\"));").unwrap();
    });
}

/// Compiles and runs a program with one case for each export; `body` writes the calls of a case.
fn run(name: &str, library: &Library, body: impl Fn(&Prototype, &mut String)) {
    let header = fs::read_to_string(root().join("include/esker.h")).unwrap();
    let prototypes = prototypes::parse(&header);
    let mut text = String::from("#include \"abuse.h\"\n\nuint8_t esker_test_panic_in(const char *name);\n\n");
    for prototype in &prototypes {
        writeln!(text, "static void case_{}(void) {{", prototype.name).unwrap();
        body(prototype, &mut text);
        writeln!(text, "}}\n").unwrap();
    }
    writeln!(text, "int main(int argc, char **argv) {{").unwrap();
    for prototype in &prototypes {
        let (name, inside) = (&prototype.name, prototype.name.starts_with("esker_merge_result_"));
        let case = if inside { format!("in_a_callback(case_{name})") } else { format!("case_{name}()") };
        writeln!(text, "    PHASE(\"{name}\");\n    setup(xtest_dir(argc, argv));\n    {case};\n    teardown();")
            .unwrap();
    }
    writeln!(text, "    return 0;\n}}").unwrap();
    let scratch = scratch(name);
    let (source, program) = (scratch.path().join("abuse.c"), scratch.path().join("abuse"));
    fs::write(&source, text).unwrap();
    let include = format!("-I{}", root().join("tests/c").display());
    Compiler::c("c99").with(&[&include]).build(&source, &program, library);
    support::succeed(std::process::Command::new(&program).arg(scratch.path()));
}

/// One call: what is wrong with it, its arguments, and the statuses it may return, as bits.
struct Variant {
    what: String,
    /// A statement before the call.
    before: String,
    arguments: Vec<String>,
    expected: u32,
}

/// The good call, and one for everything that can be wrong.
fn variants(prototype: &Prototype) -> Vec<Variant> {
    let good: Vec<String> = prototype.parameters.iter().map(|parameter| good(prototype, parameter)).collect();
    let documented = documented(prototype);
    let refused = 1 << INVALID_ARGUMENT;
    let with = |at: usize, argument: &str, expected: u32| {
        let mut arguments = good.clone();
        arguments[at] = argument.to_owned();
        let what = format!("{} = {argument}", prototype.parameters[at].name);
        Variant { what, before: String::new(), arguments, expected }
    };
    let fine = documented & !refused & !(1 << PANIC);
    let mut variants =
        vec![Variant { what: "good".into(), before: String::new(), arguments: good.clone(), expected: fine }];
    for (at, parameter) in prototype.parameters.iter().enumerate() {
        match parameter.kind.as_str() {
            "size_t" if is_length(parameter) => {
                variants.push(with(at, "SIZE_MAX", refused));
                variants.push(with(at, "(size_t)PTRDIFF_MAX + 1", refused));
            }
            "size_t" if parameter.name == "at" => {
                variants.push(with(at, "SIZE_MAX", refused));
                variants.push(with(at, "esker_batch_size_bytes(F.batch)", 1 << NOT_FOUND));
            }
            "int32_t" => {
                variants.push(with(at, "-1", refused));
                variants.push(with(at, "INT32_MAX", refused));
            }
            _ if parameter.is_pointer() => {
                let allowed = !is_array(parameter) && accepts_null(prototype, parameter);
                variants.push(with(at, "NULL", if allowed { documented & !refused } else { refused }));
            }
            _ => {}
        }
        match parameter.kind.as_str() {
            "const esker_db *" => variants.push(with(at, "F.closed", 1 << CLOSED)),
            "esker_iter *" | "const esker_iter *" if !prototype.name.ends_with("_free") => {
                variants.push(with(at, "F.dead_iter", 1 << CLOSED));
            }
            "esker_txn *" if !prototype.name.ends_with("_free") => {
                variants.push(with(at, "F.dead_txn", 1 << CLOSED));
                variants.push(with(at, "F.done_txn", refused));
            }
            "const esker_cf *" if prototype.returns == "esker_status" && !prototype.is_about_a_family() => {
                variants.push(with(at, "F.cf", fine));
                variants.push(with(at, "F.dropped_cf", refused));
                // A batch belongs to no database.
                let elsewhere = if prototype.name.starts_with("esker_batch_") { fine } else { refused };
                variants.push(with(at, "F.other_cf", elsewhere));
            }
            _ => {}
        }
    }
    variants.push(everything_null(prototype, documented));
    variants
}

fn everything_null(prototype: &Prototype, documented: u32) -> Variant {
    let zero = |parameter: &Parameter| if parameter.is_pointer() { "NULL" } else { "0" }.to_owned();
    let required = prototype
        .parameters
        .iter()
        .any(|parameter| parameter.is_pointer() && !is_array(parameter) && !accepts_null(prototype, parameter));
    let expected = if required { 1 << INVALID_ARGUMENT } else { documented };
    let arguments = prototype.parameters.iter().map(zero).collect();
    Variant { what: "nothing".into(), before: String::new(), arguments, expected }
}

/// Whether the comment of the function says NULL in the description of this parameter.
fn accepts_null(prototype: &Prototype, parameter: &Parameter) -> bool {
    let description = prototype.description(&parameter.name).unwrap_or_default();
    // "NULL unless ESKER_OK" tells of the result, not of the argument.
    description.replace("NULL unless", "").contains("NULL")
}

/// The statuses that the comment names, as bits; for other functions everything.
fn documented(prototype: &Prototype) -> u32 {
    let Some((_, text)) = prototype.doc.split_once("@return ") else { return u32::MAX };
    let text = text.split("\n *\n").next().unwrap_or_default();
    let words = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
    words.filter_map(|word| word.strip_prefix("ESKER_")).filter_map(number).fold(0, |bits, number| bits | 1 << number)
}

fn number(name: &str) -> Option<u32> {
    let header = fs::read_to_string(root().join("include/esker.h")).unwrap();
    let define = format!("#define ESKER_{name} ");
    header
        .lines()
        .find_map(|line| line.strip_prefix(&define))
        .and_then(|number| number.parse().ok())
        .filter(|n| *n < 32)
}

/// Pointers to as many elements as another argument says, which is not 0 in these calls.
fn is_array(parameter: &Parameter) -> bool {
    let arrays = ["buf", "keys", "key_lens", "key_ends", "values", "statuses", "value_ends"];
    parameter.kind == "const uint8_t *" || arrays.contains(&parameter.name.as_str())
}

fn is_length(parameter: &Parameter) -> bool {
    parameter.name.ends_with("_len") || ["cap", "n"].contains(&parameter.name.as_str())
}

/// An argument with which the call works.
fn good(prototype: &Prototype, parameter: &Parameter) -> String {
    let (function, name) = (prototype.name.as_str(), parameter.name.as_str());
    if let Some(kind) = function.strip_suffix("_free") {
        let fresh = |call: &str| call.to_owned();
        return match kind {
            _ if kind.ends_with("_options") => format!("{kind}_new()"),
            "esker_cf" => fresh("fresh_cf()"),
            "esker_names" => fresh("fresh_names()"),
            "esker_txn" => fresh("fresh_txn()"),
            "esker_iter" => fresh("fresh_iter()"),
            "esker_snapshot" => fresh("fresh_snapshot()"),
            "esker_value" => fresh("fresh_value()"),
            "esker_error" => fresh("fresh_error()"),
            "esker_batch" => fresh("fresh_batch()"),
            _ => panic!("{function}: no fresh {kind}"),
        };
    }
    let text = match (parameter.kind.as_str(), name) {
        ("const esker_db *", _) => "F.db",
        ("const esker_cf *", _) if function == "esker_cf_drop" => "victim_cf()",
        ("const esker_cf *", _) if prototype.is_about_a_family() => "F.cf",
        ("const esker_cf *", _) => "NULL",
        ("esker_compare_fn", _) => "compare_bytes",
        ("esker_full_merge_fn", _) => "abuse_full",
        ("esker_partial_merge_fn" | "esker_destroy_fn" | "void *", _) => "NULL",
        ("esker_merge_result *", _) => "F.result",
        ("const char *", "why") => "\"no\"",
        ("const char *", "name") if function.starts_with("esker_options_add_") => "new_name()",
        ("esker_txn *", _) if ["esker_txn_commit", "esker_txn_rollback"].contains(&function) => "victim_txn()",
        ("const char *", "path") if function == "esker_checkpoint" => "new_path()",
        ("const char *", "path") => "F.sound",
        ("const char *", "name") if function.starts_with("esker_write_options") => "\"durability\"",
        ("const char *", "name") if function.starts_with("esker_read_options") => "\"fill_cache\"",
        ("const char *", "name") if function == "esker_cf_create" => "new_name()",
        ("const char *", "name") if function == "esker_cf_open" => "\"family\"",
        ("const char *", "name") if function.starts_with("esker_cf_") => "\"ttl_ms\"",
        ("const char *", "name") if function.starts_with("esker_txn_") => "\"mode\"",
        ("const char *", "value") if function.starts_with("esker_txn_") => "\"pessimistic\"",
        ("const char *", "name") if function == "esker_property" => "\"latest_seqno\"",
        ("const char *", "name") => "\"memory_budget\"",
        ("const char *", "value") if function.starts_with("esker_write_options") => "\"sync\"",
        ("const char *", "value") if function.starts_with("esker_read_options") => "\"false\"",
        ("const char *", "value") if function.starts_with("esker_cf_options") => "\"1000\"",
        ("const char *", "value") => "\"64MiB\"",
        ("const char *", "format") => "\"json\"",
        ("const esker_batch *", "other") => "F.other_batch",
        ("const uint8_t *", "end") => "(const uint8_t *)\"z\"",
        ("const uint8_t *", _) => "(const uint8_t *)\"k\"",
        ("const uint8_t *const *", _) => "&(const uint8_t *){(const uint8_t *)\"k\"}",
        ("const size_t *", _) => "&(size_t){1}",
        ("uint8_t *", "buf") => "buf",
        ("size_t", "cap") => "sizeof buf",
        ("size_t", "max_entries") => "10",
        ("size_t", "index" | "at") => "0",
        ("size_t", "n") => "1",
        ("size_t", _) if is_length(parameter) => "1",
        ("uint64_t", _) => "UINT64_C(4102444800000)",
        ("int32_t", "durability") => "ESKER_DURABILITY_SYNC",
        ("esker_status", _) => "ESKER_OK",
        (kind, _) if is_output(kind) => return format!("&{name}"),
        (kind, _) if kind.starts_with("const esker_") || kind.starts_with("esker_") => {
            let handle = kind.trim_start_matches("const ").trim_start_matches("esker_").trim_end_matches(" *");
            return format!("F.{handle}");
        }
        (kind, _) => panic!("{function}: no good argument for {kind} {name}"),
    };
    text.to_owned()
}

fn is_output(kind: &str) -> bool {
    kind.ends_with("**") || ["size_t *", "esker_status *", "int32_t *", "uint32_t *", "uint64_t *"].contains(&kind)
}

/// Writes one call and the checks after it.
fn call(prototype: &Prototype, variant: &Variant, out: &mut String) {
    let name = &prototype.name;
    let call = format!("{name}({})", variant.arguments.join(", "));
    let title = format!("{name}: {}", variant.what).replace('"', "'");
    let mut line = |text: &str| writeln!(out, "        {text}").unwrap();
    line("{");
    line("uint8_t buf[64] = {0};");
    let outputs: Vec<&Parameter> = prototype.parameters.iter().filter(|p| is_output(&p.kind)).collect();
    for output in &outputs {
        let kind = output.kind.strip_suffix('*').unwrap().trim();
        let garbage = if kind.ends_with('*') { "GARBAGE" } else { "77" };
        line(&format!("{kind} {} = {garbage};", output.name));
    }
    line("(void)buf;");
    if variant.arguments.iter().any(|argument| argument == "F.sound") {
        line("make_sound();");
    }
    line(&variant.before);
    match prototype.returns.as_str() {
        "esker_status" if name != "esker_error_code" => {
            line(&format!("esker_status outcome = {call};"));
            let error = variant.arguments.last().is_some_and(|argument| argument == "&error");
            let error = if error { "error" } else { "GARBAGE" };
            line(&format!("verdict(\"{title}\", outcome, {}U, {error});", variant.expected));
            after(variant, &outputs).iter().for_each(|text| line(text));
        }
        kind if kind.ends_with('*') && !kind.starts_with("const") => {
            line(&format!("{kind}made = {call};"));
            line(&format!("{}_free(made);", kind.trim_end_matches(" *")));
        }
        _ => line(&format!("(void){call};")),
    }
    outputs.iter().for_each(|output| line(&format!("(void){};", output.name)));
    line("}");
}

/// After a failure every output that was passed is zero; after a success handles are freed.
fn after(variant: &Variant, outputs: &[&Parameter]) -> Vec<String> {
    let mut lines = Vec::new();
    for output in outputs.iter().filter(|output| output.name != "error") {
        let passed = variant.arguments.iter().any(|argument| *argument == format!("&{}", output.name));
        let name = &output.name;
        // A length tells what is needed when the buffer is too small; the statuses of keys tell why there is nothing.
        let fine = format!("outcome == {OK} || outcome == {BUFFER_TOO_SMALL}");
        // An array whose length was wrong cannot be touched.
        let touched = !variant.what.starts_with("n =");
        match output.kind.as_str() {
            _ if !passed || !touched => {}
            "esker_status *" => lines.push(format!("CHECK({fine} || {name} == outcome);")),
            kind if kind.starts_with("const") => lines.push(format!("CHECK({fine} || {name} == NULL);")),
            kind if !kind.ends_with("**") => lines.push(format!("CHECK({fine} || {name} == 0);")),
            kind => {
                let handle = kind.trim_end_matches(" **");
                let end = if handle == "esker_db" {
                    "esker_close(db, NULL)".into()
                } else {
                    format!("{handle}_free({name})")
                };
                lines.push(format!("CHECK(outcome == {OK} ? {name} != GARBAGE : {name} == NULL);"));
                lines.push(format!("if (outcome == {OK}) {end};"));
            }
        }
    }
    lines
}
