//! The `wildcard` operator: `*` stands for any characters, `\*` and `\\` for themselves.

/// A compiled wildcard: the literal pieces between the asterisks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wildcard(Vec<String>);

impl std::str::FromStr for Wildcard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut pieces = Vec::new();
        let mut piece = String::new();
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '*' if characters.peek() == Some(&'*') => {
                    return Err(
                        "Consecutive wildcard characters are not allowed (consecutive `*`)",
                    );
                }
                '*' => pieces.push(std::mem::take(&mut piece)),
                '\\' => match characters.next() {
                    Some(escaped @ ('*' | '\\')) => piece.push(escaped),
                    _ => return Err("Invalid escape character: only `\\*` and `\\\\` are allowed"),
                },
                other => piece.push(other),
            }
        }
        pieces.push(piece);
        Ok(Self(pieces))
    }
}

impl Wildcard {
    /// Whether the whole text fits.
    pub(super) fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_first() else {
            return false;
        };
        let Some((last, middle)) = rest.split_last() else {
            return text == first;
        };
        let Some(mut text) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for piece in middle {
            match text.split_once(piece.as_str()) {
                Some((_, after)) => text = after,
                None => return false,
            }
        }
        text.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asterisks_stand_for_anything_and_can_be_escaped() {
        for (pattern, text, expected) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("*", "", true),
            ("a*a", "a", false),
            ("*b*b*", "abab", true),
            ("*b*b*b*", "abab", false),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            (r"a\\*", r"a\b", true),
            ("abc", "abcd", false),
        ] {
            let compiled: Wildcard = pattern.parse().unwrap();
            assert_eq!(compiled.matches(text), expected, "{pattern} on {text}");
        }
        assert!("a**b".parse::<Wildcard>().is_err());
        assert!(r"a\b".parse::<Wildcard>().is_err());
    }
}
