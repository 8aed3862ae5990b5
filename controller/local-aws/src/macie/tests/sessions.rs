use serde_json::{Value, json};

use super::*;
use crate::macie::{OPERATIONS, end_designation};

fn get(world: &mut World, account: &str, path: &str) -> Value {
    send(world, account, "GET", path, Value::Null).unwrap()
}

#[test]
fn every_operation_says_that_macie_is_off() {
    let mut world = undesignated();
    for (method, path) in [
        ("GET", "/macie"),
        ("PATCH", "/macie"),
        ("DELETE", "/macie"),
        ("GET", "/administrator"),
        ("GET", "/members"),
        ("POST", "/members"),
        ("POST", "/jobs"),
        ("POST", "/jobs/list"),
        ("POST", "/datasources/s3"),
        ("POST", "/datasources/search-resources"),
        ("GET", "/usage"),
        ("POST", "/usage/statistics"),
        ("GET", "/automated-discovery/configuration"),
        ("GET", "/admin/configuration"),
        ("GET", "/classification-export-configuration"),
        ("GET", "/tags/arn"),
    ] {
        let error = send(&mut world, TEAM, method, path, json!({})).unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.status),
            ("AccessDeniedException", 403),
            "{path}"
        );
        assert_eq!(error.message, "Macie is not enabled", "{method} {path}");
    }
}

#[test]
fn macie_is_enabled_once_configured_suspended_and_disabled() {
    let mut world = undesignated();
    let settings = json!({"findingPublishingFrequency": "ONE_HOUR"});
    send(&mut world, TEAM, "POST", "/macie", settings).unwrap();
    assert_eq!(
        refused(&mut world, TEAM, "POST", "/macie", json!({})),
        "ConflictException"
    );
    let session = get(&mut world, TEAM, "/macie");
    assert_eq!(session["status"], "ENABLED");
    assert_eq!(session["findingPublishingFrequency"], "ONE_HOUR");
    assert_eq!(session["createdAt"], START);
    send(
        &mut world,
        TEAM,
        "PATCH",
        "/macie",
        json!({"status": "PAUSED"}),
    )
    .unwrap();
    assert_eq!(get(&mut world, TEAM, "/macie")["status"], "PAUSED");
    assert_eq!(
        refused(
            &mut world,
            TEAM,
            "PATCH",
            "/macie",
            json!({"status": "OFF"})
        ),
        "ValidationException"
    );
    send(&mut world, TEAM, "DELETE", "/macie", Value::Null).unwrap();
    assert!(world.macie.sessions.is_empty());
}

#[test]
fn a_member_and_an_administrator_with_members_cannot_stop_macie() {
    let mut world = world();
    enroll(&mut world, TEAM);
    for account in [TEAM, ADMIN] {
        let pause = json!({"status": "PAUSED"});
        assert_eq!(
            refused(&mut world, account, "PATCH", "/macie", pause),
            "ConflictException"
        );
        assert_eq!(
            refused(&mut world, account, "DELETE", "/macie", Value::Null),
            "ConflictException"
        );
    }
}

#[test]
fn suspending_the_administrator_cancels_its_jobs() {
    let mut world = world();
    let id = create(&mut world, ADMIN, job("daily"));
    send(
        &mut world,
        ADMIN,
        "PATCH",
        "/macie",
        json!({"status": "PAUSED"}),
    )
    .unwrap();
    assert_eq!(status(&mut world, &id), "CANCELLED");
    let error = refused(&mut world, ADMIN, "POST", "/jobs", job("next"));
    assert_eq!(error, "AccessDeniedException");
}

#[test]
fn only_the_management_account_designates_and_once() {
    let mut world = undesignated();
    let body = json!({"adminAccountId": ADMIN});
    assert_eq!(
        refused(&mut world, TEAM, "POST", "/admin", body.clone()),
        "AccessDeniedException"
    );
    for bad in [
        json!({}),
        json!({"adminAccountId": "1"}),
        json!({"adminAccountId": "999999999999"}),
    ] {
        assert_eq!(
            refused(&mut world, MANAGEMENT, "POST", "/admin", bad),
            "ValidationException"
        );
    }
    // The management account only if Macie is enabled in it.
    let itself = json!({"adminAccountId": MANAGEMENT});
    assert_eq!(
        refused(&mut world, MANAGEMENT, "POST", "/admin", itself),
        "ValidationException"
    );
    send(&mut world, MANAGEMENT, "POST", "/admin", body).unwrap();
    assert_eq!(get(&mut world, ADMIN, "/macie")["status"], "ENABLED");
    assert_eq!(
        world.organizations.trusted_services,
        ["macie.amazonaws.com"]
    );
    let delegation = ("macie.amazonaws.com".to_owned(), ADMIN.to_owned());
    assert_eq!(world.organizations.delegated, [delegation]);
    let expected = json!([{"accountId": ADMIN, "status": "ENABLED"}]);
    assert_eq!(
        get(&mut world, MANAGEMENT, "/admin")["adminAccounts"],
        expected
    );
    assert_eq!(
        refused(&mut world, TEAM, "GET", "/admin", Value::Null),
        "AccessDeniedException"
    );
    let other = json!({"adminAccountId": TEAM});
    assert_eq!(
        refused(&mut world, MANAGEMENT, "POST", "/admin", other),
        "ConflictException"
    );
    let elsewhere = designate(&mut world, TEAM, "us-east-1").unwrap_err();
    assert_eq!(elsewhere.code, "ConflictException");
}

