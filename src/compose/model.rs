//! What Compose files say, with every short form written out and every path absolute.

use super::schedule::Schedule;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// All files as one.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stack {
    /// The name at the top of the files, if one is given.
    pub name: Option<String>,
    /// Services by name; those of profiles that are not asked for are left out.
    pub services: BTreeMap<String, Service>,
    /// Networks by name, `default` among them.
    pub networks: BTreeMap<String, Network>,
    /// Named volumes.
    pub volumes: BTreeMap<String, Volume>,
    /// Keys that are not served, each with its place.
    #[serde(skip)]
    pub notes: Vec<super::Mistake>,
}

/// A service.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Service {
    /// The image that it runs, or that its build is called.
    pub image: Option<String>,
    /// How its image is made.
    pub build: Option<Build>,
    /// Instead of the image's command.
    pub command: Option<Vec<String>>,
    /// Instead of the image's entrypoint.
    pub entrypoint: Option<Vec<String>>,
    /// Variables, files first, own ones over them.
    pub environment: BTreeMap<String, String>,
    /// Ports open to other containers.
    pub expose: Vec<String>,
    /// Ports open to this machine.
    pub ports: Vec<Port>,
    /// Everything that is mounted.
    pub mounts: Vec<Mount>,
    /// Networks by name.
    pub networks: BTreeMap<String, Attachment>,
    /// `host`, `none`, `service:x`, `container:x` instead of networks.
    pub network_mode: Option<String>,
    /// What it waits for.
    pub depends_on: BTreeMap<String, Dependency>,
    /// How it is asked whether it is well.
    pub healthcheck: Option<Healthcheck>,
    /// What becomes of it when it ends.
    pub restart: Restart,
    /// How many of it run.
    pub replicas: u32,
    /// Files that are put into it.
    pub files: Vec<Placed>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Its name instead of one made up.
    pub container_name: Option<String>,
    /// Its profiles.
    pub profiles: Vec<String>,
    /// What is done when files change.
    pub watch: Vec<Watch>,
    /// The times at which it runs, where it does not run all the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Where a certificate of devenv's is put, for those that serve TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// All else that the engine is told.
    #[serde(flatten)]
    pub host: Host,
}

/// How a container sits on its host.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Host {
    /// `user` or `user:group`.
    pub user: Option<String>,
    /// Working directory.
    pub working_dir: Option<String>,
    /// Host name.
    pub hostname: Option<String>,
    /// Domain name.
    pub domainname: Option<String>,
    /// Names with fixed addresses.
    pub extra_hosts: Vec<(String, String)>,
    /// Capabilities added.
    pub cap_add: Vec<String>,
    /// Capabilities taken.
    pub cap_drop: Vec<String>,
    /// All capabilities and devices.
    pub privileged: bool,
    /// An init process in front.
    pub init: Option<bool>,
    /// The root file system cannot be written.
    pub read_only: bool,
    /// The signal that asks it to stop.
    pub stop_signal: Option<String>,
    /// How long it may take to stop, in milliseconds.
    pub stop_grace_ms: Option<u64>,
    /// Bytes of `/dev/shm`.
    pub shm_size: Option<i64>,
    /// A terminal.
    pub tty: bool,
    /// Standard input stays open.
    pub stdin_open: bool,
    /// Name servers.
    pub dns: Vec<String>,
    /// Search domains.
    pub dns_search: Vec<String>,
    /// Options of the resolver.
    pub dns_opt: Vec<String>,
    /// Kernel parameters.
    pub sysctls: BTreeMap<String, String>,
    /// Security options.
    pub security_opt: Vec<String>,
    /// PID namespace.
    pub pid: Option<String>,
    /// IPC namespace.
    pub ipc: Option<String>,
    /// Devices as `host:container:rights`.
    pub devices: Vec<String>,
    /// Further groups.
    pub group_add: Vec<String>,
    /// Memory limit in bytes.
    pub memory: Option<i64>,
    /// Memory set aside, in bytes.
    pub memory_reservation: Option<i64>,
    /// CPUs at the most.
    pub cpus: Option<f64>,
    /// Processes at the most.
    pub pids_limit: Option<i64>,
    /// Limits by name: soft, hard.
    pub ulimits: BTreeMap<String, (i64, i64)>,
    /// The image's platform.
    pub platform: Option<String>,
    /// When the image is pulled.
    pub pull_policy: Option<String>,
    /// Added to the kernel's wish to kill it.
    pub oom_score_adj: Option<i64>,
}

