//! Operations on their way to a router: each is a smithy operation shape whose handler is a function
//! from input and caller to result or failure. Here alone smithy's routers are assembled.

use super::markers::Names;
use super::{Answer, AwsQuery, Failure, Form, Protocol};
use crate::base::Caller;
use aws_smithy_http_server::operation::{OperationShape, OperationShapeExt, UpgradePlugin};
use aws_smithy_http_server::plugin::Plugin;
use aws_smithy_http_server::protocol::aws_json::router::AwsJsonRouter;
use aws_smithy_http_server::request::{FromParts, FromRequest};
use aws_smithy_http_server::response::IntoResponse;
use aws_smithy_http_server::routing::{Router, SyncRoute};
use aws_smithy_http_server::service::ServiceShape;
use aws_smithy_http_server::shape_id::ShapeId;
use bytes::Bytes;
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use tower::ServiceExt;

pub(super) type Route = SyncRoute<Bytes>;
type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The operations of one service over protocol `P`.
pub struct Routes<P> {
    service: &'static str,
    pub(super) names: Names,
    pub(super) entries: Vec<(&'static str, Route)>,
    _protocol: PhantomData<fn() -> P>,
}

/// Routes by `X-Amz-Target`.
pub type JsonRoutes<P> = Routes<P>;
/// Routes by the form's `Action`.
pub type QueryRoutes = Routes<AwsQuery>;

/// A service's operations behind one router, ready to be called. Cheap to clone.
#[derive(Clone)]
pub struct Endpoint {
    call: Arc<dyn Fn(http::Request<Bytes>) -> Answering + Send + Sync>,
}

impl Endpoint {
    /// Answers `request`. Extensions of the request: `Arc<Caller>`, and for awsQuery `Arc<Form>`.
    pub fn call(&self, request: http::Request<Bytes>) -> Answering {
        (self.call)(request)
    }

    pub(super) fn over<R, P>(names: Names, router: R) -> Endpoint
    where
        R: Router<Bytes, Service = Route> + Clone + Send + Sync + 'static,
        R::Error: IntoResponse<P> + std::error::Error,
        P: Send + 'static,
    {
        let call = move |mut request: http::Request<Bytes>| -> Answering {
            request.extensions_mut().insert(names);
            match router.match_route(&request) {
                Ok(route) => Box::pin(async move {
                    match route.oneshot(request).await {
                        Ok(answer) => answer,
                        Err(never) => match never {},
                    }
                }),
                Err(error) => Box::pin(ready(error.into_response())),
            }
        };
        Endpoint { call: Arc::new(call) }
    }
}

impl<P: Protocol> Routes<P> {
    /// No operations yet of the service called `service`.
    pub fn new(service: &'static str, names: Names) -> Self {
        Routes { service, names, entries: Vec::new(), _protocol: PhantomData }
    }

    /// From here on operations are written with these names.
    #[must_use]
    pub fn named(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// With the operation `name`.
    #[must_use]
    pub fn add<I, O, F, Fut>(mut self, name: &'static str, handler: F) -> Self
    where
        I: DeserializeOwned + Send + Sync + 'static,
        O: Serialize + Send + Sync + 'static,
        F: Fn(I, Arc<Caller>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<O, Failure>> + Send + 'static,
    {
        self.entries.push((name, route::<P, I, O, F, Fut>(name, self.names, handler)));
        self
    }

    /// Every operation of `model` that is not here yet answers `501 NotImplemented`.
    pub(super) fn with_rest_of(mut self, model: &'static [&'static str]) -> Self {
        for name in model {
            if !self.entries.iter().any(|(known, _)| known == name) {
                let service = self.service;
                self = self.add(name, move |_: serde::de::IgnoredAny, _| {
                    ready(Err::<(), _>(Failure::not_implemented(service, name)))
                });
            }
        }
        self
    }

    /// A router by `X-Amz-Target: {target}.{operation}`; `model` lists what AWS has.
    pub fn by_target(self, target: &str, model: &'static [&'static str]) -> Endpoint
    where
        aws_smithy_http_server::protocol::aws_json::router::Error: IntoResponse<P>,
    {
        let whole = self.with_rest_of(model);
        let named = whole.entries.into_iter().map(|(name, r)| (format!("{target}.{name}"), r));
        Endpoint::over::<_, P>(whole.names, Shared(Arc::new(AwsJsonRouter::from_owned(named))))
    }
}

impl QueryRoutes {
    /// A router by the form's `Action`; `model` lists what AWS has.
    pub fn by_action(self, model: &'static [&'static str]) -> Endpoint {
        let whole = self.with_rest_of(model);
        let router =
            QueryRouter { routes: whole.entries.into_iter().collect(), names: whole.names };
        Endpoint::over::<_, AwsQuery>(router.names, Shared(Arc::new(router)))
    }
}

/// A router behind a counter: cheap to clone.
pub(super) struct Shared<R>(pub(super) Arc<R>);

impl<R> Clone for Shared<R> {
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<B, R: Router<B>> Router<B> for Shared<R> {
    type Service = R::Service;
    type Error = R::Error;

    fn match_route(&self, request: &http::Request<B>) -> Result<R::Service, R::Error> {
        self.0.match_route(request)
    }
}

struct QueryRouter {
    routes: HashMap<&'static str, Route>,
    names: Names,
}

/// The form's `Action` is missing or names no operation.
#[derive(Debug, thiserror::Error)]
#[error("{failure}")]
struct QueryRouteError {
    failure: Failure,
    names: Names,
}

impl Router<Bytes> for QueryRouter {
    type Service = Route;
    type Error = QueryRouteError;

