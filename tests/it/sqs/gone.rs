//! What can be seen without taking part, and what becomes of those who leave: pages, modes, receivers
//! that hang up, and wake-ups under contention.

use super::gateway;
use super::http::Client;
use devenv::base::Caller;
use devenv::services::sqs::ops::{CreateQueue, DeleteMessage, ReceiveMessage, SendMessage};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

fn get(address: &str, path: &str, accept: &str) -> (u16, String) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let call = agent.get(format!("http://{address}{path}")).header("Accept", accept);
    let mut answer = call.call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

fn page(address: &str, path: &str) -> Value {
    let (status, text) = get(address, path, "application/json");
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn pages_show_messages_by_state_and_touch_none() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let gateway = runtime.block_on(gateway(dir.path()));
    let address = gateway.address().to_string();
    let mut client = Client::new(&address);
    client.must("CreateQueue", &json!({"QueueName": "q"}));
    let send = |client: &mut Client, body: &str, delay: i64| {
        let attributes = json!({"a": {"DataType": "String", "StringValue": "<1>"}});
        client.must(
            "SendMessage",
            &json!({"QueueUrl": "q", "MessageBody": body,
            "DelaySeconds": delay, "MessageAttributes": attributes}),
        );
    };
    send(&mut client, "flying", 0);
    client.must("ReceiveMessage", &json!({"QueueUrl": "q"}));
    send(&mut client, "ready <&>", 0);
    send(&mut client, "later", 600);

    let queues = page(&address, "/_devenv/sqs/queues");
    assert_eq!(queues["queues"][0]["messages"], json!({"ready": 1, "delayed": 1, "in_flight": 1}));
    assert_eq!(queues["queues"][0]["url"], format!("http://{address}/000000000000/q"));
    for (state, body) in [("ready", "ready <&>"), ("delayed", "later"), ("in_flight", "flying")] {
        let shown = page(&address, &format!("/_devenv/sqs/messages?queue=q&state={state}"));
        let messages = shown["messages"].as_array().unwrap();
        assert_eq!((messages.len(), messages[0]["body"].as_str()), (1, Some(body)), "{shown}");
        assert_eq!(messages[0]["state"], state);
        let hidden = messages[0]["visible_at"].is_string();
        assert_eq!(hidden, state != "ready", "{shown}");
    }
    let first = page(&address, "/_devenv/sqs/messages?queue=q&limit=2");
    let next = first["next"].as_u64().unwrap();
    let rest = page(&address, &format!("/_devenv/sqs/messages?queue=q&after={next}"));
    assert_eq!((rest["messages"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));

    let url = format!("/_aws/sqs/messages?QueueUrl=http://{address}/000000000000/q");
    let shown = page(&address, &url);
    let messages = &shown["ReceiveMessageResponse"]["ReceiveMessageResult"]["Message"];
    assert_eq!(messages.as_array().unwrap().len(), 1, "{shown}");
    assert_eq!(messages[0]["Body"], "ready <&>");
    assert_eq!(messages[0]["ReceiptHandle"], "SQS/BACKDOOR/ACCESS");
    let count = json!({"Name": "ApproximateReceiveCount", "Value": "0"});
    assert!(messages[0]["Attribute"].as_array().unwrap().contains(&count), "{shown}");
    let all = page(&address, &format!("{url}&ShowInvisible=true&ShowDelayed=true"));
    let messages = &all["ReceiveMessageResponse"]["ReceiveMessageResult"]["Message"];
    assert_eq!(messages.as_array().unwrap().len(), 3, "{all}");
    let (status, xml) = get(&address, "/_aws/sqs/messages/us-east-1/000000000000/q", "*/*");
    assert!(status == 200 && xml.contains("<Body>ready &lt;&amp;&gt;</Body>"), "{xml}");
    assert_eq!(get(&address, "/_aws/sqs/messages?QueueUrl=none", "*/*").0, 404);
    assert_eq!(get(&address, "/_devenv/sqs/messages?queue=q&state=gone", "*/*").0, 400);
    let headers = "X-Amz-Target: AmazonSQS.ReceiveMessage\r\n";
    let body = json!({"QueueUrl": format!("http://{address}/000000000000/q")}).to_string();
    let (status, reply) = client.post("/_aws/sqs/messages/", headers, &body).unwrap();
    assert_eq!((status, reply["Messages"][0]["Body"].as_str()), (200, Some("ready <&>")));

    // Nothing of this counted as a receive.
    let input = json!({"QueueUrl": "q", "AttributeNames": ["ApproximateReceiveCount"]});
    let received = client.must("ReceiveMessage", &input);
    assert_eq!(received["Messages"][0]["Attributes"]["ApproximateReceiveCount"], "1");
    drop(client);
    runtime.block_on(gateway.shutdown());
}

#[test]
fn a_receiver_that_hangs_up_takes_nothing_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let gateway = runtime.block_on(gateway(dir.path()));
    let address = gateway.address().to_string();
    let mut client = Client::new(&address);
    client.must("CreateQueue", &json!({"QueueName": "q"}));
    let long_poll = json!({"QueueUrl": "q", "WaitTimeSeconds": 20});
    for _ in 0..20 {
        let mut gone: Vec<Client> = (0..5).map(|_| Client::new(&address)).collect();
        gone.iter_mut().for_each(|c| c.send_only("ReceiveMessage", &long_poll).unwrap());
        std::thread::sleep(Duration::from_millis(20));
        gone.iter_mut().for_each(Client::hang_up);
        // The kernel tells the server of it at once; the server has a moment to take note.
        std::thread::sleep(Duration::from_millis(20));
        client.must("SendMessage", &json!({"QueueUrl": "q", "MessageBody": "x"}));
        let received = client.must("ReceiveMessage", &json!({"QueueUrl": "q"}));
        let handle = &received["Messages"][0]["ReceiptHandle"];
        assert!(handle.is_string(), "a dead connection got the message");
        client.must("DeleteMessage", &json!({"QueueUrl": "q", "ReceiptHandle": handle}));
    }
    drop(client);
    runtime.block_on(gateway.shutdown());
}

