//! Commands, exit codes, messages, and what stays untouched.

use std::fs;
use std::process::{Command, Stdio};

use crate::support::{Ran, Scratch, text};

#[test]
fn put_get_delete() {
    let scratch = Scratch::new();
    scratch.run("put", &["key", "value"]).ok();
    assert_eq!(scratch.run("get", &["key"]).ok(), "value\n");
    assert_eq!(scratch.run("get", &["key", "--raw"]).ok(), "value");
    assert_eq!(scratch.run("get", &["key", "--hex"]).ok(), "76616c7565\n");
    assert_eq!(scratch.run("get", &["key", "--base64"]).ok(), "dmFsdWU=\n");
    scratch.run("get", &["key", "--hex", "--base64"]).fails_usage("cannot be used with");
    scratch.run("get", &["key", "--raw", "--utf8"]).fails_usage("cannot be used with");
    scratch.run("delete", &["key", "--durability", "sync"]).ok();
    scratch.run("get", &["key"]).fails(1, "no key \"key\" in ");
    assert_eq!(scratch.run("get", &["key"]).out(), "");
}

#[test]
fn values_may_be_any_bytes_and_come_from_standard_input() {
    let scratch = Scratch::new();
    let bytes: Vec<u8> = (0..=255).collect();
    scratch.run_with_input("put", &["all"], &bytes).ok();
    assert_eq!(scratch.run("get", &["all", "--raw"]).0.stdout, bytes);
    scratch.run("put", &[r"\x00\t", r"\xff", "--escaped"]).ok();
    assert_eq!(scratch.run("get", &[r"\x00\t", "--escaped"]).ok(), "\\xff\n");
    scratch.run("put", &["", ""]).ok();
    assert_eq!(scratch.run("get", &[""]).ok(), "\n");
}

#[test]
fn scan_takes_ranges_both_ways() {
    let scratch = Scratch::new();
    let file = scratch.file("in.tsv", "a\t1\nb1\t2\nb2\t3\nb3\t4\nc\t5\n");
    let loaded = scratch.run("load", &[text(&file)]);
    loaded.ok();
    assert!(loaded.err().contains("stored 5 rows"), "{}", loaded.err());
    assert_eq!(scratch.run("scan", &[]).ok(), "a\t1\nb1\t2\nb2\t3\nb3\t4\nc\t5\n");
    assert_eq!(scratch.run("scan", &["--prefix", "b"]).ok(), "b1\t2\nb2\t3\nb3\t4\n");
    assert_eq!(scratch.run("scan", &["--from", "b2", "--to", "c"]).ok(), "b2\t3\nb3\t4\n");
    assert_eq!(scratch.run("scan", &["--reverse", "--limit", "2"]).ok(), "c\t5\nb3\t4\n");
    assert_eq!(scratch.run("scan", &["--prefix", "b", "--reverse", "--keys-only"]).ok(), "b3\nb2\nb1\n");
    assert_eq!(scratch.run("scan", &["--to", "b", "--hex"]).ok(), "61\t31\n");
    assert_eq!(scratch.run("scan", &["--prefix", "x"]).ok(), "");
    assert_eq!(scratch.run("scan", &["--limit", "0"]).ok(), "");
    scratch.run("delete", &["--from", "b1", "--to", "b3"]).ok();
    assert_eq!(scratch.run("scan", &["--keys-only"]).ok(), "a\nb3\nc\n");
}

#[test]
fn csv_columns_are_chosen_by_name() {
    let scratch = Scratch::new();
    let file = scratch.file("cities.csv", "id,city,text\n7,Wien,\"a \"\"b\"\", c\"\n8,Graz,x\n");
    scratch.run("load", &[text(&file), "--header", "--key-column", "city", "--value-column", "text"]).ok();
    assert_eq!(scratch.run("scan", &[]).ok(), "Graz\tx\nWien\ta \"b\", c\n");
    scratch.run("load", &[text(&file), "--header", "--key-column", "town"]).fails(3, "the header has id, city, text");
}

#[test]
fn load_says_where_it_failed_and_what_was_stored() {
    let scratch = Scratch::new();
    let file = scratch.file("in.tsv", "a\t1\nb\t2\nc\n");
    let ran = scratch.run("load", &[text(&file), "--batch", "2"]);
    ran.fails(3, "in.tsv: line 3: 1 column(s), but the value is in column 2; 2 rows were stored before that");
    assert_eq!(scratch.run("scan", &[]).ok(), "a\t1\nb\t2\n");
    scratch.run("load", &["/nonexistent/x.tsv"]).fails(3, "cannot open /nonexistent/x.tsv");
    scratch.run("load", &[text(scratch.folder.path())]).fails(3, "is a directory");
}

