//! Tables of Markdown, and numbers as they stand in them.

use std::collections::BTreeMap;

use crate::stats::Spread;

/// A table; numbers are right-aligned but for the first columns, which name things.
pub fn table(names: usize, head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head_cells: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rule = (0..head.len()).map(|column| if column < names { "---" } else { "---:" });
    let rule: Vec<String> = rule.map(str::to_owned).collect();
    let mut text = line(&head_cells) + &line(&rule);
    for row in rows {
        text.push_str(&line(row));
    }
    text
}

/// A number with about three digits that matter.
pub fn number(value: f64) -> String {
    match value.abs() {
        0.0..0.095 => format!("{value:.3}"),
        0.095..9.95 => format!("{value:.2}"),
        9.95..99.95 => format!("{value:.1}"),
        _ => thousands(value),
    }
}

/// A whole number with its thousands apart.
pub fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 {
        format!("-{text}")
    } else {
        text
    }
}

/// A count.
pub fn count(value: usize) -> String {
    thousands(value as f64)
}

/// The median, and below it the least and the quartiles.
pub fn spread(spread: &Spread) -> String {
    let Spread {
        n,
        min,
        q1,
        median,
        q3,
        max: _,
    } = spread;
    format!(
        "**{}** ({}; {} to {}; {n})",
        number(*median),
        number(*min),
        number(*q1),
        number(*q3)
    )
}

/// Calls by operation, the most frequent first: `GetBucketTagging x3, GetMember`.
pub fn calls(calls: &BTreeMap<String, usize>) -> String {
    let mut sorted: Vec<(&String, &usize)> = calls.iter().collect();
    sorted.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    let words = sorted.into_iter().map(|(name, times)| {
        let name = name.rsplit(':').next().unwrap_or(name);
        match times {
            1 => name.to_owned(),
            times => format!("{name} x{}", count(*times)),
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_matter() {
        let shown = [0.0123, 1.234, 12.34, 123.4, 12_345.0].map(number);
        assert_eq!(shown, ["0.012", "1.23", "12.3", "123", "12,345"]);
    }
}
