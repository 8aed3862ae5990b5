//! Answers, and how they are told.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use controller::config::chain;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::catalogue::{BY_HAND, QUESTIONS, Question, expected};

/// The version of the JSON document.
const SCHEMA_VERSION: u32 = 1;

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// AWS does what we assume.
    Agrees,
    /// It does something else.
    Differs,
    /// It could not be found out.
    Unanswered,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The question's id.
    pub question: String,
    /// What it asks.
    pub asks: String,
    /// What became of it.
    pub verdict: Verdict,
    /// What we assume, and where.
    pub expected: String,
    /// What was seen, or why nothing was.
    pub observed: String,
    /// What to change, when it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
}

/// The answers of a run.
#[derive(Debug)]
pub struct Book {
    wanted: Vec<&'static Question>,
    answers: BTreeMap<&'static str, Answer>,
}

impl Book {
    /// A book for these questions, with answers from an earlier phase.
    pub fn new(wanted: Vec<&'static Question>, earlier: &[Answer]) -> Self {
        let mut book = Self {
            wanted,
            answers: BTreeMap::new(),
        };
        for answer in earlier {
            if let Some(question) = QUESTIONS.iter().find(|known| known.id == answer.question) {
                book.answers.insert(question.id, answer.clone());
            }
        }
        book
    }

    /// Whether one of these is asked.
    pub fn wants(&self, ids: &[&str]) -> bool {
        self.wanted
            .iter()
            .any(|question| ids.contains(&question.id))
    }

    /// Whether a question has its answer.
    pub fn has(&self, id: &str) -> bool {
        self.answers.contains_key(id)
    }

    /// AWS has answered.
    pub fn found(&mut self, id: &str, observed: impl Into<String>, agrees: bool) {
        let verdict = if agrees {
            Verdict::Agrees
        } else {
            Verdict::Differs
        };
        self.note(id, observed.into(), verdict);
    }

    /// AWS has not answered.
    pub fn unanswered(&mut self, id: &str, why: impl Into<String>) {
        self.note(id, why.into(), Verdict::Unanswered);
    }

    /// Ends a group of questions: those that it has left open have no answer.
    pub fn close(&mut self, ids: &[&str], told: Result<()>) {
        let why = match told {
            Ok(()) => "was not reached".to_owned(),
            Err(error) => chain(error.as_ref()),
        };
        for id in ids {
            if !self.has(id) {
                self.unanswered(id, why.clone());
            }
        }
    }

    fn note(&mut self, id: &str, observed: String, verdict: Verdict) {
        let Some(question) = self.wanted.iter().find(|question| question.id == id) else {
            return;
        };
        let change = (verdict == Verdict::Differs).then(|| question.change.to_owned());
        let answer = Answer {
            question: question.id.to_owned(),
            asks: question.asks.to_owned(),
            verdict,
            expected: expected(question),
            observed,
            change,
        };
        talk(&format!("{id}: {verdict:?}: {}", answer.observed));
        self.answers.insert(question.id, answer);
    }

    /// The answers, in the order of the catalogue.
    pub fn answers(&self) -> Vec<Answer> {
        let all = QUESTIONS
            .iter()
            .filter_map(|question| self.answers.get(question.id));
        all.cloned().collect()
    }
}

/// The exit code that answers come to.
pub fn exit_code(answers: &[Answer]) -> u8 {
    let some = |verdict| answers.iter().any(|answer| answer.verdict == verdict);
    match (some(Verdict::Differs), some(Verdict::Unanswered)) {
        (true, _) => 2,
        (false, true) => 3,
        (false, false) => 0,
    }
}

/// The JSON document.
pub fn json(answers: &[Answer]) -> Result<String> {
    let by_hand = BY_HAND.map(|(what, how)| json!({ "what": what, "how": how }));
    let document = json!({
        "schemaVersion": SCHEMA_VERSION,
        "answers": answers,
        "byHand": by_hand,
    });
    Ok(serde_json::to_string_pretty(&document)?)
}

/// The table, with what to look at by hand and the sum.
pub fn table(answers: &[Answer]) -> String {
    let mut table = new_table(&["question", "", "expected", "observed", "what to change"]);
    for answer in answers {
        let verdict = format!("{:?}", answer.verdict).to_lowercase();
        let change = answer.change.clone().unwrap_or_default();
        let (expected, observed) = (answer.expected.clone(), answer.observed.clone());
        let question = format!("{}: {}", answer.question, answer.asks);
        table.add_row([question, verdict, expected, observed, change]);
    }
    let mut by_hand = new_table(&["look by hand", "how"]);
    for (what, how) in BY_HAND {
        by_hand.add_row([what, how]);
    }
    let count = |verdict| {
        answers
            .iter()
            .filter(|answer| answer.verdict == verdict)
            .count()
    };
    let (agree, differ) = (count(Verdict::Agrees), count(Verdict::Differs));
    let unanswered = count(Verdict::Unanswered);
    format!("{table}\n\n{by_hand}\n\n{agree} agree, {differ} differ, {unanswered} unanswered")
}

fn new_table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings);
    if !table.is_tty() {
        table.set_width(160);
    }
    table
}

/// Says something on standard error.
pub fn talk(text: &str) {
    let _closed = writeln!(io::stderr(), "{text}");
}

/// Prints data. A closed pipe is not an error.
pub fn print(text: &str) {
    let _closed = writeln!(io::stdout(), "{text}");
}
