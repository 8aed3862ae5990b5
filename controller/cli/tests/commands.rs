//! `maciectl` as a person uses it, against a local AWS of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

const OPERATOR: &str = "ASIA222222222222MACIE_SELF_SERVICE_OPERATOR";
const POLICY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../policies/self-service.json"
);
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/events");

/// `maciectl local` on a free port; it ends with the test.
struct Local {
    process: Child,
    endpoint: String,
}

impl Local {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_maciectl"))
            .args(["local", "--port", "0", "--accounts", "2"])
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let url = first
            .split(' ')
            .find(|word| word.starts_with("http"))
            .unwrap();
        let endpoint = url.trim_end_matches(',').to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, endpoint }
    }

    fn maciectl(&self, arguments: &[&str], input: &str) -> Output {
        self.maciectl_with(arguments, input, &[])
    }

    fn maciectl_with(&self, arguments: &[&str], input: &str, more: &[(&str, &str)]) -> Output {
        let variables = [
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", OPERATOR),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_REGION", "eu-west-1"),
            ("MACIECTL_POLICY", POLICY),
        ];
        maciectl(arguments, input, &[&variables[..], more].concat())
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn maciectl(arguments: &[&str], input: &str, variables: &[(&str, &str)]) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_maciectl"))
        .args(arguments)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("MACIECTL_POLICY")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    process.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The event of a fixture, sent by account 300000000001.
fn event(fixture: &str) -> String {
    let file: Value = serde_json::from_str(
        &std::fs::read_to_string(format!("{FIXTURES}/{fixture}.json")).unwrap(),
    )
    .unwrap();
    let mut event = file.get("event").unwrap().clone();
    *event.get_mut("account").unwrap() = Value::from("300000000001");
    *event.get_mut("region").unwrap() = Value::from("eu-west-1");
    event.to_string()
}

