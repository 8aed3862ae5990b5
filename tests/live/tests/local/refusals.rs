//! What is refused, before anything is written.

use live_check::run;

use crate::sandbox::Sandbox;

/// Runs it, and expects an error that says this and a world that is as before.
async fn refused(more: &[&str], says: &str) {
    let sandbox = Sandbox::start(|_| {}).await;
    let before = sandbox.snapshot();
    let error = sandbox.run(more).await.expect_err(says);
    assert!(format!("{error:#}").contains(says), "{error:#}");
    assert_eq!(sandbox.snapshot(), before);
}

#[tokio::test]
async fn another_organization() {
    refused(
        &["--organization", "o-another0001"],
        "is in the organization `o-exampleorg1`",
    )
    .await;
}

#[tokio::test]
async fn a_bound_above_the_limit() {
    refused(&["--max-dollars", "0.05"], "it may cost $0.075").await;
    refused(
        &["--phase", "start", "--max-dollars", "0.10"],
        "it may cost $0.204",
    )
    .await;
}

#[tokio::test]
async fn accounts_that_are_not_what_they_are_said_to_be() {
    refused(
        &["--administrator-profile", "111111111111"],
        "not the delegated Macie",
    )
    .await;
    refused(
        &["--workload-profile", "111111111111"],
        "is the management account",
    )
    .await;
    refused(
        &["--workload-profile", "222222222222"],
        "both profiles lead into",
    )
    .await;
}

#[tokio::test]
async fn questions_that_do_not_exist() {
    refused(&["--only", "trail,shape"], "there is no question `trail`").await;
}

#[tokio::test]
async fn an_end_without_a_beginning() {
    refused(&["--phase", "finish"], "run --phase start first").await;
}

#[tokio::test]
async fn any_address_but_loopback() {
    for url in [
        "https://127.0.0.1:1",
        "http://192.0.2.1:80",
        "http://localhost:80",
        "http://[::2]:80",
    ] {
        refused(&["--endpoint", url], "expected `http://127.0.0.1:PORT`").await;
    }
}

#[cfg(not(feature = "live"))]
#[tokio::test]
async fn aws_itself_without_the_feature() {
    let sandbox = Sandbox::start(|_| {}).await;
    let mut args = sandbox.args(&["--yes"]);
    args.endpoint = None;
    let error = run::run(&args).await.expect_err("it is AWS");
    assert!(
        format!("{error:#}").contains("without the feature `live`"),
        "{error:#}"
    );
}

#[tokio::test]
async fn to_begin_without_a_yes() {
    let sandbox = Sandbox::start(|_| {}).await;
    let before = sandbox.snapshot();
    let error = run::run(&sandbox.args(&[]))
        .await
        .expect_err("nobody said yes");
    assert!(format!("{error:#}").contains("give --yes"), "{error:#}");
    assert_eq!(sandbox.snapshot(), before);
}