#[test]
fn load_reads_standard_input() {
    let scratch = Scratch::new();
    scratch.run_with_input("load", &["-"], b"k\tv\n").ok();
    assert_eq!(scratch.run("get", &["k"]).ok(), "v\n");
}

#[test]
fn a_dump_loads_back_exactly() {
    let scratch = Scratch::new();
    for (key, value) in [(r"\x00", r"tab\tnewline\n"), ("#hash", ""), ("", "empty key"), ("ключ", r"\\\xff\xfe")] {
        scratch.run("put", &["--escaped", key, value]).ok();
    }
    let file = scratch.path("db.dump");
    let dump = scratch.run("dump", &[]).ok();
    scratch.run("dump", &[text(&file)]).ok();
    assert_eq!(fs::read_to_string(&file).unwrap(), dump);
    scratch.run("dump", &[text(&file)]).fails(3, "cannot create ");

    let copy = Scratch::new();
    copy.run("load", &[text(&file)]).ok();
    assert_eq!(copy.run("dump", &[]).ok(), dump);
    let piped = Scratch::new();
    piped.run_with_input("load", &["-"], dump.as_bytes()).ok();
    assert_eq!(piped.run("dump", &[]).ok(), dump);

    let torn = &dump.as_bytes()[..dump.len() / 2];
    Scratch::new().run_with_input("load", &["-", "--format", "dump"], torn).fails(3, "line");
}

#[test]
fn reading_creates_nothing() {
    let scratch = Scratch::new();
    for command in [&["get", "k"][..], &["scan"], &["dump"], &["stats"], &["verify"], &["delete", "k"], &["compact"]] {
        let ran = scratch.run(command[0], &command[1..]);
        assert_eq!(ran.code(), 3, "{command:?}: {}", ran.err());
        assert!(ran.err().contains("db"), "{command:?} names the directory: {}", ran.err());
        assert!(!scratch.path("db").exists(), "{command:?} created something");
    }
    fs::create_dir(scratch.path("db")).unwrap();
    for command in [&["get", "k"][..], &["scan"], &["dump"], &["stats"], &["verify"], &["delete", "k"], &["compact"]] {
        let ran = scratch.run(command[0], &command[1..]);
        assert_eq!(ran.code(), 3, "{command:?}: {}", ran.err());
    }
    assert!(!scratch.path("db/CURRENT").exists() && !scratch.path("db/IDENTITY").exists());
}

#[test]
fn reading_changes_nothing() {
    let scratch = Scratch::new();
    scratch.run("put", &["k", "v"]).ok();
    let listing = || {
        let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(scratch.path("db"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap()))
            .filter(|(name, _)| name != "LOCK")
            .collect();
        files.sort();
        files
    };
    let before = listing();
    scratch.run("get", &["k"]).ok();
    scratch.run("scan", &[]).ok();
    scratch.run("dump", &[]).ok();
    scratch.run("stats", &[]).ok();
    scratch.run("verify", &[]).ok();
    assert!(listing() == before, "a reading command changed a file");
}

#[test]
fn verify_names_the_damaged_file() {
    let scratch = Scratch::new();
    let rows: String = (0..2000).map(|n| format!("{n:06}\t{}\n", n * 7)).collect();
    let file = scratch.file("in.tsv", &rows);
    scratch.run("load", &[text(&file)]).ok();
    scratch.run("compact", &[]).ok();
    scratch.run("verify", &[]).ok();
    let tables = fs::read_dir(scratch.path("db")).unwrap().map(|entry| entry.unwrap().path());
    let table = tables.into_iter().find(|path| path.extension().is_some_and(|end| end == "sst")).unwrap();
    let mut bytes = fs::read(&table).unwrap();
    bytes[100] ^= 1;
    fs::write(&table, bytes).unwrap();
    let ran = scratch.run("verify", &[]);
    ran.fails(1, "problem(s) in ");
    let name = table.file_name().unwrap().to_str().unwrap();
    assert!(ran.out().contains(name), "{} lacks {name}", ran.out());
}

#[test]
fn a_checkpoint_is_a_database_of_its_own() {
    let scratch = Scratch::new();
    let copy = scratch.path("copy");
    scratch.run("put", &["k", "v"]).ok();
    scratch.run("checkpoint", &[text(&copy)]).ok();
    scratch.run("put", &["k", "later"]).ok();
    let got = Command::new(env!("CARGO_BIN_EXE_esker")).arg("get").arg(&copy).arg("k").output().unwrap();
    assert_eq!(Ran(got).ok(), "v\n");
    scratch.run("checkpoint", &[text(&copy)]).fails(3, "there is a database in this one");
}

