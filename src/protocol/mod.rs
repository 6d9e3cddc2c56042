//! AWS wire protocols: bytes to calls and answers back. Knows no service.
//!
//! awsJson 1.0 and 1.1, awsQuery and restJson1 stand on aws-smithy-http-server's operation shapes and
//! routers (classic path, see `docs/decisions/002-smithy-classic-path.md`); restXml has one service,
//! S3, and its documents are written there.

mod failure;
mod form;
mod markers;
pub mod query_xml;
mod rest_routes;
mod routes;
pub mod sigv4;
mod tree;

pub use failure::Failure;
pub use form::{Form, FormError};
pub use markers::{
    AwsJson10, AwsJson11, AwsQuery, Names, Protocol, RestJson, json_error, query_error,
};
pub use query_xml::QueryNames;
pub use rest_routes::{RestRoutes, rest_operation};
pub use routes::{Endpoint, JsonRoutes, QueryRoutes, Routes};
pub use sigv4::Credential;
pub use tree::Tree;

/// A response body.
pub type Body = aws_smithy_http_server::body::BoxBody;
/// An answer to a request.
pub type Answer = http::Response<Body>;
/// A request whose body is still arriving.
pub type Request = http::Request<Incoming>;
/// A request without its body.
pub type RequestHead = http::request::Parts;
/// The code of the error that an answer tells, for protocols that do not say it in a header; in the
/// answer's extensions.
#[derive(Debug, Clone)]
pub struct ErrorCode(pub String);
/// A request body that is still arriving.
pub type Incoming = http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, BoxError>;
/// Any error of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A response body that is at hand.
pub fn body(bytes: impl Into<bytes::Bytes>) -> Body {
    aws_smithy_http_server::body::to_boxed(bytes.into())
}

/// A response body that is still being read.
pub fn streaming<B>(body: B) -> Body
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    aws_smithy_http_server::body::boxed(body)
}
