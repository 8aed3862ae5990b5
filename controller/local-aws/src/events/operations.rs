//! The operations of EventBridge.

use crate::operation::Operation;

macro_rules! operations {
    ($($name:literal, $does:literal;)*) => {
        /// What is implemented.
        pub const OPERATIONS: &[Operation] = &[$(Operation {
            service: "events",
            name: $name,
            action: concat!("events:", $name),
            does: $does,
            source: concat!("EventBridge API Reference, ", $name),
        }),*];
    };
}

operations! {
    "CreateEventBus", "Creates a bus in the caller's account and Region, beside the `default` bus that is always there.";
    "DescribeEventBus", "Tells a bus's ARN and resource policy.";
    "ListEventBuses", "Lists the buses of the account and Region by name, in pages of at most 100.";
    "PutPermission", "Sets a bus's whole policy, or adds a statement for one account or for everyone under a condition; at most 10,240 characters.";
    "PutRule", "Creates a rule or replaces its pattern and state, and keeps its targets; schedules are refused.";
    "DescribeRule", "Tells a rule's pattern, state and bus.";
    "ListRules", "Lists the rules of a bus by name, in pages of at most 100.";
    "DeleteRule", "Deletes a rule that has no targets; a rule that does not exist counts as deleted.";
    "EnableRule", "Lets a rule match again.";
    "DisableRule", "Stops a rule from matching.";
    "PutTargets", "Adds or replaces targets, at most 5 a rule: buses (of another account or Region with a RoleArn, without input transformation) and SQS queues of the same account and Region.";
    "RemoveTargets", "Removes targets by id; unknown ids are passed over.";
    "ListTargetsByRule", "Lists a rule's targets by id, in pages of at most 100.";
    "PutEvents", "Puts 1 to 10 custom events on buses of the Region: each entry succeeds or fails by itself, sources that begin with `aws.` are refused, another account's bus needs its policy's permission, and a bus that does not exist is an error of the entry.";
    "TestEventPattern", "Tells whether a pattern matches an event, without a rule.";
}
