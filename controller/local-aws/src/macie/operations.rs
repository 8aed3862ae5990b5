//! The operations of Macie: their names, paths and sources.

use crate::{operation::Operation, request::Call};

macro_rules! operation {
    ($name:ident, $does:literal, $source:literal) => {
        Operation {
            service: "macie2",
            name: stringify!($name),
            action: concat!("macie2:", stringify!($name)),
            does: $does,
            source: concat!("Macie API Reference, ", $source),
        }
    };
}

/// What is implemented.
#[rustfmt::skip]
pub const OPERATIONS: &[Operation] = &[
    operation!(EnableMacie, "Enables Macie for the caller in the Region; ConflictException when it is on.", "macie"),
    operation!(GetMacieSession, "The caller's status and settings; AccessDeniedException `Macie is not enabled` when it is off.", "macie"),
    operation!(UpdateMacieSession, "Suspends, resumes or reconfigures the caller; refused to members and to an administrator with members.", "macie; Macie User Guide, accounts-mgmt-relationships"),
    operation!(DisableMacie, "Turns Macie off and deletes the caller's jobs and settings; refused to members and to an administrator with members.", "macie; Macie User Guide, accounts-mgmt-relationships"),
    operation!(EnableOrganizationAdminAccount, "Designates the organization's administrator in the Region, enables Macie for it and registers it with Organizations; the management account only.", "admin; Macie User Guide, accounts-mgmt-ao-integrate"),
    operation!(ListOrganizationAdminAccounts, "The designated administrator; the management account and the administrator only.", "admin"),
    operation!(DisableOrganizationAdminAccount, "Ends the designation: every member becomes a standalone account with Macie as it was.", "admin; Macie User Guide, accounts-mgmt-ao-notes"),
    operation!(DescribeOrganizationConfiguration, "Whether accounts that join the organization become members by themselves.", "admin-configuration"),
    operation!(UpdateOrganizationConfiguration, "Sets `autoEnable`, which concerns only accounts that join later.", "admin-configuration"),
    operation!(CreateMember, "Makes an account of the organization a member: `Created`, and `Enabled` a while later.", "members; Macie User Guide, accounts-mgmt-ao-administer"),
    operation!(GetMember, "A member with its tags and its state; a stranger is an error.", "members-id"),
    operation!(ListMembers, "Members that are Enabled or Paused; with `onlyAssociated=false` also Created, Removed, RegionDisabled and AccountSuspended; 25 a page.", "members"),
    operation!(UpdateMemberSession, "Suspends or resumes a member; suspending hides its buckets and cancels the jobs that it created.", "macie-members-id; Macie User Guide, accounts-mgmt-ao-administer"),
    operation!(DisassociateMember, "Turns a member into a standalone account with Macie as it was; it stays listed as Removed.", "members-disassociate-id"),
    operation!(DeleteMember, "Forgets a member that was disassociated.", "members-id"),
    operation!(GetAutomatedDiscoveryConfiguration, "Whether automated discovery is on, and for which members it is turned on by itself.", "automated-discovery-configuration"),
    operation!(UpdateAutomatedDiscoveryConfiguration, "Turns automated discovery on or off; off reaches every member, NEW and NONE leave what is on.", "automated-discovery-configuration"),
    operation!(ListAutomatedDiscoveryAccounts, "Whether automated discovery is on, per account; 25 a page.", "automated-discovery-accounts"),
    operation!(BatchUpdateAutomatedDiscoveryAccounts, "Turns automated discovery on or off per account, with an error per account that was not changed.", "automated-discovery-accounts"),
    operation!(CreateClassificationJob, "Creates a job, which starts its first run at once; one per 10 seconds and account.", "jobs; Macie User Guide, macie-quotas"),
    operation!(DescribeClassificationJob, "A job of the caller with everything it was created with.", "jobs-jobid"),
    operation!(ListClassificationJobs, "The caller's jobs, newest first, without tags; 50 a page.", "jobs-list"),
    operation!(UpdateClassificationJob, "Cancels, pauses or resumes a job; an illegal change is a ValidationException.", "jobs-jobid"),
    operation!(DescribeBuckets, "Buckets as Macie sees them, with tags; refreshes the inventory first.", "datasources-s3; Macie User Guide, monitoring-s3-how-it-works"),
    operation!(SearchResources, "Buckets that match a job's criteria, as Macie sees them now.", "datasources-search-resources"),
    operation!(GetBucketStatistics, "Sums over the buckets of one account or of all.", "datasources-s3-statistics"),
    operation!(GetUsageStatistics, "What each account has cost this month or in 30 days, by kind.", "usage-statistics; Macie User Guide, account-mgmt-costs-calculations"),
    operation!(GetUsageTotals, "What the organization has cost this month or in 30 days, by kind.", "usage"),
    operation!(GetClassificationExportConfiguration, "Where results are stored.", "classification-export-configuration"),
    operation!(PutClassificationExportConfiguration, "Sets where results are stored: an existing bucket and a KMS key.", "classification-export-configuration"),
    operation!(GetFindingsPublicationConfiguration, "Which findings are published to Security Hub: policy findings at first.", "findings-publication-configuration"),
    operation!(PutFindingsPublicationConfiguration, "Sets which findings are published to Security Hub; nothing is published here.", "findings-publication-configuration"),
    operation!(GetAdministratorAccount, "The administrator of a member; empty for others.", "administrator"),
    operation!(TagResource, "Adds tags to a member or a job.", "tags-resourcearn"),
    operation!(UntagResource, "Removes tags from a member or a job.", "tags-resourcearn"),
    operation!(ListTagsForResource, "The tags of a member or a job.", "tags-resourcearn"),
];

