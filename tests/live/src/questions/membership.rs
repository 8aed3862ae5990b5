//! Membership: what Macie says of a stranger and of an account that is a member already, and how
//! long enabling takes. Afterwards the workload account is an Enabled member.

use anyhow::{Context, Result, bail};
use aws_sdk_macie2::types::{AccountDetail, MacieStatus, RelationshipStatus};
use controller::aws::trouble;
use controller_core::observed::{ErrorClass, Trouble};
use local_aws::Switches;

use super::{about, member_becomes, shown};
use crate::{answer::Book, aws::Aws};

/// The questions of this group.
pub const QUESTIONS: [&str; 4] = [
    "stranger-error",
    "create-member-created",
    "enabling",
    "create-member-enabled",
];

/// Asks, and enrols.
pub async fn ask(aws: &Aws, book: &mut Book) -> Result<()> {
    match aws.member().await? {
        None => {
            stranger(aws, book).await;
            enrol(aws, book).await?;
        }
        Some(RelationshipStatus::Removed) => enrol(aws, book).await?,
        Some(RelationshipStatus::Enabled) => {}
        Some(RelationshipStatus::Paused) => aws.set_member(MacieStatus::Enabled).await?,
        Some(other) => bail!("{} is {other}: take another account", aws.workload),
    }
    for id in ["stranger-error", "create-member-created", "enabling"] {
        if !book.has(id) {
            book.unanswered(id, "the account was a member already: take one that is not");
        }
    }
    member_becomes(aws, &RelationshipStatus::Enabled).await?;
    again(aws, book, "create-member-enabled").await
}

async fn stranger(aws: &Aws, book: &mut Book) {
    let id = "stranger-error";
    let assumed = match Switches::default().stranger_is_validation {
        true => ErrorClass::Invalid,
        false => ErrorClass::NotFound,
    };
    match aws.get_member().await {
        Err(error) => book.found(id, error.message, error.class == assumed),
        Ok(status) => book.unanswered(id, format!("no stranger any more: {status}")),
    }
}

async fn enrol(aws: &Aws, book: &mut Book) -> Result<()> {
    create(aws).await?.context("macie2:CreateMember")?;
    match aws.member().await? {
        Some(RelationshipStatus::Created) => again(aws, book, "create-member-created").await?,
        other => book.unanswered(
            "create-member-created",
            format!("the member was {other:?} at once, and never seen Created"),
        ),
    }
    let took = member_becomes(aws, &RelationshipStatus::Enabled).await?;
    let same = about(took, Switches::default().enabling_takes);
    book.found("enabling", format!("took {}", shown(took)), same);
    Ok(())
}

/// Asks `CreateMember` of an account that is associated already.
pub async fn again(aws: &Aws, book: &mut Book, id: &str) -> Result<()> {
    match create(aws).await? {
        Ok(()) => book.found(id, "accepted, as if it were no member", false),
        Err(error) => book.found(id, error.message, error.class == ErrorClass::Conflict),
    }
    Ok(())
}

async fn create(aws: &Aws) -> Result<Result<(), Trouble>> {
    let described = aws
        .organizations
        .describe_account()
        .account_id(aws.workload.as_str());
    let described = described.send().await;
    let described = described.map_err(|error| trouble("organizations:DescribeAccount", &error))?;
    let email = described.account.and_then(|account| account.email);
    let email = email.with_context(|| format!("{} has no e-mail address", aws.workload))?;
    let account = AccountDetail::builder()
        .account_id(aws.workload.as_str())
        .email(email)
        .build();
    let created = aws.macie.create_member().account(account).send().await;
    Ok(created
        .map(|_| ())
        .map_err(|error| trouble("macie2:CreateMember", &error)))
}
