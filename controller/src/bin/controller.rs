//! The controller as a Lambda function.

use std::{sync::Arc, time::SystemTime};

use controller::{
    aws::Tuning,
    clock::Clock,
    config::{Runtime, Settings},
    lambda, log,
};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::Instant;

#[tokio::main]
async fn main() -> Result<(), Error> {
    log::init();
    let runtime =
        Runtime::start(&Settings::from_env(), Clock::system(), &Tuning::default()).await?;
    let runtime = Arc::new(runtime);
    let function = |event: LambdaEvent<Value>| {
        let runtime = runtime.clone();
        async move {
            let left = event
                .context
                .deadline()
                .duration_since(SystemTime::now())
                .unwrap_or_default();
            let handled = lambda::handle(
                &runtime,
                &event.payload.to_string(),
                Some(Instant::now() + left),
            )
            .await;
            Ok::<_, Error>(handled.into_result(&event.payload)?)
        }
    };
    lambda_runtime::run(service_fn(function)).await
}
