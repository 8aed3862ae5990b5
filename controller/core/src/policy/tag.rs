//! The tag that opts a bucket in, and the tags that look as if they were meant to.

use std::collections::BTreeSet;

/// The tag that opts a bucket in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagRule {
    /// The key, exactly.
    pub key: String,
    /// The accepted values, exactly; at least one.
    pub values: BTreeSet<String>,
}

/// What a bucket's tags say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptIn {
    /// The bucket is opted in.
    Yes,
    /// It is not.
    No,
    /// It is not, but a tag looks as if its owner believed that it was.
    NearMiss {
        /// The tag as `key=value`, cut to 100 characters. Never a tag of another meaning.
        found: String,
    },
}

impl TagRule {
    /// What a bucket's tags (key and value, in any order) say. Macie compares tags exactly, so a
    /// near miss would never be scanned; it is reported rather than obeyed.
    pub fn judge<'a>(&self, tags: impl Iterator<Item = (&'a str, &'a str)>) -> OptIn {
        let mut near: Option<String> = None;
        for (key, value) in tags {
            if key == self.key && self.values.contains(value) {
                return OptIn::Yes;
            }
            if self.is_near(key, value) {
                let found: String = format!("{key}={value}").chars().take(100).collect();
                near = Some(near.map_or(found.clone(), |other| other.min(found)));
            }
        }
        near.map_or(OptIn::No, |found| OptIn::NearMiss { found })
    }

    fn is_near(&self, key: &str, value: &str) -> bool {
        let value = folded(value);
        let accepted = || self.values.iter().any(|accepted| folded(accepted) == value);
        let same_key = loose(key) == loose(&self.key);
        same_key && (accepted() || (!means_no(&value) && (key != self.key || means_yes(&value))))
    }
}

/// The text without the differences that people overlook.
fn folded(text: &str) -> String {
    let visible = text.chars().filter(|character| !character.is_whitespace());
    visible.flat_map(char::to_lowercase).collect()
}

/// A key without the differences of spelling, so that `Macie_Scan` is like `macie-scan`.
fn loose(key: &str) -> String {
    folded(key).replace(['_', '-'], "")
}

fn means_yes(value: &str) -> bool {
    ["true", "yes", "on", "1", "enabled"].contains(&value)
}

fn means_no(value: &str) -> bool {
    ["false", "no", "off", "0", "disabled"].contains(&value)
}
