//! What no plan may break.

use std::fmt;

use serde::Serialize;

/// What no plan may break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "Display says what each means")]
pub enum Invariant {
    PlaceGoverned,
    PlaceObserved,
    OncePerPlan,
    MemberNotAdministrator,
    MemberStateLegal,
    MemberOwned,
    EnrolAsked,
    EnrolAdmissible,
    ResumeOnRecord,
    SuspendProven,
    SuspendAfterGrace,
    SuspendWithinBreaker,
    TagsOwnKeys,
    JobInPlace,
    JobOnlyOptedIn,
    JobUnique,
    JobAsPolicy,
    CancelOwnLiveJob,
    CancelNotMissed,
    JobWithinBudget,
    PauseOverBudget,
    ResumeOwnPause,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::PlaceGoverned,
        Self::PlaceObserved,
        Self::OncePerPlan,
        Self::MemberNotAdministrator,
        Self::MemberStateLegal,
        Self::MemberOwned,
        Self::EnrolAsked,
        Self::EnrolAdmissible,
        Self::ResumeOnRecord,
        Self::SuspendProven,
        Self::SuspendAfterGrace,
        Self::SuspendWithinBreaker,
        Self::TagsOwnKeys,
        Self::JobInPlace,
        Self::JobOnlyOptedIn,
        Self::JobUnique,
        Self::JobAsPolicy,
        Self::CancelOwnLiveJob,
        Self::CancelNotMissed,
        Self::JobWithinBudget,
        Self::PauseOverBudget,
        Self::ResumeOwnPause,
    ];
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PlaceGoverned => "only governed Regions are touched",
            Self::PlaceObserved => "a plan is about the account and Region that were observed",
            Self::OncePerPlan => "no step twice in one plan",
            Self::MemberNotAdministrator => "the administrator is never its own member",
            Self::MemberStateLegal => "the step is legal from the member's state",
            Self::MemberOwned => "only members that the controller owns are suspended, resumed or marked",
            Self::EnrolAsked => "only accounts that ask, and are not excluded, are enrolled",
            Self::EnrolAdmissible => "only active accounts of the organization are enrolled, and marked as owned",
            Self::ResumeOnRecord => "a member is resumed when it is on record since when it was not scanned",
            Self::SuspendProven => "a suspension needs a complete listing without an opted-in bucket and without an unknown",
            Self::SuspendAfterGrace => "a suspension comes after a whole grace period, which begins when nothing is opted in",
            Self::SuspendWithinBreaker => "the circuit breaker is closed",
            Self::TagsOwnKeys => "only the controller's own tags are written, with values that it can read again",
            Self::JobInPlace => "a job is for the observed account, which Macie serves",
            Self::JobOnlyOptedIn => "a job names only buckets that were read and are opted in",
            Self::JobUnique => "no second live daily job, and no bucket is paid for twice",
            Self::JobAsPolicy => "a job is made as the policy says",
            Self::CancelOwnLiveJob => "only live jobs of the controller are cancelled, and none that a person paused unless the account is excluded",
            Self::JobWithinBudget => "no job is created whose cost exceeds a budget, or is not known where there is one",
            Self::PauseOverBudget => "a job is paused, and marked as such before, only when the account's month is spent",
            Self::ResumeOwnPause => "only what the controller paused is resumed, and only within the budget",
            Self::CancelNotMissed => "a cancelled job leaves no opted-in bucket without a job that does the same",
        })
    }
}