#[test]
fn stats_come_in_three_formats() {
    let scratch = Scratch::new();
    scratch.run("put", &["k", "v"]).ok();
    scratch.run("compact", &[]).ok();
    assert!(!scratch.run("stats", &[]).ok().is_empty());
    assert!(scratch.run("stats", &["--format", "json"]).ok().trim_start().starts_with('{'));
    assert!(scratch.run("stats", &["--format", "prometheus"]).ok().contains("# TYPE esker_"));
    scratch.run("stats", &["--format", "yaml"]).fails(2, "yaml");
}

#[test]
fn options_reach_the_database_and_wrong_ones_are_explained() {
    let scratch = Scratch::new();
    scratch.run("put", &["k", "v", "-o", "memory_budget=8MiB", "-o", "durability=sync"]).ok();
    scratch.run("put", &["k", "v", "-o", "memory_buget=8MiB"]).fails(2, "did you mean \"memory_budget\"?");
    scratch.run("put", &["k", "v", "-o", "memory_budget=lots"]).fails(2, "takes a size");
    scratch.run("put", &["k", "v", "-o", "memory_budget"]).fails(2, "NAME=VALUE");
    scratch.run("put", &["k", "v", "--durability", "maybe"]).fails(2, "sync, buffered or none");
    let table = Command::new(env!("CARGO_BIN_EXE_esker")).arg("options").output().unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    for setting in esker::Options::settings() {
        assert!(table.contains(&format!("  {} = ", setting.name)), "{} is not listed", setting.name);
    }
}

