//! Queues: cycles and batches against the bare server, what a backlog and many queues cost, how soon a
//! waiting receiver is woken, and what a message takes in memory.

use crate::cases::json;
use crate::client::{Wire, length};
use crate::milliseconds;
use crate::server::Server;
use comfy_table::{CellAlignment, Table, presets};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// Connections under load.
const CONNECTIONS: u64 = 16;
/// The backlog: `BENCH_BACKLOG` messages, a million unless it says otherwise.
const BACKLOG: u64 = 1_000_000;
const QUEUES: u64 = 10_000;
/// Receivers that wait at once.
const RECEIVERS: usize = 2_000;
/// Messages that wake one each.
const WAKES: u64 = 1_000;
/// How often two loads take turns.
const TURNS: u32 = 6;
/// Bytes of a body.
const BODY_BYTES: usize = 256;

fn call(operation: &str, body: &str) -> crate::client::Request {
    json("sqs", &format!("AmazonSQS.{operation}"), "1.0", body)
}

fn send_to(queue: &str) -> crate::client::Request {
    let text = "m".repeat(BODY_BYTES);
    call("SendMessage", &format!(r#"{{"QueueUrl":"{queue}","MessageBody":"{text}"}}"#))
}

fn batch(queue: &str) -> crate::client::Request {
    let text = "m".repeat(BODY_BYTES);
    let entries: Vec<String> =
        (0..10).map(|n| format!(r#"{{"Id":"{n}","MessageBody":"{text}"}}"#)).collect();
    let body = format!(r#"{{"QueueUrl":"{queue}","Entries":[{}]}}"#, entries.join(","));
    call("SendMessageBatch", &body)
}

async fn must(wire: &mut Wire, request: &crate::client::Request) -> String {
    let answer = wire.exchange(request).await.expect("an answer");
    assert!(answer.status < 300, "{} {}", answer.status, answer.beginning);
    answer.beginning
}

/// Requests a second of `work`, which says how many it made, on all connections for a while.
async fn rate<W, F>(address: SocketAddr, length: Duration, work: W) -> f64
where
    W: Fn(Wire, Instant, u64) -> F,
    F: Future<Output = u64> + Send + 'static,
{
    let started = Instant::now();
    let mut tasks = Vec::new();
    for n in 0..CONNECTIONS {
        let wire = Wire::open(address).await;
        tasks.push(tokio::spawn(work(wire, started + length, n)));
    }
    let mut made = 0;
    for task in tasks {
        made += task.await.expect("a connection's task");
    }
    made as f64 / started.elapsed().as_secs_f64()
}

type Make = Arc<dyn Fn(u64) -> crate::client::Request + Send + Sync>;

/// One kind of request, over and over.
struct Load {
    address: SocketAddr,
    make: Make,
}

impl Load {
    fn new(
        server: &Server,
        make: impl Fn(u64) -> crate::client::Request + Send + Sync + 'static,
    ) -> Load {
        Load { address: server.address, make: Arc::new(make) }
    }
}

/// Rates of two loads, taken in turns: a machine's pace changes from second to second, but for both.
async fn in_turns(ours: &Load, theirs: &Load) -> (f64, f64) {
    let turn = length() / TURNS;
    let mut sums = (0.0, 0.0);
    for _ in 0..TURNS {
        sums.0 += repeat(ours.address, turn, &ours.make).await;
        sums.1 += repeat(theirs.address, turn, &theirs.make).await;
    }
    (sums.0 / f64::from(TURNS), sums.1 / f64::from(TURNS))
}

async fn repeat(address: SocketAddr, length: Duration, make: &Make) -> f64 {
    rate(address, length, |mut wire, end, n| {
        let make = make.clone();
        async move {
            let mut made = 0;
            while Instant::now() < end {
                must(&mut wire, &make(made * CONNECTIONS + n)).await;
                made += 1;
            }
            made
        }
    })
    .await
}

/// Send, receive, delete: three requests.
async fn cycles(address: SocketAddr, length: Duration) -> f64 {
    rate(address, length, |mut wire, end, n| async move {
        let queue = format!("cycle-{n}");
        must(&mut wire, &call("CreateQueue", &format!(r#"{{"QueueName":"{queue}"}}"#))).await;
        let receive = call("ReceiveMessage", &format!(r#"{{"QueueUrl":"{queue}"}}"#));
        let mut made = 0;
        while Instant::now() < end {
            must(&mut wire, &send_to(&queue)).await;
            let received = must(&mut wire, &receive).await;
            let handle =
                received.split("ReceiptHandle\":\"").nth(1).and_then(|r| r.split('"').next());
            let handle = handle.expect("a receipt handle");
            let body = format!(r#"{{"QueueUrl":"{queue}","ReceiptHandle":"{handle}"}}"#);
            must(&mut wire, &call("DeleteMessage", &body)).await;
            made += 3;
        }
        made
    })
    .await
}

/// The times from a send to the answer of the receiver that it woke.
async fn wakes(address: SocketAddr) -> Vec<Duration> {
    let mut wire = Wire::open(address).await;
    must(&mut wire, &call("CreateQueue", r#"{"QueueName":"wake"}"#)).await;
    let (told, mut heard) = mpsc::unbounded_channel();
    let left = Arc::new(AtomicU64::new(WAKES));
    let mut receivers = Vec::new();
    for _ in 0..RECEIVERS {
        let (told, left) = (told.clone(), left.clone());
        receivers.push(tokio::spawn(async move {
            let receive = call("ReceiveMessage", r#"{"QueueUrl":"wake","WaitTimeSeconds":20}"#);
            let mut wire = Wire::open(address).await;
            while left.load(Ordering::SeqCst) > 0 {
                if must(&mut wire, &receive).await.contains("ReceiptHandle") {
                    let _ = told.send(Instant::now());
                    left.fetch_sub(1, Ordering::SeqCst);
                }
            }
        }));
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut times = Vec::new();
    for _ in 0..WAKES {
        let sent = Instant::now();
        must(&mut wire, &send_to("wake")).await;
        times.push(heard.recv().await.expect("a receiver") - sent);
    }
    receivers.iter().for_each(tokio::task::JoinHandle::abort);
    times.sort_unstable();
    times
}

async fn fill(address: SocketAddr, messages: u64) {
    let left = Arc::new(AtomicU64::new(messages / 10));
    let tasks = (0..CONNECTIONS).map(|_| {
        let left = left.clone();
        tokio::spawn(async move {
            let (mut wire, request) = (Wire::open(address).await, batch("deep"));
            let take = |n: u64| n.checked_sub(1);
            while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
                must(&mut wire, &request).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("a filler");
    }
}

/// Measures and prints.
pub(crate) fn report(runtime: &Runtime) {
    let state = tempfile::tempdir().expect("a directory for the state");
    let (bare, gateway) =
        (Server::start("bare", state.path()), Server::start("gateway", state.path()));
    let address = gateway.address;
    let backlog =
        std::env::var("BENCH_BACKLOG").ok().and_then(|n| n.parse().ok()).unwrap_or(BACKLOG);
    let mut rows = Vec::new();
    let say = |rate: f64| format!("{:.1} k/s", rate / 1000.0);
    let row = |name: String, (ours, theirs): (f64, f64)| {
        [name, say(ours), say(theirs), format!("{:.2}", ours / theirs)]
    };
    runtime.block_on(async {
        let create = |queue: &str| call("CreateQueue", &format!(r#"{{"QueueName":"{queue}"}}"#));
        let mut wire = Wire::open(address).await;
        for queue in ["deep", "shallow", "tens"] {
            must(&mut wire, &create(queue)).await;
        }
        let before = gateway.resident_mib();
        fill(address, backlog).await;
        let kib = (gateway.resident_mib() - before) as f64 * 1024.0 / backlog as f64;
        let hyper = Load::new(&bare, |_| send_to("deep"));
        let one = Load::new(&gateway, |_| send_to("shallow"));
        let mut sums = (0.0, 0.0);
        for _ in 0..TURNS {
            sums.0 += cycles(address, length() / TURNS).await;
            sums.1 += repeat(hyper.address, length() / TURNS, &hyper.make).await;
        }
        rows.push(row(
            "cycle, a request".into(),
            (sums.0 / f64::from(TURNS), sums.1 / f64::from(TURNS)),
        ));
        rows.push(row("send".into(), in_turns(&one, &hyper).await));
        let tens = Load::new(&gateway, |_| batch("tens"));
        rows.push(row("batch of ten, a request".into(), in_turns(&tens, &hyper).await));
        let deep = Load::new(&gateway, |_| send_to("deep"));
        rows.push(row(format!("send behind {backlog}, to send"), in_turns(&deep, &one).await));
        // For a second: a queue has no more than 120,000 messages in flight.
        let receive = Load::new(&gateway, |_| {
            call("ReceiveMessage", r#"{"QueueUrl":"deep","VisibilityTimeout":1}"#)
        });
        rows.push(row(format!("receive from {backlog}"), in_turns(&receive, &hyper).await));
        let mut wire = Wire::open(address).await;
        for n in 0..QUEUES {
            must(&mut wire, &create(&format!("many-{n}"))).await;
        }
        let many = Load::new(&gateway, |n| send_to(&format!("many-{}", n % QUEUES)));
        rows.push(row(format!("send to {QUEUES} queues, to send"), in_turns(&many, &one).await));
        let own = kib * 1024.0 - BODY_BYTES as f64;
        rows.push([
            "bytes a message, its body aside".into(),
            format!("{own:.0}"),
            "1024".into(),
            format!("{:.2}", own / 1024.0),
        ]);
        let times = wakes(address).await;
        let at = |percent: usize| milliseconds(times[(times.len() - 1) * percent / 100]);
        rows.push([format!("wake one of {RECEIVERS}: p50, p99"), at(50), at(99), String::new()]);
    });
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["queues", "devenv", "held against", "ratio"]);
    table.add_rows(rows);
    table.column_iter_mut().skip(1).for_each(|c| c.set_cell_alignment(CellAlignment::Right));
    println!("{table}");
}
