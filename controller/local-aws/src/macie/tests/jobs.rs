use serde_json::{Value, json};

use super::*;

fn list(world: &mut World, request: Value) -> Vec<String> {
    let reply = send(world, ADMIN, "POST", "/jobs/list", request).unwrap();
    let items = reply["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn requests_that_macie_refuses() {
    type Spoil = fn(&mut Value);
    let spoils: &[(&str, Spoil)] = &[
        ("no token", |body| {
            body.as_object_mut().unwrap().remove("clientToken");
        }),
        ("no name", |body| {
            body.as_object_mut().unwrap().remove("name");
        }),
        ("no type", |body| {
            body.as_object_mut().unwrap().remove("jobType");
        }),
        ("no definition", |body| {
            body.as_object_mut().unwrap().remove("s3JobDefinition");
        }),
        ("empty token", |body| body["clientToken"] = json!("")),
        ("long name", |body| body["name"] = json!("n".repeat(501))),
        ("long description", |body| {
            body["description"] = json!("n".repeat(201))
        }),
        ("unknown type", |body| body["jobType"] = json!("HOURLY")),
        ("one-time with schedule", |body| {
            body["jobType"] = json!("ONE_TIME")
        }),
        ("scheduled without schedule", |body| {
            body.as_object_mut().unwrap().remove("scheduleFrequency");
        }),
        ("two schedules", |body| {
            body["scheduleFrequency"]["monthlySchedule"] = json!({"dayOfMonth": 1})
        }),
        ("neither criteria nor buckets", |body| {
            body["s3JobDefinition"] = json!({})
        }),
        ("both criteria and buckets", |body| {
            body["s3JobDefinition"]["bucketDefinitions"] =
                json!([{"accountId": TEAM, "buckets": ["b"]}])
        }),
        (
            "buckets of nobody",
            |body| {
                body["s3JobDefinition"] =
                    json!({"bucketDefinitions": [{"accountId": "1", "buckets": ["b"]}]})
            },
        ),
        (
            "no buckets",
            |body| {
                body["s3JobDefinition"] =
                    json!({"bucketDefinitions": [{"accountId": TEAM, "buckets": []}]})
            },
        ),
        (
            "too many buckets",
            |body| {
                body["s3JobDefinition"] =
                    json!({"bucketDefinitions": [{"accountId": TEAM, "buckets": vec!["b"; 1001]}]})
            },
        ),
        (
            "comparator",
            |body| body["s3JobDefinition"] = json!({"bucketCriteria": {"includes": {"and": [{"tagCriterion": {"comparator": "STARTS_WITH", "tagValues": [{"key": "a"}]}}]}}}),
        ),
        ("sampling 0", |body| body["samplingPercentage"] = json!(0)),
        ("sampling 101", |body| {
            body["samplingPercentage"] = json!(101)
        }),
        ("allow lists", |body| {
            body["allowListIds"] = json!(vec!["a"; 11])
        }),
        ("custom identifiers", |body| {
            body["customDataIdentifierIds"] = json!(vec!["a"; 31])
        }),
        ("selector", |body| {
            body["managedDataIdentifierSelector"] = json!("SOME")
        }),
        ("include nothing", |body| {
            body["managedDataIdentifierSelector"] = json!("INCLUDE")
        }),
        ("none and no custom", |body| {
            body["managedDataIdentifierSelector"] = json!("NONE")
        }),
        ("recommended and named", |body| {
            body["managedDataIdentifierIds"] = json!(["a"])
        }),
        ("tags", |body| {
            body["tags"] = json!(
                (0..51)
                    .map(|n| (n.to_string(), ""))
                    .collect::<BTreeMap<_, _>>()
            )
        }),
    ];
    let mut world = world();
    for (what, spoil) in spoils {
        let mut body = job("daily");
        spoil(&mut body);
        let error = refused(&mut world, ADMIN, "POST", "/jobs", body);
        assert_eq!(error, "ValidationException", "{what}");
    }
    // None of the refused calls has used up the rate.
    create(&mut world, ADMIN, job("daily"));
}

#[test]
fn a_job_is_described_as_it_was_created() {
    let mut world = world();
    let mut body = job("daily");
    body["initialRun"] = json!(true);
    body["s3JobDefinition"] = criteria(TEAM);
    body["description"] = json!("why");
    body["tags"] = json!({"a": "b"});
    body["samplingPercentage"] = json!(50);
    let id = create(&mut world, ADMIN, body.clone());
    assert_eq!(id.len(), 32);
    let described = describe(&mut world, &id);
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(described[name], *value, "{name}");
    }
    assert_eq!(described["managedDataIdentifierSelector"], "RECOMMENDED");
    assert_eq!(described["jobStatus"], "RUNNING");
    assert_eq!(described["createdAt"], START);
    assert_eq!(described["lastRunErrorStatus"], json!({"code": "NONE"}));
    assert_eq!(described["statistics"]["numberOfRuns"], 1);
    let arn = format!("arn:aws:macie2:{REGION}:{ADMIN}:classification-job/{id}");
    assert_eq!(described["jobArn"], json!(arn));
    // Only the creator sees it.
    send(&mut world, TEAM, "POST", "/macie", json!({})).unwrap();
    let error = refused(&mut world, TEAM, "GET", &format!("/jobs/{id}"), Value::Null);
    assert_eq!(error, "ResourceNotFoundException");
}

