//! Pages of lists of queues: names in order, and a token that says where the next page begins.

use super::super::error::Error;
use super::super::limits;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

/// What a caller asks of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page<'a> {
    pub(super) results_max: Option<i64>,
    pub(super) token: Option<&'a str>,
}

impl Page<'_> {
    /// The page's part of `urls`, which are in order, and the token of the next page.
    pub(super) fn of(self, urls: Vec<String>) -> Result<(Vec<String>, Option<String>), Error> {
        let (low, high) = limits::LIST_RESULTS.into_inner();
        if let Some(asked) = self.results_max.filter(|n| !limits::LIST_RESULTS.contains(n)) {
            let reason = format!("MaxResults must be an integer between {low} and {high}.");
            return Err(Error::parameter("MaxResults", asked, reason));
        }
        let invalid = |token: &str| Error::parameter("NextToken", token, "Invalid token.");
        let after = match self.token.filter(|t| !t.is_empty()) {
            Some(token) => {
                let bytes = BASE64.decode(token).map_err(|_| invalid(token))?;
                Some(String::from_utf8(bytes).map_err(|_| invalid(token))?)
            }
            None => None,
        };
        let mut rest = urls
            .into_iter()
            .skip_while(|url| after.as_ref().is_some_and(|a| name(url) <= a.as_str()));
        let page: Vec<String> =
            rest.by_ref().take(self.results_max.unwrap_or(high) as usize).collect();
        let more = rest.next().is_some();
        let last = page.last().filter(|_| more).map(|url| BASE64.encode(name(url)));
        Ok((page, last))
    }
}

fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}
