//! Puts everything back. Every step is tried, whatever becomes of the others, and everything that
//! is gone already is fine: it can be run as often as one likes.

use anyhow::{Result, bail, ensure};
use aws_sdk_macie2::types::{JobStatus, MacieStatus, RelationshipStatus};
use controller::{aws::trouble, config::chain};
use controller_core::observed::{ErrorClass, Trouble};

use crate::{
    answer::talk,
    aws::Aws,
    questions::{BUCKETS, member_becomes},
    state::State,
    waiter::Pace,
};

/// Cancels jobs, removes buckets, rule and queue, and puts the member back as it was found.
pub async fn clean(aws: &Aws, prefix: &str, state: Option<&State>) -> Result<()> {
    talk("cleaning up");
    let mut left = Vec::new();
    let mut tried = |what: &str, outcome: Result<()>| {
        if let Err(error) = outcome {
            left.push(format!("{what}: {}", chain(error.as_ref())));
        }
    };
    tried("jobs", cancel_jobs(aws, prefix).await);
    tried("rule", remove_rule(aws, prefix).await);
    tried("queue", remove_queue(aws, prefix).await);
    for name in BUCKETS {
        let bucket = format!("{prefix}-{name}");
        tried(&bucket, remove_bucket(aws, &bucket).await);
    }
    match state {
        Some(state) => tried("member", restore_member(aws, state).await),
        None => talk("no state file: the member is left as it is, for nobody knows how it was"),
    }
    ensure!(
        left.is_empty(),
        "left over: {}; remove the reasons and run `live-check clean`",
        left.join("; ")
    );
    Ok(())
}

async fn cancel_jobs(aws: &Aws, prefix: &str) -> Result<()> {
    let ours = format!("{prefix}/");
    let mut pages = aws.macie.list_classification_jobs().into_paginator().send();
    let mut live = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble("macie2:ListClassificationJobs", &error))?;
        for job in page.items() {
            let ended = [Some(&JobStatus::Cancelled), Some(&JobStatus::Complete)];
            if job.name().unwrap_or_default().starts_with(&ours)
                && !ended.contains(&job.job_status())
            {
                live.push(job.job_id().unwrap_or_default().to_owned());
            }
        }
    }
    for id in live {
        let cancel = aws.macie.update_classification_job().job_id(id);
        let cancel = cancel.job_status(JobStatus::Cancelled).send().await;
        cancel.map_err(|error| trouble("macie2:UpdateClassificationJob", &error))?;
    }
    Ok(())
}

