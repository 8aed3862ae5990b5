//! Exit codes: part of the interface.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: it did what it was asked.
    Success,
    /// 1: it did not.
    Error,
    /// 2: `plan --detailed-exitcode` found changes.
    Changes,
    /// 3: some accounts failed, others did not; or an estimate has a limit and something unknown;
    /// or a Region has no price.
    Partial,
    /// 4: `estimate --fail-over`: more than the limit.
    Over,
    /// 64: the command line is wrong.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Error => 1,
            Exit::Changes => 2,
            Exit::Partial => 3,
            Exit::Over => 4,
            Exit::Usage => 64,
        })
    }
}

/// The exit codes for `--help`.
pub const HELP: &str = "\
Exit codes:
  0   done
  1   error
  2   `plan --detailed-exitcode`: there are changes
  3   partial: some accounts failed, others did not
  4   `estimate --fail-over`: more than the limit
  64  the command line is wrong";
