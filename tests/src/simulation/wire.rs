//! The wire: hands the SDK's requests to the world within the process. A request that was sent
//! arrives, whatever becomes of its sender; a reply that nobody waits for is dropped.

use std::time::Duration;

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
            http_client_fn,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use axum::{
    body::{Body, to_bytes},
    http::{Response, request::Parts},
};
use local_aws::{Answer, dispatch::signature, world::CallRecord};
use tokio::{
    sync::oneshot,
    time::{sleep, sleep_until},
};

use super::{
    monitor::{Place, Reading, Readings, Write},
    sim::Shared,
};

/// Latencies of a usual call, in milliseconds each way.
const USUAL: (u64, u64) = (2, 40);
/// Latencies of a slow one: some are beyond the clients' patience.
const SLOW: (u64, u64) = (500, 12_000);

/// The SDK's HTTP client of one controller.
pub fn client(sim: &Shared, controller: usize) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Wire {
        sim: sim.clone(),
        controller,
    });
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Debug, Clone)]
struct Wire {
    sim: Shared,
    controller: usize,
}

/// A reply on its way: the status, the headers, the body and what a reader learns from it.
type Reply = (Response<Body>, Option<Reading>);

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move { wire.send(request).await })
    }
}

impl Wire {
    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let request = request.try_into_http1x().unwrap();
        let (parts, _) = request.into_parts();
        let dies = self.sim.monitor().sends(self.controller);
        let known = self.sim.monitor().readings(self.controller);
        let (reply, answered) = oneshot::channel();
        let wire = self.clone();
        tokio::spawn(async move { wire.travel(parts, body, known, reply).await });
        if dies {
            // The request is on its way, and nobody will read the reply.
            self.sim.monitor().kill(self.controller);
            return std::future::pending().await;
        }
        match answered.await {
            Ok((response, reading)) => {
                if let Some(reading) = reading {
                    self.sim.monitor().learns(self.controller, reading);
                }
                sdk(response).await
            }
            Err(_) => Err(lost()),
        }
    }

    async fn travel(
        self,
        parts: Parts,
        body: Vec<u8>,
        known: std::sync::Arc<Readings>,
        reply: oneshot::Sender<Reply>,
    ) {
        let (there, back) = self.latency();
        sleep(there).await;
        let (answer, reading) = self.arrive(&parts, body, &known);
        sleep(back + answer.delay).await;
        if let Some(response) = answer.response {
            let _nobody_waits = reply.send((response, reading));
        }
    }

    fn latency(&self) -> (Duration, Duration) {
        let slow = self.sim.trouble().slow;
        let mut dice = self.sim.network();
        let mut way = || match dice.happens(slow) {
            true => dice.time(SLOW.0, SLOW.1),
            false => dice.time(USUAL.0, USUAL.1),
        };
        let (there, back) = (way(), way());
        drop(dice);
        if there.max(back) > Duration::from_secs(1) {
            self.sim.count("slow calls");
            self.sim.monitor().spoils(self.controller);
        }
        (there, back)
    }

    /// The moment at which a call has its effect: it is judged before, and noted after.
    fn arrive(&self, parts: &Parts, body: Vec<u8>, known: &Readings) -> (Answer, Option<Reading>) {
        let (service, region, _) = signature(parts);
        let write = Write::read(service, &region, parts, &body);
        if let Some(write) = &write {
            let monitor = &mut *self.sim.monitor();
            self.sim
                .world(|world| monitor.judge(world, self.controller, known, write));
        }
        let answer = self.sim.shared().answer(parts, body);
        let reading = self.noted(write.as_ref());
        if service == "sqs" {
            self.sim.news.notify_waiters();
        }
        (answer, reading)
    }

    /// Notes the call that has just been answered; what its reader will know.
    fn noted(&self, write: Option<&Write>) -> Option<Reading> {
        let call = self.sim.world(|world| world.calls.pop())?;
        let who = format!("controller {}", self.controller);
        let outcome = call.error.as_deref().unwrap_or("ok");
        let target = call.target.as_deref().unwrap_or_default();
        self.sim.note(
            &who,
            format_args!(
                "{}:{} {} {} {target}: {outcome}",
                call.service, call.operation, call.region, call.account
            ),
        );
        if let (Some(write), None) = (write, &call.error) {
            self.sim.count(write.kind());
        }
        self.count_fault(call.error.as_deref());
        if let Some(place) = moment(&call, write) {
            let _nobody_is_left = self.sim.moments.send(place);
        }
        if !is_usual(call.error.as_deref()) {
            self.sim.monitor().spoils(self.controller);
        }
        let policy = self.sim.monitor().latest_policy();
        self.sim.world(|world| Reading::of(world, &call, policy))
    }

    fn count_fault(&self, error: Option<&str>) {
        match error {
            Some("no-reply") => self.sim.count("calls without a reply"),
            Some(code) if code.contains("Throttl") || code == "TooManyRequestsException" => {
                self.sim.count("throttled calls");
            }
            Some(code) if code.starts_with("AccessDenied") => self.sim.count("denied calls"),
            Some(code) if code.starts_with("Internal") || code == "ServiceException" => {
                self.sim.count("server errors");
            }
            Some(_) | None => {}
        }
    }
}

/// The account and Region of a call after which a change is the most likely to do harm.
fn moment(call: &CallRecord, write: Option<&Write>) -> Option<Place> {
    match (write, call.operation.as_str()) {
        (Some(Write::Suspend(place) | Write::Resume(place) | Write::Enrol { place, .. }), _) => {
            Some(place.clone())
        }
        (_, "ListBuckets" | "GetResources") => Some((call.account.clone(), call.region.clone())),
        _ => None,
    }
}

/// Whether an answer is one that a controller asks for.
fn is_usual(error: Option<&str>) -> bool {
    let usual = [
        "NoSuchTagSet",
        "NoSuchBucket",
        "ResourceNotFoundException",
        "PermanentRedirect",
    ];
    error.is_none_or(|code| usual.contains(&code))
}

fn lost() -> ConnectorError {
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the reply was lost");
    ConnectorError::io(broken.into())
}

async fn sdk(response: Response<Body>) -> Result<HttpResponse, ConnectorError> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|_| lost())?;
    let status = StatusCode::try_from(parts.status.as_u16()).unwrap();
    let mut reply = HttpResponse::new(status, SdkBody::from(body.to_vec()));
    for (name, value) in &parts.headers {
        let value = value.to_str().unwrap().to_owned();
        reply.headers_mut().append(name.as_str().to_owned(), value);
    }
    Ok(reply)
}

/// Waits until the world's time is another one.
pub async fn wait_until(sim: &Shared, at: jiff::Timestamp) {
    sleep_until(sim.instant(at)).await;
}
