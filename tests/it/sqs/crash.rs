//! `kill -9` two hundred times under load, at moments that nobody chose, and then the account of every
//! message whose fate was acknowledged: what was sent is there, what was deleted stays deleted, what was
//! in flight is hidden until its timeout and back after it, FIFO groups are in order without gap or
//! double, and a send that is repeated under its deduplication id after the kill is one message.

use super::http::Client;
use crate::support::{Project, free_port, kill_9, wait_for};
use devenv::base::Ids;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const KILLS: u64 = 200;
const STANDARD_WORKERS: usize = 3;
const FIFO_GROUPS: usize = 2;
/// Longer than the test: what is received stays in flight until the clock is advanced.
const HIDDEN_SECONDS: i64 = 900;

/// What was said and answered about the standard queue.
#[derive(Default)]
struct Book {
    asked: HashSet<String>,
    sent: HashSet<String>,
    received: HashSet<String>,
    deleting: HashSet<String>,
    deleted: HashSet<String>,
}

/// One FIFO group: its producer's and its consumer's place.
#[derive(Debug, Default, Clone, Copy)]
struct Group {
    /// The last number whose send was acknowledged.
    sent: u64,
    sequence: u128,
    /// The number that comes next; the one before it too, if its deletion was not acknowledged.
    next: u64,
    unsure: bool,
}

#[derive(Clone)]
struct Load {
    address: String,
    stop: Arc<AtomicBool>,
    book: Arc<Mutex<Book>>,
    groups: Arc<Mutex<[Group; FIFO_GROUPS]>>,
}

fn texts(reply: &Value, member: &str) -> Vec<(String, String)> {
    let messages = reply["Messages"].as_array().cloned().unwrap_or_default();
    let text = |m: &Value, name: &str| m[name].as_str().unwrap().to_owned();
    messages.iter().map(|m| (text(m, member), text(m, "ReceiptHandle"))).collect()
}

impl Load {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn book<T>(&self, write: impl FnOnce(&mut Book) -> T) -> T {
        write(&mut self.book.lock().unwrap())
    }

    /// Sends, receives, deletes until the daemon dies; every third message stays in flight.
    fn standard(&self, name: &str) -> std::io::Result<()> {
        let mut client = Client::new(&self.address);
        let mut n = 0;
        while self.goes_on() {
            n += 1;
            let body = format!("{name}-{n}");
            self.book(|b| b.asked.insert(body.clone()));
            let input = json!({"QueueUrl": "s", "MessageBody": body});
            assert_eq!(client.sqs("SendMessage", &input)?.0, 200);
            self.book(|b| b.sent.insert(body));
            if n % 2 == 0 {
                continue;
            }
            let input = json!({"QueueUrl": "s", "MaxNumberOfMessages": 3, "VisibilityTimeout": HIDDEN_SECONDS});
            let (status, reply) = client.sqs("ReceiveMessage", &input)?;
            assert_eq!(status, 200, "{reply}");
            for (at, (body, handle)) in texts(&reply, "Body").into_iter().enumerate() {
                let again = self.book(|b| !b.received.insert(body.clone()));
                assert!(!again, "{body} was received twice within its timeout");
                if at % 3 == 2 {
                    continue;
                }
                self.book(|b| b.deleting.insert(body.clone()));
                let input = json!({"QueueUrl": "s", "ReceiptHandle": handle});
                assert_eq!(client.sqs("DeleteMessage", &input)?.0, 200);
                self.book(|b| b.deleted.insert(body));
            }
        }
        Ok(())
    }

    /// Sends the numbers of a group, beginning with the one whose send was not acknowledged.
    fn produce(&self, group: usize) -> std::io::Result<()> {
        let mut client = Client::new(&self.address);
        while self.goes_on() {
            let n = self.groups.lock().unwrap()[group].sent + 1;
            let input = json!({"QueueUrl": "f.fifo", "MessageBody": n.to_string(),
                "MessageGroupId": group.to_string(), "MessageDeduplicationId": format!("{group}-{n}")});
            let (status, reply) = client.sqs("SendMessage", &input)?;
            assert_eq!(status, 200, "{reply}");
            let sequence: u128 = reply["SequenceNumber"].as_str().unwrap().parse().unwrap();
            let held = &mut self.groups.lock().unwrap()[group];
            assert!(sequence > held.sequence, "sequence numbers grow");
            (held.sent, held.sequence) = (n, sequence);
        }
        Ok(())
    }

