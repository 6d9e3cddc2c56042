//! STS over awsQuery.

use super::ops::get_caller_identity;
use crate::base::Problem;
use crate::protocol::{Answer, Endpoint, Names, QueryNames, QueryRoutes, Request};
use crate::services::{Pending, Service, read_whole};
use std::future::ready;

/// What AWS has (botocore's service model of 2026-11).
const MODEL: &[&str] = &[
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "AssumeRoot",
    "DecodeAuthorizationMessage",
    "GetAccessKeyInfo",
    "GetCallerIdentity",
    "GetDelegatedAccessToken",
    "GetFederationToken",
    "GetSessionToken",
    "GetWebIdentityToken",
];

const NAMES: Names = Names {
    query: QueryNames { xmlns: "https://sts.amazonaws.com/doc/2011-06-15/", flat: |_| None },
    ..Names::PLAIN
};

/// The service.
pub struct Sts {
    endpoint: Endpoint,
}

impl Sts {
    /// STS keeps no state.
    pub fn open() -> Self {
        let routes = QueryRoutes::new("sts", NAMES).add(
            "GetCallerIdentity",
            |_: serde::de::IgnoredAny, caller: std::sync::Arc<crate::base::Caller>| {
                ready(Ok(get_caller_identity(&caller)))
            },
        );
        Sts { endpoint: routes.by_action(MODEL) }
    }
}

impl Service for Sts {
    fn name(&self) -> &'static str {
        "sts"
    }

    fn body_limit(&self) -> Option<usize> {
        Some(256 * 1024)
    }

    fn call(&self, request: Request) -> Pending<'_, Answer> {
        Box::pin(async move { self.endpoint.call(read_whole(request).await).await })
    }

    fn reset(&self) -> Pending<'_, Result<(), Problem>> {
        Box::pin(ready(Ok(())))
    }

    fn operations(&self) -> Vec<&'static str> {
        vec!["GetCallerIdentity"]
    }
}