/// The caller may not see the bill; the profile is the management account's.
#[test]
fn the_bill_is_asked_for_by_a_profile_of_its_own() {
    let local = Local::start();
    let file = std::env::temp_dir().join(format!("profiles-{}", std::process::id()));
    let profile = "[profile management]\naws_access_key_id = AKIA0000111111111111\naws_secret_access_key = local\n";
    std::fs::write(&file, profile).unwrap();
    let ask = |name: &str| {
        let arguments = ["cost", "--bill", "--bill-profile", name, "--output", "json"];
        let config = ("AWS_CONFIG_FILE", file.to_str().unwrap());
        let output = local.maciectl_with(&arguments, "", &[config]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), document, text(&output.stderr))
    };
    let (code, document, said) = ask("management");
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let bill = document.get("bill").unwrap();
    assert_eq!(bill.get("source").unwrap(), "ce:GetCostAndUsage");
    assert_eq!(bill.get("onlyAccount"), Some(&Value::Null));
    assert_eq!(bill.pointer("/total/billedUsd").unwrap(), "0");
    assert!(bill.pointer("/total/differenceUsd").unwrap().is_string());
    let (code, document, said) = ask("missing");
    assert_eq!(code, Some(3));
    assert!(
        said.contains("the bill is not known: cannot tell who asks for the bill"),
        "{said}"
    );
    assert_ne!(document.get("costs"), None, "Macie's side is there");
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn a_wrong_command_line_exits_with_64_and_says_why() {
    for arguments in [
        &["plan", "--account", "12"][..],
        &["explain", "no"],
        &["frobnicate"],
        &["--output", "xml", "plan"],
        &["adopt", "--plan"],
        &["adopt", "--apply", "--all-members"],
        &["cost", "--by", "tag"],
        &["cost", "--tag", "Owner"],
        &["prices", "--all-regions", "refresh"],
        &["prices", "refresh", "--output", "csv"],
        &["estimate"],
        &["estimate", "--all", "--account", "111122223333"],
        &["report"],
        &["report", "--html", "report.html", "--account", "12"],
        &["uninstall"],
        &["uninstall", "--plan", "--members", "delete"],
        &["focus"],
        &["focus", "--to", "export", "--focus-version", "1.3"],
        &["focus", "--to", "export", "--format", "json"],
        &["focus", "--to", "export", "--output", "csv"],
        &["status", "--output", "csv"],
        &["cost", "--month", "2026-13"],
        &["cost", "--bill", "--by", "type"],
        &["cost", "--bill-profile", "management"],
    ] {
        let output = maciectl(arguments, "", &[]);
        assert_eq!(
            output.status.code(),
            Some(64),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        assert!(text(&output.stderr).contains("error:"), "{arguments:?}");
    }
    let output = maciectl(&["plan", "--account", "12"], "", &[]);
    assert!(text(&output.stderr).contains("`12` is not an AWS account id of 12 digits"));
    let output = maciectl(&["--output", "csv", "plan"], "", &[]);
    assert!(text(&output.stderr).contains("`--output csv` is there for `cost` only"));
    let output = maciectl(
        &["focus", "--to", "export", "--focus-version", "1.3"],
        "",
        &[],
    );
    assert!(text(&output.stderr).contains("[possible values: 1.2, 1.4]"));
}

#[test]
fn help_version_and_completions_succeed() {
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["explain", "--help"],
        &["doctor", "--help"],
        &["estimate", "--help"],
        &["cost", "--help"],
        &["report", "--help"],
        &["focus", "--help"],
        &["adopt", "--help"],
        &["uninstall", "--help"],
        &["completions", "bash"],
    ] {
        let output = maciectl(arguments, "", &[]);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_missing_or_bad_policy_is_named() {
    let output = maciectl(&["plan"], "", &[("AWS_REGION", "eu-west-1")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("MACIECTL_POLICY"),
        "{}",
        text(&output.stderr)
    );
    let bad = r#"{"version":1,"homeRegion":"eu-west-1","regions":["eu-west-1"],"gracePeriod":"24 hours"}"#;
    let output = maciectl(
        &["plan", "--policy", bad],
        "",
        &[("AWS_REGION", "eu-west-1")],
    );
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("gracePeriod") && said.contains("24 hours") && said.contains("PT24H"),
        "{said}"
    );
}

#[test]
fn nothing_to_do_is_said_and_exits_with_0() {
    let local = Local::start();
    let output = local.maciectl(&["plan", "--detailed-exitcode"], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("Nothing to do"));
    let output = local.maciectl(&["status"], "");
    assert!(
        text(&output.stdout).contains("No account is enrolled"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn refused_events_are_named_and_their_neighbours_are_served() {
    let local = Local::start();
    let failed = event("failed-access-denied");
    let untouched = event("delete-bucket");
    let output = local.maciectl(
        &["handle", "-", "--output", "json"],
        &format!("{failed}\n{untouched}\n{{nonsense\n"),
    );
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document.get("schemaVersion"), Some(&Value::from(1)));
    assert_eq!(
        document.pointer("/reports/0/scope/account"),
        Some(&Value::from("300000000001"))
    );
    assert_eq!(
        document.pointer("/reports/0/outcome"),
        Some(&Value::from("unchanged"))
    );
    let refused = document.get("refused").and_then(Value::as_array).unwrap();
    assert_eq!(refused.len(), 2, "{refused:?}");
    let output = local.maciectl(&["handle", "/does/not/exist"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("/does/not/exist"));
}

/// The delivered policy has no prices of Ireland: what monitoring costs there is unknown, which is
/// said, and passes no limit.
#[test]
fn an_estimate_without_prices_says_so_and_passes_no_limit() {
    let local = Local::start();
    let ask = |arguments: &[&str]| local.maciectl(arguments, "");
    let output = ask(&["estimate", "--all"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(said.contains("no prices of eu-west-1"), "{said}");
    assert!(said.contains("Prices: none from the policy"), "{said}");
    let output = ask(&["estimate", "--all", "--fail-over", "500", "-o", "json"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["gate"]["limitUsd"], "500");
    assert_eq!(document["gate"]["exceeded"], false);

    let file = std::env::temp_dir().join(format!("estimate-{}.json", std::process::id()));
    std::fs::write(&file, &output.stdout).unwrap();
    let output = ask(&["estimate", "--all", "--baseline", file.to_str().unwrap()]);
    assert!(text(&output.stdout).contains("$0.00 more than in the earlier estimate."));
    std::fs::write(&file, "{}").unwrap();
    let output = ask(&["estimate", "--all", "--baseline", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("not an earlier estimate"));
    std::fs::remove_file(&file).unwrap();

    let output = ask(&["estimate", "nobody-has-this"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no bucket `nobody-has-this` was found"));
}

/// On a fresh organization only the administrator's own account has Macie, with one bucket in the home
/// Region.
#[test]
fn costs_are_csv_and_files() {
    let local = Local::start();
    let output = local.maciectl(&["cost", "--output", "csv"], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let csv = text(&output.stdout);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "account,region,monitoringUsd,jobsUsd,othersUsd,monthToDateUsd,forecastUsd,trialUntil,quotaMet"
    );
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(lines[1].starts_with("222222222222,eu-west-1,0.00"), "{csv}");
    assert!(
        lines[2].starts_with("222222222222,us-east-1,0,0,0,0,"),
        "{csv}"
    );
    let output = local.maciectl(&["cost", "--by", "type", "-o", "csv"], "");
    let csv = text(&output.stdout);
    assert!(
        csv.starts_with("name,monthToDateUsd,forecastUsd\n"),
        "{csv}"
    );
    assert!(csv.contains("\nmonitoring,0.00"), "{csv}");
    let output = local.maciectl(&["cost", "--account", "300000000001", "-o", "csv"], "");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("Macie told of no usage"));

    let folder = std::env::temp_dir().join(format!("focus-{}", std::process::id()));
    let to = ["focus", "--to", folder.to_str().unwrap()];
    let output = local.maciectl(&to, "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(
        said.contains("macie-estimate-us-east-1.parquet: 4 rows, $0.00 in list prices"),
        "{said}"
    );
    let output = local.maciectl(&[&to[..], &["--output", "json"]].concat(), "");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document.get("schemaVersion"), Some(&Value::from(1)));
    let path = document
        .pointer("/files/0/path")
        .and_then(Value::as_str)
        .unwrap();
    assert!(std::fs::metadata(path).unwrap().len() > 0);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn explain_names_a_bucket_that_is_not_there() {
    let local = Local::start();
    let output = local.maciectl(&["explain", "nobodys-bucket"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("nobodys-bucket"));
}

#[test]
fn doctor_is_well_on_a_fresh_organization_and_knows_the_version_that_it_is() {
    let local = Local::start();
    let output = local.maciectl(&["doctor", "--output", "json"], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document.get("schemaVersion"), Some(&Value::from(1)));
    // The delivered policy has no price of Ireland.
    for (word, count) in [("fail", 0), ("warn", 1), ("skipped", 1)] {
        let found = document.pointer(&format!("/summary/{word}"));
        assert_eq!(found, Some(&Value::from(count)), "{document:#}");
    }
    let output = local.maciectl(&["doctor"], "");
    let said = text(&output.stdout);
    assert!(said.contains("function-version"), "{said}");
    assert!(
        said.trim_end().ends_with("1 warn, 0 fail, 1 skipped"),
        "{said}"
    );
}

#[test]
fn doctor_does_not_stop_at_a_wrong_account_or_policy() {
    let local = Local::start();
    let variables = |key: &'static str| {
        [
            ("AWS_ENDPOINT_URL", local.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", key.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("AWS_REGION", "eu-west-1".to_owned()),
        ]
    };
    let parameter = "ssm:/macie-self-service/policy";
    for (key, policy, check) in [
        ("AKIA0000300000000001", POLICY, "administrator"),
        ("AKIA0000300000000001", parameter, "policy"),
        ("AKIA0000999999999999", POLICY, "administrator"),
        (OPERATOR, "/does/not/exist", "policy"),
    ] {
        let variables = variables(key);
        let variables: Vec<(&str, &str)> = variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let arguments = ["doctor", "--output", "json", "--policy", policy];
        let output = maciectl(&arguments, "", &variables);
        assert_eq!(output.status.code(), Some(1), "{key} {policy}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let lines = document.get("lines").and_then(Value::as_array).unwrap();
        let failed = lines
            .iter()
            .find(|line| line.get("status").unwrap() == "fail");
        assert_eq!(failed.unwrap().get("check"), Some(&Value::from(check)));
    }
    let arguments = ["doctor", "--policy", parameter];
    let output = local.maciectl(&arguments, "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn uninstall_shows_its_plan_and_is_refused_while_the_controller_runs() {
    let local = Local::start();
    let output = local.maciectl(&["uninstall", "--plan"], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("Nothing to do"), "{said}");
    assert!(said.contains("What remains"), "{said}");
    assert!(text(&output.stderr).contains("first: the controller runs"));
    let output = local.maciectl(&["uninstall", "--apply"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("put-function-concurrency"));
}

#[test]
fn adopt_refuses_an_account_that_is_no_member() {
    let local = Local::start();
    let output = local.maciectl(&["adopt", "--plan", "300000000001", "--output", "json"], "");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let verdict = document.pointer("/accounts/0/verdict");
    assert_eq!(verdict, Some(&Value::from("refused")), "{document:#}");
    let output = local.maciectl(&["adopt", "--plan", "--all-members"], "");
    assert!(text(&output.stdout).contains("Nothing to do"));
}

#[test]
fn a_region_that_is_not_governed_is_named() {
    let local = Local::start();
    for command in [
        &["doctor"][..],
        &["uninstall", "--plan"],
        &["adopt", "--plan", "--all-members"],
        &["status"],
    ] {
        let arguments: Vec<&str> = command
            .iter()
            .copied()
            .chain(["--region", "eu-north-1"])
            .collect();
        let output = local.maciectl(&arguments, "");
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        let said = text(&output.stdout).replace('\n', " ") + &text(&output.stderr);
        assert!(said.contains("does not govern eu-north-1"), "{said}");
    }
}

#[test]
fn a_report_is_a_page_or_a_document_and_never_both_on_standard_output() {
    for (arguments, why) in [
        (&["report", "--output", "table"][..], "--html"),
        (&["report", "--html", "-", "--output", "json"], "one thing"),
        (
            &["report", "--html", "no/such/folder/report.html"],
            "no/such/folder",
        ),
    ] {
        let output = maciectl(arguments, "", &[]);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
    let local = Local::start();
    let output = local.maciectl(&["report", "--html", "-"], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = text(&output.stdout);
    assert!(page.starts_with("<!doctype html>"), "{page}");
    assert!(page.contains("Macie told of no usage") || page.contains("$0.00"));
}

/// What was in the file before is gone, however long it was; the document comes with it.
#[test]
fn a_page_replaces_the_one_before() {
    let local = Local::start();
    let file = std::env::temp_dir().join(format!("macie-report-{}.html", std::process::id()));
    std::fs::write(&file, "x".repeat(1_000_000)).unwrap();
    let name = file.to_str().unwrap();
    let output = local.maciectl(&["report", "--html", name, "--output", "json"], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["schemaVersion"], 1);
}

/// The delivered policy has no price of Ireland. AWS's list has one, and put into the policy it is
/// what counts.
#[test]
fn prices_are_found_written_and_put_into_the_policy() {
    let local = Local::start();
    let ask = |arguments: &[&str]| local.maciectl(arguments, "");
    let output = ask(&["prices"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(said.contains("unknown"), "{said}");
    assert!(
        said.contains("$1.00 to 50000 GB, $0.50 to 500000 GB, then $0.25"),
        "{said}"
    );

    let file = std::env::temp_dir().join(format!("prices-{}.json", std::process::id()));
    let output = ask(&["prices", "refresh", "--to", file.to_str().unwrap()]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        said.contains("Taken for buckets: `LocalBucketMonth` (Buckets)"),
        "{said}"
    );
    let snapshot: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(snapshot["currency"], "USD");
    assert_eq!(snapshot["regions"]["eu-west-1"]["bucketMonth"], "0.10");

    let output = ask(&["prices", "refresh", "--for-policy"]);
    let prices: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(prices, snapshot["regions"]);
    let mut policy: Value = serde_json::from_slice(&std::fs::read(POLICY).unwrap()).unwrap();
    policy["prices"] = prices;
    let output = ask(&["prices", "--policy", &policy.to_string(), "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (region, row) in ["eu-west-1", "us-east-1"]
        .iter()
        .zip(document["regions"].as_array().unwrap())
    {
        assert_eq!(
            (&row["region"], &row["from"]),
            (&Value::from(*region), &Value::from("policy"))
        );
    }
    let output = ask(&["prices", "--region", "eu-north-1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("the policy does not govern eu-north-1"));
}
