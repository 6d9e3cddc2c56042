//! Operations by method and path, for restJson1.
//!
//! The router is one of smithy's in kind, but not its `RestRouter`: that one compiles a regular expression
//! for each operation, a third of the gateway's start, and tries one after the other at each request.
//! Here a request's path is looked up among those without labels, and then meets only the patterns with as
//! many segments as it has.

use super::markers::Names;
use super::routes::{Endpoint, Route, Routes, Shared};
use super::{Answer, Failure, Protocol, RequestHead, RestJson};
use aws_smithy_http_server::response::IntoResponse;
use aws_smithy_http_server::routing::Router;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use tower::ServiceExt;

/// Operations and their places.
pub struct RestRoutes {
    names: Names,
    router: PathRouter,
}

impl RestRoutes {
    /// Binds operations to `(method, pattern)`; a pattern's labels stand in braces (`/v2/email/identities/{EmailIdentity}`).
    /// `model` lists what AWS has: `(operation, method, pattern)`. Literal segments win over labels.
    pub fn bind(
        routes: Routes<RestJson>,
        model: &'static [(&'static str, &'static str, &'static str)],
    ) -> RestRoutes {
        let mut bound: Vec<_> = model.to_vec();
        bound.sort_by_key(|(_, _, pattern)| pattern.matches('{').count());
        let names: Vec<&'static str> = bound.iter().map(|(name, ..)| *name).collect();
        let routes = routes.with_rest_of(Box::leak(names.into_boxed_slice()));
        let mut by_name: HashMap<_, _> = routes.entries.into_iter().collect();
        let mut router = PathRouter::default();
        for (name, method, pattern) in bound {
            if let (Some(route), Ok(method)) = (by_name.remove(name), method.parse()) {
                router.add(method, pattern, route);
            }
        }
        RestRoutes { names: routes.names, router }
    }

    /// The router.
    pub fn endpoint(self) -> Endpoint {
        Endpoint::over::<_, RestJson>(self.names, Shared(Arc::new(self.router)))
    }
}

/// A segment of a pattern; `None` takes any text but none.
type Segment = Option<&'static str>;

/// Routes of paths without labels, which win, and the others by the number of their segments; those with
/// fewer labels first.
#[derive(Default)]
struct PathRouter {
    by_path: HashMap<&'static str, Vec<(http::Method, Route)>>,
    by_length: HashMap<usize, Vec<(http::Method, Vec<Segment>, Route)>>,
}

/// No operation has this path, or none with this method.
#[derive(Debug, thiserror::Error)]
enum PathError {
    #[error("no operation has this path")]
    NotFound,
    #[error("the operations of this path have other methods")]
    MethodNotAllowed,
}

/// A path's segments. A slash at the end matters to AWS (`/v2/email/insights/{MessageId}/`): it makes an
/// empty one.
fn segments(path: &str) -> std::str::Split<'_, char> {
    path.trim_start_matches('/').split('/')
}

fn fits(pattern: &[Segment], path: &str) -> bool {
    pattern.iter().zip(segments(path)).all(|(wanted, given)| match wanted {
        Some(literal) => *literal == given,
        None => !given.is_empty(),
    })
}

impl PathRouter {
    fn add(&mut self, method: http::Method, pattern: &'static str, route: Route) {
        if !pattern.contains('{') {
            self.by_path.entry(pattern).or_default().push((method, route));
            return;
        }
        let route = labelled(route, pattern);
        let pattern: Vec<Segment> =
            segments(pattern).map(|s| (!s.starts_with('{')).then_some(s)).collect();
        self.by_length.entry(pattern.len()).or_default().push((method, pattern, route));
    }
}

impl Router<Bytes> for PathRouter {
    type Service = Route;
    type Error = PathError;

    fn match_route(&self, request: &http::Request<Bytes>) -> Result<Route, PathError> {
        let path = request.uri().path();
        let mut error = PathError::NotFound;
        for (method, route) in self.by_path.get(path).into_iter().flatten() {
            if method == request.method() {
                return Ok(route.clone());
            }
            error = PathError::MethodNotAllowed;
        }
        for (method, pattern, route) in
            self.by_length.get(&segments(path).count()).into_iter().flatten()
        {
            if !fits(pattern, path) {
                continue;
            }
            if method == request.method() {
                return Ok(route.clone());
            }
            error = PathError::MethodNotAllowed;
        }
        Err(error)
    }
}

impl IntoResponse<RestJson> for PathError {
    fn into_response(self) -> Answer {
        let failure = match self {
            PathError::MethodNotAllowed => {
                Failure::new(405, "MethodNotAllowedException", "The method is not allowed.")
            }
            PathError::NotFound => Failure::new(404, "UnknownOperationException", ""),
        };
        RestJson::fail(Names::PLAIN, &failure)
    }
}

/// Path labels of a restJson1 request, by member name.
#[derive(Debug, Clone)]
pub(super) struct Labels(pub(super) Vec<(String, String)>);

fn labelled(route: Route, pattern: &'static str) -> Route {
    let read = move |mut request: http::Request<Bytes>| {
        let labels = labels(pattern, request.uri().path());
        request.extensions_mut().insert(Labels(labels));
        request
    };
    Route::new(route.map_request(read))
}

fn labels(pattern: &str, path: &str) -> Vec<(String, String)> {
    let decode =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = pattern.trim_matches('/').split('/').zip(path.trim_matches('/').split('/'));
    let named = pairs.filter_map(|(name, value)| {
        let name = name.strip_prefix('{').and_then(|n| n.strip_suffix('}'))?;
        Some((name.to_owned(), decode(value)))
    });
    named.collect()
}

/// The operation of `model` that a request's method and path name, and the labels of its path. For
/// those who read of a request: it looks at one pattern after the other.
pub fn rest_operation<'m>(
    model: impl Iterator<Item = &'m (&'static str, &'static str, &'static str)>,
    head: &RequestHead,
) -> Option<(&'static str, Vec<(String, String)>)> {
    let path = head.uri.path();
    let fitting = model.filter(|(_, method, pattern)| {
        let pattern: Vec<Segment> =
            segments(pattern).map(|s| (!s.starts_with('{')).then_some(s)).collect();
        head.method == **method && pattern.len() == segments(path).count() && fits(&pattern, path)
    });
    let (name, _, pattern) = fitting.min_by_key(|(_, _, pattern)| pattern.matches('{').count())?;
    Some((name, labels(pattern, path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments_of(pattern: &'static str) -> Vec<Segment> {
        segments(pattern).map(|s| (!s.starts_with('{')).then_some(s)).collect()
    }

    #[test]
    fn labels_take_any_text_and_slashes_count() {
        let one = segments_of("/v2/email/identities/{EmailIdentity}");
        assert!(fits(&one, "/v2/email/identities/a%40b.c"));
        assert!(!fits(&one, "/v2/email/identities/"));
        assert!(!fits(&one, "/v2/email/templates/a"));
        let slashed = segments_of("/v2/email/insights/{MessageId}/");
        assert_eq!((slashed.len(), one.len()), (5, 4));
        assert!(fits(&slashed, "/v2/email/insights/1/"));
    }
}
