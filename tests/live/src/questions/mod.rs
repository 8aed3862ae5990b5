//! The questions, one file per group. A group that breaks leaves its questions without an answer
//! and does not keep the others from being asked.

pub mod days;
pub mod events;
pub mod inventory;
pub mod jobs;
pub mod membership;
pub mod shapes;
pub mod usage;

use anyhow::{Result, anyhow, bail};
use aws_sdk_macie2::types::RelationshipStatus;
use jiff::{SignedDuration, Unit};

use crate::{
    answer::{Book, talk},
    args::Args,
    aws::Aws,
    state::Days,
    waiter::Pace,
};

/// Every bucket that is created, after the prefix and a hyphen.
pub const BUCKETS: [&str; 8] = [
    events::CREATED,
    events::CONTROL,
    events::PUT_ONE,
    events::PUT_NONE,
    inventory::BUCKET,
    usage::BUCKET,
    days::LATE,
    days::SUSPENDED,
];
/// The key of every tag that is written: not the product's, so that a controller that is installed
/// does not mind.
pub const TAG: &str = "live-check";
/// What counts as the same time: clocks, pauses between looks and calls take some.
pub const TOLERANCE: SignedDuration = SignedDuration::from_secs(60);

/// Asks everything that is wanted and is answered within hours; what takes days is only begun.
pub async fn ask(aws: &Aws, args: &Args, book: &mut Book) -> Option<Days> {
    if book.wants(&events::QUESTIONS) {
        talk("catching events");
        let told = events::ask(aws, args, book).await;
        book.close(&events::QUESTIONS, told);
    }
    let begin = args.phase.is_some() && book.wants(&days::QUESTIONS);
    if !begin {
        let why = "takes days: ask with --phase start, and later with --phase finish";
        book.close(&days::QUESTIONS, Err(anyhow!(why)));
    }
    let groups = [
        &membership::QUESTIONS[..],
        &inventory::QUESTIONS,
        &jobs::QUESTIONS,
    ];
    if !begin && !groups.iter().any(|ids| book.wants(ids)) {
        return None;
    }
    talk("making the workload account a member");
    let enrolled = membership::ask(aws, book).await;
    let member = enrolled.is_ok();
    book.close(&membership::QUESTIONS, enrolled);
    if !member {
        for ids in [
            &inventory::QUESTIONS[..],
            &jobs::QUESTIONS,
            &days::QUESTIONS,
        ] {
            book.close(
                ids,
                Err(anyhow!("the workload account did not become a member")),
            );
        }
        return None;
    }
    as_member(aws, args, book).await;
    match begin {
        true => begin_days(aws, args, book).await,
        false => None,
    }
}

async fn as_member(aws: &Aws, args: &Args, book: &mut Book) {
    if book.wants(&inventory::QUESTIONS) {
        talk("watching Macie's inventory");
        let told = inventory::ask(aws, args, book).await;
        book.close(&inventory::QUESTIONS, told);
    }
    if book.wants(&jobs::QUESTIONS) {
        talk("creating jobs, and suspending the member");
        let told = jobs::ask(aws, args, book).await;
        book.close(&jobs::QUESTIONS, told);
    }
}

async fn begin_days(aws: &Aws, args: &Args, book: &mut Book) -> Option<Days> {
    talk("beginning what takes days");
    match days::start(aws, args, book).await {
        Ok(begun) => Some(begun),
        Err(error) => {
            book.close(&days::QUESTIONS, Err(error));
            None
        }
    }
}

/// Waits until the member is in a state.
pub async fn member_becomes(aws: &Aws, status: &RelationshipStatus) -> Result<SignedDuration> {
    let look = async || Ok((aws.member().await?.as_ref() == Some(status)).then_some(()));
    match aws.waiter.poll(Pace::new(10, 40), look).await? {
        Some(((), took)) => Ok(took),
        None => bail!(
            "{} is {:?} after 40 minutes, expected {status}",
            aws.workload,
            aws.member().await?
        ),
    }
}

/// A duration for people.
pub fn shown(duration: SignedDuration) -> String {
    let rounded = duration.round(Unit::Millisecond).unwrap_or(duration);
    format!("{rounded:#}")
}

/// Whether a time that was seen is the time that we assume.
pub fn about(seen: SignedDuration, assumed: SignedDuration) -> bool {
    (seen - assumed).abs() <= TOLERANCE
}
