//! The limit: calls of the controller that must follow one another, as its algorithm is. Nothing
//! that keeps this algorithm can be faster than the length of the chain times the latency.

use crate::kinds::Kind;

/// A call, or several at the same time, and why it cannot be made earlier.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// The calls.
    pub calls: &'static str,
    /// What of the link before it needs.
    pub because: &'static str,
}

const fn link(calls: &'static str, because: &'static str) -> Link {
    Link { calls, because }
}

const SESSION: Link = link(
    "AssumeRole",
    "the bucket is read with the account's own session, and this is the account's first event",
);
const LOOK: Link = link(
    "GetMember, ListClassificationJobs, GetBucketTagging",
    "what every event reads, at the same time",
);
const FIRST_LOOK: Link = link(
    "GetBucketTagging",
    "it needs the session; the member and the jobs were read meanwhile",
);
const PUBLISH: Link = link("PutEvents", "it tells what was written");

/// What must follow one another, by kind of event, in the function that is warm. An account's
/// session is open unless the event is its first.
pub fn chain(kind: Kind) -> Vec<Link> {
    match kind {
        Kind::IrrelevantChange | Kind::Duplicate => vec![LOOK],
        Kind::NeverOptedIn => vec![SESSION, FIRST_LOOK],
        Kind::FirstOptIn => vec![
            SESSION,
            FIRST_LOOK,
            link("DescribeAccount", "only an account that asks is looked up"),
            link("CreateMember", "it needs the account's address"),
            link(
                "GetMember and the others again",
                "a job for an account that is not enrolled matches nothing",
            ),
            link(
                "DescribeBuckets, GetResources",
                "only an enrolled account has an inventory",
            ),
            link(
                "SearchResources, GetBucketStatistics",
                "the inventory is refreshed before it is read",
            ),
            link(
                "CreateClassificationJob (daily)",
                "a job before Macie sees the bucket matches nothing",
            ),
            link(
                "CreateClassificationJob (baseline)",
                "the daily job looks at what is written after its creation: a baseline before it would leave a gap",
            ),
            link(
                "GetMember and the others again",
                "whoever wrote reads again, so that two controllers converge",
            ),
            PUBLISH,
        ],
        Kind::SecondBucket => vec![
            LOOK,
            link(
                "DescribeBuckets, GetResources",
                "only a bucket without a baseline needs the inventory",
            ),
            link(
                "SearchResources, GetBucketStatistics",
                "the inventory is refreshed before it is read",
            ),
            link(
                "CreateClassificationJob (baseline)",
                "a job before Macie sees the bucket matches nothing",
            ),
            link(
                "GetMember and the others again",
                "whoever wrote reads again, so that two controllers converge",
            ),
            PUBLISH,
        ],
        Kind::OptOutOthersLeft => vec![
            LOOK,
            link("GetResources", "only a bucket that left asks for others"),
            link(
                "GetBucketTagging",
                "the index is no proof: the other bucket is read",
            ),
        ],
        Kind::OptOutLast => vec![
            LOOK,
            link("GetResources", "only a bucket that left asks for others"),
            link("ListBuckets", "only an empty index asks for every bucket"),
            EVERY_BUCKET,
            link(
                "TagResource",
                "the mark needs the proof that nothing is opted in",
            ),
            link(
                "GetMember and the others again",
                "whoever wrote reads again, so that two controllers converge",
            ),
            link("GetResources", "the same question as before, asked again"),
            PUBLISH,
        ],
    }
}

/// The one link that is as long as an account has buckets.
const EVERY_BUCKET: Link = link(
    "GetBucketTagging of every bucket",
    "the names come from the listing; so many at a time as are allowed in flight",
);

/// Reads in flight at a time, per account and Region (`controller/src/observe/mod.rs`).
pub const IN_FLIGHT: usize = 16;

/// How many latencies the chain takes for an account with so many buckets. Reads of buckets do not
/// depend on one another, but only so many may be in flight.
pub fn length(kind: Kind, buckets: usize) -> usize {
    let links = chain(kind).len();
    match kind {
        // The bucket of the event was read before.
        Kind::OptOutLast => links - 1 + (buckets.saturating_sub(1)).div_ceil(IN_FLIGHT),
        _ => links,
    }
}
