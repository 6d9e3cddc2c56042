//! What a page of a listing costs in a small and in a large bucket, and how much memory large transfers
//! take.

use crate::cases::{LARGE_BYTES, object};
use crate::client::{Request, Wire, connections_of};
use crate::milliseconds;
use crate::server::Server;
use bytes::Bytes;
use comfy_table::{CellAlignment, Table, presets};
use devenv::storage::rusqlite::{Connection, params};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Keys of the two buckets.
const SMALL: u64 = 10_000;
const LARGE: u64 = 1_000_000;
/// Pages measured of each kind; the median counts.
const TIMES: u64 = 40;

/// Fills two buckets and measures pages of 1000.
pub(crate) fn report(runtime: &Runtime) {
    let state = tempfile::tempdir().expect("a directory for the state");
    let gateway = Server::start("gateway", state.path());
    for bucket in ["small", "large"] {
        let create = object("PUT", &format!("/{bucket}"), Bytes::new());
        runtime.block_on(send(gateway.address, &create));
        let first = object("PUT", &format!("/{bucket}/!"), Bytes::from_static(b"x"));
        runtime.block_on(send(gateway.address, &first));
    }
    gateway.stop();
    fill(&state.path().join("gateway/state.db"));
    let gateway = Server::start("gateway", state.path());
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["page of 1000", "of 1 million keys", "of 10 thousand", "ratio"]);
    for (name, query) in [
        ("ListObjectsV2", "list-type=2&start-after="),
        ("ListObjectsV2, common prefixes of 5 keys each", "list-type=2&delimiter=/&start-after="),
        ("ListObjectVersions", "versions&key-marker="),
    ] {
        let of = |bucket: &str, keys: u64| {
            let times = (0..TIMES).map(|n| {
                // Anywhere in the first half, so that a page is full: of prefixes too, 2000 in the small bucket.
                let start = keys / 2 * n / TIMES;
                let path = format!("/{bucket}?{query}{}", key(start).replace('/', "%2F"));
                let request = object("GET", &path, Bytes::new());
                let begun = Instant::now();
                runtime.block_on(send(gateway.address, &request));
                begun.elapsed()
            });
            let mut times: Vec<Duration> = times.collect();
            times.sort_unstable();
            times[times.len() / 2]
        };
        let (large, small) = (of("large", LARGE), of("small", SMALL));
        let ratio = large.as_secs_f64() / small.as_secs_f64();
        let row = [name.into(), milliseconds(large), milliseconds(small), format!("{ratio:.2}")];
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
}

fn key(n: u64) -> String {
    format!("folder-{:06}/key-{n:09}", n / 5)
}

/// Fills the buckets behind the gateway's back: what `PutObject` would have stored, a thousand times
/// faster.
fn fill(state: &Path) {
    let mut connection = Connection::open(state).expect("the state file");
    let transaction = connection.transaction().expect("a transaction");
    for (bucket, keys) in [("small", SMALL), ("large", LARGE)] {
        let mut insert = transaction
            .prepare(
                "INSERT INTO s3_versions SELECT bucket, ?2, ord, id, marker, modified, size, etag,
                 extents, attributes FROM s3_versions
                 WHERE bucket=(SELECT id FROM s3_buckets WHERE name=?1) AND key='!'",
            )
            .expect("the tables");
        for n in 0..keys {
            insert.execute(params![bucket, key(n)]).expect("a row");
        }
    }
    transaction.commit().expect("a commit");
}

async fn send(address: SocketAddr, request: &Request) {
    let answer = Wire::open(address).await.exchange(request).await.expect("an answer");
    let line = request.head.lines().next().unwrap_or_default();
    assert!(answer.status < 300, "{line}: {} {}", answer.status, answer.beginning);
}

/// Large transfers on all connections at once.
pub(crate) fn memory(runtime: &Runtime) {
    let state = tempfile::tempdir().expect("a directory for the state");
    let gateway = Server::start("gateway", state.path());
    let address = gateway.address;
    runtime.block_on(send(address, &object("PUT", "/bench", Bytes::new())));
    let idle = gateway.resident_mib();
    gateway.resident_peak_mib();
    let clients = connections_of(16);
    let data = Bytes::from(vec![b'x'; LARGE_BYTES]);
    for (name, method, body) in [("upload", "PUT", data), ("download", "GET", Bytes::new())] {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..clients)
                .map(|n| {
                    let request = object(method, &format!("/bench/large-{n}"), body.clone());
                    tokio::spawn(async move { send(address, &request).await })
                })
                .collect();
            for task in tasks {
                task.await.expect("a transfer");
            }
        });
        let peak = gateway.resident_peak_mib();
        println!(
            "resident while {clients} clients {name} 64 MiB each: {peak} MiB at the most ({idle} before)"
        );
    }
}
