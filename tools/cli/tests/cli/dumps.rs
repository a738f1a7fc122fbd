//! Dumps keep everything: when entries expire, families, and how each of them is kept.

use crate::support::{Scratch, text};

/// A database whose puts expire, with entries that do not and entries that expire at other times, over three families.
fn expiring() -> Scratch {
    let scratch = Scratch::new();
    let dump = "# esker dump 2\n# family\tdefault\tmerge_operator=append(, )\tttl_ms=3600000\nforever\tv\n\
                later\tv\t9000000000000\n# family\tcounts\tmerge_operator=add_u64\nn\t\\x07\\x00\\x00\\x00\\x00\\x00\\x00\\x00\t9000000000001\n\
                # family\tshort\tttl_ms=1\ngone\tv\t1\nkept\tv\n# end of dump: 5 entries\n";
    scratch.run_with_input("load", &["-"], dump.as_bytes()).ok();
    scratch
}

/// Both forms of a dump, as files.
fn dumps(scratch: &Scratch) -> Vec<(std::path::PathBuf, String)> {
    let forms = [("text", &[][..]), ("lines", &["--format", "jsonl"]), ("hex", &["--format", "jsonl", "--hex"])];
    forms
        .map(|(name, form)| {
            let dump = scratch.run("dump", form).ok();
            (scratch.file(name, &dump), dump)
        })
        .to_vec()
}

#[test]
fn expiries_and_the_options_of_every_family_come_back() {
    let scratch = expiring();
    let text_dump = scratch.run("dump", &[]).ok();
    let expected = "# esker dump 2\n# family\tdefault\tmerge_operator=append(, )\tttl_ms=3600000\nforever\tv\n\
                    later\tv\t9000000000000\n# family\tcounts\tmerge_operator=add_u64\nn\t\\x07\\x00\\x00\\x00\\x00\\x00\\x00\\x00\t9000000000001\n\
                    # family\tshort\tttl_ms=1\nkept\tv\n# end of dump: 4 entries\n";
    assert_eq!(text_dump, expected, "what has expired is not dumped, and what has no expiry gets none");
    for (file, dump) in dumps(&scratch) {
        let copy = Scratch::new();
        copy.run("load", &[text(&file)]).ok();
        assert_eq!(copy.run("dump", &[]).ok(), text_dump, "{dump}");
        assert_eq!(copy.run("families", &[]).ok(), scratch.run("families", &[]).ok());
        // The operators are there again, and a merge keeps the expiry of what it is merged onto.
        copy.run("merge", &["later", "w"]).ok();
        copy.run("merge", &["n", "1", "--number", "--cf", "counts"]).ok();
        let merged = copy.run("dump", &[]).ok();
        assert!(merged.contains("later\tv, w\t9000000000000\n"), "{merged}");
        assert!(merged.contains("n\t\\x08\\x00\\x00\\x00\\x00\\x00\\x00\\x00\t9000000000001\n"), "{merged}");
    }
}

#[test]
fn a_database_that_is_there_keeps_its_own_options_and_the_caller_may_choose_others() {
    let scratch = expiring();
    for (file, dump) in dumps(&scratch) {
        let there = Scratch::new();
        there.run("put", &["k", "v"]).ok();
        there.run("load", &[text(&file)]).ok();
        assert!(there.run("dump", &[]).ok().starts_with("# esker dump 2\nforever\tv\nk\tv\nlater\tv\t9"), "{dump}");
        let chosen = Scratch::new();
        chosen.run("load", &[text(&file), "-o", "merge_operator=json_merge_patch"]).ok();
        let options = chosen.run("families", &[]).ok();
        assert!(options.starts_with("default\tmerge_operator=json_merge_patch\tttl_ms=3600000\n"), "{options}");
        let dated = Scratch::new();
        dated.run("load", &[text(&file), "--ttl", "1ms"]).ok();
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert_eq!(dated.run("scan", &["--keys-only"]).ok(), "later\n", "an expiry of its own stays");
    }
}

#[test]
fn one_family_goes_into_any() {
    let scratch = expiring();
    let one = scratch.run("dump", &["--cf", "counts"]).ok();
    assert!(!one.contains("# family"), "{one}");
    let copy = Scratch::new();
    copy.run("create-family", &["short", "ttl_ms=1"]).ok();
    copy.run_with_input("load", &["-", "--cf", "short"], one.as_bytes()).ok();
    assert_eq!(copy.run("dump", &["--cf", "short"]).ok(), one);
}

#[test]
fn dumps_of_the_first_format_load_and_those_to_come_are_refused() {
    let old = [
        "# esker dump 1\nk\tv\n# family\tshort\tttl_ms=3600000\nl\tw\n# end of dump: 2 entries\n".to_owned(),
        "{\"esker_dump\":1,\"encoding\":\"utf8\"}\n{\"key\":\"k\",\"value\":\"v\"}\n\
         {\"family\":\"short\",\"options\":{\"ttl_ms\":\"3600000\"}}\n{\"key\":\"l\",\"value\":\"w\"}\n{\"entries\":2}\n"
            .to_owned(),
    ];
    for old in old {
        let scratch = Scratch::new();
        scratch.run_with_input("load", &["-"], old.as_bytes()).ok();
        let dump = scratch.run("dump", &[]).ok();
        assert!(dump.starts_with("# esker dump 2\nk\tv\n# family\tshort\tttl_ms=3600000\nl\tw\t"), "{dump}");
        let newer = old.replacen("dump 1", "dump 3", 1).replacen("dump\":1", "dump\":3", 1);
        let refused = Scratch::new().run_with_input("load", &["-"], newer.as_bytes());
        refused.fails(3, "line 1: a dump of version 3; this program reads versions 1 to 2");
    }
    let wrong = "# esker dump 2\n# family\tdefault\tmerge_operators=append\n# end of dump: 0 entries\n";
    Scratch::new().run_with_input("load", &["-"], wrong.as_bytes()).fails(3, "line 2: ");
}
