//! Replies and errors in the protocol of each service.

use axum::{
    body::{Body as HttpBody, Bytes},
    http::Response,
};
use quick_xml::escape::escape;
use serde_json::json;

use crate::{
    error::ApiError,
    request::{Body, Reply},
};

/// The header in which services that came from the query protocol repeat the old code.
const QUERY_ERROR: &str = "x-amzn-query-error";

/// Renders a successful reply.
pub fn reply(service: &str, request_id: &str, reply: Reply) -> Response<HttpBody> {
    let (content_type, body) = match reply.body {
        Body::Empty => ("", Vec::new()),
        Body::Bytes(content) => ("binary/octet-stream", content),
        Body::Json(value) => (json_type(service), value.to_string().into_bytes()),
        Body::Xml(document) => {
            let document = if matches!(service, "sts" | "cloudformation") {
                with_metadata(&document, request_id)
            } else {
                document
            };
            let document = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{document}");
            ("text/xml", document.into_bytes())
        }
    };
    response(reply.status, request_id, content_type, &reply.headers, body)
}

/// The query protocol tells the request id beside the result.
fn with_metadata(document: &str, request_id: &str) -> String {
    let metadata =
        format!("<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>");
    match document.rfind("</") {
        Some(end) => {
            let (before, after) = document.split_at(end);
            format!("{before}{metadata}{after}")
        }
        None => document.to_owned(),
    }
}

/// Renders an error as the service's clients parse it.
pub fn error(service: &str, request_id: &str, error: &ApiError) -> Response<HttpBody> {
    let details: String = error
        .details
        .iter()
        .map(|(name, value)| format!("<{name}>{}</{name}>", escape(value)))
        .collect();
    let (code, message) = (escape(error.code.as_str()), escape(error.message.as_str()));
    match service {
        "s3" | "unknown" => xml(
            error,
            request_id,
            &format!(
                "<Error><Code>{code}</Code><Message>{message}</Message>{details}<RequestId>{request_id}</RequestId></Error>"
            ),
        ),
        "s3control" | "sts" | "cloudformation" => xml(
            error,
            request_id,
            &format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>{details}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
            ),
        ),
        _ => {
            let mut headers = error.headers.clone();
            headers.push(("x-amzn-errortype".to_owned(), error.code.clone()));
            if service == "sqs" && !headers.iter().any(|(name, _)| name == QUERY_ERROR) {
                let fault = if error.status < 500 {
                    "Sender"
                } else {
                    "Receiver"
                };
                headers.push((QUERY_ERROR.to_owned(), format!("{};{fault}", error.code)));
            }
            let mut document = json!({ "__type": error.code, "message": error.message });
            for (name, value) in &error.details {
                if let Some(members) = document.as_object_mut() {
                    members.insert(name.clone(), json!(value));
                }
            }
            response(
                error.status,
                request_id,
                json_type(service),
                &headers,
                document.to_string().into_bytes(),
            )
        }
    }
}

/// Closes the connection without a reply: the body fails before its first byte.
pub fn hang_up() -> Response<HttpBody> {
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the reply was lost");
    let body = HttpBody::new(Broken(Some(broken)));
    Response::new(body)
}

struct Broken(Option<std::io::Error>);

impl axum::body::HttpBody for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(self.0.take().map(Err))
    }
}

fn xml(error: &ApiError, request_id: &str, document: &str) -> Response<HttpBody> {
    let document = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{document}");
    response(
        error.status,
        request_id,
        "text/xml",
        &error.headers,
        document.into_bytes(),
    )
}

fn json_type(service: &str) -> &'static str {
    match service {
        "macie2" | "account" | "lambda" => "application/json",
        "sqs" => "application/x-amz-json-1.0",
        _ => "application/x-amz-json-1.1",
    }
}

fn response(
    status: u16,
    request_id: &str,
    content_type: &str,
    headers: &[(String, String)],
    body: Vec<u8>,
) -> Response<HttpBody> {
    let mut builder = Response::builder()
        .status(status)
        .header("x-amzn-requestid", request_id)
        .header("x-amz-request-id", request_id);
    if !content_type.is_empty() {
        builder = builder.header("content-type", content_type);
    }
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    builder
        .body(HttpBody::from(body))
        .unwrap_or_else(|_| hang_up())
}
