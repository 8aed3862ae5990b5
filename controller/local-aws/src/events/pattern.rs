//! Event patterns: from JSON to rules about the leaves of an event, with the checks that
//! EventBridge makes before it accepts a pattern.

use ipnet::IpNet;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::wildcard::Wildcard;

/// The longest pattern in characters.
const LONGEST: usize = 4096;
/// The most alternatives that the `$or` of a pattern may multiply to.
const MOST_ALTERNATIVES: usize = 1000;
/// Numbers in `numeric` lie between minus and plus this.
const LARGEST_NUMBER: i64 = 5_000_000_000;

/// A compiled event pattern: it matches if one of its alternatives does.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    pub(super) alternatives: Vec<Alternative>,
}

/// Conditions on leaves by dotted path, in the order of the paths; all must hold.
pub(super) type Alternative = Vec<(String, Vec<Matcher>)>;

/// Why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Event pattern is not valid. Reason: {0}")]
pub struct InvalidPattern(pub String);

/// What one leaf has to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Matcher {
    Text(String),
    Number(Decimal),
    /// `true`, `false`, `null`, and numbers too large for a decimal.
    Literal(Value),
    Prefix(String),
    PrefixIgnoreCase(String),
    Suffix(String),
    SuffixIgnoreCase(String),
    EqualsIgnoreCase(String),
    Wildcard(Wildcard),
    Numeric(Range),
    Cidr(IpNet),
    Exists,
    Absent,
    /// None of these.
    AnythingBut(Vec<Matcher>),
}

/// Bounds of a number; each with whether it is included.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Range {
    pub(super) low: Option<(Decimal, Bound)>,
    pub(super) high: Option<(Decimal, Bound)>,
}

/// Whether a bound belongs to its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Included,
    Excluded,
}

type Checked<T> = Result<T, InvalidPattern>;

fn invalid<T>(reason: impl Into<String>) -> Checked<T> {
    Err(InvalidPattern(reason.into()))
}

impl std::str::FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Checked<Self> {
        if text.chars().count() > LONGEST {
            return invalid(format!("the pattern is longer than {LONGEST} characters"));
        }
        match serde_json::from_str(text) {
            Ok(value) => Self::compile(&value),
            Err(error) => invalid(format!("the pattern is not JSON: {error}")),
        }
    }
}

