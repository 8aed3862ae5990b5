//! What the organization does, by its end states.

use super::*;
use crate::{
    Clock, cloudformation,
    organization::{ADMINISTRATOR, MACIE, MANAGEMENT, Organization, ROOT, WORKLOADS, admin},
    request::Body,
};

const MEMBER: &str = "300000000001";

fn world(workloads: usize) -> World {
    let clock = Clock::Frozen(Timestamp::UNIX_EPOCH);
    Organization::new(workloads, &["eu-west-1"], clock)
        .build()
        .unwrap()
}

fn ask(world: &mut World, account: &str, name: &str, input: Value) -> Result<Value, ApiError> {
    let call = Call {
        service: "organizations",
        region: "us-east-1".to_owned(),
        caller: admin(account),
        method: "POST".to_owned(),
        segments: vec![String::new()],
        query: Vec::new(),
        headers: Vec::new(),
        body: Vec::new(),
        input,
    };
    match perform(world, &call, name)?.body {
        Body::Json(document) => Ok(document),
        other => panic!("Organizations speaks JSON, not {other:?}"),
    }
}

fn code(outcome: Result<Value, ApiError>) -> String {
    outcome.unwrap_err().code
}

fn ids(document: &Value, member: &str) -> Vec<String> {
    document[member]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["Id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn reading_is_for_management_and_delegates_and_writing_for_management() {
    let mut world = world(1);
    for operation in OPERATIONS {
        let reads = operation.name.starts_with("Describe") || operation.name.starts_with("List");
        let open = operation.name == "DescribeOrganization";
        for (account, allowed) in [(MANAGEMENT, true), (ADMINISTRATOR, reads), (MEMBER, open)] {
            let outcome = guard(&world.organizations, account, operation.name);
            assert_eq!(outcome.is_ok(), allowed, "{account} {}", operation.name);
        }
    }
    let denied = ask(&mut world, MEMBER, "ListAccounts", json!({}));
    assert_eq!(code(denied), "AccessDeniedException");
    let mut empty = World::new(Clock::Frozen(Timestamp::UNIX_EPOCH));
    let outcome = ask(&mut empty, MEMBER, "DescribeOrganization", json!({}));
    assert_eq!(code(outcome), "AWSOrganizationsNotInUseException");
}

#[test]
fn accounts_come_in_pages_of_twenty() {
    let mut world = world(40);
    let mut seen = Vec::new();
    let mut sizes = Vec::new();
    let mut input = json!({});
    loop {
        let page = ask(&mut world, ADMINISTRATOR, "ListAccounts", input).unwrap();
        let found = ids(&page, "Accounts");
        sizes.push(found.len());
        seen.extend(found);
        match page.get("NextToken") {
            Some(token) => input = json!({ "NextToken": token }),
            None => break,
        }
    }
    assert_eq!(sizes, [20, 20, 2]);
    let all: Vec<String> = world.organizations.accounts.keys().cloned().collect();
    assert_eq!(seen, all);
    for (input, reason) in [
        (json!({ "MaxResults": 21 }), "MAX_VALUE_EXCEEDED"),
        (json!({ "MaxResults": 0 }), "MIN_VALUE_EXCEEDED"),
        (json!({ "NextToken": "x" }), "INVALID_NEXT_TOKEN"),
    ] {
        let error = ask(&mut world, MANAGEMENT, "ListAccounts", input).unwrap_err();
        assert_eq!(error.code, "InvalidInputException");
        assert_eq!(error.details, [("Reason".to_owned(), reason.to_owned())]);
    }
}

#[test]
fn an_account_shows_state_and_the_retired_status() {
    let mut world = world(1);
    for (state, status) in [
        ("ACTIVE", "ACTIVE"),
        ("SUSPENDED", "SUSPENDED"),
        ("PENDING_CLOSURE", "PENDING_CLOSURE"),
        ("CLOSED", "SUSPENDED"),
        ("PENDING_ACTIVATION", "SUSPENDED"),
    ] {
        let accounts = &mut world.organizations.accounts;
        accounts.get_mut(MEMBER).unwrap().state = state.to_owned();
        let input = json!({ "AccountId": MEMBER });
        let reply = ask(&mut world, ADMINISTRATOR, "DescribeAccount", input).unwrap();
        assert_eq!(reply["Account"]["State"], state);
        assert_eq!(reply["Account"]["Status"], status);
        assert_eq!(reply["Account"]["Email"], "workload-1@example.com");
    }
    let mut describe = |id: &str| {
        let input = json!({ "AccountId": id });
        code(ask(&mut world, MANAGEMENT, "DescribeAccount", input))
    };
    assert_eq!(describe("999999999999"), "AccountNotFoundException");
    assert_eq!(describe("12"), "InvalidInputException");
}

#[test]
fn the_tree_can_be_walked_and_changed() {
    let mut world = world(1);
    let mut manage = |name: &str, input: Value| ask(&mut world, MANAGEMENT, name, input);
    let roots = manage("ListRoots", json!({})).unwrap();
    assert_eq!(ids(&roots, "Roots"), [ROOT]);
    let input = json!({ "ParentId": WORKLOADS, "Name": "Payments" });
    let unit = manage("CreateOrganizationalUnit", input.clone()).unwrap();
    let unit = unit["OrganizationalUnit"]["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    let again = code(manage("CreateOrganizationalUnit", input));
    assert_eq!(again, "DuplicateOrganizationalUnitException");
    let moved = json!({
        "AccountId": MEMBER, "SourceParentId": WORKLOADS, "DestinationParentId": unit,
    });
    manage("MoveAccount", moved.clone()).unwrap();
    assert_eq!(
        code(manage("MoveAccount", moved)),
        "DuplicateAccountException"
    );
    let parents = manage("ListParents", json!({ "ChildId": MEMBER })).unwrap();
    let expected = json!([{ "Id": unit, "Type": "ORGANIZATIONAL_UNIT" }]);
    assert_eq!(parents["Parents"], expected);
    let parents = manage("ListParents", json!({ "ChildId": WORKLOADS })).unwrap();
    assert_eq!(parents["Parents"], json!([{ "Id": ROOT, "Type": "ROOT" }]));
    let inside = json!({ "ParentId": unit });
    let accounts = manage("ListAccountsForParent", inside).unwrap();
    assert_eq!(ids(&accounts, "Accounts"), [MEMBER]);
    let below = json!({ "ParentId": WORKLOADS });
    let units = manage("ListOrganizationalUnitsForParent", below).unwrap();
    assert_eq!(ids(&units, "OrganizationalUnits"), [unit.as_str()]);
    let nowhere = json!({ "ParentId": "ou-none-00000000" });
    let missing = code(manage("ListAccountsForParent", nowhere));
    assert_eq!(missing, "ParentNotFoundException");
    let stranger = json!({ "ChildId": "999999999999" });
    assert_eq!(
        code(manage("ListParents", stranger)),
        "ChildNotFoundException"
    );
}

#[test]
fn accounts_are_created_and_closed() {
    let mut world = world(1);
    let mut manage = |name: &str, input: Value| ask(&mut world, MANAGEMENT, name, input);
    let input = json!({ "Email": "payments@example.com", "AccountName": "payments-prod" });
    let mut ended = |input: Value| {
        let asked = manage("CreateAccount", input).unwrap();
        assert_eq!(asked["CreateAccountStatus"]["State"], "IN_PROGRESS");
        let id = json!({ "CreateAccountRequestId": asked["CreateAccountStatus"]["Id"] });
        manage("DescribeCreateAccountStatus", id).unwrap()["CreateAccountStatus"].clone()
    };
    let status = ended(input.clone());
    assert_eq!(status["State"], "SUCCEEDED");
    assert_eq!(status["AccountId"], "300000000002");
    assert_eq!(ended(input)["FailureReason"], "EMAIL_ALREADY_EXISTS");
    let close = |id: &str| json!({ "AccountId": id });
    manage("CloseAccount", close("300000000002")).unwrap();
    let again = code(manage("CloseAccount", close("300000000002")));
    assert_eq!(again, "AccountAlreadyClosedException");
    let management = code(manage("CloseAccount", close(MANAGEMENT)));
    assert_eq!(management, "ConstraintViolationException");
    let account = &world.organizations.accounts["300000000002"];
    assert_eq!(
        (account.state.as_str(), account.parent.as_str()),
        ("CLOSED", ROOT)
    );
    let role = (
        "300000000002".to_owned(),
        "OrganizationAccountAccessRole".to_owned(),
    );
    assert_eq!(world.iam.roles[&role].trusts, [MANAGEMENT]);
}

#[test]
fn a_delegate_needs_a_trusted_service() {
    let mut world = world(1);
    let register =
        |id: &str, service: &str| json!({ "AccountId": id, "ServicePrincipal": service });
    let mut manage = |name: &str, input: Value| ask(&mut world, MANAGEMENT, name, input);
    let name = "RegisterDelegatedAdministrator";
    let early = code(manage(name, register(MEMBER, "config.amazonaws.com")));
    assert_eq!(early, "ConstraintViolationException");
    let config = json!({ "ServicePrincipal": "config.amazonaws.com" });
    manage("EnableAWSServiceAccess", config.clone()).unwrap();
    manage(name, register(MEMBER, "config.amazonaws.com")).unwrap();
    let twice = code(manage(name, register(ADMINISTRATOR, MACIE)));
    assert_eq!(twice, "AccountAlreadyRegisteredException");
    let own = code(manage(name, register(MANAGEMENT, MACIE)));
    assert_eq!(own, "ConstraintViolationException");
    let all = manage("ListDelegatedAdministrators", json!({})).unwrap();
    assert_eq!(
        ids(&all, "DelegatedAdministrators"),
        [ADMINISTRATOR, MEMBER]
    );
    let one = manage("ListDelegatedAdministrators", config).unwrap();
    assert_eq!(ids(&one, "DelegatedAdministrators"), [MEMBER]);
    let trusted = manage("ListAWSServiceAccessForOrganization", json!({})).unwrap();
    let expected = json!([
        { "ServicePrincipal": MACIE },
        { "ServicePrincipal": cloudformation::STACK_SETS },
        { "ServicePrincipal": "config.amazonaws.com" },
    ]);
    assert_eq!(trusted["EnabledServicePrincipals"], expected);
}
