//! The clean-up leaves the world as it was found, whatever went wrong.

use std::collections::BTreeSet;

use live_check::answer::Verdict;
use local_aws::{
    faults::{Fault, Kind},
    macie,
    organization::workload,
};

use crate::sandbox::{REGION, Sandbox, with};

/// Every operation that a run calls, and how many times.
async fn operations(phase: &[&str]) -> Vec<(String, usize)> {
    let sandbox = Sandbox::start(|_| {}).await;
    sandbox.run(phase).await.unwrap();
    let world = sandbox.local.world().lock();
    let names: BTreeSet<&str> = world
        .calls
        .iter()
        .map(|call| call.operation.as_str())
        .collect();
    let count = |name: &str| {
        world
            .calls
            .iter()
            .filter(|call| call.operation == name)
            .count()
    };
    names
        .into_iter()
        .map(|name| (name.to_owned(), count(name)))
        .collect()
}

/// Runs it while one call of an operation breaks, and cleans up by itself what is then left.
async fn breaks(phase: &[&str], operation: &str, skip: usize, kind: Kind) {
    let sandbox = Sandbox::start(|_| {}).await;
    let before = sandbox.snapshot();
    let fault = Fault {
        times: Some(1),
        skip: u32::try_from(skip).unwrap(),
        ..Fault::always(operation, kind.clone())
    };
    let told = format!("{phase:?} {operation} after {skip}: {kind:?}");
    sandbox.local.world().lock().faults.add(fault);
    let ended = sandbox.run(phase).await;
    sandbox.local.world().lock().faults.clear();
    let left = ended
        .as_ref()
        .is_ok_and(|ended| ended.left.is_some() || ended.goes_on);
    if left {
        sandbox.run(&["clean"]).await.expect(&told);
    }
    assert_eq!(sandbox.snapshot(), before, "{told}");
}

/// The first call of every operation breaks, and the last one of every operation has its effect
/// without a reply; `FAULTS=few` takes every seventh of these.
#[tokio::test]
async fn a_call_that_breaks_in_the_middle_leaves_nothing() {
    let every = if std::env::var("FAULTS").is_ok_and(|some| some == "few") {
        7
    } else {
        1
    };
    let phases = [&[][..], &["--phase", "start"]];
    let mut cases = Vec::new();
    for phase in phases {
        for (operation, calls) in operations(phase).await {
            cases.push((phase, operation.clone(), 0, Kind::ServerError));
            cases.push((phase, operation, calls - 1, Kind::LoseReply));
        }
    }
    for (phase, operation, skip, kind) in cases.into_iter().step_by(every) {
        breaks(phase, &operation, skip, kind).await;
    }
}

#[tokio::test]
async fn a_group_that_breaks_does_not_keep_the_others_from_being_asked() {
    let sandbox = Sandbox::start(|_| {}).await;
    let fault = Fault::always("PutRule", Kind::Deny);
    sandbox.local.world().lock().faults.add(fault);
    let ended = sandbox.run(&[]).await.unwrap();
    assert_eq!(ended.exit_code(), 3);
    let agree = with(&ended.answers, Verdict::Agrees);
    assert_eq!(agree.first().copied(), Some("stranger-error"));
    assert_eq!(agree.len(), 11, "{agree:?}");
}

#[tokio::test]
async fn only_what_is_asked_for_is_done() {
    let sandbox = Sandbox::start(|_| {}).await;
    let ended = sandbox
        .run(&["--only", "index-lag,shape-tag-resource"])
        .await
        .unwrap();
    assert_eq!(
        with(&ended.answers, Verdict::Agrees),
        ["shape-tag-resource", "index-lag"]
    );
    assert_eq!((ended.answers.len(), ended.exit_code()), (2, 0));
    let world = sandbox.local.world().lock();
    assert!(
        !world
            .calls
            .iter()
            .any(|call| call.operation == "CreateMember")
    );
}

#[tokio::test]
async fn a_member_changes_only_if_it_may_and_is_put_back() {
    for suspended in [false, true] {
        let sandbox = Sandbox::start(|_| {}).await;
        {
            let mut world = sandbox.local.world().lock();
            let tags = [("managed-by".to_owned(), "somebody".to_owned())].into();
            macie::create_member(&mut world, REGION, &workload(1), tags).unwrap();
            world.advance(jiff::SignedDuration::from_mins(5));
            if suspended {
                let paused = macie::Status::Paused;
                macie::update_member_session(&mut world, REGION, &workload(1), paused).unwrap();
            }
        }
        let before = sandbox.snapshot();
        let error = sandbox.run(&[]).await.expect_err("a member is refused");
        assert!(
            format!("{error:#}").contains("--member-may-change"),
            "{error:#}"
        );
        let ended = sandbox.run(&["--member-may-change"]).await.unwrap();
        assert_eq!(with(&ended.answers, Verdict::Differs), [""; 0]);
        assert_eq!(sandbox.snapshot(), before, "{suspended}");
    }
}

#[tokio::test]
async fn what_a_person_left_with_such_a_name_is_not_touched() {
    let sandbox = Sandbox::start(|_| {}).await;
    {
        let mut world = sandbox.local.world().lock();
        let owner = local_aws::organization::admin(&workload(1));
        let name = "sandbox-live-late";
        local_aws::s3::create_bucket(&mut world, &owner, REGION, name, &[]).unwrap();
    }
    let before = sandbox.snapshot();
    let error = sandbox.run(&[]).await.expect_err("the bucket is there");
    assert!(
        format!("{error:#}").contains("`sandbox-live-late` exists"),
        "{error:#}"
    );
    assert_eq!(sandbox.snapshot(), before);
}
