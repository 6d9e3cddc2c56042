//! An AWS error on its way to the wire: what every protocol needs to write its own document of it.

use std::borrow::Cow;

/// A refused or failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The code as awsJson and REST protocols spell it (`QueueDoesNotExist`).
    pub code: Cow<'static, str>,
    /// The code as awsQuery spells it, where that differs (`AWS.SimpleQueueService.NonExistentQueue`).
    pub query_code: Option<Cow<'static, str>>,
    /// HTTP status. Below 500 the sender is at fault.
    pub status: u16,
    /// For people.
    pub message: String,
    /// Further members of the error's shape.
    pub members: Vec<(&'static str, serde_json::Value)>,
    /// The request's id, filled in on the way out.
    pub request_id: String,
}

impl Failure {
    /// A refusal with HTTP status `status`.
    pub fn new(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Failure {
            code: code.into(),
            query_code: None,
            status,
            message: message.into(),
            members: Vec::new(),
            request_id: String::new(),
        }
    }

    /// An operation that AWS has and devenv does not serve.
    pub fn not_implemented(service: &str, operation: &str) -> Self {
        Failure::new(
            501,
            "NotImplemented",
            format!("devenv does not serve {service} {operation} yet; see docs/{service}.md"),
        )
    }

    /// A service that AWS has and devenv does not.
    pub fn no_such_service(service: &str, operation: &str) -> Self {
        Failure::new(
            501,
            "NotImplemented",
            format!(
                "devenv does not serve {service} ({operation}); docs/index.md leads to what it serves"
            ),
        )
    }

    /// With the code of the query protocol.
    #[must_use]
    pub fn query_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.query_code = Some(code.into());
        self
    }

    /// With the id of the request that it answers.
    #[must_use]
    pub fn of_request(mut self, request_id: &str) -> Self {
        request_id.clone_into(&mut self.request_id);
        self
    }

    /// `Sender` or `Receiver`, the awsQuery words for whose fault it is.
    pub fn fault(&self) -> &'static str {
        if self.status < 500 { "Sender" } else { "Receiver" }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Failure {}
