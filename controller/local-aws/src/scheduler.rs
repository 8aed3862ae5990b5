//! EventBridge Scheduler, as far as the product uses it: a message to a queue, as a role.

use crate::{
    error::ApiError,
    organization::{ADMINISTRATOR, SCHEDULER_ROLE},
    recording::{self, Need},
    request::role_arn,
    sqs::{self, QueueId},
    world::World,
};

/// The service that assumes the schedule's role.
const SERVICE: &str = "scheduler.amazonaws.com";

/// What a schedule does when its time has come: it sends a message as its role, which must trust
/// the service and allow `sqs:SendMessage` (EventBridge Scheduler User Guide, setting-up).
pub fn send(world: &mut World, queue: &QueueId, message: String) -> Result<(), ApiError> {
    let role = role_arn(ADMINISTRATOR, SCHEDULER_ROLE);
    let need = Need::new("sqs:SendMessage", queue.arn(), ADMINISTRATOR);
    let key = (ADMINISTRATOR.to_owned(), SCHEDULER_ROLE.to_owned());
    let allowed = world.iam.roles.get(&key).is_some_and(|role| {
        role.trusts.iter().any(|principal| principal == SERVICE) && role.allows(&need.action)
    });
    recording::note(&role, &need, allowed);
    if !allowed {
        let message = format!(
            "{role} does not trust {SERVICE} or does not allow {}",
            need.action
        );
        return Err(ApiError::new("AccessDeniedException", 403, message));
    }
    sqs::send(world, queue, message).map(drop)
}
