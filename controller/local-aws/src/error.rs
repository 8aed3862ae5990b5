//! Errors as AWS says them: a code, an HTTP status and a message. The server renders them in the
//! protocol of the service that was called.

/// A refusal by the called service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} ({status}): {message}")]
pub struct ApiError {
    /// AWS's error code, e.g. `AccessDeniedException`.
    pub code: String,
    /// HTTP status.
    pub status: u16,
    /// Human text.
    pub message: String,
    /// Extra members of the error document (S3: `BucketName`, `Endpoint`; Macie has none).
    pub details: Vec<(String, String)>,
    /// Extra response headers (S3: `x-amz-bucket-region`).
    pub headers: Vec<(String, String)>,
}

impl ApiError {
    /// An error with a code, a status and a message.
    pub fn new(code: &str, status: u16, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            status,
            message: message.into(),
            details: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Adds a member to the error document.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<String>) -> Self {
        self.details.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a response header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}
