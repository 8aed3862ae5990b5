//! What the local AWS implements: one entry per operation, the source of `docs/local-aws.md`.

/// An implemented operation.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// The service as signatures name it: `macie2`, `s3`, `sts`, ...
    pub service: &'static str,
    /// AWS's operation name, e.g. `CreateMember`.
    pub name: &'static str,
    /// The IAM action that a role needs, e.g. `macie2:CreateMember`.
    pub action: &'static str,
    /// What it does here, in one sentence.
    pub does: &'static str,
    /// Where AWS documents the behaviour.
    pub source: &'static str,
}

/// Every operation, in the order of the services.
pub fn all() -> Vec<&'static Operation> {
    [
        crate::sts::OPERATIONS,
        crate::organizations::OPERATIONS,
        crate::s3::OPERATIONS,
        crate::tagging::OPERATIONS,
        crate::events::OPERATIONS,
        crate::sqs::OPERATIONS,
        crate::macie::OPERATIONS,
        crate::account::OPERATIONS,
        crate::cloudformation::OPERATIONS,
        crate::cloudtrail::OPERATIONS,
        crate::lambda::invoke::OPERATIONS,
        crate::lambda::settings::OPERATIONS,
        crate::ssm::OPERATIONS,
        crate::pricing::OPERATIONS,
        crate::cost_explorer::OPERATIONS,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The operation of a service by name.
pub fn find(service: &str, name: &str) -> Option<&'static Operation> {
    all()
        .into_iter()
        .find(|operation| operation.service == service && operation.name == name)
}
