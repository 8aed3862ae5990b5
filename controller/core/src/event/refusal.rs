//! Why an event was refused.

use serde_json::Value;

/// Why an event does not lead to a reconcile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An event of another service, or a call that changes no tags.
    #[error("not an event for this controller: {what}")]
    NotOurs {
        /// Which event it was.
        what: String,
    },
    /// The call that it reports had no effect.
    #[error("the call failed: {code}")]
    FailedCall {
        /// AWS's error code.
        code: String,
    },
    /// Tags of something in S3 that is not a general purpose bucket.
    #[error("not about a general purpose bucket but: {kind}")]
    NotABucket {
        /// What it was, such as `s3 accesspoint`.
        kind: String,
    },
    /// No account that could be looked at.
    #[error("`account` is `{found}`, expected an AWS account id of 12 digits")]
    NoAccount {
        /// What stood there.
        found: String,
    },
    /// No Region that could be looked at.
    #[error("`region` is `{found}`, expected an AWS Region such as `eu-west-1`")]
    NoRegion {
        /// What stood there.
        found: String,
    },
    /// Nothing that this controller knows how to read.
    #[error("unreadable: {why}")]
    Unreadable {
        /// What is wrong with it.
        why: String,
    },
}

impl Refusal {
    pub(crate) fn unreadable(why: impl Into<String>) -> Self {
        Self::Unreadable { why: why.into() }
    }

    /// The refusal's name in logs, metrics and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotOurs { .. } => "not-ours",
            Self::FailedCall { .. } => "failed-call",
            Self::NotABucket { .. } => "not-a-bucket",
            Self::NoAccount { .. } => "no-account",
            Self::NoRegion { .. } => "no-region",
            Self::Unreadable { .. } => "unreadable",
        }
    }

    /// Whether the message cannot be understood, as opposed to understood and not for us. Somebody
    /// should look at it, and no retry will help.
    pub fn is_poison(&self) -> bool {
        match self {
            Self::NoAccount { .. } | Self::NoRegion { .. } | Self::Unreadable { .. } => true,
            Self::NotOurs { .. } | Self::FailedCall { .. } | Self::NotABucket { .. } => false,
        }
    }
}

/// Text of an event as it may stand in a refusal: at most 64 characters, on one line.
pub(super) fn short(text: &str) -> String {
    let visible = |character: char| {
        if character.is_control() {
            '?'
        } else {
            character
        }
    };
    text.chars().take(64).map(visible).collect()
}

/// Any value of an event as it may stand in a refusal.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "missing".to_owned(),
        Value::String(text) => short(text),
        other => short(&other.to_string()),
    }
}
