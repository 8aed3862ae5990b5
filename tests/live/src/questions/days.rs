//! Questions that take days: what a daily job scans of a bucket that begins to match, and of what
//! was written while the member was suspended. `start` sets the stage, `finish` reads it.
//!
//! Day 0: a daily job's first run matches the bucket `suspended`. Then the bucket `late`, which
//! holds an old object, is tagged, the member is suspended, and `suspended` gets an object.
//! Day 1: a run passes the suspended account over. The member is resumed.
//! Day 2: a run scans what it scans, and the usage figures tell which objects these were.

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_macie2::types::{JobStatus, MacieStatus, RelationshipStatus};
use controller::aws::trouble;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::{TAG, about, events, inventory, jobs, member_becomes, shown, usage};
use crate::{answer::Book, args::Args, aws::Aws, state::Days, waiter::Pace};

/// The bucket that begins to match when its object is already old.
pub const LATE: &str = "late";
/// The bucket that gets an object during the suspension.
pub const SUSPENDED: &str = "suspended";
/// The questions of this group.
pub const QUESTIONS: [&str; 6] = [
    "usage-delay",
    "usage-paused",
    "schedule-backfills",
    "suspended-objects",
    "suspended-runs",
    "daily-run-time",
];
/// A daily run falls within this time, whatever the time of day.
const DAY: SignedDuration = SignedDuration::from_hours(26);
/// The value of our tag that the daily job is for.
const VALUE: &str = "daily";

/// Begins.
pub async fn start(aws: &Aws, args: &Args, book: &mut Book) -> Result<Days> {
    let name = |suffix: &str| format!("{}-{suffix}", args.prefix);
    let base = usage::cost(aws).await?.unwrap_or_default();
    usage::scan(aws, args).await?;
    let scanned_at = aws.waiter.now().await?;
    let unseen_at = delay(aws, base, book).await?;

    events::create_bucket(aws, &name(SUSPENDED), None).await?;
    events::create_bucket(aws, &name(LATE), None).await?;
    aws.put_object(&name(LATE), "old.csv", 3).await?;
    aws.put_tags(&name(SUSPENDED), &[(TAG, VALUE)]).await?;
    visible(aws, &name(SUSPENDED)).await?;
    let job = format!("{}/{}/daily", args.prefix, scanned_at.as_second());
    let (job, _) = jobs::create(aws, &job, VALUE).await?;
    jobs::run_ends(aws, &job, &JobStatus::Idle).await?;

    aws.put_tags(&name(LATE), &[(TAG, VALUE)]).await?;
    aws.set_member(MacieStatus::Paused).await?;
    member_becomes(aws, &RelationshipStatus::Paused).await?;
    aws.put_object(&name(SUSPENDED), "during.csv", 6).await?;
    let suspended_at = aws.waiter.now().await?;
    Ok(Days {
        job,
        base,
        scanned_at,
        unseen_at,
        suspended_at,
        resumed_at: None,
    })
}

/// Whether the one-time job's cost is seen at once; if not, when it was last not seen.
async fn delay(aws: &Aws, base: Decimal, book: &mut Book) -> Result<Option<Timestamp>> {
    let look = async || {
        let cost = usage::cost(aws).await?.unwrap_or_default();
        Ok((cost > base).then_some(()))
    };
    match aws.waiter.poll(Pace::new(60, 15), look).await? {
        Some(((), took)) => {
            let same = about(took, SignedDuration::ZERO);
            book.found("usage-delay", format!("seen after {}", shown(took)), same);
            Ok(None)
        }
        None => Ok(Some(aws.waiter.now().await?)),
    }
}

/// Waits until Macie sees a bucket with the daily job's tag: a job from before matches nothing.
async fn visible(aws: &Aws, bucket: &str) -> Result<()> {
    inventory::nudge(aws).await?;
    let lag = inventory::seen(aws, bucket, VALUE).await?;
    lag.with_context(|| format!("Macie has not seen the tag of {bucket} for 20 minutes"))?;
    Ok(())
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Come again at that time.
    Later(Timestamp),
    /// Everything that can be found out is found out.
    Done,
}

/// Goes on as far as the time allows. Every day is a step; it can be called as often as one likes.
pub async fn finish(aws: &Aws, args: &Args, days: &mut Days, book: &mut Book) -> Result<Progress> {
    late_delay(aws, days, book).await?;
    if days.resumed_at.is_none() {
        let due = after(days.suspended_at)?;
        if !aws.waiter.reach(due).await? {
            return Ok(Progress::Later(due));
        }
        days.resumed_at = Some(resume(aws, args, days, book).await?);
    }
    let due = after(days.resumed_at.unwrap_or(days.suspended_at))?;
    if !aws.waiter.reach(due).await? {
        return Ok(Progress::Later(due));
    }
    late_delay(aws, days, book).await?;
    evaluate(aws, days, due, book).await
}

