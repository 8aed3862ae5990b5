//! Which permissions a call needs, and on which resources: one function per service. The types of
//! resources are those of the Service Authorization Reference.

use serde_json::Value;

use super::Need;
use crate::{operation::Operation, organization::MACIE, request::Call, world::World};

/// The id in the ARN of a job or StackSet that does not exist yet or is not known.
const NEW: &str = "00000000000000000000000000000000";

/// Every permission that the call needs; none for `GetCallerIdentity`, which needs none (STS API
/// Reference).
pub fn needs(world: &World, call: &Call, operation: &Operation) -> Vec<Need> {
    match call.service {
        "macie2" => macie(world, call, operation),
        "organizations" => vec![with_service(
            call,
            in_organization(world, call, operation.action),
        )],
        "s3" | "s3control" => s3(world, call, operation),
        "events" => events(call, operation),
        "sqs" => vec![own(call, operation, "sqs", &queue(call))],
        "sts" if operation.name == "GetCallerIdentity" => Vec::new(),
        "sts" => vec![role(call, operation)],
        "ssm" => vec![ssm(call, operation)],
        "lambda" => vec![lambda(call, operation)],
        "cloudtrail" => vec![trail(call, operation)],
        "cloudformation" => vec![stack_set(world, call, operation)],
        "account" => vec![account(call, operation)],
        _ => vec![everything(call, operation.action)],
    }
}

/// For actions that have no type of resource.
fn everything(call: &Call, action: &str) -> Need {
    Need::new(action, "*", &call.caller.account)
}

/// A resource of the caller's account and the call's Region.
fn own(call: &Call, operation: &Operation, service: &str, rest: &str) -> Need {
    let arn = format!(
        "arn:aws:{service}:{}:{}:{rest}",
        call.region, call.caller.account
    );
    Need::new(operation.action, arn, &call.caller.account)
}

/// A resource that a member of the input names by ARN or name; `*` if none does.
fn named(call: &Call, operation: &Operation, members: &[&str], kind: &str) -> Need {
    match members.iter().find_map(|member| call.text(member)) {
        Some(arn) if arn.starts_with("arn:") => Need::new(operation.action, arn, owner(arn)),
        Some(name) => own(call, operation, call.service, &format!("{kind}{name}")),
        None => everything(call, operation.action),
    }
}

fn owner(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

fn macie(world: &World, call: &Call, operation: &Operation) -> Vec<Need> {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let created = call
        .input
        .pointer("/account/accountId")
        .and_then(Value::as_str);
    let here = |rest: &str| own(call, operation, "macie2", rest);
    let need = match (operation.name, segments.as_slice()) {
        ("CreateMember", _) => here(&format!("member/{}", created.unwrap_or_default())),
        ("GetMember", [_, id]) => here(&format!("member/{id}")),
        ("DisassociateMember" | "DeleteMember", [.., id]) => here(&format!("member/{id}")),
        ("CreateClassificationJob", _) => here(&format!("classification-job/{NEW}")),
        ("DescribeClassificationJob" | "UpdateClassificationJob", [_, id]) => {
            here(&format!("classification-job/{id}"))
        }
        (_, ["tags", arn]) => Need::new(operation.action, *arn, &call.caller.account),
        _ => everything(call, operation.action),
    };
    let need = with_tags(call, need);
    let more = dependent(world, call, operation, &need);
    std::iter::once(need).chain(more).collect()
}

/// What Macie does in the caller's name: it tags what it creates, and makes its service-linked
/// role and the delegated administrator (Macie User Guide, accounts-mgmt-ao-integrate and
/// service-linked-roles).
fn dependent(world: &World, call: &Call, operation: &Operation, need: &Need) -> Vec<Need> {
    let tagged = need.context.contains_key("aws:TagKeys");
    match operation.name {
        "CreateMember" | "CreateClassificationJob" if tagged => vec![Need {
            action: "macie2:TagResource".to_owned(),
            ..need.clone()
        }],
        "EnableMacie" => vec![service_linked_role(&call.caller.account)],
        "EnableOrganizationAdminAccount" => [
            "organizations:DescribeOrganization",
            "organizations:EnableAWSServiceAccess",
            "organizations:ListAWSServiceAccessForOrganization",
            "organizations:RegisterDelegatedAdministrator",
        ]
        .map(|action| {
            in_organization(world, call, action).with("organizations:ServicePrincipal", MACIE)
        })
        .to_vec(),
        _ => Vec::new(),
    }
}

fn service_linked_role(account: &str) -> Need {
    let role = format!(
        "arn:aws:iam::{account}:role/aws-service-role/{MACIE}/AWSServiceRoleForAmazonMacie"
    );
    Need::new("iam:CreateServiceLinkedRole", role, account).with("iam:AWSServiceName", MACIE)
}

fn with_tags(call: &Call, need: Need) -> Need {
    let tags = call.input.get("tags").and_then(Value::as_object);
    let given = tags
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), Some(value)));
    let removed = call.query.iter().filter(|(name, _)| name == "tagKeys");
    let all: Vec<(&str, Option<&Value>)> = given
        .chain(removed.map(|(_, key)| (key.as_str(), None)))
        .collect();
    if all.is_empty() {
        return need;
    }
    let keys: Vec<&str> = all.iter().map(|(key, _)| *key).collect();
    all.iter()
        .filter_map(|(key, value)| Some((key, (*value)?)))
        .fold(
            need.with("aws:TagKeys", keys.clone()),
            |need, (key, value)| need.with(format!("aws:RequestTag/{key}"), value.clone()),
        )
}

