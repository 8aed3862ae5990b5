//! `Custom::MacieRegistration` as a Lambda function.

use custom_resources::{frame::Resource, lambda};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::run(Resource::Registration).await
}
