//! The SMTP listener as a part: in this process, above the gateway, whose store of mails it fills.

use super::boot::{SMTP, SMTPS};
use super::drive::{Info, Order, Run};
use super::parts::{ServicesCell, port};
use crate::base::Problem;
use crate::edge::check_auth;
use crate::edge::smtp::{Smtp, SmtpConfig};
use crate::runtime::Probe;
use crate::supervisor::Report;
use std::net::SocketAddr;
use tokio::sync::mpsc;

/// A run of the listener, until it is told to end.
pub(super) async fn smtp(
    run: Run,
    services: ServicesCell,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let listen = SocketAddr::from((run.plan.listen, port(&run.plan, SMTP)));
    let started = match services.get() {
        Some(services) => check_auth(run.plan.profile.auth).and_then(|auth| {
            let state_dir = run.plan.dirs.state.clone();
            let second = run.plan.ports.get(SMTPS).copied();
            let listen_tls = second.map(|port| SocketAddr::from((run.plan.listen, port)));
            let endpoint = run.plan.endpoint().unwrap_or_default();
            let config = SmtpConfig::new(listen, state_dir);
            Smtp::start(SmtpConfig { auth, listen_tls, endpoint, ..config }, &services)
        }),
        // The gateway went down between its health and this start: the next try finds it again.
        None => Err(Problem::failed("no-gateway", "the gateway went down").retryable()),
    };
    let listener = match started {
        Ok(listener) => listener,
        Err(problem) if problem.retryable && problem.code == "no-gateway" => {
            return run.stopped_early().await;
        }
        Err(problem) => return run.give_up(problem).await,
    };
    let address = listener.address();
    run.info(Info { address: Some(address.to_string()), ..Info::default() }).await;
    run.report(Report::Started { adopted: false }).await;
    let probe = Probe::Tcp { host: address.ip().to_string(), port: address.port() };
    let report = match probe.check().await {
        Ok(()) => Report::ProbeOk,
        Err(reason) => Report::ProbeFailed { reason },
    };
    run.report(report).await;
    let _ = orders.recv().await;
    tokio::select! {
        () = listener.shutdown() => {}
        Some(Order::Kill) = orders.recv() => {}
    }
    run.report(Report::Exited { reason: "stopped".to_owned() }).await;
}
