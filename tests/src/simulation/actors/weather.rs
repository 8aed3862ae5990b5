//! AWS's weather: single faults at any time, and storms of them on some operations.

use local_aws::faults::{Fault, Kind};
use tokio::time::sleep;

use super::Actors;
use crate::simulation::sim::Shared;

const KINDS: [Kind; 5] = [
    Kind::Throttle,
    Kind::Deny,
    Kind::ServerError,
    Kind::LoseRequest,
    Kind::LoseReply,
];

/// Where storms break out; an empty name is everywhere.
const OPERATIONS: [&str; 14] = [
    "",
    "",
    "GetMember",
    "CreateMember",
    "UpdateMemberSession",
    "TagResource",
    "UntagResource",
    "CreateClassificationJob",
    "UpdateClassificationJob",
    "GetResources",
    "GetBucketTagging",
    "ListBuckets",
    "AssumeRole",
    "SendMessage",
];

impl Actors {
    pub(super) fn weather_begins(&mut self) {
        let seed = self.dice.between(0, u64::MAX);
        self.sim.world(|world| world.faults.seed(seed));
        fair(&self.sim);
    }

    /// A storm, for a while.
    pub(super) fn storm(&mut self) {
        if self.sim.setting.trouble.is_none() {
            return;
        }
        let (kind, operation) = (self.dice.pick(&KINDS), self.dice.pick(&OPERATIONS));
        let probability = self.dice.pick(&[0.3, 0.7, 1.0]);
        let lasts = self.dice.time(1_000, 2_400_000);
        let fault = Fault {
            probability,
            operation: (!operation.is_empty()).then(|| operation.to_owned()),
            ..Fault::always("", kind.clone())
        };
        self.sim.note(
            "weather",
            format_args!("{kind:?} {operation} {probability} for {lasts:?}"),
        );
        self.sim.count("storms");
        self.sim.world(|world| world.faults.add(fault));
        let sim = self.sim.clone();
        tokio::spawn(async move {
            sleep(lasts).await;
            fair(&sim);
        });
    }
}

/// The storms are over; what can fail at any time still does.
fn fair(sim: &Shared) {
    let probability = f64::from(sim.trouble().faulty) / 1_000.0;
    sim.note("weather", "fair");
    sim.world(|world| {
        world.faults.clear();
        if probability == 0.0 {
            return;
        }
        for kind in KINDS {
            let fault = Fault::always("", kind);
            world.faults.add(Fault {
                operation: None,
                probability: probability / 5.0,
                ..fault
            });
        }
    });
}