/// The operation of a REST request, by method and path.
pub fn route(call: &Call) -> Option<&'static str> {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let method = call.method.as_str();
    match segments.as_slice() {
        [
            "macie"
            | "admin"
            | "administrator"
            | "classification-export-configuration"
            | "findings-publication-configuration",
            ..,
        ]
        | ["automated-discovery", ..] => settings(method, &segments),
        ["members", ..] => members(method, &segments),
        ["jobs", ..] => jobs(method, &segments),
        ["datasources" | "usage", ..] => reads(method, &segments),
        ["tags", _, ..] => tags(method),
        _ => None,
    }
}

fn settings(method: &str, segments: &[&str]) -> Option<&'static str> {
    Some(match (method, segments) {
        ("POST", ["macie"]) => "EnableMacie",
        ("GET", ["macie"]) => "GetMacieSession",
        ("PATCH", ["macie"]) => "UpdateMacieSession",
        ("DELETE", ["macie"]) => "DisableMacie",
        ("PATCH", ["macie", "members", _]) => "UpdateMemberSession",
        ("POST", ["admin"]) => "EnableOrganizationAdminAccount",
        ("GET", ["admin"]) => "ListOrganizationAdminAccounts",
        ("DELETE", ["admin"]) => "DisableOrganizationAdminAccount",
        ("GET", ["admin", "configuration"]) => "DescribeOrganizationConfiguration",
        ("PATCH", ["admin", "configuration"]) => "UpdateOrganizationConfiguration",
        ("GET", ["administrator"]) => "GetAdministratorAccount",
        ("GET", ["automated-discovery", "configuration"]) => "GetAutomatedDiscoveryConfiguration",
        ("PUT", ["automated-discovery", "configuration"]) => {
            "UpdateAutomatedDiscoveryConfiguration"
        }
        ("GET", ["automated-discovery", "accounts"]) => "ListAutomatedDiscoveryAccounts",
        ("PATCH", ["automated-discovery", "accounts"]) => "BatchUpdateAutomatedDiscoveryAccounts",
        ("GET", ["classification-export-configuration"]) => "GetClassificationExportConfiguration",
        ("PUT", ["classification-export-configuration"]) => "PutClassificationExportConfiguration",
        ("GET", ["findings-publication-configuration"]) => "GetFindingsPublicationConfiguration",
        ("PUT", ["findings-publication-configuration"]) => "PutFindingsPublicationConfiguration",
        _ => return None,
    })
}

fn members(method: &str, segments: &[&str]) -> Option<&'static str> {
    Some(match (method, segments) {
        ("POST", ["members"]) => "CreateMember",
        ("GET", ["members"]) => "ListMembers",
        ("GET", ["members", _]) => "GetMember",
        ("DELETE", ["members", _]) => "DeleteMember",
        ("POST", ["members", "disassociate", _]) => "DisassociateMember",
        _ => return None,
    })
}

fn jobs(method: &str, segments: &[&str]) -> Option<&'static str> {
    Some(match (method, segments) {
        ("POST", ["jobs"]) => "CreateClassificationJob",
        ("POST", ["jobs", "list"]) => "ListClassificationJobs",
        ("GET", ["jobs", _]) => "DescribeClassificationJob",
        ("PATCH", ["jobs", _]) => "UpdateClassificationJob",
        _ => return None,
    })
}

fn reads(method: &str, segments: &[&str]) -> Option<&'static str> {
    Some(match (method, segments) {
        ("POST", ["datasources", "s3"]) => "DescribeBuckets",
        ("POST", ["datasources", "s3", "statistics"]) => "GetBucketStatistics",
        ("POST", ["datasources", "search-resources"]) => "SearchResources",
        ("POST", ["usage", "statistics"]) => "GetUsageStatistics",
        ("GET", ["usage"]) => "GetUsageTotals",
        _ => return None,
    })
}

fn tags(method: &str) -> Option<&'static str> {
    Some(match method {
        "POST" => "TagResource",
        "DELETE" => "UntagResource",
        "GET" => "ListTagsForResource",
        _ => return None,
    })
}