/// Accounts and units have the management account in their ARN, but IAM decides in the caller's
/// account: Organizations has no policy of the resource's side for identities, only delegation.
fn in_organization(world: &World, call: &Call, action: &str) -> Need {
    let state = &world.organizations;
    let administrator = call.text("adminAccountId");
    let id = ["AccountId", "ChildId", "ParentId", "ResourceId"]
        .iter()
        .find_map(|name| call.text(name));
    let kind = match id.or(administrator) {
        Some(id) if id.starts_with("ou-") => Some(("ou", id)),
        Some(id) if id.starts_with("r-") => Some(("root", id)),
        Some(id) => Some(("account", id)),
        None => None,
    };
    // Of what EnableOrganizationAdminAccount does, only the registration is about an account.
    let about = administrator.is_none() || action.ends_with("RegisterDelegatedAdministrator");
    match kind.filter(|_| about) {
        Some((kind, id)) => {
            let (management, organization) = (&state.management, &state.id);
            let arn = format!("arn:aws:organizations::{management}:{kind}/{organization}/{id}");
            Need::new(action, arn, &call.caller.account)
        }
        None => Need::new(action, "*", &call.caller.account),
    }
}

fn with_service(call: &Call, need: Need) -> Need {
    match call.text("ServicePrincipal") {
        Some(service) => need.with("organizations:ServicePrincipal", service),
        None => need,
    }
}

/// Of an object the key too, and what its encryption takes: a new data key to write, and the key to
/// read, which S3 asks for in the caller's name (AWS KMS Developer Guide, services-s3, and
/// conditions-kms for `kms:ViaService`).
fn s3(world: &World, call: &Call, operation: &Operation) -> Vec<Need> {
    let need = bucket(world, call, operation);
    let key = call.segments.get(1..).unwrap_or_default().join("/");
    let object = |need: &Need| Need {
        resource: format!("{}/{key}", need.resource),
        ..need.clone()
    };
    match operation.name {
        "PutObject" => {
            let headers = [
                "x-amz-server-side-encryption",
                "x-amz-server-side-encryption-aws-kms-key-id",
            ];
            let given = headers
                .iter()
                .filter_map(|name| Some((name, call.header(name)?)));
            let put = given.fold(object(&need), |need, (name, value)| {
                need.with(format!("s3:{name}"), value)
            });
            let key = call.header(headers[1]);
            let kms = key.map(|key| kms("kms:GenerateDataKey", key));
            std::iter::once(put).chain(kms).collect()
        }
        "GetObject" => {
            let bucket = call
                .segments
                .first()
                .and_then(|name| world.s3.buckets.get(name));
            let key = bucket.and_then(|bucket| bucket.objects.get(&key)?.key.as_deref());
            let kms = key.map(|key| kms("kms:Decrypt", key));
            std::iter::once(object(&need)).chain(kms).collect()
        }
        "DeleteObject" => vec![object(&need)],
        "ListObjectsV2" => match call.query("prefix") {
            Some(prefix) => vec![need.with("s3:prefix", prefix)],
            None => vec![need],
        },
        _ => vec![need],
    }
}

