//! The pages promise nothing without a test that exists, and know every code.

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
    let rust = word.starts_with("tests/tests/") && word.ends_with(".rs");
    rust || (word.starts_with("tests/judges/") && word.ends_with(".py"))
}

/// The tests that a paragraph names: file and function.
fn named(paragraph: &str) -> Vec<(&str, &str)> {
    // The list of tests is the last parenthesis that begins with a test file.
    let beginnings = ["(`tests/tests/", "(`tests/judges/"];
    let Some(at) = beginnings.iter().filter_map(|it| paragraph.rfind(it)).max() else {
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
    if file.ends_with(".py") {
        return text.contains(&format!("\ndef {name}("));
    }
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

#[test]
fn every_threat_names_tests_that_exist() {
    let page = read("docs/security.md");
    let (_, threats) = page.split_once("\n## Threats\n").unwrap();
    let (threats, _) = threats.split_once("\n## ").unwrap();
    let threats: Vec<&str> = threats.split("\n### ").skip(1).collect();
    assert!(threats.len() >= 9, "{}", threats.len());
    for threat in threats {
        let (_, shown) = threat
            .split_once("\nShown by (")
            .unwrap_or_else(|| panic!("no test is named: {threat}"));
        let listed = format!("({}", shown.split_once(')').unwrap().0);
        let named = named(&listed);
        assert!(!named.is_empty(), "{threat}");
        for (file, name) in named {
            assert!(has_test(file, name), "{file} has no test `{name}`");
        }
    }
}

/// The variants of an enum, as they are written in logs and JSON.
fn codes(file: &str, name: &str) -> Vec<String> {
    let text = read(file);
    let (_, body) = text.split_once(&format!("pub enum {name} {{\n")).unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    let variants = body
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    variants
        .map(|line| kebab(line.split(|c: char| !c.is_alphanumeric()).next().unwrap()))
        .collect()
}

fn kebab(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push('-');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

#[test]
fn every_code_has_a_runbook() {
    let page = read("docs/operations.md");
    let enums = [
        ("controller/core/src/event/refusal.rs", "Refusal"),
        ("controller/core/src/plan.rs", "Waiting"),
        ("controller/core/src/plan.rs", "Blocked"),
        ("controller/core/src/observed.rs", "ErrorClass"),
    ];
    let codes: Vec<String> = enums
        .into_iter()
        .flat_map(|(file, name)| codes(file, name))
        .collect();
    let missing: Vec<&String> = codes
        .iter()
        .filter(|code| !page.contains(&format!("\n#### {code}\n")))
        .collect();
    println!("{} codes", codes.len());
    assert!(codes.len() >= 35, "{codes:?}");
    assert!(
        missing.is_empty(),
        "docs/operations.md has no `#### {missing:?}`"
    );
}
