//! Every change, and every refusal of an opt-in, as an event on the bus, so that teams and chat
//! tools can subscribe. Publishing never fails a reconcile.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use controller_core::{
    published::{Published, SOURCE, published},
    report::Report,
};

use crate::{aws::trouble, reconcile::Controller};

/// Entries of one call (EventBridge API Reference, PutEvents).
const ENTRIES: usize = 10;

/// Publishes what a report says.
pub async fn publish(controller: &Controller, report: &mut Report) {
    let failure = publish_all(controller, &published(report)).await;
    report.unpublished = report.unpublished.take().or(failure);
}

/// Publishes events; answers with the first thing that went wrong.
pub async fn publish_all(controller: &Controller, events: &[Published]) -> Option<String> {
    let bus = controller.event_bus.as_ref()?;
    let mut first = None;
    for events in events.chunks(ENTRIES) {
        let failure = put(controller, bus, events).await;
        first = first.or(failure);
    }
    first
}

/// One call; answers with what went wrong. A reply of 200 can hide refused entries.
async fn put(controller: &Controller, bus: &str, events: &[Published]) -> Option<String> {
    let entries = events.iter().map(|event| {
        PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(SOURCE)
            .detail_type(event.detail_type)
            .detail(event.detail.to_string())
            .build()
    });
    let reply = controller
        .aws
        .events
        .put_events()
        .set_entries(Some(entries.collect()))
        .send()
        .await;
    match reply {
        Err(error) => Some(trouble("events:PutEvents", &error).to_string()),
        Ok(reply) => reply.entries().iter().find_map(|entry| {
            let code = entry.error_code()?;
            Some(format!(
                "events:PutEvents: {code}: {}",
                entry.error_message().unwrap_or("no message")
            ))
        }),
    }
}
