//! `/_local/...`: turning the clock and injecting faults by hand.

use axum::{
    body::Body as HttpBody,
    http::{Response, request::Parts},
};

use crate::world::SharedWorld;

/// Answers a control request.
pub fn handle(_world: &SharedWorld, _parts: &Parts, _body: &[u8]) -> Response<HttpBody> {
    Response::new(HttpBody::empty())
}
