//! The request journal and faults on purpose, as boto3 and the command line see them.

use super::support::{Project, Run, python, script};
use serde_json::Value;

struct Traffic {
    project: Project,
    variables: Vec<(String, String)>,
}

impl Traffic {
    fn up() -> Traffic {
        let project = Project::with("extends = \"minimal\"\nport = \"auto\"\n");
        project.up();
        let variables = project.environment();
        Traffic { project, variables }
    }

    fn boto3(&self, what: &str) {
        let mut command = self.project.command(python());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        Run::of(command.arg(script("requests/traffic.py")).arg(what)).success();
    }

    fn requests(&self, words: &[&str]) -> Run {
        self.project.devenv(&[&["requests"], words].concat())
    }

    /// The requests of `operation`, as `--json` has them.
    fn of(&self, operation: &str) -> Vec<Value> {
        let listed = self.requests(&["--json", "--operation", operation]).success().json();
        listed["requests"].as_array().unwrap().clone()
    }

    fn fault(&self, words: &[&str]) {
        self.project.devenv(&[&["faults", "add"], words].concat()).success();
    }
}

#[test]
fn every_request_is_remembered_found_asserted_replayed_and_exported() {
    let traffic = Traffic::up();
    traffic.boto3("calls");
    let put = traffic.of("s3:PutObject").remove(0);
    assert_eq!(put["parameters"]["Bucket"], "uploads");
    assert_eq!(put["parameters"]["Key"], "reports/1.txt");
    assert_eq!((put["status"].as_u64(), put["request_bytes"].as_u64()), (Some(200), Some(10_000)));
    assert_eq!(
        (put["account"].as_str(), put["principal"].as_str()),
        (Some("000000000000"), Some("test"))
    );
    assert_eq!(traffic.of("PutBucketCors").len(), 1);
    let sent = traffic.of("sqs:SendMessage");
    assert_eq!(sent[0]["parameters"]["MessageBody"], "small");
    // What is long is not kept; whose it is stays known.
    assert_eq!(
        (sent[1]["is_complete"].as_bool(), &sent[1]["parameters"]["MessageBody"]),
        (Some(false), &Value::Null)
    );
    assert!(sent[1]["parameters"]["QueueUrl"].as_str().unwrap().ends_with("/jobs"));
    let missing = traffic.of("ses:GetEmailIdentity").remove(0);
    assert_eq!(
        (missing["error"].as_str(), missing["status"].as_u64()),
        (Some("NotFoundException"), Some(404))
    );
    assert_eq!(missing["parameters"]["EmailIdentity"], "no@example.com");
    assert_eq!(traffic.of("iam:CreateUser")[0]["parameters"]["UserName"], "jane");
    assert_eq!(traffic.of("s3:GetObject")[0]["error"], "NoSuchKey");
    let everything = traffic.requests(&["--json", "--limit", "1000"]).success().stdout;
    assert!(everything.contains("[redacted]") && !everything.contains("hunter2"), "{everything}");
    let text = traffic.requests(&["--status", "error"]).success().stdout;
    assert!(text.lines().count() == 2 && text.contains("NoSuchKey"), "{text}");

    let expect = |words: &[&str]| traffic.requests(&[&["expect"], words].concat());
    expect(&["s3:PutObject", "--where", "Bucket=uploads", "--times", "1"]).success();
    expect(&["sqs:Send*", "--where", "Queue=jobs", "--at-least", "2", "--within", "1s"]).success();
    expect(&["s3:DeleteObject", "--times", "0"]).success();
    let failed = expect(&["s3:PutObject", "--where", "Key=other/*"]).ends(1);
    assert!(
        failed.stderr.contains("s3:PutObject: 0 requests came, 1 or more were expected"),
        "{}",
        failed.stderr
    );
    traffic.requests(&["--status", "often"]).ends(2);

    let id = |request: &Value| request["id"].to_string();
    let again = traffic.requests(&["replay", &id(&sent[0]), "--json"]).success().json();
    assert!(
        again["status"] == 200 && again["body"].as_str().unwrap().contains("MessageId"),
        "{again}"
    );
    expect(&["sqs:SendMessage", "--times", "3"]).success();
    traffic.requests(&["replay", &id(&put)]).ends(1);
    let line = traffic.requests(&["export", &id(&sent[0])]).success().stdout;
    assert!(line.starts_with("aws sqs send-message --cli-input-json '{"), "{line}");
    let line = traffic.requests(&["export", &id(&put)]).success().stdout;
    assert_eq!(
        line.trim(),
        "aws s3api put-object --bucket uploads --key reports/1.txt --body FILE"
    );
    traffic.requests(&["clear"]).success();
    expect(&["sqs:SendMessage", "--times", "0"]).success();
    traffic.requests(&["show", &id(&put)]).ends(1);
}

#[test]
fn faults_strike_what_they_name_and_stand_in_the_journal() {
    let traffic = Traffic::up();
    traffic.boto3("calls");
    traffic.fault(&[
        "s3:PutObject",
        "--where",
        "Key=reports/*",
        "--error",
        "SlowDown",
        "--status",
        "503",
    ]);
    traffic.fault(&["sqs:GetQueueUrl", "--drop", "before"]);
    traffic.fault(&["s3:GetObject", "--partial", "100"]);
    traffic.fault(&["iam", "--throttle", "5"]);
    traffic.fault(&["secretsmanager", "--error", "InternalServiceError", "--times", "1"]);
    traffic.fault(&["--latency", "20ms", "--jitter", "5ms", "--rate", "0.5", "--seed", "7"]);
    traffic.boto3("faults");
    let slowed = traffic.of("s3:PutObject").into_iter().find(|r| r["status"] == 503).unwrap();
    assert!(slowed["fault"].as_str().unwrap().starts_with("1:error"), "{slowed}");
    let cut = traffic.of("sqs:GetQueueUrl").pop().unwrap();
    assert!(cut["fault"].as_str().unwrap().starts_with("2:drop"), "{cut}");
    let listed = traffic.project.devenv(&["faults", "list", "--json"]).success().json();
    let hits: Vec<u64> =
        listed["faults"].as_array().unwrap().iter().map(|f| f["hits"].as_u64().unwrap()).collect();
    assert!(hits.iter().all(|hits| *hits > 0) && hits[0] == 1 && hits[4] == 1, "{listed}");
    for wrong in [
        &["s3", "--error", "no code!"][..],
        &["--latency", "1h"],
        &["--latency", "1s", "--rate", "2"],
        // There is no proxy in this environment.
        &["postgres", "--latency", "1s"],
    ] {
        traffic.project.devenv(&[&["faults", "add"], wrong].concat()).ends(2);
    }
    traffic.project.devenv(&["faults", "clear", "99"]).ends(1);
    traffic.project.devenv(&["faults", "clear"]).success();
    let listed = traffic.project.devenv(&["faults", "list", "--json"]).success().json();
    assert_eq!(listed["faults"], serde_json::json!([]));
}
