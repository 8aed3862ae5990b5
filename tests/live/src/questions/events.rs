//! Events of tag changes: a temporary rule on the workload account's default bus sends them to a
//! temporary queue, where they are caught and compared with our fixtures. And the tagging index.

use anyhow::{Context, Result};
use aws_sdk_eventbridge::types::Target;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_sdk_sqs::types::QueueAttributeName;
use controller::aws::trouble;
use jiff::Timestamp;
use local_aws::Switches;
use serde_json::{Value, json};

use super::{TAG, about, shapes, shown};
use crate::{
    answer::Book,
    args::Args,
    aws::{Aws, tag},
    waiter::Pace,
};

/// The bucket that is created with a tag.
pub const CREATED: &str = "created";
/// The bucket that is tagged by S3 Control.
pub const CONTROL: &str = "control";
/// The bucket that gets one tag by `PutBucketTagging`.
pub const PUT_ONE: &str = "put-one";
/// The bucket that gets an empty tag set, and then none.
pub const PUT_NONE: &str = "put-none";
/// The questions of this group.
pub const QUESTIONS: [&str; 9] = [
    "cloudtrail-events",
    "tag-change-event",
    "shape-create-bucket",
    "shape-tag-resource",
    "shape-untag-resource",
    "shape-put-one-tag",
    "shape-put-no-tags",
    "shape-delete-tags",
    "index-lag",
];
/// CloudTrail's events take minutes.
const PATIENCE: Pace = Pace::new(30, 20);

/// Asks.
pub async fn ask(aws: &Aws, args: &Args, book: &mut Book) -> Result<()> {
    let name = |suffix: &str| format!("{}-{suffix}", args.prefix);
    let queue = catch(aws, &args.prefix).await?;
    let began = aws.waiter.now().await?;
    create_bucket(aws, &name(CREATED), Some("created")).await?;
    for suffix in [CONTROL, PUT_ONE, PUT_NONE] {
        create_bucket(aws, &name(suffix), None).await?;
    }
    aws.tag_resource(&name(CONTROL), TAG, "control").await?;
    aws.untag_resource(&name(CONTROL), TAG).await?;
    aws.put_tags(&name(PUT_NONE), &[]).await?;
    let delete = aws
        .s3
        .delete_bucket_tagging()
        .bucket(name(PUT_NONE))
        .send()
        .await;
    delete.map_err(|error| trouble("s3:DeleteBucketTagging", &error))?;
    aws.put_tags(&name(PUT_ONE), &[(TAG, "one")]).await?;
    index(aws, &name(PUT_ONE), book).await?;
    let caught = receive(aws, &queue, &args.prefix).await?;
    shapes::save(&caught, &args.events_folder())?;
    tell(book, &caught, began);
    shapes::compare(aws, &args.prefix, &caught, book);
    Ok(())
}

/// Creates a bucket in the Region, perhaps with our tag.
pub async fn create_bucket(aws: &Aws, name: &str, value: Option<&str>) -> Result<()> {
    let mut configuration = CreateBucketConfiguration::builder();
    // S3 API Reference, CreateBucket: us-east-1 is named by leaving it out.
    if aws.region.as_str() != "us-east-1" {
        let region = BucketLocationConstraint::from(aws.region.as_str());
        configuration = configuration.location_constraint(region);
    }
    if let Some(value) = value {
        configuration = configuration.tags(tag(TAG, value)?);
    }
    let configuration = Some(configuration.build())
        .filter(|one| one.location_constraint().is_some() || !one.tags().is_empty());
    let create = aws.s3.create_bucket().bucket(name);
    let created = create
        .set_create_bucket_configuration(configuration)
        .send()
        .await;
    created
        .map_err(|error| trouble("s3:CreateBucket", &error))
        .context(name.to_owned())?;
    Ok(())
}

/// Sends every call and tag change that our patterns are about to a new queue; its URL.
async fn catch(aws: &Aws, prefix: &str) -> Result<String> {
    let pattern = json!({ "$or": [
        { "source": ["aws.s3"], "detail": { "eventName": [
            "CreateBucket", "DeleteBucket", "TagResource", "UntagResource",
            "PutBucketTagging", "DeleteBucketTagging"] } },
        { "source": ["aws.tag"], "detail": { "service": ["s3"] } },
    ] });
    let rule = aws
        .events
        .put_rule()
        .name(prefix)
        .event_pattern(pattern.to_string())
        .send()
        .await;
    let rule = rule.map_err(|error| trouble("events:PutRule", &error))?;
    let arn = format!(
        "arn:{}:sqs:{}:{}:{prefix}",
        aws.partition, aws.region, aws.workload
    );
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Service": "events.amazonaws.com" },
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": { "ArnEquals": { "aws:SourceArn": rule.rule_arn() } },
    }] });
    let create = aws.sqs.create_queue().queue_name(prefix);
    let create = create
        .attributes(QueueAttributeName::Policy, policy.to_string())
        .send()
        .await;
    let queue = create.map_err(|error| trouble("sqs:CreateQueue", &error))?;
    let target = Target::builder().id("queue").arn(arn).build()?;
    let put = aws
        .events
        .put_targets()
        .rule(prefix)
        .targets(target)
        .send()
        .await;
    let put = put.map_err(|error| trouble("events:PutTargets", &error))?;
    anyhow::ensure!(
        put.failed_entry_count() == 0,
        "events:PutTargets: {:?}",
        put.failed_entries()
    );
    queue.queue_url.context("sqs:CreateQueue has told no URL")
}

