//! The binaries of the custom resources as Lambda runs them, against a Runtime API of our own and
//! the local AWS.

use std::time::{Duration, SystemTime};

use controller_tests::{
    EU,
    custom_resource::{
        Stack,
        state::{assert_success, organization, unregistered},
    },
    function::{Deployed, Function},
};
use custom_resources::frame::Resource;
use local_aws::{
    macie,
    organization::{ADMINISTRATOR, MANAGEMENT, REGISTRATION_ROLE, SETTINGS_ROLE, admin},
    s3,
};
use serde_json::{Value, json};

/// The functions' deadline, as the templates set it.
fn in_15_minutes() -> SystemTime {
    SystemTime::now() + Duration::from_secs(900)
}

/// Hands a request to the binary: its answer to Lambda, that to CloudFormation, and its log.
async fn run(
    stack: &mut Stack,
    deployed: Deployed<'_>,
    properties: Value,
) -> (Value, Value, Value) {
    let payload = stack.request("Create", properties);
    let endpoint = stack.local.endpoint();
    let mut function =
        Function::start(deployed, &endpoint, &[], vec![(payload, in_15_minutes())]).await;
    let (kind, document) = function.answer().await;
    assert_eq!(kind, "response", "{document}");
    let mut answers = stack.take_answers();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    (document, answers.remove(0), json!(function.log().await))
}

#[tokio::test]
async fn the_registration_function_registers_and_its_log_keeps_the_response_url_secret() {
    let world = unregistered(organization(1, &[EU]));
    let mut stack = Stack::new(world, Resource::Registration).await;
    let deployed = Deployed {
        package: "custom-resources",
        binary: "registration",
        account: MANAGEMENT,
        role: REGISTRATION_ROLE,
    };
    let properties = json!({"AdministratorAccountId": ADMINISTRATOR, "Regions": [EU]});
    let (document, answer, log) = run(&mut stack, deployed, properties).await;
    assert_eq!(document, json!({"answered": "SUCCESS"}));
    assert_success(&answer);
    let administrator = stack.world(|world| world.macie.administrator(EU).map(str::to_owned));
    assert_eq!(administrator.as_deref(), Some(ADMINISTRATOR));
    let lines = log.as_array().unwrap();
    let told = lines
        .iter()
        .find(|line| line["message"] == "answered")
        .unwrap();
    assert_eq!(told["status"], "SUCCESS");
    assert!(!log.to_string().contains("X-Amz-Signature"), "{log}");
}

#[tokio::test]
async fn the_settings_function_sets() {
    let mut world = organization(1, &[EU]);
    s3::create_bucket(&mut world, &admin(ADMINISTRATOR), EU, "results", &[]).unwrap();
    let mut stack = Stack::new(world, Resource::AdministratorSettings).await;
    let deployed = Deployed {
        package: "custom-resources",
        binary: "administrator-settings",
        account: ADMINISTRATOR,
        role: SETTINGS_ROLE,
    };
    let properties = json!({
        "Regions": [EU],
        "FindingPublishingFrequency": "ONE_HOUR",
        "ResultsBucket": "results",
        "ResultsKeyArn": "arn:aws:kms:eu-west-1:222222222222:key/1",
    });
    let (document, answer, _) = run(&mut stack, deployed, properties).await;
    assert_eq!(document, json!({"answered": "SUCCESS"}));
    assert_success(&answer);
    stack.world(|world| {
        let session = world.macie.session(EU, ADMINISTRATOR).unwrap();
        assert_eq!(session.status, macie::Status::Enabled);
        assert_eq!(json!(session.finding_publishing_frequency), "ONE_HOUR");
        assert!(session.export.is_some());
    });
}

#[tokio::test]
async fn a_payload_of_nobody_is_an_error_of_the_function() {
    let stack = Stack::new(organization(1, &[EU]), Resource::AdministratorSettings).await;
    let deployed = Deployed {
        package: "custom-resources",
        binary: "administrator-settings",
        account: ADMINISTRATOR,
        role: SETTINGS_ROLE,
    };
    let invocations = vec![(json!({"hello": "there"}), in_15_minutes())];
    let endpoint = stack.local.endpoint();
    let mut function = Function::start(deployed, &endpoint, &[], invocations).await;
    let (kind, document) = function.answer().await;
    assert_eq!(kind, "error");
    let message = document["errorMessage"].as_str().unwrap();
    assert!(
        message.contains("not a request of CloudFormation"),
        "{message}"
    );
    assert_eq!(stack.calls(), 0);
}
