//! Every question: what we assume, where the assumption is, and what to change when AWS differs.

use local_aws::Switches;
use serde_json::Value;

/// A question to AWS.
#[derive(Debug)]
pub struct Question {
    /// Its name on the command line.
    pub id: &'static str,
    /// What it asks.
    pub asks: &'static str,
    /// What we assume.
    pub assumed: Assumed,
    /// What to change when AWS differs.
    pub change: &'static str,
}

/// Where an assumption is.
#[derive(Debug)]
pub enum Assumed {
    /// A switch of the local AWS, at its default.
    Switch(&'static str),
    /// The code, and what it assumes.
    Code(&'static str),
}

use Assumed::{Code, Switch};

const fn question(
    id: &'static str,
    asks: &'static str,
    assumed: Assumed,
    change: &'static str,
) -> Question {
    Question {
        id,
        asks,
        assumed,
        change,
    }
}

const DEFAULT: &str =
    "set the switch's default in controller/local-aws/src/world.rs; the scenarios pass either way";
const SHAPE: &str = "replace the fixture by the event that was caught, make \
    controller/local-aws/src/s3/trail.rs write the same, and let controller/core/src/event.rs read it";
const CREATE_MEMBER: &str = "let `create_member` of controller/local-aws/src/macie/members.rs \
    answer so, and look at `class_of` in controller/src/aws/error.rs";

/// Every question, in the order of the report.
pub const QUESTIONS: [Question; 26] = [
    question(
        "cloudtrail-events",
        "Do CloudTrail's events of bucket calls reach EventBridge, and how late?",
        Switch("trail"),
        "let a trail log management events in every account and Region: without it only tag changes and the sweep are left",
    ),
    question(
        "tag-change-event",
        "Do buckets send `aws.tag` Tag Change on Resource, and how late?",
        Switch("tagChangeEvents"),
        DEFAULT,
    ),
    question(
        "shape-create-bucket",
        "What does the event of CreateBucket with a tag look like?",
        Code("tests/fixtures/events/create-bucket-one-tag.json"),
        SHAPE,
    ),
    question(
        "shape-tag-resource",
        "What does the event of TagResource look like?",
        Code("tests/fixtures/events/tag-resource-on-bucket.json"),
        SHAPE,
    ),
    question(
        "shape-untag-resource",
        "What does the event of UntagResource look like?",
        Code("tests/fixtures/events/untag-resource-on-bucket.json"),
        SHAPE,
    ),
    question(
        "shape-put-one-tag",
        "What does the event of PutBucketTagging with one tag look like?",
        Code("tests/fixtures/events/put-bucket-tagging-one-tag.json"),
        SHAPE,
    ),
    question(
        "shape-put-no-tags",
        "What does the event of PutBucketTagging without tags look like?",
        Code("tests/fixtures/events/put-bucket-tagging-no-tags-object.json"),
        SHAPE,
    ),
    question(
        "shape-delete-tags",
        "What does the event of DeleteBucketTagging look like?",
        Code("tests/fixtures/events/delete-bucket-tagging.json"),
        SHAPE,
    ),
    question(
        "index-lag",
        "How long does the tagging index lag behind S3?",
        Switch("indexLag"),
        DEFAULT,
    ),
    question(
        "stranger-error",
        "What does GetMember say of a stranger? `true`: ValidationException",
        Switch("strangerIsValidation"),
        DEFAULT,
    ),
    question(
        "create-member-created",
        "What does CreateMember say of a member that is Created?",
        Code("ConflictException (local-aws/src/macie/members.rs)"),
        CREATE_MEMBER,
    ),
    question(
        "create-member-enabled",
        "What does CreateMember say of a member that is Enabled?",
        Code("ConflictException (local-aws/src/macie/members.rs)"),
        CREATE_MEMBER,
    ),
    question(
        "create-member-paused",
        "What does CreateMember say of a member that is Paused?",
        Code("ConflictException (local-aws/src/macie/members.rs)"),
        CREATE_MEMBER,
    ),
    question(
        "enabling",
        "How long does a new member stay Created?",
        Switch("enablingTakes"),
        DEFAULT,
    ),
    question(
        "inventory-lag",
        "How long does Macie's inventory lag behind PutBucketTagging?",
        Switch("inventoryLag"),
        DEFAULT,
    ),
    question(
        "inventory-tag-resource",
        "Does Macie's inventory see TagResource before its daily look?",
        Switch("inventorySeesTagResource"),
        DEFAULT,
    ),
    question(
        "describe-buckets",
        "Does DescribeBuckets by the administrator refresh the members' buckets?",
        Switch("describeBucketsRefreshesMembers"),
        "set the switch's default in controller/local-aws/src/world.rs; the nudge in controller/src/observe/macie.rs is then of no use",
    ),
    question(
        "client-token",
        "Does CreateClassificationJob answer a known `clientToken` with the same job?",
        Switch("clientTokenReplays"),
        DEFAULT,
    ),
    question(
        "create-job-rate",
        "How fast can jobs be created: one per which time?",
        Switch("createJobInterval"),
        "set the switch's default in controller/local-aws/src/world.rs, and the pace wherever 10 s stand in the product",
    ),
    question(
        "suspend-jobs",
        "Does suspending a member cancel the administrator's jobs for it?",
        Switch("suspendCancelsAdminJobs"),
        DEFAULT,
    ),
    question(
        "usage-delay",
        "How long until GetUsageStatistics shows what a job has cost?",
        Code("none (local-aws/src/macie/usage.rs)"),
        "say the delay in docs/cost.md",
    ),
    question(
        "usage-paused",
        "Does GetUsageStatistics list a Paused member?",
        Code("a Paused member is still listed (local-aws/src/macie/usage.rs)"),
        "let `accounts` of controller/local-aws/src/macie/usage.rs leave it out, and say so in docs/cost.md",
    ),
    question(
        "schedule-backfills",
        "Does a daily job scan old objects of a bucket that begins to match?",
        Switch("scheduleBackfills"),
        "set the switch's default in controller/local-aws/src/world.rs; baseline jobs are then paid for twice: see docs/decisions/0004-catch-up.md",
    ),
    question(
        "suspended-objects",
        "Does a daily job scan later what was written during a suspension?",
        Code(
            "not scanned after the suspension (local-aws/src/macie/runs.rs, docs/decisions/0004-catch-up.md)",
        ),
        "catch-up jobs are then paid for twice: see docs/decisions/0004-catch-up.md",
    ),
    question(
        "suspended-runs",
        "Does a daily job go on by itself after a suspension?",
        Code(
            "the administrator's daily job goes on after a suspension (local-aws/src/macie/runs.rs)",
        ),
        "let controller/local-aws/src/macie/runs.rs do the same, and run the scenarios of tests/tests/life.rs",
    ),
    question(
        "daily-run-time",
        "At what time of day does a daily job run?",
        Code("24 hours after the job was created (local-aws/src/macie/schedule.rs)"),
        "let `Schedule::next` of controller/local-aws/src/macie/schedule.rs do the same",
    ),
];

/// Questions that the API does not answer, or that are not safe to ask: what, and where to look.
pub const BY_HAND: [(&str, &str); 9] = [
    (
        "how a designation begins and ends (switches `disablingTakes`, `disablingDeregisters`, `trustedAccessTakes`)",
        "never asked: ending it makes every member a standalone account; look at `aws macie2 list-organization-admin-accounts` and `aws organizations list-delegated-administrators` when registration runs",
    ),
    (
        "whether a pause between two runs has a time (switch `tellsEveryPause`)",
        "pause an idle daily job and look at userPausedDetails of `aws macie2 list-classification-jobs`; the controller works with both",
    ),
    (
        "price tiers two and three",
        "https://aws.amazon.com/macie/pricing/, and docs/cost.md",
    ),
    (
        "what AWS's Price List calls Macie's products",
        "`maciectl prices refresh --all-regions` beside https://aws.amazon.com/macie/pricing/: it says which products it took",
    ),
    (
        "the log group of jobs",
        "CloudWatch Logs of the administrator account after a job, assumed /aws/macie/classificationjobs",
    ),
    (
        "a wrong e-mail address in CreateMember",
        "never asked: it may invite a stranger; ask AWS Support whether it is checked for accounts of the organization",
    ),
    (
        "rates of other Macie calls",
        "never asked: it takes a flood of calls; ask AWS Support, or look for 429 in CloudTrail",
    ),
    (
        "how long a clientToken is known",
        "repeat the CreateClassificationJob of the start phase after the finish phase, and cancel what it creates",
    ),
    (
        "tag changes in other Regions",
        "run the check with each governed --region",
    ),
];

/// The names of all questions.
pub fn ids() -> Vec<&'static str> {
    QUESTIONS.iter().map(|question| question.id).collect()
}

/// What we assume, for people.
pub fn expected(question: &Question) -> String {
    match question.assumed {
        Code(text) => text.to_owned(),
        Switch(name) => format!("{} (switch `{name}`)", default(name)),
    }
}

/// A switch's default as text.
fn default(name: &str) -> String {
    let all = serde_json::to_value(Switches::default()).unwrap_or_default();
    match all.get(name) {
        Some(Value::String(text)) => text.clone(),
        other => other.map_or_else(|| "unknown".to_owned(), Value::to_string),
    }
}
