//! Serves an organization with three workload accounts on the port given as the argument (4566
//! without one, 0 for a free one), until Ctrl-C. A second argument such as `PT960H` is how far its
//! clock begins behind the machine's. With `--operations` instead of a port it prints the implemented
//! operations as JSON and exits.

use jiff::SignedDuration;
use local_aws::{Clock, LocalAws, iam, operation, organization::Organization};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some("--operations") {
        println!("{:#}", operations());
        return Ok(());
    }
    let port = argument.map_or(Ok(4566), |port| port.parse())?;
    let behind = std::env::args().nth(2);
    let behind: SignedDuration = behind.map_or(Ok(SignedDuration::ZERO), |by| by.parse())?;
    serve(port, behind).await
}

fn operations() -> Value {
    operation::all()
        .into_iter()
        .map(|operation| {
            json!({
                "service": operation.service,
                "name": operation.name,
                "action": operation.action,
                "does": operation.does,
                "source": operation.source,
            })
        })
        .collect()
}

async fn serve(port: u16, behind: SignedDuration) -> Result<(), Box<dyn std::error::Error>> {
    let clock = Clock::Running { ahead: -behind };
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
