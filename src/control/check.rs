//! What a test has left behind, for `devenv test --check`.

use super::boot::{POSTGRES, Plan};
use super::message::Check;
use super::server::Access;
use crate::base::Problem;
use crate::data::leftovers;
use crate::runtime::postgres;
use std::sync::Arc;

/// A line for each thing found.
pub(super) async fn check(
    checks: &[Check],
    plan: &Arc<Plan>,
    access: &Access,
) -> Result<Vec<String>, Problem> {
    let mut found = Vec::new();
    let services = access.services.get();
    for check in checks {
        let more = match (check, &services) {
            (Check::NoIdleTransactions, _) => {
                match (&plan.profile.postgres, plan.ports.get(POSTGRES)) {
                    (Some(settings), Some(port)) => {
                        let sessions = postgres::idle_in_transaction(settings, *port).await?;
                        sessions.iter().map(|s| format!("idle in a transaction: {s}")).collect()
                    }
                    _ => Vec::new(),
                }
            }
            (Check::NoMessages, Some(services)) => leftovers::messages(&services.storage)?,
            (Check::NoMails, Some(services)) => leftovers::mails(&services.storage)?,
            (Check::NoUploads, Some(services)) => leftovers::uploads(&services.storage)?,
            (_, None) => Vec::new(),
        };
        found.extend(more);
    }
    Ok(found)
}
