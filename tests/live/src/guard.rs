//! What must hold before anything is created: where the check may run at all.

use std::net::SocketAddr;

use anyhow::{Result, bail, ensure};
use controller::aws::trouble;

use crate::{args::Args, aws::Aws, questions::BUCKETS};

/// The address of the local AWS, if one is named; AWS itself needs the feature `live`.
pub fn endpoint(named: Option<&str>) -> Result<Option<SocketAddr>> {
    let Some(url) = named else {
        ensure!(
            cfg!(feature = "live"),
            "this binary is built without the feature `live` and talks to loopback only: name a \
             local AWS by --endpoint http://127.0.0.1:PORT, or build with --features live"
        );
        return Ok(None);
    };
    let address = url.strip_prefix("http://").unwrap_or_default();
    match address.trim_end_matches('/').parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(Some(address)),
        _ => bail!(
            "--endpoint is `{url}`, expected `http://127.0.0.1:PORT`: it is for the local AWS only"
        ),
    }
}

/// Refuses any place but the one that the owner has named.
pub async fn place(aws: &Aws, args: &Args) -> Result<()> {
    for (who, side) in [
        ("administrator", &aws.organizations),
        ("workload", &aws.own),
    ] {
        let reply = side.describe_organization().send().await;
        let reply = reply.map_err(|error| trouble("organizations:DescribeOrganization", &error))?;
        let Some(found) = reply.organization else {
            bail!("the {who} account is in no organization");
        };
        let id = found.id.unwrap_or_default();
        ensure!(
            id == args.organization,
            "the {who} account is in the organization `{id}`, and --organization names `{}`: \
             give a profile of the sandbox",
            args.organization
        );
        ensure!(
            found.master_account_id.as_deref() != Some(aws.workload.as_str()),
            "{} is the management account: give the profile of a workload account",
            aws.workload
        );
    }
    ensure!(
        aws.workload != aws.administrator,
        "both profiles lead into {}: give two accounts",
        aws.workload
    );
    Ok(())
}

/// Refuses when something of ours is there already: it would be deleted at the end.
pub async fn untouched(aws: &Aws, prefix: &str) -> Result<()> {
    let there = aws.buckets().await?;
    for name in BUCKETS {
        let name = format!("{prefix}-{name}");
        ensure!(
            !there.contains(&name),
            "the bucket `{name}` exists: choose another --prefix, or run `clean` if it is left over"
        );
    }
    let rule = aws.events.describe_rule().name(prefix).send().await;
    ensure!(
        rule.is_err_and(|error| error.into_service_error().is_resource_not_found_exception()),
        "cannot tell that there is no rule `{prefix}`, or there is one: choose another --prefix"
    );
    let queue = aws.sqs.get_queue_url().queue_name(prefix).send().await;
    ensure!(
        queue.is_err_and(|error| error.into_service_error().is_queue_does_not_exist()),
        "cannot tell that there is no queue `{prefix}`, or there is one: choose another --prefix"
    );
    Ok(())
}
