//! Postgres and Redis behind the virtual clock, where the profile has them follow it.
//!
//! Invariant: an order to the clock is answered when those that follow it have heard of it, or could not
//! be reached; they never keep the clock from being moved.

use super::boot::{POSTGRES, Plan, REDIS};
use super::parts::{ServicesCell, port};
use crate::base::Problem;
use crate::runtime::postgres::{Standing, set_clock};
use crate::runtime::redis;
use crate::services::{Clock, ClockView, Moved};
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for both of them.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Has the servers of `plan` told of the clock's moves from now on, and of how it stands already.
pub(super) async fn begin(plan: &Arc<Plan>, clock: &Clock) {
    let follows = plan.profile.postgres.as_ref().is_some_and(|p| p.follow_clock)
        || plan.profile.redis.as_ref().is_some_and(|r| r.follow_clock);
    if !follows {
        return;
    }
    let to = plan.clone();
    clock.follow(Box::new(move |moved| {
        let plan = to.clone();
        Box::pin(async move { tell(&plan, moved).await })
    }));
    if let Some(view) = clock.unreal() {
        tell(plan, Moved { view, by_ms: 0 }).await;
    }
}

async fn tell(plan: &Arc<Plan>, moved: Moved) {
    let told = async {
        let (postgres, redis) =
            tokio::join!(tell_postgres(plan, &moved.view), tell_redis(plan, moved.by_ms));
        postgres.and(redis)
    };
    match tokio::time::timeout(WAIT_MAX, told).await {
        Ok(Ok(())) => {}
        // A server that is down hears of it when it comes up.
        Ok(Err(problem)) => tracing::warn!("the clock is not followed: {}", problem.message),
        Err(_) => tracing::warn!("the clock is not followed: the servers do not answer"),
    }
}

async fn tell_postgres(plan: &Plan, view: &ClockView) -> Result<(), Problem> {
    match &plan.profile.postgres {
        Some(settings) if settings.follow_clock && plan.ports.contains_key(POSTGRES) => {
            set_clock(settings, port(plan, POSTGRES), standing(view)).await
        }
        _ => Ok(()),
    }
}

async fn tell_redis(plan: &Plan, by_ms: i64) -> Result<(), Problem> {
    let follows = plan.profile.redis.as_ref().is_some_and(|redis| redis.follow_clock);
    if !follows || by_ms == 0 || !plan.ports.contains_key(REDIS) {
        return Ok(());
    }
    let port = port(plan, REDIS);
    let swept = tokio::task::spawn_blocking(move || redis::sweep(port, by_ms));
    swept.await.unwrap_or_else(|e| Err(Problem::failed("redis", e.to_string()))).map(drop)
}

fn standing(view: &ClockView) -> Standing {
    Standing { ahead_ms: view.offset_ms, frozen_ms: view.frozen.then_some(view.now.0) }
}

/// Has a Postgres that has just come up show what the clock shows.
pub(super) async fn catch_up(
    settings: &crate::profile::Postgres,
    port: u16,
    services: &ServicesCell,
) -> Result<(), Problem> {
    match services.get().filter(|_| settings.follow_clock) {
        Some(services) => set_clock(settings, port, standing(&services.clock.view())).await,
        // The gateway tells it when it comes up.
        None => Ok(()),
    }
}