/// The nearest to loom for locks of two libraries: many receivers wait, some give up at any moment, many
/// send; every message must be handed out by a wake-up and not by the end of a wait.
#[test]
fn no_wake_up_is_lost_among_receivers_that_come_and_go() {
    const MESSAGES: usize = 600;
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let gateway = runtime.block_on(gateway(dir.path()));
    let sqs = gateway.services().sqs.clone();
    let taken = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let caller = Caller::internal("000000000000", "us-east-1", "http://localhost");
        let create = CreateQueue { queue_name: "q".into(), ..Default::default() };
        sqs.run(create, &caller).await.unwrap();
        let mut receivers = Vec::new();
        for n in 0..40u64 {
            let (sqs, caller, taken) = (sqs.clone(), caller.clone(), taken.clone());
            receivers.push(tokio::spawn(async move {
                while taken.load(Ordering::SeqCst) < MESSAGES {
                    let receive = ReceiveMessage {
                        queue_url: "q".into(),
                        wait_time_seconds: Some(20),
                        ..Default::default()
                    };
                    // Every other receiver is impatient, each by its own measure.
                    let patience = if n % 2 == 0 { 30_000 } else { 1 + n % 7 };
                    let wait = Duration::from_millis(patience);
                    let got = tokio::time::timeout(wait, sqs.receive(receive, &caller)).await;
                    let Ok(Ok(received)) = got else { continue };
                    for message in received.messages {
                        taken.fetch_add(1, Ordering::SeqCst);
                        let delete = DeleteMessage {
                            queue_url: "q".into(),
                            receipt_handle: message.receipt_handle,
                        };
                        sqs.run(delete, &caller).await.unwrap();
                    }
                }
            }));
        }
        let started = Instant::now();
        for n in 0..MESSAGES {
            let send = SendMessage {
                queue_url: "q".into(),
                message_body: "x".into(),
                ..Default::default()
            };
            sqs.run(send, &caller).await.unwrap();
            if n % 16 == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        while taken.load(Ordering::SeqCst) < MESSAGES {
            let left = MESSAGES - taken.load(Ordering::SeqCst);
            assert!(
                started.elapsed() < Duration::from_secs(15),
                "{left} messages wait beside receivers"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        receivers.iter().for_each(tokio::task::JoinHandle::abort);
    });
    assert_eq!(taken.load(Ordering::SeqCst), MESSAGES, "each message once");
    drop(sqs);
    runtime.block_on(gateway.shutdown());
}