impl Pattern {
    /// Checks and compiles a pattern.
    pub fn compile(pattern: &Value) -> Checked<Self> {
        let Value::Object(members) = pattern else {
            return invalid("Filter is not an object");
        };
        let mut alternatives = object("", members)?;
        for alternative in &mut alternatives {
            alternative.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        Ok(Self { alternatives })
    }
}

fn object(path: &str, members: &Map<String, Value>) -> Checked<Vec<Alternative>> {
    if members.is_empty() {
        return invalid("Empty objects are not allowed");
    }
    let mut alternatives = vec![Alternative::new()];
    for (name, value) in members {
        let choices = if name == "$or" {
            or(path, value)?
        } else {
            member(&join(path, name), name, value)?
        };
        if alternatives.len() * choices.len() > MOST_ALTERNATIVES {
            return invalid(format!(
                "$or multiplies to more than {MOST_ALTERNATIVES} alternatives"
            ));
        }
        alternatives = product(&alternatives, &choices);
    }
    Ok(alternatives)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn product(left: &[Alternative], right: &[Alternative]) -> Vec<Alternative> {
    left.iter()
        .flat_map(|one| right.iter().map(|other| [one.as_slice(), other].concat()))
        .collect()
}

fn or(path: &str, value: &Value) -> Checked<Vec<Alternative>> {
    let branches = match value {
        Value::Array(branches) if branches.len() >= 2 => branches,
        _ => return invalid("\"$or\" must be an array of at least two objects"),
    };
    let mut alternatives = Vec::new();
    for branch in branches {
        let Value::Object(members) = branch else {
            return invalid("\"$or\" must be an array of objects");
        };
        alternatives.extend(object(path, members)?);
    }
    Ok(alternatives)
}

fn member(path: &str, name: &str, value: &Value) -> Checked<Vec<Alternative>> {
    match value {
        Value::Object(members) => object(path, members),
        Value::Array(values) if values.is_empty() => invalid("Empty arrays are not allowed"),
        Value::Array(values) => {
            let matchers = values.iter().map(matcher).collect::<Checked<_>>()?;
            Ok(vec![vec![(path.to_owned(), matchers)]])
        }
        _ => invalid(format!("\"{name}\" must be an object or an array")),
    }
}

fn matcher(value: &Value) -> Checked<Matcher> {
    match value {
        Value::Object(expression) => match expression.iter().next() {
            Some((operator, operand)) if expression.len() == 1 => expressed(operator, operand),
            _ => invalid("Only one key allowed in match expression"),
        },
        Value::Array(_) => invalid("Match value must be String, number, true, false, or null"),
        scalar => Ok(exact(scalar)),
    }
}

pub(super) fn exact(scalar: &Value) -> Matcher {
    match scalar {
        Value::String(text) => Matcher::Text(text.clone()),
        Value::Number(_) => {
            decimal(scalar).map_or_else(|| Matcher::Literal(scalar.clone()), Matcher::Number)
        }
        other => Matcher::Literal(other.clone()),
    }
}

/// The exact decimal value of a JSON number; none for other values and for numbers out of range.
pub(super) fn decimal(value: &Value) -> Option<Decimal> {
    let Value::Number(number) = value else {
        return None;
    };
    let text = number.to_string();
    text.parse()
        .or_else(|_| Decimal::from_scientific(&text))
        .ok()
        .map(|number: Decimal| number.normalize())
}

fn expressed(operator: &str, operand: &Value) -> Checked<Matcher> {
    match operator {
        "prefix" => affix(
            operator,
            operand,
            Matcher::Prefix,
            Matcher::PrefixIgnoreCase,
        ),
        "suffix" => affix(
            operator,
            operand,
            Matcher::Suffix,
            Matcher::SuffixIgnoreCase,
        ),
        "equals-ignore-case" => text(operator, operand).map(Matcher::EqualsIgnoreCase),
        "wildcard" => wildcard(&text(operator, operand)?),
        "numeric" => numeric(operand).map(Matcher::Numeric),
        "cidr" => cidr(&text(operator, operand)?),
        "exists" => match operand {
            Value::Bool(true) => Ok(Matcher::Exists),
            Value::Bool(false) => Ok(Matcher::Absent),
            _ => invalid("exists match pattern must be either true or false."),
        },
        "anything-but" => anything_but(operand),
        _ => invalid(format!("Unrecognized match type {operator}")),
    }
}

fn text(operator: &str, operand: &Value) -> Checked<String> {
    match operand {
        Value::String(text) => Ok(text.clone()),
        _ => invalid(format!("{operator} match pattern must be a string")),
    }
}

fn affix(
    operator: &str,
    operand: &Value,
    same_case: fn(String) -> Matcher,
    any_case: fn(String) -> Matcher,
) -> Checked<Matcher> {
    let Value::Object(inner) = operand else {
        return text(operator, operand).map(same_case);
    };
    match inner.get("equals-ignore-case") {
        Some(operand) if inner.len() == 1 => text(operator, operand).map(any_case),
        _ => invalid(format!(
            "{operator} match pattern must be a string or an object with only equals-ignore-case"
        )),
    }
}

fn wildcard(text: &str) -> Checked<Matcher> {
    text.parse()
        .map(Matcher::Wildcard)
        .or_else(|reason: &str| invalid(reason))
}

fn cidr(text: &str) -> Checked<Matcher> {
    match text.parse() {
        Ok(network) => Ok(Matcher::Cidr(network)),
        Err(_) => invalid(format!("Malformed CIDR, one '/' required: {text}")),
    }
}

fn numeric(operand: &Value) -> Checked<Range> {
    let Value::Array(terms) = operand else {
        return invalid("Value of numeric must be an array.");
    };
    match terms.as_slice() {
        [operator, bound] => one_sided(operator.as_str().unwrap_or_default(), number(bound)?),
        [lower, low, upper, high] => {
            let low = (number(low)?, included(lower, ">", ">=")?);
            let high = (number(high)?, included(upper, "<", "<=")?);
            if low.0 >= high.0 {
                return invalid("Bottom must be less than top");
            }
            Ok(Range {
                low: Some(low),
                high: Some(high),
            })
        }
        _ => invalid("numeric must be an operator and a number, or a lower and an upper bound"),
    }
}

fn one_sided(operator: &str, bound: Decimal) -> Checked<Range> {
    let (included, excluded) = ((bound, Bound::Included), (bound, Bound::Excluded));
    let (low, high) = match operator {
        "=" => (Some(included), Some(included)),
        ">" => (Some(excluded), None),
        ">=" => (Some(included), None),
        "<" => (None, Some(excluded)),
        "<=" => (None, Some(included)),
        _ => return invalid(format!("Unrecognized numeric range operator: {operator}")),
    };
    Ok(Range { low, high })
}

fn included(operator: &Value, excluded: &str, included: &str) -> Checked<Bound> {
    match operator.as_str() {
        Some(found) if found == excluded => Ok(Bound::Excluded),
        Some(found) if found == included => Ok(Bound::Included),
        _ => invalid(format!("Bad numeric range operator: {operator}")),
    }
}

fn number(value: &Value) -> Checked<Decimal> {
    let largest = Decimal::from(LARGEST_NUMBER);
    match decimal(value) {
        Some(number) if number.abs() <= largest => Ok(number),
        Some(_) => invalid(format!(
            "Value must be between -{LARGEST_NUMBER} and {LARGEST_NUMBER}, inclusive"
        )),
        None => invalid(format!("Value of numeric must be numeric, not {value}")),
    }
}

fn anything_but(operand: &Value) -> Checked<Matcher> {
    match operand {
        Value::Object(inner) => match inner.iter().next() {
            Some((operator, operand)) if inner.len() == 1 => {
                anything_but_expression(operator, operand)
            }
            _ => invalid("Only one key allowed in anything-but match expression"),
        },
        Value::Array(values) => {
            let strings = values.iter().all(Value::is_string);
            let numbers = values.iter().all(Value::is_number);
            if values.is_empty() || !(strings || numbers) {
                return invalid(
                    "Inside anything-but list, either all values are number or string, mixed type is not supported",
                );
            }
            Ok(Matcher::AnythingBut(values.iter().map(exact).collect()))
        }
        Value::String(_) | Value::Number(_) => Ok(Matcher::AnythingBut(vec![exact(operand)])),
        _ => invalid("Value of anything-but must be an array or single string/number value."),
    }
}

fn anything_but_expression(operator: &str, operand: &Value) -> Checked<Matcher> {
    if !matches!(
        operator,
        "prefix" | "suffix" | "equals-ignore-case" | "wildcard"
    ) {
        return invalid(format!("Unsupported anything-but pattern: {operator}"));
    }
    let operands = match operand {
        Value::Array(operands) => operands.as_slice(),
        one => std::slice::from_ref(one),
    };
    let empty_text = operands.iter().any(|operand| operand.as_str() == Some(""));
    if operands.is_empty() || (empty_text && matches!(operator, "prefix" | "suffix")) {
        return invalid(format!("Null {operator} not allowed"));
    }
    operands
        .iter()
        .map(|operand| expressed(operator, operand))
        .collect::<Checked<_>>()
        .map(Matcher::AnythingBut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(pattern: &str) -> String {
        pattern.parse::<Pattern>().unwrap_err().0
    }

    #[test]
    fn a_pattern_is_refused_with_the_reason() {
        for (pattern, expected) in [
            ("{", "not JSON"),
            ("[]", "not an object"),
            ("{}", "Empty objects"),
            (r#"{"detail":{}}"#, "Empty objects"),
            (r#"{"source":[]}"#, "Empty arrays"),
            (
                r#"{"source":"a"}"#,
                "\"source\" must be an object or an array",
            ),
            (r#"{"source":[["a"]]}"#, "must be String, number"),
            (
                r#"{"source":[{"bogus":1}]}"#,
                "Unrecognized match type bogus",
            ),
            (
                r#"{"source":[{"prefix":"a","suffix":"b"}]}"#,
                "Only one key",
            ),
            (r#"{"source":[{"prefix":["a"]}]}"#, "prefix match pattern"),
            (r#"{"source":[{"exists":"yes"}]}"#, "true or false"),
            (r#"{"source":[{"wildcard":"a**b"}]}"#, "consecutive"),
            (r#"{"source":[{"cidr":"10.0.0.0"}]}"#, "CIDR"),
            (r#"{"n":[{"numeric":[">","2"]}]}"#, "must be numeric"),
            (r#"{"n":[{"numeric":[">",5,"<",2]}]}"#, "Bottom"),
            (r#"{"n":[{"numeric":["<",5,">",2]}]}"#, "operator"),
            (r#"{"n":[{"numeric":[">",6000000000]}]}"#, "between"),
            (r#"{"n":[{"anything-but":[1,"a"]}]}"#, "mixed type"),
            (r#"{"n":[{"anything-but":{"prefix":""}}]}"#, "Null prefix"),
            (
                r#"{"n":[{"anything-but":{"exists":true}}]}"#,
                "Unsupported anything-but",
            ),
            (r#"{"$or":[{"source":["a"]}]}"#, "at least two"),
        ] {
            let found = reason(pattern);
            assert!(found.contains(expected), "{pattern}: {found}");
        }
        assert!(reason(&format!("{{\"a\":[\"{}\"]}}", "x".repeat(5000))).contains("4096"));
    }

    #[test]
    fn alternatives_are_bounded() {
        let branches: Vec<String> = (0..11).map(|n| format!("{{\"k\":[{n}]}}")).collect();
        let or = format!("{{\"$or\":[{}]}}", branches.join(","));
        let pattern = format!("{{\"a\":{or},\"b\":{or},\"c\":{or}}}");
        assert!(reason(&pattern).contains("alternatives"));
    }
}
