//! What happens in the demo.

use anyhow::Result;
use jiff::SignedDuration;
use local_aws::{
    faults::{Fault, Kind},
    organization, s3,
    sqs::{self, QueueId},
};
use serde_json::json;

use super::stage::{REGIONS, Stage, account, name};

const TAG: &[(&str, &str)] = &[("macie", "true")];
const EU: &str = REGIONS[0];
const US: &str = REGIONS[1];

/// Plays all chapters.
pub async fn tell(stage: &mut Stage) -> Result<()> {
    opt_in(stage).await?;
    scan(stage).await?;
    opt_out(stage).await?;
    refusals(stage).await?;
    throttled_hour(stage).await
}

/// Three teams opt in, each by another tool; a fourth misspells the tag.
async fn opt_in(stage: &mut Stage) -> Result<()> {
    stage.chapter("Four teams tag, each in its own way");
    stage.team(
        "payments",
        "tags payments-invoices macie=true (PutBucketTagging)",
        |world, team| s3::put_bucket_tagging(world, team, EU, "payments-invoices", TAG),
    )?;
    stage.controller().await?;
    stage.team(
        "orders",
        "tags orders-archive macie=true (TagResource, as the console does)",
        |world, team| s3::tag_resource(world, team, US, "orders-archive", TAG),
    )?;
    stage.controller().await?;
    stage.team(
        "analytics",
        "creates analytics-raw with macie=true (as Terraform does)",
        |world, team| {
            s3::create_bucket(world, team, EU, "analytics-raw", TAG)?;
            s3::put_object(world, "analytics-raw", "events.parquet", 15_000_000_000)
        },
    )?;
    stage.controller().await?;
    stage.team("website", "tags website-logs Macie=True", |world, team| {
        s3::put_bucket_tagging(world, team, EU, "website-logs", &[("Macie", "True")])
    })?;
    stage.controller().await
}

/// A day passes and Macie scans; then a second bucket joins.
async fn scan(stage: &mut Stage) -> Result<()> {
    stage.chapter("A day passes: Macie scans");
    stage
        .turn(SignedDuration::from_hours(24), "24 hours later")
        .await?;
    tell_scans(stage)?;
    stage.team("payments", "tags payments-exports too", |world, team| {
        s3::put_bucket_tagging(world, team, EU, "payments-exports", TAG)
    })?;
    stage.controller().await
}

fn tell_scans(stage: &mut Stage) -> Result<()> {
    for (team, region) in [("payments", EU), ("orders", US), ("analytics", EU)] {
        let account = account(team)?;
        let bytes: u64 = {
            let world = stage.sandbox.local.world().lock();
            world
                .macie
                .scans_of(region, &account)
                .map(|(_, scan)| scan.bytes)
                .sum()
        };
        let gigabytes =
            rust_decimal::Decimal::from(bytes) / rust_decimal::Decimal::from(1_000_000_000_u64);
        stage.tell(
            "macie",
            format!(
                "has scanned {} GB of {team} in {region}",
                gigabytes.normalize()
            ),
            None,
        );
    }
    Ok(())
}

/// One bucket leaves and another stays; the last leaves, comes back in time, and leaves for good.
async fn opt_out(stage: &mut Stage) -> Result<()> {
    stage.chapter("One of two buckets leaves: nothing is suspended");
    stage
        .turn(SignedDuration::from_hours(1), "an hour later")
        .await?;
    stage.team(
        "payments",
        "removes the tag of payments-invoices (DeleteBucketTagging)",
        |world, team| s3::delete_bucket_tagging(world, team, EU, "payments-invoices"),
    )?;
    stage.controller().await?;
    let member = stage.member("payments", EU)?;
    stage.tell("macie", format!("payments is {member}"), None);

    stage.chapter("The last one leaves, and comes back within the grace period");
    stage.team(
        "payments",
        "removes the tag of payments-exports (UntagResource)",
        |world, team| s3::untag_resource(world, team, EU, "payments-exports", &["macie"]),
    )?;
    stage.controller().await?;
    stage
        .turn(SignedDuration::from_hours(5), "5 hours later")
        .await?;
    stage.team("payments", "tags payments-exports again", |world, team| {
        s3::put_bucket_tagging(world, team, EU, "payments-exports", TAG)
    })?;
    stage.controller().await?;

    stage.chapter("It leaves for good");
    stage.team(
        "payments",
        "deletes the tags of payments-exports",
        |world, team| s3::delete_bucket_tagging(world, team, EU, "payments-exports"),
    )?;
    stage.controller().await?;
    stage
        .turn(
            SignedDuration::from_hours(23),
            "23 hours later: the grace period is not over",
        )
        .await?;
    stage
        .turn(SignedDuration::from_hours(2), "2 hours later: it is")
        .await
}

