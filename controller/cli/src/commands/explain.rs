//! `explain`: every link between a tag and a scan, and the first one that is broken.

use std::collections::BTreeSet;

use anyhow::Result;
use controller::{observe::read_all, reconcile::Controller};
use controller_core::{
    decide::jobs::JobsView,
    id::{AccountId, BucketName, Scope},
    observed::{
        BucketReading, ErrorClass, Evidence, Fact, Job, JobStatus, Membership, Observed,
        Relationship,
    },
    policy::{Mode, Policy},
    report::Report,
    wants::Read,
};
use futures::{StreamExt, stream};
use serde::Serialize;

use super::{CONCURRENCY, chosen, progress, scopes, start, status};
use crate::{
    args::{Format, Global},
    exit::Exit,
    output,
};

/// One link of the chain.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    link: &'static str,
    state: State,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Ok,
    Waiting,
    Broken,
    Unknown,
}

/// Prints the chain for a bucket.
pub async fn run(global: &Global, bucket: BucketName, account: Option<AccountId>) -> Result<Exit> {
    let runtime = start(global).await?;
    let policy = runtime.policy.current().await;
    let accounts = chosen(&runtime, account.as_ref()).await?;
    let scopes = scopes(global, &policy, &accounts)?;
    let reads = BTreeSet::from([Read::Member, Read::Jobs, Read::Account, Read::Inventory]);
    let Some(found) = find(&runtime.controller, &policy, scopes, &bucket, reads).await else {
        let hint = match account {
            Some(account) => format!("account {account} has no such bucket in a governed Region"),
            None => "name its account with --account to see whether it cannot be read".to_owned(),
        };
        anyhow::bail!("no bucket `{bucket}` was found: {hint}");
    };
    let (observed, report) = runtime.controller.look(&policy, found).await;
    let links = links(&policy, &bucket, &observed, &report);
    let scanned = links.iter().all(|link| link.state == State::Ok);
    match global.output {
        Format::Json => output::json(&serde_json::json!({
            "schemaVersion": output::SCHEMA_VERSION,
            "bucket": bucket,
            "account": observed.scope.account,
            "region": observed.scope.region,
            "scanned": scanned,
            "links": links,
        }))?,
        Format::Table | Format::Csv => print(&bucket, &observed.scope, scanned, &links),
    }
    Ok(Exit::Success)
}

/// The place in which the bucket is, with the facts that the answer needs. With one account named,
/// a Region that cannot be read is taken, unless the bucket is seen in another.
pub(super) async fn find(
    controller: &Controller,
    policy: &Policy,
    scopes: Vec<Scope>,
    bucket: &BucketName,
    reads: BTreeSet<Read>,
) -> Option<Observed> {
    let bar = progress(scopes.len(), "looking for the bucket");
    let one_account = scopes
        .iter()
        .map(|scope| &scope.account)
        .collect::<BTreeSet<_>>()
        .len()
        == 1;
    let looks = stream::iter(scopes).map(|scope| {
        let bar = &bar;
        async move {
            let mut observed = controller.unread(&scope, &BTreeSet::from([bucket.clone()]));
            read_all(
                &controller.aws,
                policy,
                &mut observed,
                BTreeSet::from([Read::Bucket(bucket.clone())]),
            )
            .await;
            bar.inc(1);
            observed
        }
    });
    let seen: Vec<Observed> = looks.buffered(CONCURRENCY).collect().await;
    bar.finish_and_clear();
    let here = |observed: &&Observed| match observed.bucket(bucket) {
        Fact::Known(reading) => !matches!(reading, BucketReading::Gone | BucketReading::Elsewhere),
        Fact::Unknown(_) | Fact::Unread => false,
    };
    let perhaps = |observed: &&Observed| match observed.bucket(bucket) {
        Fact::Unknown(trouble) => one_account && trouble.class != ErrorClass::RegionDisabled,
        Fact::Known(_) | Fact::Unread => false,
    };
    let found = seen.iter().find(here).or_else(|| seen.iter().find(perhaps));
    let mut found = found?.clone();
    read_all(&controller.aws, policy, &mut found, reads).await;
    Some(found)
}

fn links(policy: &Policy, bucket: &BucketName, observed: &Observed, report: &Report) -> Vec<Link> {
    let remarks: Vec<(&str, String)> = report.notes.iter().map(output::note).collect();
    let next = report
        .changes
        .first()
        .map(|change| format!("the next reconcile will {}", change.summary));
    let hint = next.or_else(|| {
        remarks
            .first()
            .map(|(sign, text)| format!("{sign}: {text}"))
    });
    let mut links = vec![
        tag(policy, bucket, observed),
        mode(policy, observed),
        member(observed),
    ];
    if links.iter().all(|link| link.state == State::Ok) {
        links.extend([
            inventory(bucket, observed),
            daily(policy, observed),
            baseline(policy, bucket, observed),
        ]);
    }
    if let (Some(broken), Some(hint)) =
        (links.iter_mut().find(|link| link.state != State::Ok), hint)
    {
        broken.fix.get_or_insert(hint);
    }
    links
}

fn link(link: &'static str, state: State, detail: impl Into<String>) -> Link {
    Link {
        link,
        state,
        detail: detail.into(),
        fix: None,
    }
}

