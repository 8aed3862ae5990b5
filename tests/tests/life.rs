//! The life of an opt-in.

use controller::aws::Tuning;
use local_aws::{
    Clock,
    organization::{self, Organization},
    s3,
};
use maciectl::sandbox::{DEFAULT_POLICY, Sandbox};

#[tokio::test]
async fn first() {
    let clock = Clock::Frozen("2026-03-02T10:00:00Z".parse().unwrap());
    let world = Organization::new(2, &["eu-west-1", "us-east-1"], clock)
        .build()
        .unwrap();
    let sandbox = Sandbox::start(
        world,
        0,
        DEFAULT_POLICY,
        &Tuning {
            attempts: 1,
            ..Tuning::default()
        },
    )
    .await
    .unwrap();
    let team = organization::admin(&organization::workload(1));
    {
        let mut world = sandbox.local.world().lock();
        s3::create_bucket(&mut world, &team, "eu-west-1", "orders", &[]).unwrap();
        s3::put_bucket_tagging(
            &mut world,
            &team,
            "eu-west-1",
            "orders",
            &[("macie", "true")],
        )
        .unwrap();
    }
    for handled in sandbox.run_until_quiet().await.unwrap() {
        println!("{handled:#?}");
    }
    let world = sandbox.local.world().lock();
    for call in &world.calls {
        println!(
            "{} {} {} {:?}",
            call.at, call.service, call.operation, call.error
        );
    }
    println!(
        "{:?}",
        world
            .events
            .seen
            .iter()
            .filter(|s| s.bus.name == "macie-self-service")
            .collect::<Vec<_>>()
            .len()
    );
}