/// Events that must not do anything.
async fn refusals(stage: &mut Stage) -> Result<()> {
    stage.chapter("A forged event and a failed call");
    let (forger, victim) = (account("website")?, account("payments")?);
    let envelope = |account: &str, detail| {
        json!({
            "version": "0", "id": "demo", "detail-type": "AWS API Call via CloudTrail", "source": "aws.s3",
            "account": account, "time": "2026-03-05T12:00:00Z", "region": EU, "resources": [], "detail": detail,
        })
    };
    let forged = envelope(
        &forger,
        json!({
            "eventSource": "s3.amazonaws.com", "eventName": "PutBucketTagging", "recipientAccountId": victim,
            "requestParameters": { "bucketName": "payments-invoices" },
            "resources": [{ "accountId": victim, "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::payments-invoices" }],
        }),
    );
    stage.tell(
        "team website",
        "forges an event that names a bucket of payments",
        None,
    );
    let before = stage.told.len();
    send(stage, &forged)?;
    stage.controller().await?;
    tell_who_was_read(stage, before);
    let failed = envelope(
        &forger,
        json!({
            "eventSource": "s3.amazonaws.com", "eventName": "PutBucketTagging", "errorCode": "AccessDenied",
            "requestParameters": { "bucketName": "website-logs" },
        }),
    );
    stage.tell(
        "team website",
        "is denied PutBucketTagging; CloudTrail tells of the attempt",
        None,
    );
    send(stage, &failed)?;
    stage.controller().await
}

/// An event names no target: only its sender is read.
fn tell_who_was_read(stage: &mut Stage, before: usize) {
    let told = stage.told.iter().skip(before).map(|report| {
        let who = name(report.scope.account.as_str());
        let blocked = report.blocked().next().map(ToString::to_string);
        let what = format!("reads {who}, the sender: {} changes", report.changes.len());
        (what, blocked)
    });
    let told: Vec<(String, Option<String>)> = told.collect();
    for (what, why) in told {
        stage.tell("controller", what, why);
    }
}

fn send(stage: &Stage, event: &serde_json::Value) -> Result<()> {
    let queue = QueueId::new(organization::ADMINISTRATOR, EU, organization::QUEUE);
    sqs::send(
        &mut stage.sandbox.local.world().lock(),
        &queue,
        event.to_string(),
    )?;
    Ok(())
}

/// AWS throttles for an hour; what could not be done is done later.
async fn throttled_hour(stage: &mut Stage) -> Result<()> {
    stage.chapter("A throttled hour: finished later");
    stage
        .sandbox
        .local
        .world()
        .lock()
        .faults
        .add(Fault::always("CreateClassificationJob", Kind::Throttle));
    stage.tell("macie", "throttles every CreateClassificationJob", None);
    stage.team(
        "orders",
        "tags orders-returns macie=true (PutBucketTagging)",
        |world, team| s3::put_bucket_tagging(world, team, US, "orders-returns", TAG),
    )?;
    let handled = stage.sandbox.pump().await?;
    for waiting in handled
        .iter()
        .flat_map(|handled| &handled.reports)
        .flat_map(|report| report.waiting())
    {
        stage.tell("controller", "waits", Some(waiting.to_string()));
    }
    stage.sandbox.local.world().lock().faults.clear();
    stage
        .turn(
            SignedDuration::from_hours(1),
            "an hour later AWS answers again",
        )
        .await
}
