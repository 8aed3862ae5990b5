//! STS: sessions on roles.

use jiff::{SignedDuration, Timestamp};
use quick_xml::escape::escape;
use sha2::{Digest, Sha256};

use crate::{
    error::ApiError,
    iam::Session,
    operation::Operation,
    request::{Call, Caller, Reply},
    world::World,
};

/// What is implemented.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        service: "sts",
        name: "GetCallerIdentity",
        action: "sts:GetCallerIdentity",
        does: "Tells the account and the ARN behind the credentials; needs no permission.",
        source: "STS API Reference, GetCallerIdentity",
    },
    Operation {
        service: "sts",
        name: "AssumeRole",
        action: "sts:AssumeRole",
        does: "Opens a session on a role that exists, trusts the caller and lies in an active account; a role that does not exist and one that does not trust give the same AccessDenied.",
        source: "STS API Reference, AssumeRole",
    },
];

/// The longest session that one role may open on another, in seconds.
const CHAINED_LIMIT: i64 = 3600;

/// Carries out an operation.
pub fn perform(world: &mut World, call: &Call, operation: &str) -> Result<Reply, ApiError> {
    match operation {
        "GetCallerIdentity" => Ok(caller_identity(&call.caller)),
        "AssumeRole" => assume_role(world, call),
        _ => Err(ApiError::new("InvalidAction", 400, operation)),
    }
}

fn caller_identity(caller: &Caller) -> Reply {
    let user_id = match &caller.role {
        Some(role) => {
            let session = caller.arn.rsplit('/').next().unwrap_or_default();
            format!("{}:{session}", unique_id("AROA", &caller.account, role))
        }
        None => unique_id("AIDA", &caller.account, "admin"),
    };
    let result = format!(
        "<Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account>",
        escape(&caller.arn),
        escape(&user_id),
        caller.account
    );
    document("GetCallerIdentity", &result)
}

fn assume_role(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let arn = required(call, "RoleArn")?;
    let session = session_name(required(call, "RoleSessionName")?)?;
    let seconds = duration(call)?;
    let (account, role) = parse_role(arn)?;
    if !assumable(world, &call.caller, account, role) {
        return Err(denied(&call.caller, arn));
    }
    let key = format!(
        "ASIA{:016X}",
        world.serial().wrapping_mul(0x9e37_79b9_7f4a_7c15)
    );
    let caller = Caller {
        account: account.to_owned(),
        arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
        role: Some(role.to_owned()),
    };
    let expires = world
        .now()
        .checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX);
    let result = assumed(&key, &caller, &expires, role, session);
    world.iam.sessions.insert(key, Session { caller, expires });
    Ok(document("AssumeRole", &result))
}

fn assumed(key: &str, caller: &Caller, expires: &Timestamp, role: &str, session: &str) -> String {
    let id = unique_id("AROA", &caller.account, role);
    format!(
        "<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>local-session-token-of-{key}</SessionToken><Expiration>{expires}</Expiration></Credentials>\
         <AssumedRoleUser><AssumedRoleId>{id}:{session}</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser>",
        secret = crate::iam::SECRET,
        expires = expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        session = escape(session),
        arn = escape(&caller.arn),
    )
}

/// Whether the account is active and the role exists and trusts the caller.
fn assumable(world: &World, caller: &Caller, account: &str, role: &str) -> bool {
    let active = world
        .organizations
        .accounts
        .get(account)
        .is_some_and(|account| account.state == "ACTIVE");
    let role = world.iam.roles.get(&(account.to_owned(), role.to_owned()));
    active && role.is_some_and(|role| role.trusts(caller))
}

fn denied(caller: &Caller, resource: &str) -> ApiError {
    ApiError::new(
        "AccessDenied",
        403,
        format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {resource}",
            caller.arn
        ),
    )
}

fn required<'a>(call: &'a Call, name: &str) -> Result<&'a str, ApiError> {
    call.text(name).ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
            lower_first(name)
        ))
    })
}

fn session_name(name: &str) -> Result<&str, ApiError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if (2..=64).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(name);
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]* and have a length of 2 to 64"
    )))
}

