use serde_json::{Value, json};

use super::*;
use crate::macie::{Relationship, account_joined, delete_member, disassociate_member};

fn get(world: &mut World, account: &str) -> Value {
    send(
        world,
        ADMIN,
        "GET",
        &format!("/members/{account}"),
        Value::Null,
    )
    .unwrap()
}

fn listed(world: &mut World, query: &str) -> Vec<(String, String)> {
    let reply = send(
        world,
        ADMIN,
        "GET",
        &format!("/members{query}"),
        Value::Null,
    )
    .unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let members = reply["members"].as_array().unwrap();
    let member = |member: &Value| {
        (
            text(&member["accountId"]),
            text(&member["relationshipStatus"]),
        )
    };
    members.iter().map(member).collect()
}

fn add(account: &str) -> Value {
    json!({"account": {"accountId": account, "email": "a@example.com"}, "tags": {"managed-by": "test"}})
}

fn created(world: &mut World, account: &str) -> String {
    refused(world, ADMIN, "POST", "/members", add(account))
}

#[test]
fn a_new_member_is_created_and_enabled_at_its_own_time() {
    let mut world = world();
    let reply = send(&mut world, ADMIN, "POST", "/members", add(TEAM)).unwrap();
    let arn = format!("arn:aws:macie2:{REGION}:{ADMIN}:member/{TEAM}");
    assert_eq!(reply, json!({ "arn": arn }));
    let member = get(&mut world, TEAM);
    assert_eq!(member["relationshipStatus"], "Created");
    assert_eq!(member["tags"], json!({"managed-by": "test"}));
    assert!(member.get("email").is_none());
    assert_eq!(
        refused(&mut world, TEAM, "GET", "/macie", Value::Null),
        "AccessDeniedException"
    );
    hours(&mut world, 5);
    let member = get(&mut world, TEAM);
    assert_eq!(member["relationshipStatus"], "Enabled");
    assert_eq!(member["updatedAt"], "2026-03-02T10:00:30Z");
    let administrator = send(&mut world, TEAM, "GET", "/administrator", Value::Null).unwrap();
    let expected = json!({"administrator": {"accountId": ADMIN, "relationshipStatus": "Enabled"}});
    assert_eq!(administrator, expected);
}

#[test]
fn who_cannot_become_a_member() {
    let mut world = world();
    for bad in [
        json!({}),
        json!({"account": {"accountId": TEAM}}),
        json!({"account": {"accountId": TEAM, "email": ""}}),
        json!({"account": {"accountId": "1", "email": "a@example.com"}}),
        add(ADMIN),
        add("999999999999"),
        add(MANAGEMENT),
    ] {
        let error = refused(&mut world, ADMIN, "POST", "/members", bad.clone());
        assert_eq!(error, "ValidationException", "{bad}");
    }
    send(&mut world, MANAGEMENT, "POST", "/macie", json!({})).unwrap();
    send(&mut world, ADMIN, "POST", "/members", add(MANAGEMENT)).unwrap();
    let error = refused(&mut world, MANAGEMENT, "POST", "/members", add(TEAM));
    assert_eq!(error, "AccessDeniedException");
    // An associated account, in each state.
    send(&mut world, ADMIN, "POST", "/members", add(TEAM)).unwrap();
    assert_eq!(created(&mut world, TEAM), "ConflictException");
    minutes(&mut world, 1);
    assert_eq!(created(&mut world, TEAM), "ConflictException");
    suspend(&mut world, TEAM, "PAUSED");
    assert_eq!(created(&mut world, TEAM), "ConflictException");
    // A standalone account that is suspended.
    send(
        &mut world,
        OTHER,
        "POST",
        "/macie",
        json!({"status": "PAUSED"}),
    )
    .unwrap();
    let error = send(&mut world, ADMIN, "POST", "/members", add(OTHER)).unwrap_err();
    assert!(
        error.message.contains("owner must first re-enable"),
        "{error}"
    );
    world.organizations.accounts.get_mut(OTHER).unwrap().state = "SUSPENDED".to_owned();
    assert_eq!(created(&mut world, OTHER), "ValidationException");
}

#[test]
fn ten_thousand_members_are_the_most() {
    let mut world = world();
    let member = super::super::Member {
        status: Relationship::Enabled,
        updated_at: world.now(),
        tags: Default::default(),
        enabled_at: world.now(),
    };
    let members = &mut world.macie.administrations.get_mut(REGION).unwrap().members;
    members.extend((0..10_000).map(|n| (format!("4{n:011}"), member.clone())));
    assert_eq!(created(&mut world, TEAM), "ServiceQuotaExceededException");
    let reply = send(
        &mut world,
        ADMIN,
        "GET",
        "/admin/configuration",
        Value::Null,
    )
    .unwrap();
    assert_eq!(
        reply,
        json!({"autoEnable": false, "maxAccountLimitReached": true})
    );
}

