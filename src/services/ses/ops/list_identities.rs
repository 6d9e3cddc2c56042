//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_ListIdentities.html>
//!
//! A page token is the last name of the page before, in hexadecimal.

use crate::base::Context;
use crate::services::Operation;
use crate::services::ses::error::Error;
use crate::services::ses::limits::PAGE_MAX_V1;
use crate::services::ses::state::{Change, State, home, is_domain};
use serde::{Deserialize, Serialize};
use std::ops::Bound;

/// `ListIdentities` of v1.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListIdentities {
    /// `EmailAddress`, `Domain`, or both.
    pub identity_type: Option<String>,
    /// Where the page before ended.
    pub next_token: Option<String>,
    /// How many at the most.
    pub max_items: Option<i64>,
}

/// A page of names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Identities {
    /// Names.
    pub identities: Vec<String>,
    /// Where the next page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

fn page(
    state: &State,
    context: &Context<'_>,
    token: Option<String>,
    size: usize,
    wanted: impl Fn(&str) -> bool,
) -> Result<(Vec<String>, Option<String>), Error> {
    let token = token.filter(|t| !t.is_empty());
    let after = token.map(|t| hex::decode(t).ok().and_then(|bytes| String::from_utf8(bytes).ok()));
    let after = match after {
        Some(None) => return Err(Error::Paging { text: "The pagination token is invalid." }),
        Some(Some(after)) => Bound::Excluded(after),
        None => Bound::Unbounded,
    };
    let known = state.identities.get(&home(context.caller));
    let names = known.into_iter().flat_map(|k| k.range((after.clone(), Bound::Unbounded)));
    let mut names: Vec<String> =
        names.map(|(n, _)| n).filter(|n| wanted(n)).take(size + 1).cloned().collect();
    let more = names.len() > size;
    names.truncate(size);
    let next = names.last().filter(|_| more).map(hex::encode);
    Ok((names, next))
}

fn size_of(asked: Option<i64>, max: usize) -> Result<usize, Error> {
    match asked {
        None => Ok(max),
        Some(n) if n >= 1 => Ok(max.min(n as usize)),
        Some(_) => Err(Error::Paging { text: "The page size must be at least 1." }),
    }
}

impl Operation for ListIdentities {
    type State = State;
    type Output = Identities;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ListIdentities";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<Identities, Error> {
        let size = size_of(self.max_items, PAGE_MAX_V1)?;
        let wanted = |name: &str| match self.identity_type.as_deref() {
            Some("EmailAddress") => !is_domain(name),
            Some("Domain") => is_domain(name),
            _ => true,
        };
        let (identities, next_token) = page(state, context, self.next_token, size, wanted)?;
        Ok(Identities { identities, next_token })
    }
}

#[cfg(test)]
mod tests {
    use super::super::VerifyEmailIdentity;
    use super::*;
    use crate::base::{Caller, Ids, Millis};

    #[test]
    fn pages_follow_one_another_to_the_end() {
        let caller = Caller::internal("000000000000", "us-east-1", "");
        let mut ids = Ids::seeded(1);
        let mut context = Context { now: Millis(0), ids: &mut ids, caller: &caller };
        let mut state = State::default();
        for n in 0..5 {
            let operation = VerifyEmailIdentity { email_address: format!("u{n}@x.org") };
            operation.apply(&mut state, &mut context, &mut Vec::new()).unwrap();
        }
        let (mut seen, mut next_token) = (Vec::new(), None);
        loop {
            let list = ListIdentities { next_token, max_items: Some(2), ..Default::default() };
            let page = list.apply(&mut state, &mut context, &mut Vec::new()).unwrap();
            assert!(page.identities.len() <= 2);
            seen.extend(page.identities);
            next_token = page.next_token;
            if next_token.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["u0@x.org", "u1@x.org", "u2@x.org", "u3@x.org", "u4@x.org"]);
        let bad = ListIdentities { next_token: Some("zz".into()), ..Default::default() };
        assert!(bad.apply(&mut state, &mut context, &mut Vec::new()).is_err());
    }
}