    /// Receives and deletes, and sees to it that each group is in order.
    fn consume(&self) -> std::io::Result<()> {
        let mut client = Client::new(&self.address);
        while self.goes_on() {
            if !self.consume_some(&mut client)? {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(())
    }

    fn consume_some(&self, client: &mut Client) -> std::io::Result<bool> {
        let input = json!({"QueueUrl": "f.fifo", "MaxNumberOfMessages": 1, "AttributeNames": ["MessageGroupId"]});
        let (status, reply) = client.sqs("ReceiveMessage", &input)?;
        assert_eq!(status, 200, "{reply}");
        let Some((body, handle)) = texts(&reply, "Body").pop() else { return Ok(false) };
        let group: usize =
            reply["Messages"][0]["Attributes"]["MessageGroupId"].as_str().unwrap().parse().unwrap();
        let n: u64 = body.parse().unwrap();
        {
            let held = &mut self.groups.lock().unwrap()[group];
            let fits = n == held.next || held.unsure && n + 1 == held.next;
            assert!(fits, "group {group}: {n} came where {held:?} was due");
            (held.next, held.unsure) = (n + 1, true);
        }
        let input = json!({"QueueUrl": "f.fifo", "ReceiptHandle": handle});
        let (status, _) = client.sqs("DeleteMessage", &input)?;
        let held = &mut self.groups.lock().unwrap()[group];
        // Refused: the handle's timeout was over, and the message comes again.
        match status {
            200 => held.unsure = false,
            _ => (held.next, held.unsure) = (n, false),
        }
        Ok(true)
    }

    /// Runs everything until `stop`; a connection that breaks is the kill.
    fn round(&self, round: u64) -> Vec<std::thread::JoinHandle<()>> {
        let mut threads = Vec::new();
        for worker in 0..STANDARD_WORKERS {
            let load = self.clone();
            threads.push(std::thread::spawn(move || {
                drop(load.standard(&format!("{round}-{worker}")))
            }));
        }
        for group in 0..FIFO_GROUPS {
            let load = self.clone();
            threads.push(std::thread::spawn(move || drop(load.produce(group))));
        }
        let load = self.clone();
        threads.push(std::thread::spawn(move || drop(load.consume())));
        threads
    }
}

/// Starts the gateway; one that ends instead of answering is shown with what it said.
fn start(project: &Project, address: &str) -> Child {
    let said = project.path().join("said.txt");
    let mut command = project.command(env!("CARGO_BIN_EXE_devenv"));
    let output = std::fs::File::create(&said).unwrap();
    command.args(["up", "--quiet"]).stdout(Stdio::null()).stderr(output);
    let mut child = command.spawn().unwrap();
    wait_for("the gateway", Duration::from_secs(60), || {
        if let Some(status) = child.try_wait().unwrap() {
            panic!("the gateway ended, {status}: {}", std::fs::read_to_string(&said).unwrap());
        }
        let answer = Client::new(address).sqs("ListQueues", &json!({}));
        answer.is_ok_and(|(status, _)| status == 200).then_some(())
    });
    child
}

/// Everything that can be received, by body.
fn drain(client: &mut Client) -> HashMap<String, usize> {
    let mut found = HashMap::new();
    loop {
        let input = json!({"QueueUrl": "s", "MaxNumberOfMessages": 10, "VisibilityTimeout": HIDDEN_SECONDS});
        let messages = texts(&client.must("ReceiveMessage", &input), "Body");
        if messages.is_empty() {
            return found;
        }
        messages.into_iter().for_each(|(body, _)| *found.entry(body).or_default() += 1);
    }
}

fn account(load: &Load) {
    let mut client = Client::new(&load.address);
    let book = load.book.lock().unwrap();
    let visible = drain(&mut client);
    let early: Vec<_> = visible.keys().filter(|body| book.received.contains(*body)).collect();
    assert!(early.is_empty(), "visible before their timeout: {early:?}");
    let order = json!({"advance": format!("{}s", HIDDEN_SECONDS + 1)}).to_string();
    assert_eq!(client.post("/_devenv/clock", "", &order).unwrap().0, 200);
    let found = drain(&mut client);
    let doubled: Vec<_> = found.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "there twice: {doubled:?}");
    let missing: Vec<_> = book
        .sent
        .iter()
        .filter(|b| !book.deleting.contains(*b) && !found.contains_key(*b))
        .collect();
    assert!(missing.is_empty(), "acknowledged and gone: {missing:?}");
    let back: Vec<_> = book.deleted.iter().filter(|b| found.contains_key(*b)).collect();
    assert!(back.is_empty(), "deleted and back: {back:?}");
    assert!(found.keys().all(|b| book.asked.contains(b)), "never sent");
    let in_flight = book.received.difference(&book.deleting).count();
    assert!(
        book.sent.len() > 1000 && book.deleted.len() > 300 && in_flight > 100,
        "too little load"
    );
    while load.consume_some(&mut client).unwrap() {}
    for (group, held) in load.groups.lock().unwrap().iter().enumerate() {
        // The last send may have been carried out without an answer.
        let gone = held.next - 1;
        assert!((held.sent..=held.sent + 1).contains(&gone), "group {group}: {held:?}");
        assert!(held.sent > 200, "group {group} had too little load: {held:?}");
    }
}

#[test]
fn every_acknowledged_message_is_accounted_for_after_two_hundred_kills() {
    let port = free_port();
    // The other tests' environments may hold the ports of the default.
    let ports = format!("port = {{ gateway = {port}, smtp = \"auto\" }}");
    let profile = format!("extends = \"minimal\"\n{ports}\n");
    let (project, address) = (Project::with(&profile), format!("127.0.0.1:{port}"));
    let groups = [Group { next: 1, ..Group::default() }; FIFO_GROUPS];
    let load = Load {
        address: address.clone(),
        stop: Arc::default(),
        book: Arc::default(),
        groups: Arc::new(Mutex::new(groups)),
    };
    let mut random = Ids::seeded(std::process::id().into());
    for round in 0..KILLS {
        let mut child = start(&project, &address);
        if round == 0 {
            let mut client = Client::new(&address);
            client.must("CreateQueue", &json!({"QueueName": "s"}));
            let attributes = json!({"FifoQueue": "true", "VisibilityTimeout": "1"});
            client.must("CreateQueue", &json!({"QueueName": "f.fifo", "Attributes": attributes}));
        }
        load.stop.store(false, Ordering::Relaxed);
        let threads = load.round(round);
        std::thread::sleep(Duration::from_millis(5 + random.next_u64() % 60));
        kill_9(child.id());
        load.stop.store(true, Ordering::Relaxed);
        child.wait().unwrap();
        for thread in threads {
            assert!(thread.join().is_ok(), "round {round}");
        }
    }
    let mut child = start(&project, &address);
    account(&load);
    kill_9(child.id());
    child.wait().unwrap();
}
