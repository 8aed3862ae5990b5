//! One line of the doctor's findings.

use controller_core::observed::{ErrorClass, Trouble};
use serde::Serialize;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// As it should be.
    Pass,
    /// It works, but somebody should look; also what could not be read.
    Warn,
    /// The controller does not work, or not here, or costs what nobody asked for.
    Fail,
    /// Not looked at, with the reason.
    Skipped,
}

impl Status {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
        }
    }
}

/// What one check found out about one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The check; part of the interface.
    pub check: &'static str,
    /// How it ended.
    pub status: Status,
    /// The account, the Region, or both, that it is about.
    pub subject: String,
    /// What was found.
    pub message: String,
    /// The command or console path that repairs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// A check and its subject, from which its lines are made.
#[derive(Debug, Clone)]
pub struct Check {
    name: &'static str,
    subject: String,
}

/// Begins a line.
pub fn check(name: &'static str, subject: impl ToString) -> Check {
    Check {
        name,
        subject: subject.to_string(),
    }
}

impl Check {
    /// All is well.
    pub fn pass(self, message: impl Into<String>) -> Line {
        self.line(Status::Pass, message.into(), None)
    }

    /// Somebody should look.
    pub fn warn(self, message: impl Into<String>, fix: impl Into<String>) -> Line {
        self.line(Status::Warn, message.into(), Some(fix.into()))
    }

    /// It does not work.
    pub fn fail(self, message: impl Into<String>, fix: impl Into<String>) -> Line {
        self.line(Status::Fail, message.into(), Some(fix.into()))
    }

    /// Not looked at.
    pub fn skipped(self, why: impl Into<String>, instead: impl Into<String>) -> Line {
        self.line(Status::Skipped, why.into(), Some(instead.into()))
    }

    /// What cannot be read is a warning and never a pass.
    pub fn unknown(self, trouble: &Trouble) -> Line {
        match trouble.class {
            ErrorClass::Denied => {
                let action = trouble.operation;
                let message = format!("unknown: denied, needs {action}");
                let role = "macie-self-service-operator";
                let fix = format!("run maciectl as the role {role}, which may {action}");
                self.warn(message, fix)
            }
            _ => self.warn(format!("unknown: {trouble}"), "run maciectl doctor again"),
        }
    }

    fn line(self, status: Status, message: String, fix: Option<String>) -> Line {
        Line {
            check: self.name,
            status,
            subject: self.subject,
            message,
            fix,
        }
    }
}
