//! What services ask of KMS for those who call them. Under `auth = "enforce"` the caller needs the key as
//! well as what lies under it; AWS's own keys let everybody in who comes by their service.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service>

use super::asks;
use super::state::State;
use crate::base::Caller;
use crate::services::access::{Ask, KeyUse};

/// What `uses` ask of `caller`'s keys. Of one that is not there nothing: the operation says so.
pub(super) fn asks(state: &State, caller: &Caller, uses: &[KeyUse]) -> Vec<Ask> {
    let mut all = Vec::new();
    for KeyUse { service, key, operations, context } in uses {
        let Ok(key) = state.find(caller, key, true) else { continue };
        if key.record.managed {
            continue;
        }
        let pairs = || context.iter().map(|(name, value)| (*name, value.as_str()));
        all.extend(operations.iter().map(|operation| {
            let ask = asks::of_key(caller, &format!("kms:{operation}"), key, pairs());
            let by = format!("{service}.{}.amazonaws.com", caller.region);
            Ask { via: Some(service), ..ask.with_key("kms:ViaService", by) }
        }));
    }
    all
}
