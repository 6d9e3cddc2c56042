//! The virtual clock as people and programs move it: by the command, by the page, over a kill and a reset.

use crate::support::{Project, kill_9};
use serde_json::{Value, json};

struct Page {
    endpoint: String,
    agent: ureq::Agent,
}

impl Page {
    fn of(project: &Project) -> Page {
        let endpoint = project.status()["endpoint"].as_str().unwrap().to_owned();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Page { endpoint, agent }
    }

    fn clock(&self) -> Value {
        let address = format!("{}/_devenv/clock", self.endpoint);
        self.agent.get(address).call().unwrap().body_mut().read_json().unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let address = format!("{}{path}", self.endpoint);
        let mut answer = self.agent.post(address).send_json(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
    }

    fn sqs(&self, operation: &str, body: &Value) -> Value {
        let target = format!("AmazonSQS.{operation}");
        let post = self.agent.post(&self.endpoint).header("x-amz-target", target);
        post.send(body.to_string()).unwrap().body_mut().read_json().unwrap()
    }

    /// How many messages `q` hands out.
    fn received(&self) -> usize {
        let body = json!({"QueueUrl": "q", "VisibilityTimeout": 0});
        self.sqs("ReceiveMessage", &body)["Messages"].as_array().map_or(0, Vec::len)
    }
}

const HOUR_MS: i64 = 3_600_000;

#[test]
fn the_clock_is_moved_by_command_and_page_and_stays_moved_over_a_kill() {
    let project = Project::with("extends = \"minimal\"\nport = \"auto\"\n");
    let clock = |words: &[&str]| project.devenv(&[&["clock"], words, &["--json"]].concat());
    clock(&["show"]).ends(3);
    project.up();
    let page = Page::of(&project);
    assert_eq!(clock(&["show"]).success().json()["offset_ms"], 0);
    assert_eq!(project.status()["clock"], Value::Null);

    page.sqs("CreateQueue", &json!({"QueueName": "q"}));
    page.sqs("SendMessage", &json!({"QueueUrl": "q", "MessageBody": "later", "DelaySeconds": 900}));
    assert_eq!(page.received(), 0);
    let moved = clock(&["advance", "15m"]).success().json();
    assert_eq!(moved["offset_ms"], 900_000);
    assert_eq!(page.received(), 1);
    let (status, moved) = page.post("/_devenv/clock", &json!({"advance": "45m"}));
    assert_eq!((status, moved["offset_ms"].as_i64()), (200, Some(HOUR_MS)));
    assert_eq!(project.status()["clock"], json!({"offset_ms": HOUR_MS, "frozen_at": null}));
    let text = project.devenv(&["status"]).success().stdout;
    assert!(text.contains("clock: 1 h ahead of the machine"), "{text}");

    let frozen = clock(&["freeze"]).success().json();
    kill_9(project.status()["pid"].as_u64().unwrap() as u32);
    project.up();
    let page = Page::of(&project);
    assert_eq!(page.clock()["now"], frozen["now"]);
    let set = clock(&["set", "2027-01-31"]).success().json();
    assert_eq!(set["now"], "2027-01-31T00:00:00.000Z");
    let text = project.devenv(&["status"]).success().stdout;
    assert!(text.contains("clock: stands still at 2027-01-31T00:00:00.000Z"), "{text}");
    assert_eq!(clock(&["resume"]).success().json()["frozen"], false);
    assert!(page.clock()["now"].as_str().unwrap().starts_with("2027-01-31T00:0"));

    clock(&["set", "tomorrow"]).ends(2);
    clock(&["advance", "soon"]).ends(2);
    for (body, code) in [
        (json!({"advance": "soon"}), "clock-order"),
        (json!({"forward": "1h"}), "clock-order"),
        (json!({}), "clock-order"),
        (json!({"set": "-1"}), "clock-range"),
    ] {
        let (status, answer) = page.post("/_devenv/clock", &body);
        assert_eq!((status, answer["error"]["code"].as_str()), (400, Some(code)), "{body}");
    }
    project.devenv(&["reset", "--yes"]).success();
    assert_eq!(page.clock()["offset_ms"], 0);
    page.post("/_devenv/clock", &json!({"set": "2030-01-01", "freeze": true}));
    assert_eq!(page.clock()["now"], "2030-01-01T00:00:00.000Z");
    assert_eq!(page.post("/_devenv/reset", &json!({})).0, 200);
    assert_eq!(page.clock()["frozen"], false);
    assert_eq!(clock(&["set", "now"]).success().json()["offset_ms"], 0);
}