#[test]
fn one_job_in_ten_seconds_per_account() {
    let mut world = world();
    send(&mut world, TEAM, "POST", "/macie", json!({})).unwrap();
    create(&mut world, ADMIN, job("one"));
    let error = send(&mut world, ADMIN, "POST", "/jobs", job("two")).unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.status),
        ("ThrottlingException", 429)
    );
    create(&mut world, TEAM, job("theirs"));
    world.advance(SignedDuration::from_secs(9));
    assert_eq!(
        refused(&mut world, ADMIN, "POST", "/jobs", job("two")),
        "ThrottlingException"
    );
    world.advance(SignedDuration::from_secs(1));
    create(&mut world, ADMIN, job("two"));
}

#[test]
fn a_token_brings_back_its_job_or_conflicts() {
    let mut world = world();
    let id = create(&mut world, ADMIN, job("one"));
    set_status(&mut world, &id, "CANCELLED").unwrap();
    assert_eq!(create(&mut world, ADMIN, job("one")), id);
    let mut changed = job("one");
    changed["name"] = json!("another");
    assert_eq!(
        refused(&mut world, ADMIN, "POST", "/jobs", changed),
        "ConflictException"
    );
    world.switches.client_token_replays = false;
    assert_eq!(
        refused(&mut world, ADMIN, "POST", "/jobs", job("one")),
        "ConflictException"
    );
    assert_eq!(world.macie.jobs.len(), 1);
}

#[test]
fn only_legal_changes_of_status() {
    let legal = [
        ("RUNNING", "CANCELLED"),
        ("RUNNING", "USER_PAUSED"),
        ("IDLE", "CANCELLED"),
        ("IDLE", "USER_PAUSED"),
        ("USER_PAUSED", "CANCELLED"),
        ("USER_PAUSED", "RUNNING"),
    ];
    for from in ["RUNNING", "IDLE", "USER_PAUSED", "CANCELLED", "COMPLETE"] {
        for to in [
            "RUNNING",
            "IDLE",
            "USER_PAUSED",
            "CANCELLED",
            "COMPLETE",
            "PAUSED",
        ] {
            let mut world = world();
            let id = if from == "COMPLETE" {
                once(&mut world, ADMIN, &["b"])
            } else {
                create(&mut world, ADMIN, job("daily"))
            };
            match from {
                "RUNNING" => {}
                "IDLE" | "COMPLETE" => minutes(&mut world, 1),
                other => {
                    set_status(&mut world, &id, other).unwrap();
                }
            }
            assert_eq!(status(&mut world, &id), from);
            let changed = set_status(&mut world, &id, to);
            if legal.contains(&(from, to)) {
                changed.unwrap();
                assert_eq!(status(&mut world, &id), to);
            } else {
                assert_eq!(
                    changed.unwrap_err().code,
                    "ValidationException",
                    "{from} {to}"
                );
                assert_eq!(status(&mut world, &id), from);
            }
        }
    }
}

#[test]
fn a_pause_while_running_expires_after_30_days() {
    let mut world = world();
    let recurring = create(&mut world, ADMIN, job("daily"));
    world.advance(SignedDuration::from_secs(10));
    let single = once(&mut world, ADMIN, &["b"]);
    world.advance(SignedDuration::from_secs(10));
    for id in [&recurring, &single] {
        set_status(&mut world, id, "USER_PAUSED").unwrap();
        let details = describe(&mut world, id)["userPausedDetails"].clone();
        assert_eq!(details["jobPausedAt"], "2026-03-02T10:00:20Z");
        assert_eq!(details["jobExpiresAt"], "2026-04-01T10:00:20Z");
    }
    hours(&mut world, 24 * 30);
    assert_eq!(status(&mut world, &single), "CANCELLED");
    // The recurring job has lost the run, not its life.
    assert_eq!(status(&mut world, &recurring), "USER_PAUSED");
    set_status(&mut world, &recurring, "RUNNING").unwrap();
    assert_eq!(status(&mut world, &recurring), "IDLE");
    assert!(world.macie.runs.is_empty());
    hours(&mut world, 25);
    assert_eq!(world.macie.runs.len(), 1);
}

