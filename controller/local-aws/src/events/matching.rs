//! Whether an event matches a pattern.
//!
//! An event is flattened into leaves with dotted paths. Leaves inside arrays of objects remember
//! which element they come from: a match may not mix elements of the same array, so
//! `{"Key": ["macie"], "Value": ["true"]}` needs one tag that has both.

use rust_decimal::Decimal;
use serde_json::Value;

use super::pattern::{Bound, Matcher, Pattern, Range, decimal};

/// Which element of which array a leaf lies in; arrays are numbered in the order of reading.
type Place = Vec<(usize, usize)>;

struct Leaf<'event> {
    path: String,
    value: &'event Value,
    place: Place,
}

#[derive(Default)]
struct Flattened<'event> {
    leaves: Vec<Leaf<'event>>,
    arrays: usize,
}

impl Pattern {
    /// Whether an event matches.
    pub fn matches(&self, event: &Value) -> bool {
        let mut flattened = Flattened::default();
        flattened.read(String::new(), event, &Place::new());
        self.alternatives
            .iter()
            .any(|conditions| hold(conditions, &flattened.leaves, &Place::new()))
    }
}

impl<'event> Flattened<'event> {
    fn read(&mut self, path: String, value: &'event Value, place: &Place) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let path = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    self.read(path, member, place);
                }
            }
            Value::Array(elements) => self.read_array(&path, elements, place),
            _ => self.leaves.push(Leaf {
                path,
                value,
                place: place.clone(),
            }),
        }
    }

    fn read_array(&mut self, path: &str, elements: &'event [Value], place: &Place) {
        let array = self.arrays;
        self.arrays += 1;
        for (index, element) in elements.iter().enumerate() {
            let mut inner = place.clone();
            if element.is_object() {
                inner.push((array, index));
            }
            self.read(path.to_owned(), element, &inner);
        }
    }
}