fn kms(action: &str, key: &str) -> Need {
    let region = key.split(':').nth(3).unwrap_or_default();
    let service = format!("s3.{region}.amazonaws.com");
    Need::new(action, key, owner(key)).with("kms:ViaService", service)
}

fn bucket(world: &World, call: &Call, operation: &Operation) -> Need {
    let name = match call.service {
        "s3control" => call.segments.last().and_then(|arn| arn.rsplit(':').next()),
        _ => call.segments.first().map(String::as_str),
    };
    match name.filter(|name| !name.is_empty()) {
        Some(name) => {
            let owner = world.s3.buckets.get(name).map(|bucket| &bucket.account);
            let owner = owner.unwrap_or(&call.caller.account);
            Need::new(operation.action, format!("arn:aws:s3:::{name}"), owner)
        }
        None => everything(call, operation.action),
    }
}

fn events(call: &Call, operation: &Operation) -> Vec<Need> {
    let Some(entries) = call.input.get("Entries").and_then(Value::as_array) else {
        return vec![match operation.name {
            name if name.ends_with("Rule") => rule(call, operation),
            _ => named(call, operation, &["EventBusName", "Name"], "event-bus/"),
        }];
    };
    let text =
        |entry: &Value, name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
    let bus = |entry: &Value| match text(entry, "EventBusName") {
        Some(arn) if arn.starts_with("arn:") => Need::new(operation.action, &arn, owner(&arn)),
        name => {
            let name = name.unwrap_or_else(|| "default".to_owned());
            own(call, operation, "events", &format!("event-bus/{name}"))
        }
    };
    let key = |entry: &Value, name: &str| text(entry, name).unwrap_or_default();
    entries
        .iter()
        .map(|entry| {
            bus(entry)
                .with("events:source", key(entry, "Source"))
                .with("events:detail-type", key(entry, "DetailType"))
        })
        .collect()
}

/// A rule of a custom bus has the bus in its ARN.
fn rule(call: &Call, operation: &Operation) -> Need {
    let name = call.text("Name").or(call.text("Rule")).unwrap_or_default();
    let bus = match call.text("EventBusName").unwrap_or("default") {
        "default" => String::new(),
        bus => format!("{bus}/"),
    };
    own(call, operation, "events", &format!("rule/{bus}{name}"))
}

fn queue(call: &Call) -> String {
    let url = call
        .text("QueueUrl")
        .or(call.text("QueueName"))
        .unwrap_or_default();
    url.rsplit('/').next().unwrap_or_default().to_owned()
}

fn role(call: &Call, operation: &Operation) -> Need {
    let arn = call.text("RoleArn").unwrap_or_default();
    Need::new(operation.action, arn, owner(arn))
}

fn ssm(call: &Call, operation: &Operation) -> Need {
    let name = call
        .text("Name")
        .unwrap_or_default()
        .trim_start_matches('/');
    own(call, operation, "ssm", &format!("parameter/{name}"))
}

fn lambda(call: &Call, operation: &Operation) -> Need {
    let mut segments = call
        .segments
        .iter()
        .skip_while(|segment| *segment != "functions")
        .skip(1);
    match segments.next() {
        Some(arn) if arn.starts_with("arn:") => Need::new(operation.action, arn, owner(arn)),
        Some(name) => own(call, operation, "lambda", &format!("function:{name}")),
        None => everything(call, operation.action),
    }
}

/// An account of the organization may look at the organization's trail by its own right.
fn trail(call: &Call, operation: &Operation) -> Need {
    let need = named(call, operation, &["Name", "TrailName"], "trail/");
    Need {
        account: call.caller.account.clone(),
        ..need
    }
}

/// StackSets belong to the management account, also for a delegated administrator.
fn stack_set(world: &World, call: &Call, operation: &Operation) -> Need {
    let Some(name) = call.text("StackSetName") else {
        return everything(call, operation.action);
    };
    let owner = match call.text("CallAs") {
        Some("DELEGATED_ADMIN") => &world.organizations.management,
        _ => &call.caller.account,
    };
    let id = if name.contains(':') {
        String::new()
    } else {
        format!(":{NEW}")
    };
    let arn = format!(
        "arn:aws:cloudformation:{}:{owner}:stackset/{name}{id}",
        call.region
    );
    Need::new(operation.action, arn, &call.caller.account)
}

fn account(call: &Call, operation: &Operation) -> Need {
    let account = &call.caller.account;
    Need::new(
        operation.action,
        format!("arn:aws:account::{account}:account"),
        account,
    )
}
