//! `docs/semantics.md` promises nothing without a test that exists.

use std::{collections::BTreeSet, fs, path::Path};

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The words in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_test_file(word: &str) -> bool {
    word.starts_with("tests/tests/") && word.ends_with(".rs")
}

/// The tests that a paragraph names: file and function.
fn named(paragraph: &str) -> Vec<(&str, &str)> {
    // The list of tests is the last parenthesis that begins with a test file.
    let Some(at) = paragraph.rfind("(`tests/tests/") else {
        return Vec::new();
    };
    let mut file = "";
    let mut tests = Vec::new();
    for word in quoted(&paragraph[at..]) {
        match is_test_file(word) {
            true => file = word,
            false => tests.push((file, word)),
        }
    }
    tests
}

fn has_test(file: &str, name: &str) -> bool {
    let text = read(file);
    let Some(at) = text.find(&format!("fn {name}(")) else {
        return false;
    };
    let before = text[..at].trim_end().trim_end_matches("async").trim_end();
    let line = before.lines().last().unwrap_or_default();
    line.starts_with("#[test]") || line.starts_with("#[tokio::test")
}

#[test]
fn every_promise_names_tests_that_exist() {
    let page = read("docs/semantics.md");
    let blocks = page.split("\n\n").flat_map(|block| block.split("\n- "));
    let promises: Vec<&str> = blocks
        .filter(|block| block.trim_start_matches("- ").starts_with("**"))
        .collect();
    let (mut tests, mut wrong) = (BTreeSet::new(), Vec::new());
    for promise in &promises {
        let named = named(promise);
        if named.is_empty() {
            wrong.push(format!("without a test: {promise}"));
        }
        for (file, name) in named {
            if !has_test(file, name) {
                wrong.push(format!("{file} has no test `{name}`"));
            }
            tests.insert((file, name));
        }
    }
    println!("{} promises, {} tests", promises.len(), tests.len());
    assert!(promises.len() >= 30, "{}", promises.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