#[test]
fn wrong_arguments_are_refused() {
    let scratch = Scratch::new();
    assert_eq!(scratch.run("frobnicate", &[]).code(), 2);
    assert_eq!(scratch.run("get", &[]).code(), 2);
    assert_eq!(scratch.run("delete", &["--from", "a"]).code(), 2);
    assert_eq!(scratch.run("delete", &["k", "--from", "a", "--to", "b"]).code(), 2);
    scratch.run("get", &[r"\q", "--escaped"]).fails(2, "unknown escape");
    assert!(!scratch.path("db").exists());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let scratch = Scratch::new();
    let rows: String = (0..20_000).map(|n| format!("{n:06}\tvalue of {n}\n")).collect();
    scratch.run_with_input("load", &["-"], rows.as_bytes()).ok();
    let mut child = Command::new(env!("CARGO_BIN_EXE_esker"))
        .arg("scan")
        .arg(scratch.path("db"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take()); // `| head` that is gone already
    let ran = Ran(child.wait_with_output().unwrap());
    assert_eq!((ran.code(), ran.err()), (0, String::new()));
}

#[test]
fn families_are_made_filled_listed_and_dropped() {
    let scratch = Scratch::new();
    scratch.run("put", &["k", "of the default family"]).ok();
    scratch
        .run("put", &["k", "v", "--cf", "users"])
        .fails(3, "no column family \"users\"; `esker create-family` makes one");
    scratch.run("create-family", &["users"]).ok();
    scratch.run("create-family", &["sums", "merge_operator=add_u64", "ttl_ms=3600000"]).ok();
    scratch.run("create-family", &["users"]).fails(3, "already");
    scratch.run("create-family", &["x", "merge_oprator=max"]).fails(2, "merge_operator");
    scratch.run("create-family", &["x", "ttl_ms"]).fails(2, "write NAME=VALUE");
    let listed = scratch.run("families", &[]).ok();
    assert_eq!(listed, "default\nusers\nsums\tmerge_operator=add_u64\tttl_ms=3600000\n");

    let file = scratch.file("in.tsv", "a\t1\nb\t2\nc\t3\n");
    scratch.run("load", &[text(&file), "--cf", "users"]).ok();
    scratch.run("put", &["d", "4", "--cf", "users"]).ok();
    scratch.run("delete", &["a", "--cf", "users"]).ok();
    scratch.run("delete", &["--from", "c", "--to", "d", "--cf", "users"]).ok();
    scratch.run("compact", &["--cf", "users"]).ok();
    assert_eq!(scratch.run("scan", &["--cf", "users"]).ok(), "b\t2\nd\t4\n");
    assert_eq!(scratch.run("get", &["b", "--cf", "users"]).ok(), "2\n");
    assert_eq!(scratch.run("scan", &[]).ok(), "k\tof the default family\n");

    scratch.run("drop-family", &["users"]).ok();
    scratch.run("scan", &["--cf", "users"]).fails(3, "no column family");
    scratch.run("drop-family", &["default"]).fails(3, "cannot be dropped");
}

#[test]
fn merges_count_and_append() {
    let scratch = Scratch::new();
    scratch.run("create-family", &["sums", "merge_operator=add_u64"]).ok();
    for operand in ["40", "2"] {
        scratch.run("merge", &["n", operand, "--number", "--cf", "sums"]).ok();
    }
    assert_eq!(scratch.run("get", &["n", "--number", "--cf", "sums"]).ok(), "42\n");
    assert_eq!(scratch.run("get", &["n", "--hex", "--cf", "sums"]).ok(), "2a00000000000000\n");
    scratch.run("merge", &["n", "many", "--cf", "sums"]).fails(3, "add_u64");
    scratch.run("merge", &["n", "many", "--number", "--cf", "sums"]).fails(2, "whole number");
    scratch.run("merge", &["n", "1"]).fails(3, "merge operator");
    scratch.run("put", &["text", "short"]).ok();
    scratch.run("get", &["text", "--number"]).fails(3, "5 bytes");
}

#[test]
fn what_has_a_time_to_live_expires() {
    let scratch = Scratch::new();
    scratch.run("put", &["soon", "v", "--ttl", "1ms"]).ok();
    scratch.run("put", &["later", "v", "--ttl", "1h"]).ok();
    scratch.run("put", &["never", "v", "--ttl", "0s"]).ok();
    std::thread::sleep(std::time::Duration::from_millis(5));
    assert_eq!(scratch.run("scan", &["--keys-only"]).ok(), "later\nnever\n");
    scratch.run("put", &["k", "v", "--ttl", "soon"]).fails_usage("ms, s, m, h or d");
}

#[test]
fn a_dump_of_all_families_loads_back_exactly() {
    let scratch = Scratch::new();
    scratch.run("put", &["k", "default"]).ok();
    scratch.run("create-family", &["empty"]).ok();
    scratch.run("create-family", &["lists", "merge_operator=append(, )"]).ok();
    scratch.run("merge", &["l", "a", "--cf", "lists"]).ok();
    scratch.run("merge", &["l", "b", "--cf", "lists"]).ok();
    let dump = scratch.run("dump", &[]).ok();
    let families = "# family\tempty\n# family\tlists\tmerge_operator=append(, )\nl\ta, b\n";
    assert_eq!(dump, format!("# esker dump 2\nk\tdefault\n{families}# end of dump: 2 entries\n"));
    let file = scratch.file("all.dump", &dump);
    let one = scratch.file("one.dump", &scratch.run("dump", &["--cf", "lists"]).ok());

    let copy = Scratch::new();
    copy.run("load", &[text(&file)]).ok();
    assert_eq!(copy.run("dump", &[]).ok(), dump);
    assert_eq!(copy.run("families", &[]).ok(), scratch.run("families", &[]).ok());
    copy.run("load", &[text(&file)]).ok();
    assert_eq!(copy.run("dump", &[]).ok(), dump, "loading twice is harmless");
    copy.run("load", &[text(&file), "--cf", "empty"]).fails(3, "line 3: the dump has families of its own");
    copy.run("load", &[text(&one), "--cf", "empty"]).ok();
    assert_eq!(copy.run("get", &["l", "--cf", "empty"]).ok(), "a, b\n");
}

#[test]
fn entries_are_shown_in_the_encoding_that_was_asked_for() {
    let scratch = Scratch::new();
    scratch.run("put", &["--escaped", "k", r"ä\\\xc3\xb6"]).ok();
    assert_eq!(scratch.run("scan", &["--utf8"]).ok(), "k\tä\\ö\n");
    assert_eq!(scratch.run("get", &["k", "--utf8"]).ok(), "ä\\ö\n");
    assert_eq!(scratch.run("scan", &["--base64"]).ok(), "aw==\tw6Rcw7Y=\n");
    scratch.run("put", &["--escaped", "l", r"\xff"]).ok();
    assert_eq!(scratch.run("scan", &["--from", "l", "--base64"]).ok(), "bA==\t/w==\n");
    scratch.run("scan", &["--utf8"]).fails(3, "the value of \"l\": byte 1 is not UTF-8 text");
    scratch.run("get", &["l", "--utf8"]).fails(3, "byte 1 is not UTF-8 text");
    assert_eq!(scratch.run("scan", &["--utf8", "--keys-only"]).ok(), "k\nl\n");
}

/// A database with two more families, and keys and values of all bytes in all of them.
fn of_any_bytes() -> Scratch {
    let scratch = Scratch::new();
    scratch.run("create-family", &["lists", "merge_operator=append(, )"]).ok();
    scratch.run("create-family", &["empty"]).ok();
    let mut rows = String::from("# esker dump 1\n\t\n");
    for byte in 0..=255u8 {
        rows.push_str(&format!("\\x{byte:02x}\t\\x{:02x}\\x00\\x{byte:02x}\n", 255 - byte));
    }
    rows.push_str("# family\tlists\n\\xff\\xfe\tä\\n\n# end of dump: 258 entries\n");
    scratch.run_with_input("load", &["-"], rows.as_bytes()).ok();
    scratch
}

#[test]
fn json_lines_load_back_exactly() {
    let scratch = of_any_bytes();
    let dump = scratch.run("dump", &[]).ok();
    for encoding in [&[][..], &["--hex"], &["--base64"]] {
        let lines = scratch.run("dump", &[&["--format", "jsonl"], encoding].concat()).ok();
        assert_eq!(lines.lines().count(), 1 + 257 + 2 + 1 + 1);
        let file = scratch.path("file");
        fs::write(&file, &lines).unwrap();
        let copy = Scratch::new();
        copy.run("load", &[text(&file)]).ok();
        assert_eq!(copy.run("dump", &[]).ok(), dump);
        assert_eq!(copy.run("families", &[]).ok(), scratch.run("families", &[]).ok());
        copy.run("load", &[&[text(&file), "--format", "jsonl"], encoding].concat()).ok();
        copy.run("load", &[text(&file), "--utf8"]).fails(3, "line 1: the dump says that it is written in ");
        copy.run("load", &[text(&file), "--cf", "empty"]).fails(3, "families of its own");

        let (torn, _) = lines.trim_end().rsplit_once('\n').unwrap();
        Scratch::new().run_with_input("load", &["-"], torn.as_bytes()).fails(3, "cut short; 0 rows were stored");
    }
    let base64 = scratch.run("dump", &["--format", "jsonl", "--cf", "lists"]).ok();
    assert_eq!(
        base64,
        "{\"esker_dump\":2,\"encoding\":\"base64\"}\n{\"key\":\"//4=\",\"value\":\"w6QK\"}\n{\"entries\":1}\n"
    );
}

#[test]
fn json_lines_of_text_are_text_or_refused() {
    let scratch = Scratch::new();
    scratch.run("put", &["--escaped", "ключ", r#"tab\t"quoted"\x00"#]).ok();
    let lines = scratch.run("dump", &["--format", "jsonl", "--utf8"]).ok();
    assert!(lines.contains(r#"{"key":"ключ","value":"tab\t\"quoted\"\u0000"}"#), "{lines}");
    let copy = Scratch::new();
    copy.run_with_input("load", &["-"], lines.as_bytes()).ok();
    assert_eq!(copy.run("dump", &[]).ok(), scratch.run("dump", &[]).ok());

    let any = of_any_bytes();
    any.run("dump", &["--format", "jsonl", "--utf8"]).fails(3, r#"entry "\x00": the value: byte 1 is not UTF-8"#);
    let file = any.path("any.jsonl");
    any.run("dump", &[text(&file), "--format", "jsonl", "--utf8"]).fails(3, "not UTF-8");
    assert!(!file.exists(), "a dump that failed stands in the way of the next");
    any.run("dump", &[text(&file), "--format", "jsonl"]).ok();
    any.run("dump", &["--hex"]).fails(2, "--format jsonl");
    any.run("load", &["-", "--hex", "--format", "tsv"]).fails(2, "--format jsonl");
}

#[test]
fn json_lines_of_other_programs_load() {
    let scratch = Scratch::new();
    let file =
        scratch.file("people.jsonl", "{\"key\": \"ada\", \"value\": \"1815\"}\n{\"value\": \"\", \"key\": \"é\"}\n");
    scratch.run("load", &[text(&file)]).fails(3, "people.jsonl: line 1: not the first line of a dump; say with --hex");
    scratch.run("create-family", &["people"]).ok();
    scratch.run("load", &[text(&file), "--utf8", "--cf", "people"]).ok();
    assert_eq!(scratch.run("scan", &["--cf", "people"]).ok(), "ada\t1815\né\t\n");
    let wrong =
        scratch.file("wrong.jsonl", "{\"key\":\"a\",\"value\":\"b\"}\n{\"key\":\"a\",\"value\":\"b\",\"ttl\":1}\n");
    scratch.run("load", &[text(&wrong), "--utf8", "--batch", "1"]).fails(3, "line 2: an object with \"key\"");
    assert_eq!(scratch.run("scan", &[]).ok(), "a\tb\n");
}
