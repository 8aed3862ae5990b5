//! The text of `docs/local-aws.md`.

use std::fmt::Write;

use serde_json::Value;

use crate::{
    control::{ENDPOINTS, FAULT_FIELDS},
    operation::{self, Operation},
    world::Switches,
};

const INTRODUCTION: &str = "# The local AWS

The local AWS is an AWS organization on loopback: accounts, buckets, Macie, event buses, queues and a clock that can be turned, behind the wire protocols that the AWS SDKs, boto3 and the `aws` CLI speak. This page lists every operation that it implements, every switch for what AWS's documents leave open, every fault that can be injected, and the requests that control it by hand.

This page is generated from the code; a test compares the two.
";

/// Services by the name in signatures, in the order of the page.
const SERVICES: [(&str, &str); 14] = [
    ("sts", "STS"),
    ("organizations", "Organizations"),
    ("s3", "S3 and S3 Control"),
    ("tagging", "Resource Groups Tagging API"),
    ("events", "EventBridge"),
    ("sqs", "SQS"),
    ("macie2", "Macie"),
    ("account", "Account Management"),
    ("cloudformation", "CloudFormation"),
    ("cloudtrail", "CloudTrail"),
    ("lambda", "Lambda"),
    ("ssm", "Systems Manager"),
    ("pricing", "Price List"),
    ("ce", "Cost Explorer"),
];

/// What each switch decides, by name.
const SWITCHES: [(&str, &str); 16] = [
    ("indexLag", "How long the tagging index lags behind S3."),
    (
        "inventoryLag",
        "How long Macie's inventory lags behind a tagging event that it watches.",
    ),
    (
        "describeBucketsRefreshesMembers",
        "Whether `DescribeBuckets` by the administrator refreshes the members' bucket metadata.",
    ),
    (
        "inventorySeesTagResource",
        "Whether Macie also watches `TagResource` and `UntagResource`.",
    ),
    ("enablingTakes", "How long a new member stays `Created`."),
    (
        "strangerIsValidation",
        "Whether `GetMember` for a stranger says `ValidationException` (else `ResourceNotFoundException`).",
    ),
    (
        "suspendCancelsAdminJobs",
        "Whether suspending a member cancels the administrator's jobs that name only that account.",
    ),
    (
        "tellsEveryPause",
        "Whether Macie tells the time of a pause of a job that was not running, too.",
    ),
    (
        "scheduleBackfills",
        "Whether a scheduled job scans old objects of a bucket at its first match.",
    ),
    (
        "clientTokenReplays",
        "Whether `CreateClassificationJob` with a known `clientToken` answers with that job (else `ConflictException`).",
    ),
    (
        "tagChangeEvents",
        "Whether S3 sends `aws.tag` Tag Change on Resource besides CloudTrail's events.",
    ),
    (
        "trail",
        "Whether a CloudTrail trail feeds EventBridge in every account.",
    ),
    (
        "createJobInterval",
        "One `CreateClassificationJob` per this long is let through.",
    ),
    (
        "disablingTakes",
        "How long a designation that was ended stays `DISABLING_IN_PROGRESS`.",
    ),
    (
        "disablingDeregisters",
        "Whether ending the designation in the last Region also ends the delegation in Organizations.",
    ),
    (
        "trustedAccessTakes",
        "How long after `EnableAWSServiceAccess` a designation is still a `ConflictException`.",
    ),
];

/// What a world may say of Macie's figures and of the bill.
const FIGURES: [[&str; 3]; 7] = [
    [
        "`macie.figures.prices`",
        "US East's list with its tiers, $0.10 a bucket and month, in every Region",
        "the prices of a Region, in usage and in the price list",
    ],
    [
        "`macie.figures.quota_terabytes`",
        "5 an account, Region and month",
        "as many as the account was granted",
    ],
    [
        "`macie.figures.samples_objects`",
        "a job that samples analyses its share of every object",
        "whole objects, each picked by chance",
    ],
    [
        "`macie.figures.counts_daily`",
        "the inventory counts objects at once",
        "once a day",
    ],
    [
        "`unpacked` of an object (`s3::put_archive`)",
        "a compressed file holds three times its size",
        "what it holds",
    ],
    [
        "`bill.discount`",
        "what is billed is list prices, without what a trial makes free",
        "this share of it less",
    ],
    [
        "`bill.page`",
        "a page of Cost Explorer has 10 groups",
        "so many",
    ],
];

