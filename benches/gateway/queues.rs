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
async fn rate<W, F>(address: SocketAddr, work: W) -> f64
where
    W: Fn(Wire, Instant, u64) -> F,
    F: Future<Output = u64> + Send + 'static,
{
    let started = Instant::now();
    let mut tasks = Vec::new();
    for n in 0..CONNECTIONS {
        let wire = Wire::open(address).await;
        tasks.push(tokio::spawn(work(wire, started + length(), n)));
    }
    let mut made = 0;
    for task in tasks {
        made += task.await.expect("a connection's task");
    }
    made as f64 / started.elapsed().as_secs_f64()
}

async fn repeat(
    address: SocketAddr,
    make: Arc<dyn Fn(u64) -> crate::client::Request + Send + Sync>,
) -> f64 {
    rate(address, |mut wire, end, n| {
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
async fn cycles(address: SocketAddr) -> f64 {
    rate(address, |mut wire, end, n| async move {
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
    let plain = |ours: f64, theirs: f64| format!("{:.2}", ours / theirs);
    let say = |rate: f64| format!("{:.1} k/s", rate / 1000.0);
    runtime.block_on(async {
        let create = |queue: &str| call("CreateQueue", &format!(r#"{{"QueueName":"{queue}"}}"#));
        let mut wire = Wire::open(address).await;
        must(&mut wire, &create("deep")).await;
        let hyper = repeat(bare.address, Arc::new(|_| send_to("deep"))).await;
        let cycle = cycles(address).await;
        rows.push(["cycle, a request".into(), say(cycle), say(hyper), plain(cycle, hyper)]);
        let one = repeat(address, Arc::new(|_| send_to("deep"))).await;
        must(&mut wire, &call("PurgeQueue", r#"{"QueueUrl":"deep"}"#)).await;
        let tens = repeat(address, Arc::new(|_| batch("deep"))).await;
        rows.push(["batch of ten, a request".into(), say(tens), say(hyper), plain(tens, hyper)]);
        must(&mut wire, &call("PurgeQueue", r#"{"QueueUrl":"deep"}"#)).await;
        let before = gateway.resident_mib();
        fill(address, backlog).await;
        let kib = (gateway.resident_mib() - before) as f64 * 1024.0 / backlog as f64;
        let deep = repeat(address, Arc::new(|_| send_to("deep"))).await;
        rows.push([format!("send behind {backlog}"), say(deep), say(one), plain(deep, one)]);
        // For a second: a queue has no more than 120,000 messages in flight.
        let receive = || call("ReceiveMessage", r#"{"QueueUrl":"deep","VisibilityTimeout":1}"#);
        let taken = repeat(address, Arc::new(move |_| receive())).await;
        rows.push([format!("receive from {backlog}"), say(taken), say(hyper), plain(taken, hyper)]);
        let own = kib * 1024.0 - BODY_BYTES as f64;
        rows.push([
            "bytes a message, its body aside".into(),
            format!("{own:.0}"),
            "1024".into(),
            plain(own, 1024.0),
        ]);
        for n in 0..QUEUES {
            must(&mut wire, &create(&format!("many-{n}"))).await;
        }
        let many = repeat(address, Arc::new(|n| send_to(&format!("many-{}", n % QUEUES)))).await;
        rows.push([format!("send to {QUEUES} queues"), say(many), say(one), plain(many, one)]);
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