#[test]
fn without_a_designation_members_are_standalone_and_macie_stays_on() {
    let mut world = world();
    enroll(&mut world, TEAM);
    let path = format!("/admin?adminAccountId={ADMIN}");
    send(&mut world, MANAGEMENT, "DELETE", &path, Value::Null).unwrap();
    assert_eq!(get(&mut world, TEAM, "/macie")["status"], "ENABLED");
    assert_eq!(get(&mut world, TEAM, "/administrator"), json!({}));
    assert!(world.organizations.delegated.is_empty());
    assert_eq!(
        refused(&mut world, ADMIN, "GET", "/members", Value::Null),
        "AccessDeniedException"
    );
    let again = end_designation(&mut world, ADMIN, REGION).unwrap_err();
    assert_eq!(again.code, "ResourceNotFoundException");
}

#[test]
fn results_need_an_existing_bucket_and_a_key_of_its_region() {
    let mut world = world();
    add_bucket(&mut world, ADMIN, "results", BTreeMap::new());
    let path = "/classification-export-configuration";
    let configuration = |bucket: &str, key: &str| json!({"configuration": {"s3Destination": {"bucketName": bucket, "kmsKeyArn": key}}});
    let key = "arn:aws:kms:eu-west-1:222222222222:key/1";
    assert_eq!(get(&mut world, ADMIN, path), json!({}));
    for bad in [
        configuration("missing", key),
        configuration("results", "alias/key"),
        configuration("results", "arn:aws:kms:us-east-1:222222222222:key/1"),
        json!({"configuration": {"s3Destination": {"bucketName": "results"}}}),
    ] {
        assert_eq!(
            refused(&mut world, ADMIN, "PUT", path, bad),
            "ValidationException"
        );
    }
    let good = configuration("results", key);
    send(&mut world, ADMIN, "PUT", path, good.clone()).unwrap();
    assert_eq!(get(&mut world, ADMIN, path), good);
}

#[test]
fn automated_discovery_reaches_members_as_asked() {
    let mut world = world();
    enroll(&mut world, TEAM);
    let path = "/automated-discovery/configuration";
    assert_eq!(get(&mut world, ADMIN, path)["status"], "DISABLED");
    let on = |world: &World, account: &str| {
        world
            .macie
            .session(REGION, account)
            .unwrap()
            .discovery
            .enabled
    };
    send(&mut world, ADMIN, "PUT", path, json!({"status": "ENABLED"})).unwrap();
    assert_eq!(
        get(&mut world, ADMIN, path)["autoEnableOrganizationMembers"],
        "ALL"
    );
    assert!(on(&world, TEAM));
    enroll(&mut world, OTHER);
    assert!(on(&world, OTHER));
    // NONE leaves on what is on.
    let none = json!({"status": "ENABLED", "autoEnableOrganizationMembers": "NONE"});
    send(&mut world, ADMIN, "PUT", path, none).unwrap();
    assert!(on(&world, TEAM));
    suspend(&mut world, OTHER, "PAUSED");
    let updates = json!({"accounts": [
        {"accountId": TEAM, "status": "DISABLED"},
        {"accountId": OTHER, "status": "DISABLED"},
        {"accountId": MANAGEMENT, "status": "DISABLED"},
    ]});
    let reply = send(
        &mut world,
        ADMIN,
        "PATCH",
        "/automated-discovery/accounts",
        updates,
    )
    .unwrap();
    assert_eq!(
        reply["errors"],
        json!([
            {"accountId": OTHER, "errorCode": "ACCOUNT_PAUSED"},
            {"accountId": MANAGEMENT, "errorCode": "ACCOUNT_NOT_FOUND"},
        ])
    );
    let path_of_team = format!("/automated-discovery/accounts?accountIds={TEAM}");
    let expected = json!([{"accountId": TEAM, "status": "DISABLED"}]);
    assert_eq!(get(&mut world, ADMIN, &path_of_team)["items"], expected);
    send(
        &mut world,
        ADMIN,
        "PUT",
        path,
        json!({"status": "DISABLED"}),
    )
    .unwrap();
    assert!(!on(&world, OTHER) && !on(&world, ADMIN));
    assert_eq!(
        refused(&mut world, TEAM, "GET", path, Value::Null),
        "AccessDeniedException"
    );
}

#[test]
fn every_listed_operation_has_a_name_and_a_source() {
    assert_eq!(OPERATIONS.len(), 36);
    for operation in OPERATIONS {
        assert_eq!(operation.action, format!("macie2:{}", operation.name));
        assert!(operation.does.ends_with('.') && !operation.source.is_empty());
    }
}