#[test]
fn a_pause_between_runs_does_not_expire_and_skips_runs() {
    let mut world = world();
    let id = create(&mut world, ADMIN, job("daily"));
    minutes(&mut world, 1);
    set_status(&mut world, &id, "USER_PAUSED").unwrap();
    assert!(
        describe(&mut world, &id)["userPausedDetails"]
            .get("jobExpiresAt")
            .is_none()
    );
    hours(&mut world, 24 * 60);
    assert_eq!(status(&mut world, &id), "USER_PAUSED");
    assert_eq!(world.macie.runs.len(), 1);
    set_status(&mut world, &id, "RUNNING").unwrap();
    assert_eq!(status(&mut world, &id), "IDLE");
}

#[test]
fn a_paused_run_goes_on_where_it_stopped() {
    let mut world = world();
    let id = create(&mut world, ADMIN, job("daily"));
    world.advance(SignedDuration::from_secs(40));
    set_status(&mut world, &id, "USER_PAUSED").unwrap();
    hours(&mut world, 100);
    set_status(&mut world, &id, "RUNNING").unwrap();
    assert_eq!(status(&mut world, &id), "RUNNING");
    world.advance(SignedDuration::from_secs(20));
    assert_eq!(status(&mut world, &id), "IDLE");
    assert_eq!(world.macie.runs.len(), 1);
}

#[test]
fn jobs_are_listed_filtered_sorted_and_in_pages() {
    let mut world = world();
    for name in ["b-daily", "a-daily", "c-daily"] {
        create(&mut world, ADMIN, job(name));
        minutes(&mut world, 1);
    }
    let single = once(&mut world, ADMIN, &["x"]);
    let filter = |kind: &str, key: &str, comparator: &str, values: &[&str]| json!({"filterCriteria": {kind: [{"key": key, "comparator": comparator, "values": values}]}});
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let once = "once-222222222222-3";
    assert_eq!(
        list(&mut world, json!({})),
        names(&[once, "c-daily", "a-daily", "b-daily"])
    );
    for (request, expected) in [
        (
            filter("includes", "jobType", "EQ", &["ONE_TIME"]),
            vec![once],
        ),
        (
            filter("excludes", "jobType", "EQ", &["SCHEDULED"]),
            vec![once],
        ),
        (
            filter("includes", "jobStatus", "EQ", &["RUNNING", "CANCELLED"]),
            vec![once],
        ),
        (
            filter("includes", "name", "STARTS_WITH", &["a-", "b-"]),
            vec!["a-daily", "b-daily"],
        ),
        (
            filter("includes", "name", "CONTAINS", &["daily"]),
            vec!["c-daily", "a-daily", "b-daily"],
        ),
        (
            filter("includes", "createdAt", "GT", &["2026-03-02T10:01:00Z"]),
            vec![once, "c-daily"],
        ),
        (
            filter("includes", "createdAt", "LTE", &[START]),
            vec!["b-daily"],
        ),
    ] {
        assert_eq!(
            list(&mut world, request.clone()),
            names(&expected),
            "{request}"
        );
    }
    let sort = json!({"sortCriteria": {"attributeName": "name", "orderBy": "DESC"}});
    assert_eq!(
        list(&mut world, sort),
        names(&[once, "c-daily", "b-daily", "a-daily"])
    );
    for bad in [
        filter("includes", "createdAt", "GT", &["yesterday"]),
        filter("includes", "name", "GT", &["a"]),
        filter("includes", "tags", "EQ", &["a"]),
        filter("includes", "jobStatus", "EQ", &[]),
        json!({"maxResults": 0}),
    ] {
        let error = refused(&mut world, ADMIN, "POST", "/jobs/list", bad.clone());
        assert_eq!(error, "ValidationException", "{bad}");
    }
    let page = send(
        &mut world,
        ADMIN,
        "POST",
        "/jobs/list",
        json!({"maxResults": 3}),
    )
    .unwrap();
    let summary = &page["items"][0];
    assert_eq!(summary["jobId"], json!(single));
    assert!(summary.get("tags").is_none() && summary.get("bucketDefinitions").is_some());
    let next = json!({"maxResults": 3, "nextToken": page["nextToken"]});
    assert_eq!(list(&mut world, next), names(&["b-daily"]));
}