/// Takes events about our buckets from the queue until every shape is there, or it takes too long.
async fn receive(aws: &Aws, queue: &str, prefix: &str) -> Result<Vec<Caught>> {
    let mut caught: Vec<Caught> = Vec::new();
    let look = async || {
        while let Some(bodies) = batch(aws, queue).await? {
            let at = aws.waiter.now().await?;
            let ours = bodies
                .into_iter()
                .filter(|event| event.to_string().contains(prefix));
            caught.extend(ours.map(|event| Caught { at, event }));
        }
        Ok(
            (shapes::is_complete(&caught, prefix) && caught.iter().any(is_tag_change))
                .then_some(()),
        )
    };
    aws.waiter.poll(PATIENCE, look).await?;
    Ok(caught)
}

/// An event and when it came.
#[derive(Debug)]
pub struct Caught {
    /// When it was taken from the queue.
    pub at: Timestamp,
    /// The event.
    pub event: Value,
}

impl Caught {
    /// A member of the event as text; empty if there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.event
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

async fn batch(aws: &Aws, queue: &str) -> Result<Option<Vec<Value>>> {
    let receive = aws
        .sqs
        .receive_message()
        .queue_url(queue)
        .max_number_of_messages(10);
    let received = receive.wait_time_seconds(1).send().await;
    let received = received.map_err(|error| trouble("sqs:ReceiveMessage", &error))?;
    for message in received.messages() {
        let handle = message.receipt_handle().unwrap_or_default();
        let delete = aws
            .sqs
            .delete_message()
            .queue_url(queue)
            .receipt_handle(handle);
        delete
            .send()
            .await
            .map_err(|error| trouble("sqs:DeleteMessage", &error))?;
    }
    let bodies = received
        .messages()
        .iter()
        .filter_map(|message| message.body());
    let events: Vec<Value> = bodies
        .filter_map(|body| serde_json::from_str(body).ok())
        .collect();
    Ok((!received.messages().is_empty()).then_some(events))
}

fn is_tag_change(caught: &Caught) -> bool {
    caught.text("/source") == "aws.tag"
}

/// Whether either family of events comes at all, and how late.
fn tell(book: &mut Book, caught: &[Caught], began: Timestamp) {
    let delay = |of: fn(&Caught) -> bool| {
        let first = caught.iter().find(|caught| of(caught))?;
        Some(format!(
            "the first came {} after the calls began",
            shown(first.at.duration_since(began))
        ))
    };
    let assumed = Switches::default();
    for (id, seen, assumed) in [
        (
            "cloudtrail-events",
            delay(|caught| !is_tag_change(caught)),
            assumed.trail,
        ),
        (
            "tag-change-event",
            delay(is_tag_change),
            assumed.tag_change_events,
        ),
    ] {
        let comes = seen.is_some();
        let observed = seen.unwrap_or_else(|| "none came in 20 minutes".to_owned());
        book.found(id, observed, comes == assumed);
    }
}

/// How long it takes until the tagging index shows a tag.
async fn index(aws: &Aws, bucket: &str, book: &mut Book) -> Result<()> {
    let filter = TagFilter::builder().key(TAG).values("one").build();
    let look = async || {
        let get = aws
            .tagging
            .get_resources()
            .resource_type_filters("s3:bucket");
        let got = get.tag_filters(filter.clone()).send().await;
        let got = got.map_err(|error| trouble("tag:GetResources", &error))?;
        let mut arns = got
            .resource_tag_mapping_list()
            .iter()
            .filter_map(|one| one.resource_arn());
        Ok(arns
            .any(|arn| arn.ends_with(&format!(":{bucket}")))
            .then_some(()))
    };
    match aws.waiter.poll(PATIENCE, look).await? {
        Some(((), lag)) => {
            let same = about(lag, Switches::default().index_lag);
            book.found("index-lag", format!("seen after {}", shown(lag)), same);
        }
        None => book.found("index-lag", "not seen in 20 minutes", false),
    }
    Ok(())
}