fn duration(call: &Call) -> Result<i64, ApiError> {
    let text = call.text("DurationSeconds").unwrap_or("3600");
    let seconds = text
        .parse::<i64>()
        .ok()
        .filter(|seconds| (900..=43_200).contains(seconds))
        .ok_or_else(|| {
            invalid(format!(
                "1 validation error detected: Value '{text}' at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and 43200"
            ))
        })?;
    if call.caller.role.is_some() && seconds > CHAINED_LIMIT {
        return Err(invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining".to_owned(),
        ));
    }
    Ok(seconds)
}

fn parse_role(arn: &str) -> Result<(&str, &str), ApiError> {
    arn.strip_prefix("arn:aws:iam::")
        .and_then(|rest| rest.split_once(":role/"))
        .filter(|(account, _)| account.len() == 12)
        .map(|(account, path)| (account, path.rsplit('/').next().unwrap_or(path)))
        .ok_or_else(|| invalid(format!("{arn} is invalid")))
}

fn invalid(message: String) -> ApiError {
    ApiError::new("ValidationError", 400, message)
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map(|first| first.to_ascii_lowercase().to_string() + chars.as_str())
        .unwrap_or_default()
}

/// IAM's unique id of a user or role: a prefix and 16 characters, the same in every run.
fn unique_id(prefix: &str, account: &str, name: &str) -> String {
    let digest = Sha256::digest(format!("{account}/{name}"));
    let tail: String = digest.iter().take(8).map(|b| format!("{b:02X}")).collect();
    format!("{prefix}{tail}")
}