/// How an image is made.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Build {
    /// The directory that is sent.
    pub context: PathBuf,
    /// The file in it; `Dockerfile` by default.
    pub dockerfile: String,
    /// The file's text, where it stands in the Compose file.
    pub dockerfile_inline: Option<String>,
    /// Arguments; without a value they come from the surroundings.
    pub args: BTreeMap<String, Option<String>>,
    /// The stage that is built.
    pub target: Option<String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// Images whose layers may be used.
    pub cache_from: Vec<String>,
    /// Network of the build.
    pub network: Option<String>,
    /// Names with fixed addresses.
    pub extra_hosts: Vec<(String, String)>,
    /// Bytes of `/dev/shm`.
    pub shm_size: Option<i64>,
    /// Base images are pulled anew.
    pub pull: bool,
    /// No layer is reused.
    pub no_cache: bool,
}

/// A published port.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Port {
    /// Inside.
    pub target: u16,
    /// On this machine; the engine chooses where there is none.
    pub published: Option<u16>,
    /// The address on this machine; loopback where there is none.
    pub host_ip: Option<String>,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

/// Something mounted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// `bind`, `volume` or `tmpfs`.
    pub kind: String,
    /// A directory of this machine, or the name of a volume; none is a volume without a name.
    pub source: Option<String>,
    /// Where.
    pub target: String,
    /// Cannot be written.
    pub read_only: bool,
    /// Bind propagation or SELinux mode, as typed.
    pub mode: Option<String>,
    /// A bind whose source is made where it is missing.
    pub create: bool,
    /// Nothing is copied into a new volume.
    pub nocopy: bool,
    /// Bytes of a tmpfs.
    pub size: Option<i64>,
}

/// A secret or a config in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Placed {
    /// Where.
    pub target: String,
    /// The file that it comes from.
    pub file: Option<PathBuf>,
    /// Or its text.
    #[serde(skip)]
    pub content: Option<String>,
    /// Permissions.
    pub mode: Option<u32>,
}

/// A service on a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// Further names.
    pub aliases: Vec<String>,
    /// A fixed address.
    pub ipv4_address: Option<String>,
    /// A fixed IPv6 address.
    pub ipv6_address: Option<String>,
    /// The network of the highest priority is joined first.
    pub priority: i64,
}

/// What a service waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Dependency {
    /// Until when.
    pub condition: Condition,
    /// Whether it must be there at all.
    pub required: bool,
}

/// Until when a service waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It runs.
    ServiceStarted,
    /// Its health check passes.
    ServiceHealthy,
    /// It has ended with 0.
    ServiceCompletedSuccessfully,
}

/// How a service is asked whether it is well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Healthcheck {
    /// `CMD …`, `CMD-SHELL …` or `NONE`; the image's own where it is empty.
    pub test: Vec<String>,
    /// Milliseconds between two.
    pub interval_ms: Option<u64>,
    /// Milliseconds that one may take.
    pub timeout_ms: Option<u64>,
    /// Milliseconds at the start in which failures do not count.
    pub start_period_ms: Option<u64>,
    /// Milliseconds between two in that time.
    pub start_interval_ms: Option<u64>,
    /// Failures in a row that make it ill.
    pub retries: Option<u32>,
}

/// What becomes of a container that ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "policy", content = "max")]
pub enum Restart {
    /// Nothing.
    #[default]
    No,
    /// It is started again when it failed, so often at the most.
    OnFailure(Option<u32>),
    /// It is started again.
    Always,
}

/// A network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Network {
    /// Its name at the engine, where it is given.
    pub name: Option<String>,
    /// It is there already, and stays.
    pub external: bool,
    /// Driver.
    pub driver: Option<String>,
    /// Options of the driver.
    pub driver_opts: BTreeMap<String, String>,
    /// No way out.
    pub internal: bool,
    /// IPv6.
    pub enable_ipv6: bool,
    /// Others may attach.
    pub attachable: bool,
    /// Subnets with their gateways.
    pub subnets: Vec<(String, Option<String>)>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// A named volume.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// Its name at the engine, where it is given.
    pub name: Option<String>,
    /// It is there already, and stays.
    pub external: bool,
    /// Driver.
    pub driver: Option<String>,
    /// Options of the driver.
    pub driver_opts: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// A certificate that devenv issues to a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// The directory in the container.
    pub path: String,
    /// Names beside the service's own and those of this machine.
    pub names: Vec<String>,
}

/// What is done when files change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Watch {
    /// The file or directory.
    pub path: PathBuf,
    /// `sync`, `rebuild`, `restart`, `sync+restart`, `sync+exec`.
    pub action: String,
    /// Where it goes in the container.
    pub target: Option<String>,
    /// Patterns left out.
    pub ignore: Vec<String>,
    /// Patterns that are taken alone; all is where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// All files are copied when the watching begins.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub initial_sync: bool,
    /// What is run in the container once they are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<Hook>,
}

/// A command in a container that runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Hook {
    /// Its words.
    pub command: Vec<String>,
    /// `user` or `user:group`, where it is not the container's.
    pub user: Option<String>,
    /// Where it runs, where that is not the container's.
    pub working_dir: Option<String>,
    /// With all capabilities.
    pub privileged: bool,
    /// Variables beside the container's.
    pub environment: BTreeMap<String, String>,
}
