//! The HTTP listener: loopback only, one port, every service.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use axum::{
    Router,
    body::{Body as HttpBody, to_bytes},
    extract::{Request, State},
    http::{Response, request::Parts},
};
use serde_json::Value;

use crate::{
    control, dispatch,
    error::ApiError,
    faults::Kind,
    operation::Operation,
    recording::{self, Need},
    render,
    request::{Call, Reply},
    world::{CallRecord, SharedWorld, World},
};

/// The largest body accepted, in bytes.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// A running local AWS. It stops when it is dropped.
#[derive(Debug)]
pub struct LocalAws {
    world: SharedWorld,
    address: SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

impl LocalAws {
    /// Serves a world on `127.0.0.1`; port 0 takes a free one.
    pub async fn start(world: World, port: u16) -> std::io::Result<Self> {
        let world = SharedWorld::new(world);
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let app = Router::new().fallback(serve).with_state(world.clone());
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                eprintln!("the local AWS stopped: {error}");
            }
        });
        Ok(Self {
            world,
            address,
            server,
        })
    }

    /// The world behind it.
    pub fn world(&self) -> &SharedWorld {
        &self.world
    }

    /// The endpoint URL for SDKs and the CLI.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Runs until the server ends, which it does not by itself.
    pub async fn wait(&mut self) {
        let _ended = (&mut self.server).await;
    }
}

impl Drop for LocalAws {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(State(world): State<SharedWorld>, request: Request) -> Response<HttpBody> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return render::error(
            "s3",
            "",
            &ApiError::new("EntityTooLarge", 400, "the body is too large"),
        );
    };
    if parts.uri.path().starts_with("/_local/") {
        return control::handle(&world, &parts, &body);
    }
    let Answer { response, delay } = world.answer(&parts, body.to_vec());
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    response.unwrap_or_else(render::hang_up)
}

/// What becomes of a request.
#[derive(Debug)]
pub struct Answer {
    /// The reply; none when the connection closes without one.
    pub response: Option<Response<HttpBody>>,
    /// How much longer than usual it takes.
    pub delay: Duration,
}

impl SharedWorld {
    /// Answers a signed request, whichever way it came: by HTTP or from within the process.
    pub fn answer(&self, parts: &Parts, body: Vec<u8>) -> Answer {
        let (request_id, (service, outcome, fault)) = answer(self, parts, body);
        let response = outcome.map(|outcome| match outcome {
            Ok(reply) => render::reply(service, &request_id, reply),
            Err(error) => render::error(service, &request_id, &error),
        });
        let delay = match fault {
            Some(Kind::Delay(milliseconds)) => Duration::from_millis(milliseconds),
            _ => Duration::ZERO,
        };
        Answer { response, delay }
    }
}

type Outcome = (&'static str, Option<Result<Reply, ApiError>>, Option<Kind>);

/// Decides on one call; `None` as the outcome closes the connection without a reply.
fn answer(world: &SharedWorld, parts: &Parts, body: Vec<u8>) -> (String, Outcome) {
    let mut world = world.lock();
    world.settle();
    let request_id = world.uuid();
    let (service, region, key) = dispatch::signature(parts);
    let decoded = dispatch::decode(&world, parts, body, service, region, key.as_deref());
    let (call, operation) = match decoded {
        Ok(decoded) => decoded,
        Err(error) => return (request_id, (service, Some(Err(error)), None)),
    };
    let needs = recording::needs(&world, &call, operation);
    let outcome = perform(&mut world, &call, operation, &needs);
    let error = match &outcome.0 {
        Some(Ok(_)) => None,
        Some(Err(error)) => Some(error.code.clone()),
        None => Some("no-reply".to_owned()),
    };
    let allowed = !error
        .as_deref()
        .is_some_and(|code| code.starts_with("AccessDenied"));
    for need in &needs {
        recording::note(&call.caller.principal(), need, allowed);
    }
    let record = CallRecord {
        at: world.now(),
        service: operation.service,
        operation: operation.name.to_owned(),
        region: call.region.clone(),
        account: call.caller.account.clone(),
        role: call.caller.role.clone(),
        target: call.target(),
        error,
    };
    world.calls.push(record);
    (request_id, (call.service, outcome.0, outcome.1))
}

fn perform(
    world: &mut World,
    call: &Call,
    operation: &'static Operation,
    needs: &[Need],
) -> (Option<Result<Reply, ApiError>>, Option<Kind>) {
    if world.faults.is_dead() {
        return (None, None);
    }
    let allowed = |need: &&Need| world.iam.allows(&call.caller, &need.action);
    if let Some(missing) = needs.iter().find(|need| !allowed(need)) {
        return (Some(Err(dispatch::denied(call, &missing.action))), None);
    }
    let fault = world.faults.draw(call, operation.name);
    let outcome = match &fault {
        Some(Kind::Throttle) => Some(Err(dispatch::throttled(call))),
        Some(Kind::Deny) => Some(Err(dispatch::denied(call, operation.action))),
        Some(Kind::ServerError) => Some(Err(dispatch::broken(call))),
        Some(Kind::LoseRequest) => None,
        Some(Kind::LoseReply) => {
            let _effect = dispatch::perform(world, call, operation);
            None
        }
        Some(Kind::Crash) => {
            let _effect = dispatch::perform(world, call, operation);
            world.faults.die();
            None
        }
        Some(Kind::Delay(_)) | None => Some(dispatch::perform(world, call, operation)),
    };
    (outcome, fault)
}

/// A JSON body, or `Null` for an empty one.
pub(crate) fn json(body: &[u8]) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| {
        ApiError::new(
            "SerializationException",
            400,
            format!("the body is not JSON: {error}"),
        )
    })
}