fn document(operation: &str, result: &str) -> Reply {
    Reply::xml(format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result>{result}</{operation}Result></{operation}Response>"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        Clock,
        organization::{
            ADMINISTRATOR, CONTROLLER_ROLE, MEMBER_ROLE, OPERATOR_ROLE, Organization,
            REGISTRATION_ROLE, SETTINGS_ROLE, admin,
        },
        request::Body,
    };

    const MEMBER_ARN: &str = "arn:aws:iam::300000000001:role/macie-self-service-member";

    fn world() -> World {
        Organization::new(1, &["eu-west-1"], Clock::Frozen(Timestamp::UNIX_EPOCH))
            .build()
            .unwrap()
    }

    fn call(caller: Caller, input: serde_json::Value) -> Call {
        Call {
            service: "sts",
            region: "eu-west-1".to_owned(),
            caller,
            method: "POST".to_owned(),
            segments: vec![String::new()],
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            input,
        }
    }

    fn assume(world: &mut World, caller: Caller, arn: &str) -> Result<Reply, ApiError> {
        let input = json!({ "RoleArn": arn, "RoleSessionName": "tests" });
        perform(world, &call(caller, input), "AssumeRole")
    }

    fn known(account: &str) -> bool {
        account.len() == 12
    }

    /// A standing session of a role of the administrator account.
    fn role(world: &World, name: &str) -> Caller {
        let key = crate::iam::role_key(ADMINISTRATOR, name);
        world.iam.caller(&key, known, world.now()).unwrap()
    }

    fn controller(world: &World) -> Caller {
        role(world, CONTROLLER_ROLE)
    }

    fn only_session(world: &World) -> (String, Session) {
        assert_eq!(world.iam.sessions.len(), 1);
        let (key, session) = world.iam.sessions.iter().next().unwrap();
        (key.clone(), session.clone())
    }

    #[test]
    fn a_session_belongs_to_the_role_until_it_expires() {
        let mut world = world();
        let caller = controller(&world);
        assume(&mut world, caller, MEMBER_ARN).unwrap();
        let (key, session) = only_session(&world);
        assert!(key.starts_with("ASIA") && key.len() == 20);
        assert_eq!(
            session.caller.arn,
            "arn:aws:sts::300000000001:assumed-role/macie-self-service-member/tests"
        );
        assert_eq!(session.caller.role.as_deref(), Some(MEMBER_ROLE));
        let caller = |world: &World| world.iam.caller(&key, known, world.now());
        assert_eq!(caller(&world).unwrap(), session.caller);
        world.advance(SignedDuration::from_secs(3600));
        assert_eq!(caller(&world).unwrap_err().code, "ExpiredTokenException");
    }

    #[test]
    fn of_the_administrators_account_only_controller_and_operator_get_in() {
        let mut world = world();
        for name in [CONTROLLER_ROLE, OPERATOR_ROLE] {
            let caller = role(&world, name);
            assume(&mut world, caller, MEMBER_ARN).unwrap();
        }
        let settings = role(&world, SETTINGS_ROLE);
        for stranger in [settings, admin(ADMINISTRATOR)] {
            let refused = assume(&mut world, stranger, MEMBER_ARN).unwrap_err();
            assert_eq!(refused.code, "AccessDenied");
        }
    }

    #[test]
    fn a_standing_session_is_of_a_role_that_exists() {
        let world = world();
        assert_eq!(
            controller(&world).arn,
            "arn:aws:sts::222222222222:assumed-role/macie-self-service-controller/standing"
        );
        let caller = |account: &str, role: &str| {
            let key = crate::iam::role_key(account, role);
            world.iam.caller(&key, known, world.now())
        };
        assert!(caller("111111111111", REGISTRATION_ROLE).is_ok());
        for (account, role) in [(ADMINISTRATOR, REGISTRATION_ROLE), (ADMINISTRATOR, "")] {
            assert!(caller(account, role).is_err(), "{account} {role}");
        }
    }

    #[test]
    fn strangers_missing_roles_and_inactive_accounts_are_denied_alike() {
        let mut world = world();
        let denied = |outcome: Result<Reply, ApiError>| {
            let error = outcome.unwrap_err();
            assert_eq!((error.code.as_str(), error.status), ("AccessDenied", 403));
            assert!(error.message.contains("sts:AssumeRole on resource: arn:"));
        };
        let controller = controller(&world);
        denied(assume(&mut world, admin("111111111111"), MEMBER_ARN));
        let missing = "arn:aws:iam::300000000001:role/missing";
        denied(assume(&mut world, controller.clone(), missing));
        let nowhere = "arn:aws:iam::999999999999:role/macie-self-service-member";
        denied(assume(&mut world, controller.clone(), nowhere));
        for state in [
            "SUSPENDED",
            "PENDING_CLOSURE",
            "CLOSED",
            "PENDING_ACTIVATION",
        ] {
            let accounts = &mut world.organizations.accounts;
            accounts.get_mut("300000000001").unwrap().state = state.to_owned();
            denied(assume(&mut world, controller.clone(), MEMBER_ARN));
        }
        assert!(world.iam.sessions.is_empty());
    }

    #[test]
    fn bad_parameters_are_validation_errors() {
        let mut world = world();
        let caller = controller(&world);
        let good =
            json!({ "RoleArn": MEMBER_ARN, "RoleSessionName": "tests", "DurationSeconds": "900" });
        for (name, value) in [
            ("RoleArn", "role/x"),
            ("RoleSessionName", "a"),
            ("RoleSessionName", "with space"),
            ("DurationSeconds", "899"),
            ("DurationSeconds", "43201"),
        ] {
            let mut input = good.clone();
            input[name] = json!(value);
            let outcome = perform(&mut world, &call(caller.clone(), input), "AssumeRole");
            assert_eq!(outcome.unwrap_err().code, "ValidationError", "{name}");
        }
        perform(&mut world, &call(caller, good), "AssumeRole").unwrap();
    }

    #[test]
    fn the_caller_identity_is_the_callers() {
        let mut world = world();
        let call = call(admin("300000000001"), json!({}));
        let reply = perform(&mut world, &call, "GetCallerIdentity").unwrap();
        let Body::Xml(document) = reply.body else {
            panic!("STS speaks XML")
        };
        assert!(document.contains("<Arn>arn:aws:iam::300000000001:user/admin</Arn>"));
        assert!(document.contains("<Account>300000000001</Account>"));
    }
}