/// What each kind of fault does.
const FAULTS: [(&str, &str); 7] = [
    (
        "throttle",
        "The service's throttling error, without effect.",
    ),
    ("deny", "The service's access-denied error, without effect."),
    ("server-error", "HTTP 500, without effect."),
    ("delay", "The call takes `milliseconds` longer."),
    (
        "lose-reply",
        "The effect happens, and the connection closes without a reply.",
    ),
    ("lose-request", "The connection closes without an effect."),
    (
        "crash",
        "The effect happens, and from then on no call is answered until the faults are cleared: the caller's process is as good as dead.",
    ),
];

/// The page as Markdown.
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    operations(&mut page);
    switches(&mut page);
    figures(&mut page);
    faults(&mut page);
    control(&mut page);
    page
}

fn operations(page: &mut String) {
    page.push_str("\n## Operations\n");
    let all = operation::all();
    for (service, title) in SERVICES {
        let rows: Vec<[String; 4]> = all
            .iter()
            .filter(|operation| operation.service == service)
            .map(|operation| row(operation))
            .collect();
        if rows.is_empty() {
            continue;
        }
        section(page, "###", title);
        let head = [
            "Operation",
            "IAM action",
            "What it does here",
            "Documented in",
        ];
        table(page, head, &rows);
    }
}

fn row(operation: &Operation) -> [String; 4] {
    let Operation {
        service: _,
        name,
        action,
        does,
        source,
    } = operation;
    [
        format!("`{name}`"),
        format!("`{action}`"),
        (*does).to_owned(),
        (*source).to_owned(),
    ]
}

fn switches(page: &mut String) {
    section(page, "##", "Switches");
    page.push_str("What AWS's documents leave open is a switch; the controller must work with each value. Durations are ISO 8601.\n\n");
    let defaults = serde_json::to_value(Switches::default()).unwrap_or_default();
    let rows = SWITCHES.map(|(name, meaning)| {
        let default = match defaults.get(name) {
            Some(Value::String(text)) => text.clone(),
            other => other.map(Value::to_string).unwrap_or_default(),
        };
        [
            format!("`{name}`"),
            format!("`{default}`"),
            meaning.to_owned(),
        ]
    });
    table(page, ["Switch", "Default", "Meaning"], &rows);
}

fn figures(page: &mut String) {
    section(page, "##", "Figures");
    page.push_str("What Macie counts and charges is simple, so that most tests can tell it by heart. A test that needs it as AWS documents it sets it in the world.\n\n");
    let rows = FIGURES.map(|row| row.map(str::to_owned));
    table(page, ["Field", "Unless it is set", "Set"], &rows);
}

fn faults(page: &mut String) {
    section(page, "##", "Faults");
    let rows = FAULTS.map(|(kind, effect)| [format!("`{kind}`"), effect.to_owned()]);
    table(page, ["Kind", "Effect"], &rows);
    page.push_str(
        "\nA fault is JSON with these members. The first fault that matches a call applies.\n\n",
    );
    let rows = FAULT_FIELDS.map(|(name, expected)| [format!("`{name}`"), expected.to_owned()]);
    table(page, ["Member", "Expected"], &rows);
}

fn control(page: &mut String) {
    section(page, "##", "Control");
    page.push_str("Plain HTTP on the same port, JSON in and out, without a signature; an error is `{\"error\": ...}` with status 400 or 404.\n\n");
    let rows =
        ENDPOINTS.map(|(method, path, does)| [format!("`{method} {path}`"), does.to_owned()]);
    table(page, ["Request", "What it does"], &rows);
}

fn section(page: &mut String, level: &str, title: &str) {
    // Writing to a text cannot fail.
    let _written = write!(page, "\n{level} {title}\n\n");
}

fn table<const N: usize>(page: &mut String, head: [&str; N], rows: &[[String; N]]) {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    page.push_str(&line(&head.map(str::to_owned)));
    page.push_str(&line(&head.map(|_| "---".to_owned())));
    for cells in rows {
        let escaped = cells.clone().map(|cell| cell.replace('|', "\\|"));
        page.push_str(&line(&escaped));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_has_its_row() {
        let page = markdown();
        for operation in operation::all() {
            assert!(
                page.contains(&format!("| `{}` |", operation.name)),
                "{operation:?}"
            );
            let listed = SERVICES.iter().any(|(name, _)| *name == operation.service);
            assert!(listed, "{operation:?}");
        }
    }

    #[test]
    fn every_switch_is_explained() {
        let defaults = serde_json::to_value(Switches::default()).unwrap();
        let real: BTreeSet<&str> = defaults
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let explained: BTreeSet<&str> = SWITCHES.iter().map(|(name, _)| *name).collect();
        assert_eq!(real, explained);
        assert!(markdown().contains("| `createJobInterval` | `PT10S` |"));
    }
}
