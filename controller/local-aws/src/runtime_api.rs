//! The Lambda Runtime API (AWS Lambda Developer Guide, runtimes-api) on loopback: a function's
//! program asks it for work, as it does in Lambda.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::Response,
};
use tokio::sync::{mpsc, oneshot, watch};

/// The largest answer of a function (AWS Lambda Developer Guide, gettingstarted-limits).
const BODY_LIMIT: usize = 6 * 1024 * 1024;

/// What a function made of an invocation.
#[derive(Debug, Clone)]
pub struct Answer {
    /// `response` or `error`.
    pub kind: String,
    /// The document.
    pub body: Vec<u8>,
    /// When the program took the payload.
    pub taken_at: Instant,
    /// When the answer was there.
    pub answered_at: Instant,
}

/// The API of one function's process. It stops when it is dropped.
#[derive(Debug)]
pub struct RuntimeApi {
    address: SocketAddr,
    invocations: mpsc::UnboundedSender<Invocation>,
    asked: watch::Receiver<Option<Instant>>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    function_arn: String,
    /// Held by the program's request while it waits for work.
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    running: Mutex<BTreeMap<String, Running>>,
    asked: watch::Sender<Option<Instant>>,
    count: AtomicU64,
}

#[derive(Debug)]
struct Invocation {
    payload: String,
    deadline: SystemTime,
    answer: oneshot::Sender<Answer>,
}

#[derive(Debug)]
struct Running {
    taken_at: Instant,
    answer: oneshot::Sender<Answer>,
}

impl RuntimeApi {
    /// Serves a function on a free port of `127.0.0.1`.
    pub async fn start(function_arn: &str) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (invocations, waiting) = mpsc::unbounded_channel();
        let (asking, asked) = watch::channel(None);
        let shared = Arc::new(Shared {
            function_arn: function_arn.to_owned(),
            waiting: tokio::sync::Mutex::new(waiting),
            running: Mutex::default(),
            asked: asking,
            count: AtomicU64::new(0),
        });
        let app = Router::new().fallback(serve).with_state(shared);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                eprintln!("the Runtime API stopped: {error}");
            }
        });
        Ok(Self {
            address,
            invocations,
            asked,
            server,
        })
    }

    /// The value of the environment variable `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands an invocation over; its answer comes when the program has got to it.
    pub fn invoke(&self, payload: String, deadline: SystemTime) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        let invocation = Invocation {
            payload,
            deadline,
            answer,
        };
        // Whoever waits for the answer of a stopped API learns it from the closed channel.
        let _sent = self.invocations.send(invocation);
        answered
    }

    /// When the program asked for work the first time; waits until it has.
    pub async fn asked(&self) -> Option<Instant> {
        let mut asked = self.asked.clone();
        let first = asked.wait_for(Option::is_some).await.ok()?;
        *first
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next invocation. Lambda freezes a function for which it has no work.
    async fn next(&self) -> Response<Body> {
        let now = Instant::now();
        self.asked.send_if_modified(|asked| {
            let first = asked.is_none();
            asked.get_or_insert(now);
            first
        });
        let Some(invocation) = self.waiting.lock().await.recv().await else {
            return std::future::pending().await;
        };
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let id = format!("00000000-0000-4000-8000-{number:012x}");
        let running = Running {
            taken_at: Instant::now(),
            answer: invocation.answer,
        };
        self.running().insert(id.clone(), running);
        let deadline = invocation.deadline.duration_since(SystemTime::UNIX_EPOCH);
        let deadline = deadline.unwrap_or_default().as_millis().to_string();
        let answer = Response::builder()
            .header("lambda-runtime-aws-request-id", id)
            .header("lambda-runtime-deadline-ms", deadline)
            .header("lambda-runtime-invoked-function-arn", &self.function_arn)
            .header(
                "lambda-runtime-trace-id",
                "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
            )
            .header("content-type", "application/json")
            .body(Body::from(invocation.payload));
        answer.unwrap_or_default()
    }

    fn finish(&self, id: &str, kind: &str, body: Vec<u8>) -> Response<Body> {
        if let Some(running) = self.running().remove(id) {
            let answer = Answer {
                kind: kind.to_owned(),
                body,
                taken_at: running.taken_at,
                answered_at: Instant::now(),
            };
            // Nobody may wait for it any more.
            let _sent = running.answer.send(answer);
        }
        let mut accepted = Response::new(Body::from("{}"));
        *accepted.status_mut() = axum::http::StatusCode::ACCEPTED;
        accepted
    }
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let mut parts = path.rsplit('/');
    match (parts.next(), parts.next()) {
        (Some("next"), _) => shared.next().await,
        (Some(kind), Some(id)) => {
            let body = to_bytes(request.into_body(), BODY_LIMIT).await;
            shared.finish(id, kind, body.map(Vec::from).unwrap_or_default())
        }
        _ => Response::default(),
    }
}