    fn match_route(&self, request: &http::Request<Bytes>) -> Result<Route, QueryRouteError> {
        let form = request.extensions().get::<Arc<Form>>();
        let action = form.and_then(|f| f.get("Action"));
        let failure = match action {
            None => {
                Failure::new(400, "MissingAction", "The request must contain the parameter Action.")
            }
            Some(action) => match self.routes.get(action) {
                Some(route) => return Ok(route.clone()),
                None => {
                    let version = form.and_then(|f| f.get("Version")).unwrap_or_default();
                    let message = format!(
                        "The action {action} is not valid for this endpoint. (version {version})"
                    );
                    Failure::new(400, "InvalidAction", message)
                }
            },
        };
        let id = request.extensions().get::<Arc<Caller>>().map(|c| c.request_id.clone());
        let failure = failure.of_request(&id.unwrap_or_default());
        Err(QueryRouteError { failure, names: self.names })
    }
}

impl IntoResponse<AwsQuery> for QueryRouteError {
    fn into_response(self) -> Answer {
        AwsQuery::fail(self.names, &self.failure)
    }
}

/// An operation's input, read by the protocol.
struct In<T>(T);
/// An operation's result on its way out.
struct Out<T> {
    value: T,
    operation: &'static str,
    names: Names,
    caller: Arc<Caller>,
}
/// An operation's failure on its way out.
#[derive(Debug)]
struct Refused {
    failure: Failure,
    names: Names,
}
/// Who calls.
struct From(Arc<Caller>);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.failure.fmt(f)
    }
}

impl<P: Protocol, T: DeserializeOwned> FromRequest<P, Bytes> for In<T> {
    type Rejection = Refused;
    type Future = Ready<Result<Self, Refused>>;

    fn from_request(request: http::Request<Bytes>) -> Self::Future {
        let (parts, body) = request.into_parts();
        ready(P::read(&parts, &body).map(In).map_err(|failure| {
            let names = parts.extensions.get().copied().unwrap_or(Names::PLAIN);
            let id = parts.extensions.get::<Arc<Caller>>().map(|c| c.request_id.clone());
            Refused { failure: failure.of_request(&id.unwrap_or_default()), names }
        }))
    }
}

impl<P> FromParts<P> for From {
    type Rejection = Infallible;

    fn from_parts(parts: &mut Parts) -> Result<Self, Infallible> {
        let caller = parts.extensions.get::<Arc<Caller>>().cloned();
        Ok(From(caller.unwrap_or_else(|| Arc::new(Caller::internal("", "", "")))))
    }
}

impl<P: Protocol, T: Serialize> IntoResponse<P> for Out<T> {
    fn into_response(self) -> Answer {
        P::write(self.operation, &self.caller, self.names, &self.value)
    }
}

impl<P: Protocol> IntoResponse<P> for Refused {
    fn into_response(self) -> Answer {
        P::fail(self.names, &self.failure)
    }
}

/// The shape of an operation from `I` to `O`; its name lives beside it, in the route table.
struct Shape<I, O>(PhantomData<fn(I) -> O>);

impl<I, O> OperationShape for Shape<I, O> {
    const ID: ShapeId = ShapeId::new("devenv#Operation", "devenv", "Operation");
    type Input = In<I>;
    type Output = Out<O>;
    type Error = Refused;
}

/// A service that speaks `P`.
struct Over<P>(PhantomData<P>);

impl<P> ServiceShape for Over<P> {
    const ID: ShapeId = ShapeId::new("devenv#Service", "devenv", "Service");
    const VERSION: Option<&'static str> = None;
    type Protocol = P;
    type Operations = &'static str;
}

fn route<P, I, O, F, Fut>(name: &'static str, names: Names, handler: F) -> Route
where
    P: Protocol,
    I: DeserializeOwned + Send + Sync + 'static,
    O: Serialize + Send + Sync + 'static,
    F: Fn(I, Arc<Caller>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<O, Failure>> + Send + 'static,
{
    let handle = move |In(input): In<I>, From(caller): From| {
        let running = handler(input, caller.clone());
        async move {
            match running.await {
                Ok(value) => Ok(Out { value, operation: name, names, caller }),
                Err(failure) => {
                    let failure = failure.of_request(&caller.request_id);
                    Err(Refused { failure, names })
                }
            }
        }
    };
    let service = Shape::<I, O>::from_handler(handle);
    let upgrade = UpgradePlugin::<(From,)>::new();
    Route::new(Plugin::<Over<P>, Shape<I, O>, _>::apply(&upgrade, service))
}