#[test]
fn a_stranger_is_not_found_or_not_valid() {
    let mut world = world();
    let path = format!("/members/{TEAM}");
    let session = format!("/macie/members/{TEAM}");
    let pause = json!({"status": "PAUSED"});
    for (switch, code) in [
        (false, "ResourceNotFoundException"),
        (true, "ValidationException"),
    ] {
        world.switches.stranger_is_validation = switch;
        assert_eq!(refused(&mut world, ADMIN, "GET", &path, Value::Null), code);
        assert_eq!(
            refused(&mut world, ADMIN, "PATCH", &session, pause.clone()),
            code
        );
        let disassociate = format!("/members/disassociate/{TEAM}");
        let error = refused(&mut world, ADMIN, "POST", &disassociate, Value::Null);
        assert_eq!(error, "ValidationException");
        assert_eq!(
            refused(&mut world, ADMIN, "DELETE", &path, Value::Null),
            "ValidationException"
        );
    }
}

#[test]
fn the_list_shows_current_members_unless_asked_for_all() {
    let mut world = world();
    for id in ["300000000003", "300000000004", "300000000005"] {
        add_account(&mut world, id);
        enroll(&mut world, id);
    }
    enroll(&mut world, TEAM);
    enroll(&mut world, OTHER);
    suspend(&mut world, OTHER, "PAUSED");
    disassociate_member(&mut world, REGION, "300000000003").unwrap();
    let accounts = &mut world.organizations.accounts;
    accounts.get_mut("300000000004").unwrap().state = "SUSPENDED".to_owned();
    accounts.get_mut("300000000005").unwrap().disabled_regions = vec![REGION.to_owned()];
    let pair = |id: &str, status: &str| (id.to_owned(), status.to_owned());
    let current = vec![pair(TEAM, "Enabled"), pair(OTHER, "Paused")];
    assert_eq!(listed(&mut world, ""), current);
    assert_eq!(listed(&mut world, "?onlyAssociated=true"), current);
    let rest = [
        pair("300000000003", "Removed"),
        pair("300000000004", "AccountSuspended"),
        pair("300000000005", "RegionDisabled"),
    ];
    assert_eq!(
        listed(&mut world, "?onlyAssociated=false"),
        [current, rest.to_vec()].concat()
    );
    let error = refused(
        &mut world,
        ADMIN,
        "GET",
        "/members?onlyAssociated=no",
        Value::Null,
    );
    assert_eq!(error, "ValidationException");
    let error = refused(
        &mut world,
        ADMIN,
        "GET",
        "/members?maxResults=26",
        Value::Null,
    );
    assert_eq!(error, "ValidationException");
    let gone = refused(
        &mut world,
        ADMIN,
        "PATCH",
        "/macie/members/300000000005",
        json!({"status": "PAUSED"}),
    );
    assert_eq!(gone, "ValidationException");
}

#[test]
fn the_list_comes_in_pages_of_25() {
    let mut world = world();
    world.switches.enabling_takes = jiff::SignedDuration::ZERO;
    for n in 0..30 {
        let id = format!("4{n:011}");
        add_account(&mut world, &id);
        enroll(&mut world, &id);
    }
    let first = send(&mut world, ADMIN, "GET", "/members", Value::Null).unwrap();
    assert_eq!(first["members"].as_array().unwrap().len(), 25);
    let path = format!(
        "/members?nextToken={}",
        first["nextToken"].as_str().unwrap()
    );
    let second = send(&mut world, ADMIN, "GET", &path, Value::Null).unwrap();
    assert_eq!(second["members"].as_array().unwrap().len(), 5);
    assert!(second.get("nextToken").is_none());
}

#[test]
fn suspending_cancels_the_members_own_jobs_and_spares_the_administrators() {
    for cancels in [false, true] {
        let mut world = world();
        world.switches.suspend_cancels_admin_jobs = cancels;
        enroll(&mut world, TEAM);
        let own = create(&mut world, TEAM, job("own"));
        let mine = daily(&mut world, TEAM, true);
        minutes(&mut world, 1);
        let everyones = create(&mut world, ADMIN, job("everyone"));
        suspend(&mut world, TEAM, "PAUSED");
        suspend(&mut world, TEAM, "PAUSED");
        let own = world.macie.jobs.iter().find(|job| job.id == own).unwrap();
        assert_eq!(own.status, crate::macie::JobStatus::Cancelled);
        let expected = if cancels { "CANCELLED" } else { "IDLE" };
        assert_eq!(status(&mut world, &mine), expected);
        assert_eq!(status(&mut world, &everyones), "RUNNING");
        assert_eq!(get(&mut world, TEAM)["relationshipStatus"], "Paused");
        suspend(&mut world, TEAM, "ENABLED");
        assert_eq!(get(&mut world, TEAM)["relationshipStatus"], "Enabled");
    }
}