/// What is not there needs not be removed.
fn gone(outcome: Result<(), Trouble>) -> Result<()> {
    match outcome {
        Err(error) if error.class != ErrorClass::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

async fn remove_rule(aws: &Aws, rule: &str) -> Result<()> {
    let remove = aws
        .events
        .remove_targets()
        .rule(rule)
        .ids("queue")
        .send()
        .await;
    gone(
        remove
            .map(|_| ())
            .map_err(|error| trouble("events:RemoveTargets", &error)),
    )?;
    let delete = aws.events.delete_rule().name(rule).send().await;
    gone(
        delete
            .map(|_| ())
            .map_err(|error| trouble("events:DeleteRule", &error)),
    )
}

async fn remove_queue(aws: &Aws, name: &str) -> Result<()> {
    let url = match aws.sqs.get_queue_url().queue_name(name).send().await {
        Ok(found) => found.queue_url.unwrap_or_default(),
        Err(error) => {
            if error
                .as_service_error()
                .is_some_and(|error| error.is_queue_does_not_exist())
            {
                return Ok(());
            }
            return Err(trouble("sqs:GetQueueUrl", &error).into());
        }
    };
    let delete = aws.sqs.delete_queue().queue_url(url).send().await;
    gone(
        delete
            .map(|_| ())
            .map_err(|error| trouble("sqs:DeleteQueue", &error)),
    )
}

async fn remove_bucket(aws: &Aws, bucket: &str) -> Result<()> {
    let listed = aws.s3.list_objects_v2().bucket(bucket).send().await;
    let listed = match listed.map_err(|error| trouble("s3:ListObjectsV2", &error)) {
        Ok(listed) => listed,
        Err(error) => return gone(Err(error)),
    };
    for key in listed.contents().iter().filter_map(|object| object.key()) {
        let delete = aws.s3.delete_object().bucket(bucket).key(key).send().await;
        delete.map_err(|error| trouble("s3:DeleteObject", &error))?;
    }
    let delete = aws.s3.delete_bucket().bucket(bucket).send().await;
    gone(
        delete
            .map(|_| ())
            .map_err(|error| trouble("s3:DeleteBucket", &error)),
    )
}

async fn restore_member(aws: &Aws, state: &State) -> Result<()> {
    match state.member.as_deref() {
        Some("Enabled") => {
            become_member(aws, MacieStatus::Enabled, RelationshipStatus::Enabled).await
        }
        Some("Paused") => become_member(aws, MacieStatus::Paused, RelationshipStatus::Paused).await,
        Some(_) => leave(aws, state, false).await,
        None => leave(aws, state, true).await,
    }
}

async fn become_member(aws: &Aws, status: MacieStatus, end: RelationshipStatus) -> Result<()> {
    if aws.member().await?.as_ref() != Some(&end) {
        aws.set_member(status).await?;
        member_becomes(aws, &end).await?;
    }
    Ok(())
}

/// Never while the member is suspended: the account would be left with a suspended Macie of its
/// own, and could not be added again (Macie User Guide, accounts-mgmt-ao-administer).
async fn leave(aws: &Aws, state: &State, forget: bool) -> Result<()> {
    let id = aws.workload.as_str();
    match aws.member().await? {
        None => return own_macie_off(aws, state).await,
        Some(RelationshipStatus::Removed) => {}
        Some(RelationshipStatus::Created) => {
            member_becomes(aws, &RelationshipStatus::Enabled).await?;
            disassociate(aws).await?;
        }
        Some(_) => {
            become_member(aws, MacieStatus::Enabled, RelationshipStatus::Enabled).await?;
            disassociate(aws).await?;
        }
    }
    if forget {
        let delete = aws.macie.delete_member().id(id).send().await;
        delete.map_err(|error| trouble("macie2:DeleteMember", &error))?;
    }
    own_macie_off(aws, state).await
}

async fn disassociate(aws: &Aws) -> Result<()> {
    let disassociate = aws
        .macie
        .disassociate_member()
        .id(aws.workload.as_str())
        .send()
        .await;
    disassociate.map_err(|error| trouble("macie2:DisassociateMember", &error))?;
    Ok(())
}

/// An account that has left keeps Macie on, and keeps paying: it is turned off if it was off.
async fn own_macie_off(aws: &Aws, state: &State) -> Result<()> {
    if state.macie_was_on || !is_on(aws).await? {
        return Ok(());
    }
    let mut last = None;
    let look = async || match aws.own_macie.disable_macie().send().await {
        Ok(_) => Ok(Some(())),
        Err(error) => {
            last = Some(trouble("macie2:DisableMacie", &error));
            Ok(None)
        }
    };
    let off = aws.waiter.poll(Pace::new(20, 5), look).await?;
    match (off, last) {
        (None, Some(error)) => bail!("Macie is still on in {}: {error}", aws.workload),
        _ => Ok(()),
    }
}

/// Whether Macie is on, or suspended, in the workload account.
pub async fn is_on(aws: &Aws) -> Result<bool> {
    match aws.own_macie.get_macie_session().send().await {
        Ok(_) => Ok(true),
        Err(error) => match trouble("macie2:GetMacieSession", &error) {
            off if off.class == ErrorClass::NotEnabled => Ok(false),
            other => Err(other.into()),
        },
    }
}
