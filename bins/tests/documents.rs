//! The documents say what the code does.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fargate_bins::config::keys::KEYS;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The names of all tests of the workspace, and of the cases its macros make tests of.
fn tests(directory: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
            tests(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let after =
                ["#[test]", "#[tokio::test"].into_iter().flat_map(|mark| text.split(mark).skip(1));
            let found = after.filter_map(|rest| rest.split_once("fn ")?.1.split('(').next());
            names.extend(found.map(str::to_owned));
            let lists = ["_conformance! {", "every_moment! {", "_backends!("].into_iter();
            let listed = lists.flat_map(|mark| text.split(mark).skip(1));
            for list in listed.filter_map(|rest| rest.split("\n}").next()) {
                let words = list.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                names.extend(words.map(str::to_owned));
            }
        }
    }
}

#[test]
fn every_promise_names_tests_that_exist() {
    let mut known = BTreeSet::new();
    tests(&root(), &mut known);
    let text = document("SEMANTICS.md");
    let promises = text.split("\n## What is not promised").next().unwrap();
    let promises = promises.split_once("\n## ").unwrap().1;
    let mut named = 0;
    let mut expected = 1;
    let mut tests_of_last = 1;
    for line in promises.lines() {
        if let Some((number, _)) = line.split_once(". ")
            && let Ok(number) = number.parse::<u32>()
        {
            assert!(tests_of_last > 0, "promise {} names no test", expected - 1);
            assert_eq!(number, expected, "promises are numbered without gaps");
            expected += 1;
            tests_of_last = 0;
        } else if line.trim_start().starts_with('`') {
            for name in line.split('`').skip(1).step_by(2) {
                assert!(known.contains(name), "SEMANTICS.md names {name}, which is no test");
                named += 1;
                tests_of_last += 1;
            }
        }
    }
    assert!(named > 60, "only {named} tests are named");
}

#[test]
fn each_row_of_the_comparison_with_gitlabs_executors_names_tests_that_exist() {
    let mut known = BTreeSet::new();
    tests(&root(), &mut known);
    let readme = document("README.md");
    let table = readme.split_once("| keyword |").unwrap().1;
    let rows: Vec<_> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 8, "{rows:?}");
    for row in rows {
        let shown_by = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let names: Vec<_> = shown_by.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test shows {row}");
        for name in names {
            assert!(known.contains(name), "the README names {name}, which is no test");
        }
    }
}

#[test]
fn the_readme_lists_every_key_with_its_default() {
    let readme = document("README.md");
    let readme = readme.split_once("\n## Configuration").unwrap().1;
    for key in KEYS {
        let (section, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        let from = if section.is_empty() { "| key |" } else { &format!("| **[{section}]**") };
        let rows = readme.lines().filter(|line| !line.starts_with("|---"));
        let rows = rows.skip_while(|line| !line.starts_with(from)).skip(1);
        let row = rows
            .take_while(|line| line.starts_with("| ") && !line.starts_with("| **["))
            .find(|line| line.split('|').nth(1).unwrap().contains(&format!("`{name}`")))
            .unwrap_or_else(|| panic!("the README's table has no {}", key.path));
        if let Some(default) = key.default {
            assert!(
                row.contains(&format!("`{default}`")),
                "{}: {default} is not in {row}",
                key.path
            );
        }
    }
}

#[test]
fn the_map_names_files_that_exist() {
    let text = document("ARCHITECTURE.md");
    // A name without a folder means the folder of the map's row, or the one named before it.
    let (mut row, mut before) = (root(), root());
    for word in text.split('`').skip(1).step_by(2) {
        let whole = root().join(word);
        if word.ends_with('/') && whole.is_dir() {
            row.clone_from(&whole);
            before = whole;
        } else if word.ends_with(".rs") {
            let places = [whole, row.join(word), before.join(word)];
            let there = places.into_iter().find(|place| place.is_file());
            let there = there.unwrap_or_else(|| panic!("ARCHITECTURE.md names no file: {word}"));
            before = there.parent().unwrap().to_owned();
        }
    }
}

#[test]
fn the_readme_shows_the_measured_table() {
    let readme = document("README.md");
    let results = document("benches/results/table.md");
    // The first table is the one with the goals.
    let goals: Vec<&str> = results
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|l| !l.is_empty())
        .collect();
    assert!(goals.len() > 20, "{results}");
    for line in goals {
        assert!(readme.contains(line), "the README lacks: {line}");
    }
}