#[test]
fn a_disassociated_member_is_standalone_and_can_come_back() {
    let mut world = world();
    send(&mut world, ADMIN, "POST", "/members", add(TEAM)).unwrap();
    let path = format!("/members/{TEAM}");
    let disassociate = format!("/members/disassociate/{TEAM}");
    // Not yet a member.
    let error = refused(&mut world, ADMIN, "POST", &disassociate, Value::Null);
    assert_eq!(error, "ValidationException");
    minutes(&mut world, 1);
    assert_eq!(
        refused(&mut world, ADMIN, "DELETE", &path, Value::Null),
        "ValidationException"
    );
    send(&mut world, ADMIN, "POST", &disassociate, Value::Null).unwrap();
    assert_eq!(get(&mut world, TEAM)["relationshipStatus"], "Removed");
    let session = send(&mut world, TEAM, "GET", "/macie", Value::Null).unwrap();
    assert_eq!(session["status"], "ENABLED");
    enroll(&mut world, TEAM);
    assert_eq!(get(&mut world, TEAM)["relationshipStatus"], "Enabled");
    // Suspended and then disassociated: a dead end until the owner resumes.
    suspend(&mut world, TEAM, "PAUSED");
    send(&mut world, ADMIN, "POST", &disassociate, Value::Null).unwrap();
    assert_eq!(created(&mut world, TEAM), "ValidationException");
    send(
        &mut world,
        TEAM,
        "PATCH",
        "/macie",
        json!({"status": "ENABLED"}),
    )
    .unwrap();
    enroll(&mut world, TEAM);
    send(&mut world, ADMIN, "POST", &disassociate, Value::Null).unwrap();
    send(&mut world, ADMIN, "DELETE", &path, Value::Null).unwrap();
    assert!(listed(&mut world, "?onlyAssociated=false").is_empty());
    assert_eq!(
        delete_member(&mut world, REGION, TEAM).unwrap_err().code,
        "ValidationException"
    );
}

#[test]
fn auto_enable_concerns_only_accounts_that_join_later() {
    let mut world = world();
    let on = json!({"autoEnable": true});
    send(&mut world, ADMIN, "PATCH", "/admin/configuration", on).unwrap();
    let error = refused(
        &mut world,
        ADMIN,
        "PATCH",
        "/admin/configuration",
        json!({}),
    );
    assert_eq!(error, "ValidationException");
    minutes(&mut world, 1);
    assert!(listed(&mut world, "?onlyAssociated=false").is_empty());
    add_account(&mut world, "300000000003");
    account_joined(&mut world, "300000000003");
    minutes(&mut world, 1);
    assert_eq!(
        listed(&mut world, ""),
        [("300000000003".to_owned(), "Enabled".to_owned())]
    );
}

#[test]
fn members_and_jobs_have_tags_that_merge() {
    let mut world = world();
    enroll(&mut world, TEAM);
    let id = create(&mut world, ADMIN, job("daily"));
    for arn in [
        format!("arn:aws:macie2:{REGION}:{ADMIN}:member/{TEAM}"),
        format!("arn:aws:macie2:{REGION}:{ADMIN}:classification-job/{id}"),
    ] {
        let path = format!("/tags/{arn}");
        for tags in [json!({"a": "1", "b": "2"}), json!({"b": "3"})] {
            send(&mut world, ADMIN, "POST", &path, json!({ "tags": tags })).unwrap();
        }
        let untag = format!("{path}?tagKeys=a&tagKeys=z");
        send(&mut world, ADMIN, "DELETE", &untag, Value::Null).unwrap();
        let reply = send(&mut world, ADMIN, "GET", &path, Value::Null).unwrap();
        assert_eq!(reply, json!({"tags": {"b": "3"}}));
        let error = refused(&mut world, TEAM, "GET", &path, Value::Null);
        assert_eq!(error, "ResourceNotFoundException");
        assert_eq!(
            refused(&mut world, ADMIN, "DELETE", &path, Value::Null),
            "ValidationException"
        );
    }
    assert_eq!(get(&mut world, TEAM)["tags"], json!({"b": "3"}));
    assert_eq!(describe(&mut world, &id)["tags"], json!({"b": "3"}));
    let error = refused(&mut world, ADMIN, "GET", "/tags/arn", Value::Null);
    assert_eq!(error, "ValidationException");
}