fn tag(policy: &Policy, bucket: &BucketName, observed: &Observed) -> Link {
    let name = "the bucket carries the tag";
    let wanted = policy.tag.values.iter().next().map_or("", String::as_str);
    let wanted = format!("{}={wanted}", policy.tag.key);
    let fix = Some(format!("tag the bucket with `{wanted}`"));
    match observed.bucket(bucket) {
        Fact::Known(BucketReading::OptedIn) => link(
            name,
            State::Ok,
            format!("`{wanted}`, or another accepted value"),
        ),
        Fact::Known(BucketReading::NearMiss { found }) => Link {
            fix,
            ..link(
                name,
                State::Broken,
                format!("`{found}` looks like it and is not accepted"),
            )
        },
        Fact::Known(_) => Link {
            fix,
            ..link(name, State::Broken, format!("no tag `{wanted}`"))
        },
        Fact::Unknown(trouble) => Link {
            fix: Some(
                "check the member role, its trust and permissions, and the bucket's policy"
                    .to_owned(),
            ),
            ..link(name, State::Unknown, trouble.to_string())
        },
        Fact::Unread => link(name, State::Unknown, "not read"),
    }
}

fn mode(policy: &Policy, observed: &Observed) -> Link {
    let name = "the policy lets the account opt in";
    let units = observed.units.known().map_or(&[][..], Vec::as_slice);
    if policy.has_unit_rules() && observed.units.known().is_none() {
        return link(
            name,
            State::Unknown,
            "the account's organizational units could not be read",
        );
    }
    match policy.mode(&observed.scope.account, units) {
        Mode::OptIn => link(name, State::Ok, "opt-in"),
        Mode::Mandatory => link(name, State::Ok, "mandatory: always enrolled"),
        Mode::Excluded => Link {
            fix: Some("remove the account or its unit from `excluded` of the policy".to_owned()),
            ..link(name, State::Broken, "excluded")
        },
    }
}

fn member(observed: &Observed) -> Link {
    let name = "Macie is on for the account";
    let state = match &observed.member {
        _ if observed.is_administrator() => State::Ok,
        Fact::Known(Membership::Member(member)) if member.status == Relationship::Enabled => {
            State::Ok
        }
        Fact::Known(Membership::Member(member)) if member.status == Relationship::Created => {
            State::Waiting
        }
        Fact::Known(_) => State::Broken,
        Fact::Unknown(_) | Fact::Unread => State::Unknown,
    };
    link(name, state, status::relationship(observed))
}

fn inventory(bucket: &BucketName, observed: &Observed) -> Link {
    let name = "Macie sees the bucket with its tag";
    match &observed.inventory {
        Fact::Known(inventory) => match inventory.buckets.get(bucket) {
            Some(size) if size.size.classifiable_bytes.is_none() => Link {
                fix: Some("let the role AWSServiceRoleForAmazonMacie read the bucket in its policy and its KMS key's policy".to_owned()),
                ..link(name, State::Broken, "Macie cannot read the bucket")
            },
            Some(size) => {
                link(name, State::Ok, format!("{} bytes that Macie can analyse", size.size.classifiable_bytes.unwrap_or(0)))
            }
            None => link(name, State::Waiting, "not yet: tags reach Macie's inventory within a day, usually within minutes"),
        },
        Fact::Unknown(trouble) => link(name, State::Unknown, trouble.to_string()),
        Fact::Unread => link(name, State::Unknown, "not read"),
    }
}

fn view<'a>(policy: &Policy, observed: &'a Observed) -> JobsView<'a> {
    let jobs: &[Job] = observed.jobs.known().map_or(&[], Vec::as_slice);
    JobsView::new(policy, &observed.scope, jobs, observed.known_member())
}

fn daily(policy: &Policy, observed: &Observed) -> Link {
    let name = "a daily job scans what is written";
    if let Some(trouble) = observed.jobs.trouble() {
        return link(name, State::Unknown, trouble.to_string());
    }
    let view = view(policy, observed);
    let job = view.right().into_iter().chain(view.drifted()).next();
    let Some(job) = job else {
        return link(name, State::Waiting, "not created yet");
    };
    let detail = format!("job {} is {}", job.id, status::status(&job.status));
    let state = match job.status {
        JobStatus::Running | JobStatus::Idle => State::Ok,
        JobStatus::Paused => State::Waiting,
        _ => State::Broken,
    };
    link(name, state, detail)
}

fn baseline(policy: &Policy, bucket: &BucketName, observed: &Observed) -> Link {
    let name = "a baseline job scans what was there before";
    let covered = view(policy, observed)
        .baselined_before(jiff::Timestamp::MAX)
        .contains(bucket);
    match (covered, observed.evidence()) {
        (true, _) => link(name, State::Ok, "created"),
        (false, Evidence::OptedIn) => link(name, State::Waiting, "not created yet"),
        (false, _) => link(name, State::Unknown, "the bucket is not confirmed"),
    }
}

fn print(bucket: &BucketName, scope: &Scope, scanned: bool, links: &[Link]) {
    let verdict = if scanned {
        "is scanned"
    } else {
        "is not scanned (yet)"
    };
    output::line(format!(
        "{bucket} in account {} and Region {} {verdict}:",
        scope.account, scope.region
    ));
    let mut table = output::table(&["", "link", "detail", "fix"]);
    for link in links {
        let state = match link.state {
            State::Ok => "ok",
            State::Waiting => "waiting",
            State::Broken => "broken",
            State::Unknown => "unknown",
        };
        table.add_row([
            state.to_owned(),
            link.link.to_owned(),
            link.detail.clone(),
            link.fix.clone().unwrap_or_default(),
        ]);
    }
    output::print(&table);
}
