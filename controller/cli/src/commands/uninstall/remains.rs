//! What an uninstallation leaves, and the commands that remove it.

use aws_sdk_macie2::types::RelationshipStatus;
use controller::aws::Identity;
use controller_core::{
    observed::{ENROLLED_AT, OPTED_OUT_SINCE, UNSCANNED},
    policy::Policy,
};
use serde::Serialize;

use super::decide::Seen;
use crate::args::Members;

/// Something that is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remains {
    /// What it is.
    pub what: String,
    /// How to remove it, and what happens then.
    pub how: String,
}

/// Everything, in the order in which it can go.
pub fn list(identity: &Identity, policy: &Policy, members: Members, seen: &[Seen]) -> Vec<Remains> {
    let mut remains: Vec<Remains> = seen
        .iter()
        .flat_map(|seen| of_region(identity, policy, members, seen))
        .collect();
    remains.extend(stacks(identity, policy));
    remains
}

fn of_region(identity: &Identity, policy: &Policy, members: Members, seen: &Seen) -> Vec<Remains> {
    let region = &seen.region;
    let owned = seen
        .members
        .iter()
        .filter(|member| member.is_owned(&policy.ownership));
    let enabled = owned
        .clone()
        .filter(|member| member.status == RelationshipStatus::Enabled);
    let (owned, enabled) = (owned.count(), enabled.count());
    let mut remains = Vec::new();
    if enabled > 0 && members == Members::Keep {
        remains.push(Remains {
            what: format!("{enabled} members of {region} stay enabled: their buckets are charged"),
            how: "to end that: maciectl uninstall --apply --members suspend --confirm ORGANIZATION"
                .to_owned(),
        });
    }
    if owned > 0 {
        let Identity { account, partition } = identity;
        let key = &policy.ownership.key;
        remains.push(Remains {
            what: format!("tags on {owned} members of {region}; with them a new installation knows its members again"),
            how: format!("for each: aws macie2 untag-resource --region {region} --resource-arn arn:{partition}:macie2:{region}:{account}:member/MEMBER --tag-keys {key} {ENROLLED_AT} {OPTED_OUT_SINCE} {UNSCANNED}"),
        });
    }
    remains
}

fn stacks(identity: &Identity, policy: &Policy) -> Vec<Remains> {
    let (home, account) = (&policy.home_region, &identity.account);
    let entries = [
        (
            "forwarders and member roles in every account".to_owned(),
            "delete the stack of stacksets/stack-set.yaml, which removes its stacks from the accounts, and in the management account, in each governed Region: aws cloudformation delete-stack --stack-name macie-self-service-forwarder".to_owned(),
        ),
        (
            "if it was installed, the forwarder of the organization's events".to_owned(),
            "in the management account: aws cloudformation delete-stack --region us-east-1 --stack-name macie-self-service-organization-events".to_owned(),
        ),
        (
            "if it was installed, the collection of costs".to_owned(),
            format!("aws cloudformation delete-stack --stack-name macie-self-service-costs --region {home}"),
        ),
        (
            "the controller's stack: functions, bus, queues, schedules, parameter /macie-self-service/policy, roles".to_owned(),
            format!("aws cloudformation delete-stack --stack-name macie-self-service --region {home}"),
        ),
        (
            "results of jobs, which the stack retains: the bucket and its key".to_owned(),
            format!(
                "after Macie has another results repository or is off: bucket=macie-self-service-results-{account}-{home}; key=$(aws s3api get-bucket-encryption --bucket $bucket --query 'ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.KMSMasterKeyID' --output text); aws s3 rb --force s3://$bucket (versions and locks by hand); aws kms schedule-key-deletion --region {home} --key-id $key"
            ),
        ),
        (
            "the designation of this account as Macie administrator".to_owned(),
            "keep it unless every member is to be off: without it each becomes a standalone account that keeps Macie on and keeps paying; in the management account: aws cloudformation delete-stack --stack-name macie-self-service-registration (its parameter `OnDelete` says whether the designation goes)".to_owned(),
        ),
    ];
    entries
        .into_iter()
        .map(|(what, how)| Remains { what, how })
        .collect()
}