fn after(at: Timestamp) -> Result<Timestamp> {
    Ok(at.checked_add(DAY)?)
}

async fn late_delay(aws: &Aws, days: &Days, book: &mut Book) -> Result<()> {
    let Some(unseen_at) = days.unseen_at.filter(|_| !book.has("usage-delay")) else {
        return Ok(());
    };
    if usage::cost(aws).await?.unwrap_or_default() > days.base {
        let least = unseen_at.duration_since(days.scanned_at);
        let most = aws.waiter.now().await?.duration_since(days.scanned_at);
        let observed = format!("seen after {} to {}", shown(least), shown(most));
        book.found("usage-delay", observed, false);
    }
    Ok(())
}

async fn resume(aws: &Aws, args: &Args, days: &Days, book: &mut Book) -> Result<Timestamp> {
    let listed = usage::cost(aws).await?.is_some();
    let observed = match listed {
        true => "listed after a day of suspension",
        false => "not listed after a day of suspension",
    };
    book.found("usage-paused", observed, listed);
    let status = jobs::status(aws, &days.job).await?;
    let goes_on = status != JobStatus::Cancelled;
    ensure!(
        goes_on,
        "the daily job is {status} since the suspension: see `suspend-jobs`"
    );
    aws.set_member(MacieStatus::Enabled).await?;
    member_becomes(aws, &RelationshipStatus::Enabled).await?;
    let late = format!("{}-{LATE}", args.prefix);
    aws.put_object(&late, "fresh.csv", 1).await?;
    visible(aws, &late).await?;
    aws.waiter.now().await
}

/// Two days after the run should have been, figures that are still missing do not come any more.
async fn evaluate(aws: &Aws, days: &Days, due: Timestamp, book: &mut Book) -> Result<Progress> {
    let ran = run_time(aws, days, book).await?;
    let cost = usage::cost(aws).await?.unwrap_or_default() - days.base;
    let Some(scanned) = usage::scanned(cost) else {
        let now = aws.waiter.now().await?;
        let again = now.checked_add(SignedDuration::from_hours(12))?;
        if now.duration_since(due) < SignedDuration::from_hours(48) {
            return Ok(Progress::Later(again));
        }
        bail!(
            "jobs over the account's buckets have cost ${cost} more than before, expected about \
             $0.002, $0.005, $0.008 or $0.011: look into the log group of jobs"
        );
    };
    let backfills = local_aws::Switches::default().schedule_backfills;
    let said = |scanned| if scanned { "scanned" } else { "not scanned" };
    let observed = |scanned| format!("{}: the jobs have cost ${cost}", said(scanned));
    book.found(
        "schedule-backfills",
        observed(scanned.old),
        scanned.old == backfills,
    );
    book.found(
        "suspended-objects",
        observed(scanned.suspended),
        !scanned.suspended,
    );
    let again = days.resumed_at.is_some_and(|resumed| ran > resumed);
    book.found(
        "suspended-runs",
        format!("the job last ran at {ran}"),
        again,
    );
    Ok(Progress::Done)
}

/// At what time of day the job runs; when it ran last.
async fn run_time(aws: &Aws, days: &Days, book: &mut Book) -> Result<Timestamp> {
    let described = aws
        .macie
        .describe_classification_job()
        .job_id(&days.job)
        .send()
        .await;
    let described =
        described.map_err(|error| trouble("macie2:DescribeClassificationJob", &error))?;
    let at = |time: Option<&aws_sdk_macie2::primitives::DateTime>| {
        let time = time.context("the daily job has no time of creation or of its last run")?;
        anyhow::Ok(Timestamp::from_second(time.secs())?)
    };
    let (created, ran) = (at(described.created_at())?, at(described.last_run_time())?);
    let day = SignedDuration::from_hours(24).as_secs();
    let into_the_day = ran.duration_since(created).as_secs() % day;
    let off = SignedDuration::from_secs(into_the_day.min(day - into_the_day));
    let observed = format!("created at {created}, last run at {ran}");
    book.found(
        "daily-run-time",
        observed,
        off <= SignedDuration::from_hours(1),
    );
    Ok(ran)
}
