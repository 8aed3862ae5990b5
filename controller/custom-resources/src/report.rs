//! What became of each Region, and what CloudFormation is told of it.

use std::collections::BTreeMap;

use controller_core::id::Region;

use crate::answer::Answer;

/// How it ended in a Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// As it should be; the word says how it came about, e.g. `designated`.
    Settled(&'static str),
    /// Left alone, for a reason.
    Skipped(String),
    /// Not as it should be, with AWS's code and request id.
    Failed(String),
    /// The time was over first.
    Unfinished,
}

/// Every Region that was named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// By Region.
    pub states: BTreeMap<Region, State>,
    /// What is to be said besides.
    pub notes: Vec<String>,
}

/// How far a run came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// CloudFormation can be answered.
    Finished(Answer),
    /// Another run must go on; what is left, for people.
    Unfinished(String),
}

/// Why a run ended before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// For good, with the reason.
    Failed(String),
    /// The time was over while this was being done.
    OutOfTime(String),
}

impl From<Stop> for Progress {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Failed(reason) => Self::Finished(Answer::failed(reason)),
            Stop::OutOfTime(left) => Self::Unfinished(left),
        }
    }
}

impl From<Report> for Progress {
    fn from(report: Report) -> Self {
        let unfinished = report.regions(|state| *state == State::Unfinished);
        if !unfinished.is_empty() {
            return Self::Unfinished(unfinished.join(", "));
        }
        Self::Finished(report.answer())
    }
}

impl Report {
    fn regions(&self, meant: impl Fn(&State) -> bool) -> Vec<&str> {
        let states = self.states.iter().filter(|(_, state)| meant(state));
        states.map(|(region, _)| region.as_str()).collect()
    }

    /// Fails when a Region failed, and names every one.
    fn answer(&self) -> Answer {
        let mut failed = Vec::new();
        let mut said = Vec::new();
        for (region, state) in &self.states {
            match state {
                State::Failed(why) => failed.push(format!("{region}: {why}")),
                State::Skipped(why) => said.push(format!("{region} is skipped: {why}")),
                State::Settled(_) | State::Unfinished => {}
            }
        }
        said.extend(self.notes.iter().cloned());
        let answer = if failed.is_empty() {
            Answer::success(said.join("; "))
        } else {
            let (count, all) = (failed.len(), self.states.len());
            failed.extend(said);
            Answer::failed(format!(
                "{count} of {all} Regions failed: {}",
                failed.join("; ")
            ))
        };
        answer.data(self.data())
    }

    /// Regions by what became of them, and how many there are.
    fn data(&self) -> BTreeMap<String, String> {
        let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (region, state) in &self.states {
            let word = match state {
                State::Settled(word) => word,
                State::Skipped(_) => "skipped",
                State::Failed(_) => "failed",
                State::Unfinished => "unfinished",
            };
            groups
                .entry(word.to_owned())
                .or_default()
                .push(region.as_str());
        }
        let mut data: BTreeMap<String, String> = groups
            .into_iter()
            .map(|(word, regions)| (word, regions.join(",")))
            .collect();
        data.insert("regions".to_owned(), self.states.len().to_string());
        data
    }
}
