//! Serves an organization with three workload accounts on the port given as the argument (4566
//! without one), until Ctrl-C.

use local_aws::{Clock, LocalAws, iam, organization::Organization};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args()
        .nth(1)
        .map_or(Ok(4566), |port| port.parse())?;
    let clock = Clock::Running {
        ahead: jiff::SignedDuration::ZERO,
    };
    let world = Organization::new(3, &["eu-west-1", "us-east-1"], clock).build()?;
    let accounts: Vec<(String, String)> = world
        .organizations
        .accounts
        .values()
        .map(|account| (account.id.clone(), account.name.clone()))
        .collect();
    let mut local = LocalAws::start(world, port).await?;
    println!("export AWS_EC2_METADATA_DISABLED=true");
    println!("export AWS_ENDPOINT_URL={}", local.endpoint());
    println!("export AWS_SECRET_ACCESS_KEY={}", iam::SECRET);
    for (id, name) in accounts {
        println!("export AWS_ACCESS_KEY_ID={} # {name}", iam::access_key(&id));
    }
    local.wait().await;
    Ok(())
}
