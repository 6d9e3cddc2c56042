//! The list of services: a new one is a folder and its lines here.

use super::{
    Clock, Domain, Outbox, Service, Worker, clock, host, iam, kms, outbox, s3, secretsmanager, ses,
    sqs, ssm, sts,
};
use crate::base::Problem;
use crate::storage::{Replay, Schema, Sealer, Storage};
use http_body_util::BodyExt;
use std::path::Path;
use std::sync::Arc;

/// All services, each open on its state.
#[derive(Clone)]
pub struct Services {
    /// The time of all of them.
    pub clock: Clock,
    /// Keys. Opened before the others, which encrypt with it.
    pub kms: kms::Kms,
    /// Users, roles and policies.
    pub iam: Arc<iam::Iam>,
    /// Buckets and objects.
    pub s3: Arc<s3::S3>,
    /// Secrets and their versions.
    pub secretsmanager: Arc<secretsmanager::SecretsManager>,
    /// Mail.
    pub ses: Arc<ses::Ses>,
    /// Queues.
    pub sqs: Arc<sqs::Sqs>,
    /// Parameters.
    pub ssm: Arc<ssm::Ssm>,
    /// Who a caller is.
    pub sts: Arc<sts::Sts>,
    /// Calls from one of them to another.
    pub outbox: Arc<Outbox>,
    /// Where all of them keep their state.
    pub storage: Storage,
}

impl Services {
    /// Opens each service's state. `state_dir` is where files beside the state file go.
    pub fn open(storage: &Storage, clock: &Clock, state_dir: &Path) -> Result<Self, Problem> {
        let sealer = Sealer::open(state_dir)?;
        let kms = kms::Kms::open(storage, clock, &sealer)?;
        let secretsmanager = Arc::new(secretsmanager::SecretsManager::open(storage, clock, &kms)?);
        let ses = Arc::new(ses::Ses::open(storage, clock, state_dir)?);
        let sqs = Arc::new(sqs::Sqs::open(storage, clock, &kms)?);
        let outbox = Arc::new(Outbox::new(storage, clock, &sqs));
        let s3 = Arc::new(s3::S3::open(storage, clock, state_dir, &sqs, &kms, &outbox)?);
        let ssm = Arc::new(ssm::Ssm::open(storage, clock, &secretsmanager, &kms)?);
        ses.deposit_to(&s3);
        outbox.deliver_objects(Box::new(ses::Deposits::new(&s3, &ses)));
        let iam = Arc::new(iam::Iam::open(storage, clock)?);
        let sts = Arc::new(sts::Sts::open(storage, clock, &iam)?);
        let (clock, storage) = (clock.clone(), storage.clone());
        Ok(Services { clock, iam, kms, s3, secretsmanager, ses, sqs, ssm, sts, outbox, storage })
    }

    /// The services as the edge calls them.
    pub fn all(&self) -> Vec<Arc<dyn Service>> {
        vec![
            Arc::new(self.kms.clone()),
            self.iam.clone(),
            self.s3.clone(),
            self.secretsmanager.clone(),
            self.ses.clone(),
            self.sqs.clone(),
            self.ssm.clone(),
            self.sts.clone(),
        ]
    }

    /// Those that have something to do of themselves, by the clock.
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        vec![
            self.outbox.clone(),
            self.sqs.worker(),
            self.secretsmanager.worker(),
            self.kms.worker(),
            Arc::new(s3::Lifecycle(self.s3.clone())),
            Arc::new(s3::LogDelivery(self.s3.clone())),
            Arc::new(s3::Replication(self.s3.clone())),
            self.ses.forwarder(),
            self.ses.pruner(),
        ]
    }
}

/// Those whose changes the journal may hold.
pub fn replays() -> Vec<Replay> {
    vec![
        Replay { service: sqs::State::SCHEMA.name, apply: host::replay::<sqs::State> },
        Replay { service: ses::State::SCHEMA.name, apply: host::replay::<ses::State> },
        Replay { service: s3::SCHEMA.name, apply: s3::replay },
    ]
}

/// A state file with the tables of all services and nothing in them (tests/it/blank.rs makes it).
pub const BLANK: &[u8] = include_bytes!("blank.db.gz");

/// The tables of all services.
pub fn schemas() -> Vec<Schema> {
    vec![
        clock::SCHEMA,
        kms::state::State::SCHEMA,
        iam::state::State::SCHEMA,
        s3::SCHEMA,
        secretsmanager::state::State::SCHEMA,
        ses::SCHEMA,
        ses::FORWARD_SCHEMA,
        sqs::State::SCHEMA,
        ssm::state::State::SCHEMA,
        sts::state::State::SCHEMA,
        outbox::SCHEMA,
    ]
}

/// A request whose bounded body the edge has read already, as the routers take it.
pub async fn read_whole(request: crate::protocol::Request) -> http::Request<bytes::Bytes> {
    let (parts, body) = request.into_parts();
    // The edge hands over bytes at hand: collecting them waits for nothing and cannot fail.
    let bytes = body.collect().await.map(|c| c.to_bytes()).unwrap_or_default();
    http::Request::from_parts(parts, bytes)
}
