//! Which seeds a test runs.

use std::ops::Range;

/// What an environment variable says, such as `1000` or `5000..6000`; so many from 0 if it is not
/// there.
pub fn seeds(variable: &str, default: u64) -> Range<u64> {
    let number = |text: &str| -> u64 {
        let read = text.trim().parse();
        read.unwrap_or_else(|_| panic!("`{variable}` is a number or `from..to`, not `{text}`"))
    };
    match std::env::var(variable) {
        Err(_) => 0..default,
        Ok(text) => match text.split_once("..") {
            Some((from, to)) => number(from)..number(to),
            None => 0..number(&text),
        },
    }
}
