//! A custom resource as a Lambda function.

use std::sync::Arc;

use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use controller::{
    aws::{Tuning, base_config},
    clock::Clock,
    config::Settings,
    log,
};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

use crate::{
    answer::Courier,
    aws::Aws,
    frame::{Handled, Invocation, Resource, Shell, handle},
};

/// Serves invocations until Lambda ends the process.
pub async fn run(resource: Resource) -> Result<(), Error> {
    log::init();
    let shell = Arc::new(connect(&Settings::default(), Clock::system(), &Tuning::default()).await?);
    let function = |event: LambdaEvent<Value>| {
        let shell = shell.clone();
        async move {
            let invocation = Invocation {
                deadline: Timestamp::try_from(event.context.deadline())?,
                function_arn: event.context.invoked_function_arn,
                payload: event.payload,
            };
            let handled = handle(&shell, resource, &invocation).await?;
            Ok::<_, Error>(match handled {
                Handled::Answered(answer) => json!({ "answered": answer.status() }),
                Handled::Continued => json!({ "continued": true }),
            })
        }
    };
    lambda_runtime::run(service_fn(function)).await
}

/// What a function has at hand, with the machine's own pauses.
pub async fn connect(settings: &Settings, clock: Clock, tuning: &Tuning) -> Result<Shell, Error> {
    let sleep = SharedAsyncSleep::new(TokioSleep::new());
    let base = base_config(settings, &clock, tuning).await;
    let courier = Courier::new(sleep.clone()).ok_or("this build has no TLS")?;
    Ok(Shell {
        aws: Aws::new(base),
        courier,
        clock,
        sleep,
    })
}