/// Whether all conditions hold for leaves that lie consistently with each other and with `place`.
fn hold(conditions: &[(String, Vec<Matcher>)], leaves: &[Leaf<'_>], place: &Place) -> bool {
    let Some(((path, matchers), rest)) = conditions.split_first() else {
        return true;
    };
    let mut found = false;
    for leaf in leaves.iter().filter(|leaf| leaf.path == *path) {
        let Some(joined) = consistent(place, &leaf.place) else {
            continue;
        };
        found = true;
        if matchers.iter().any(|matcher| matcher.accepts(leaf.value)) && hold(rest, leaves, &joined)
        {
            return true;
        }
    }
    !found && matchers.contains(&Matcher::Absent) && hold(rest, leaves, place)
}

/// Both places together, unless they are different elements of one array.
fn consistent(one: &Place, other: &Place) -> Option<Place> {
    let mut joined = one.clone();
    for &(array, index) in other {
        match one.iter().find(|(known, _)| *known == array) {
            Some(&(_, known)) if known != index => return None,
            Some(_) => {}
            None => joined.push((array, index)),
        }
    }
    Some(joined)
}

impl Matcher {
    fn accepts(&self, value: &Value) -> bool {
        match self {
            Self::Exists => true,
            Self::Absent => false,
            Self::AnythingBut(excluded) => !excluded.iter().any(|matcher| matcher.accepts(value)),
            Self::Number(expected) => decimal(value).is_some_and(|number| number == *expected),
            Self::Numeric(range) => decimal(value).is_some_and(|number| range.contains(number)),
            Self::Literal(expected) => value == expected,
            _ => value.as_str().is_some_and(|text| self.accepts_text(text)),
        }
    }

    fn accepts_text(&self, text: &str) -> bool {
        match self {
            Self::Text(expected) => text == expected,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Self::PrefixIgnoreCase(prefix) => folded(text).starts_with(&folded(prefix)),
            Self::SuffixIgnoreCase(suffix) => folded(text).ends_with(&folded(suffix)),
            Self::EqualsIgnoreCase(expected) => folded(text) == folded(expected),
            Self::Wildcard(wildcard) => wildcard.matches(text),
            Self::Cidr(network) => text
                .parse()
                .is_ok_and(|address: std::net::IpAddr| network.contains(&address)),
            _ => false,
        }
    }
}

fn folded(text: &str) -> String {
    text.to_lowercase()
}

impl Range {
    fn contains(&self, number: Decimal) -> bool {
        let above = self.low.is_none_or(|(low, bound)| match bound {
            Bound::Included => number >= low,
            Bound::Excluded => number > low,
        });
        let below = self.high.is_none_or(|(high, bound)| match bound {
            Bound::Included => number <= high,
            Bound::Excluded => number < high,
        });
        above && below
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(pattern: Value, event: Value) -> bool {
        Pattern::compile(&pattern).unwrap().matches(&event)
    }

    #[test]
    fn elements_of_an_array_are_not_mixed() {
        let event = json!({"tags": [{"k": "a", "v": "1"}, {"k": "b", "v": "2"}]});
        assert!(matches(
            json!({"tags": {"k": ["a"], "v": ["1"]}}),
            event.clone()
        ));
        assert!(!matches(json!({"tags": {"k": ["a"], "v": ["2"]}}), event));
    }

    #[test]
    fn absence_is_judged_within_the_chosen_element() {
        let event = json!({"tags": [{"k": "a", "z": "1"}, {"k": "b"}]});
        let pattern = |key: &str| json!({"tags": {"k": [key], "z": [{"exists": false}]}});
        assert!(!matches(pattern("a"), event.clone()));
        assert!(matches(pattern("b"), event));
    }

    #[test]
    fn nested_arrays_keep_each_their_element() {
        let event =
            json!({"a": [{"b": [{"x": 1, "y": 1}, {"x": 2, "y": 2}], "c": 1}, {"b": [], "c": 2}]});
        assert!(matches(
            json!({"a": {"b": {"x": [2], "y": [2]}, "c": [1]}}),
            event.clone()
        ));
        assert!(!matches(
            json!({"a": {"b": {"x": [2], "y": [1]}}}),
            event.clone()
        ));
        assert!(!matches(json!({"a": {"b": {"x": [2]}, "c": [2]}}), event));
    }

    #[test]
    fn anything_but_needs_the_field_and_accepts_other_types() {
        let pattern = json!({"a": [{"anything-but": ["x"]}]});
        assert!(matches(pattern.clone(), json!({"a": 3})));
        assert!(matches(pattern.clone(), json!({"a": null})));
        assert!(!matches(pattern, json!({"b": "y"})));
    }

    #[test]
    fn case_is_ignored_where_it_is_asked_for() {
        let event = json!({"a": "Straße-X"});
        for operator in [
            json!({"prefix": {"equals-ignore-case": "STRAßE"}}),
            json!({"suffix": {"equals-ignore-case": "-x"}}),
            json!({"equals-ignore-case": "straße-x"}),
        ] {
            assert!(matches(json!({ "a": [operator] }), event.clone()));
        }
    }

    #[test]
    fn numbers_are_compared_by_value() {
        assert!(matches(json!({"a": [300]}), json!({"a": 3.0e2})));
        assert!(matches(
            json!({"a": [{"numeric": ["=", 0.3]}]}),
            json!({"a": 0.3})
        ));
        assert!(!matches(
            json!({"a": [{"numeric": ["<", 5]}]}),
            json!({"a": 5})
        ));
        assert!(!matches(
            json!({"a": [{"numeric": ["<", 5]}]}),
            json!({"a": "4"})
        ));
        assert!(matches(json!({"a": [1e40]}), json!({"a": 1e40})));
    }

    #[test]
    fn addresses_of_both_families_lie_in_networks() {
        let pattern = |network: &str| json!({"ip": [{"cidr": network}]});
        assert!(matches(pattern("10.1.0.0/16"), json!({"ip": "10.1.255.1"})));
        assert!(matches(
            pattern("2001:db8::/32"),
            json!({"ip": "2001:db8::1"})
        ));
        assert!(!matches(
            pattern("10.1.0.0/16"),
            json!({"ip": "not an address"})
        ));
    }
}
