//! With the switches at their defaults everything agrees; with one at its other value exactly its
//! question says that AWS differs.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use live_check::{
    answer::Verdict,
    catalogue::{Assumed, BY_HAND, QUESTIONS, ids},
};
use local_aws::Switches;

use crate::sandbox::{Sandbox, with};

type Set = fn(&mut Switches);

/// Each switch at its other value, and the questions that it leaves without an answer.
const OTHER: [(&str, Set, &[&str]); 12] = [
    (
        "indexLag",
        |s| s.index_lag = SignedDuration::from_mins(10),
        &[],
    ),
    (
        "inventoryLag",
        |s| s.inventory_lag = SignedDuration::from_mins(5),
        &[],
    ),
    (
        "describeBucketsRefreshesMembers",
        |s| s.describe_buckets_refreshes_members = false,
        &[],
    ),
    (
        "inventorySeesTagResource",
        |s| s.inventory_sees_tag_resource = true,
        &["describe-buckets"],
    ),
    (
        "enablingTakes",
        |s| s.enabling_takes = SignedDuration::from_mins(20),
        &[],
    ),
    (
        "strangerIsValidation",
        |s| s.stranger_is_validation = true,
        &[],
    ),
    (
        "suspendCancelsAdminJobs",
        |s| s.suspend_cancels_admin_jobs = true,
        &[
            "schedule-backfills",
            "suspended-objects",
            "suspended-runs",
            "daily-run-time",
        ],
    ),
    ("scheduleBackfills", |s| s.schedule_backfills = true, &[]),
    (
        "clientTokenReplays",
        |s| s.client_token_replays = false,
        &[],
    ),
    ("tagChangeEvents", |s| s.tag_change_events = false, &[]),
    (
        "trail",
        |s| s.trail = false,
        &[
            "shape-create-bucket",
            "shape-tag-resource",
            "shape-untag-resource",
            "shape-put-one-tag",
            "shape-put-no-tags",
            "shape-delete-tags",
        ],
    ),
    (
        "createJobInterval",
        |s| s.create_job_interval = SignedDuration::from_mins(1),
        &[],
    ),
];

#[tokio::test]
async fn every_question_is_answered_and_agrees() {
    let sandbox = Sandbox::start(|_| {}).await;
    let before = sandbox.snapshot();
    let begun = sandbox.run(&["--phase", "start"]).await.unwrap();
    assert_eq!((begun.exit_code(), begun.goes_on), (3, true));
    let ended = sandbox.run(&["--phase", "finish"]).await.unwrap();
    assert_eq!(
        with(&ended.answers, Verdict::Agrees),
        ids(),
        "{:#?}",
        ended.answers
    );
    assert_eq!((ended.exit_code(), ended.left.as_deref()), (0, None));
    assert_eq!(sandbox.snapshot(), before);
    let caught = std::fs::read_dir(sandbox.folder.join("events"))
        .unwrap()
        .count();
    assert!(caught >= 9, "{caught} events");
}

#[tokio::test]
async fn another_behaviour_is_told_by_its_question_alone() {
    for (switch, set, unanswered) in OTHER {
        let sandbox = Sandbox::start(set).await;
        let before = sandbox.snapshot();
        sandbox.run(&["--phase", "start"]).await.unwrap();
        let ended = sandbox.run(&["--phase", "finish"]).await.unwrap();
        let differ: Vec<_> = ended
            .answers
            .iter()
            .filter(|one| one.verdict == Verdict::Differs)
            .collect();
        let [only] = differ.as_slice() else {
            panic!("{switch}: {differ:#?}");
        };
        assert!(
            only.expected.ends_with(&format!("(switch `{switch}`)")),
            "{switch}: {only:?}"
        );
        assert!(only.change.is_some(), "{switch}: {only:?}");
        assert_eq!(
            with(&ended.answers, Verdict::Unanswered),
            unanswered,
            "{switch}"
        );
        assert_eq!(
            (ended.exit_code(), ended.left.as_deref()),
            (2, None),
            "{switch}"
        );
        assert_eq!(sandbox.snapshot(), before, "{switch}");
    }
}

#[test]
fn every_switch_has_its_question_or_is_looked_up_by_hand() {
    let all = serde_json::to_value(Switches::default()).unwrap();
    let by_hand = |name: &str| {
        let quoted = format!("`{name}`");
        BY_HAND.iter().any(|(what, _)| what.contains(&quoted))
    };
    let all: BTreeSet<&str> = all
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .filter(|name| !by_hand(name))
        .collect();
    let asked = QUESTIONS
        .iter()
        .filter_map(|question| match question.assumed {
            Assumed::Switch(name) => Some(name),
            Assumed::Code(_) => None,
        });
    assert_eq!(asked.collect::<BTreeSet<_>>(), all);
    assert_eq!(
        OTHER
            .map(|(name, ..)| name)
            .into_iter()
            .collect::<BTreeSet<_>>(),
        all
    );
}
