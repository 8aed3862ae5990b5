//! Every fault at every call of one request to a custom resource.

use std::collections::BTreeSet;

use custom_resources::frame::Resource;
use local_aws::{
    World,
    faults::{Fault, Kind},
};
use serde_json::Value;

use super::{Stack, state::state};

/// Kinds of faults, by name.
pub const KINDS: [(&str, Kind); 6] = [
    ("throttle", Kind::Throttle),
    ("deny", Kind::Deny),
    ("server error", Kind::ServerError),
    ("lost request", Kind::LoseRequest),
    ("lost reply", Kind::LoseReply),
    ("crash", Kind::Crash),
];

/// A request, and the world that it finds.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// The world before it.
    pub world: World,
    /// Which resource it is for.
    pub resource: Resource,
    /// `Create`, `Update` or `Delete`.
    pub kind: &'static str,
    /// The properties.
    pub properties: Value,
    /// The properties before.
    pub old: Value,
    /// How long every look at the clock takes: a request that is slow needs several runs.
    pub look: jiff::SignedDuration,
}

impl Matrix {
    /// Every fault at every call (only the first of each operation and kind with `FAULTS=few`):
    /// CloudFormation gets exactly one answer, and a second request like it, without faults, ends
    /// where one ends that never had any. The number of faults that were tried.
    pub async fn try_all(&self) -> usize {
        let (mut stack, calls) = (self.stack().await, self.world.calls.len());
        let success = self.ask(&mut stack).await;
        assert_eq!(success["Status"], "SUCCESS", "{success:#}");
        let expected = stack.world(|world| state(world));
        let names = stack.world(|world| world.calls[calls..].to_vec());
        let several = names.iter().any(|call| call.operation == "Invoke");
        assert_eq!(several, !self.look.is_zero(), "{} runs", stack.runs);
        let few = std::env::var("FAULTS").is_ok_and(|value| value == "few");
        let (mut seen, mut tried) = (BTreeSet::new(), 0);
        for (n, call) in names.iter().enumerate() {
            for (name, kind) in KINDS {
                if !seen.insert((call.operation.clone(), name)) && few {
                    continue;
                }
                let title = format!("{} {name} at call {n} ({})", self.kind, call.operation);
                self.try_one(n, kind, &expected, &title).await;
                tried += 1;
            }
        }
        tried
    }

    async fn try_one(&self, n: usize, kind: Kind, expected: &[String], title: &str) {
        let mut stack = self.stack().await;
        let fault = Fault {
            skip: u32::try_from(n).unwrap(),
            operation: None,
            ..Fault::always("any", kind).once()
        };
        stack.world(|world| world.faults.add(fault));
        let payload = stack.request(self.kind, self.properties.clone());
        let answers = stack.carry_out(payload).await;
        // A continuation whose acceptance nobody knows of is asked for again, and both runs answer.
        let doubtful = stack.world(|world| {
            let mut calls = world.calls.iter();
            calls.any(|call| call.operation == "Invoke" && call.error.is_some())
        });
        assert!(
            answers.len() == 1 || doubtful && answers.len() == 2,
            "{title}: {answers:#?}"
        );
        let statuses: BTreeSet<&str> = answers
            .iter()
            .map(|answer| answer["Status"].as_str().unwrap())
            .collect();
        assert_eq!(statuses.len(), 1, "{title}: {answers:#?}");
        stack.world(|world| world.faults.clear());
        let answer = self.ask(&mut stack).await;
        assert_eq!(answer["Status"], "SUCCESS", "{title}: {answer:#}");
        assert_eq!(stack.world(|world| state(world)), expected, "{title}");
    }

    async fn stack(&self) -> Stack {
        let mut stack = Stack::new(self.world.clone(), self.resource).await;
        stack.slow(self.look);
        stack.existed(self.old.clone());
        stack
    }

    async fn ask(&self, stack: &mut Stack) -> Value {
        stack.ask(self.kind, self.properties.clone()).await
    }
}
