//! What CloudFormation offers for an answer: a presigned URL, here on loopback.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::StatusCode,
};
use local_aws::SharedWorld;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

/// Where answers go.
#[derive(Debug)]
pub struct Mailbox {
    /// Whoever calls it is dead when the world says so.
    pub world: SharedWorld,
    /// What came.
    pub answers: Mutex<Vec<Value>>,
    /// How many answers are not taken.
    pub refuse: Mutex<usize>,
}

/// A server that plays the presigned URL.
pub async fn serve(mailbox: Arc<Mailbox>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/answer", listener.local_addr().unwrap());
    let app = Router::new().fallback(receive).with_state(mailbox);
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, server)
}

/// A presigned URL takes an answer that was signed for: `PUT`, with an empty content type.
async fn receive(State(mailbox): State<Arc<Mailbox>>, request: Request) -> StatusCode {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let signed = parts
        .uri
        .query()
        .is_some_and(|query| query.contains("X-Amz-Signature"));
    let kind = parts
        .headers
        .get("content-type")
        .is_none_or(|kind| kind.is_empty());
    if parts.method != "PUT" || !signed || !kind || body.len() > 4096 {
        return StatusCode::FORBIDDEN;
    }
    let mut refuse = mailbox.refuse.lock().unwrap();
    // Whoever is dead does not answer.
    if *refuse > 0 || mailbox.world.lock().faults.is_dead() {
        *refuse = refuse.saturating_sub(1);
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let answer = serde_json::from_slice(&body).unwrap();
    mailbox.answers.lock().unwrap().push(answer);
    StatusCode::OK
}
