//! Every mistake is found, at its place, with the likely cure.

use super::*;
use devenv::base::{Exit, Problem};

#[test]
fn ten_mistakes_are_ten_lines() {
    let toml = r#"extends = "defualt"
port = { gateway = 70000, redis = 6380 }
auth = "lenien"

[postgress]

[postgres]
version = 14
extensions = ["pgvector"]

[s3.buckets.Uploads]

[sqs.queues.jobs]
retention = "15d"
dead_letter = { queue = "job-dlq", max_receive_count = 5 }

[sqs.queues.jobs-dlq]

[secrets.both]
value = "hunter2"
generate = 20
"#;
    let expected = [
        "devenv.toml:1:11: `extends = \"defualt\"`: no profile of this name is shipped; did you mean `default`?",
        "devenv.toml:2:20: `port.gateway` must be between 1 and 65535, not 70000",
        "devenv.toml:3:8: `auth` cannot be `lenien`; did you mean `lenient`?",
        "devenv.toml:5:2: unknown key `postgress`; did you mean `postgres`?",
        "devenv.toml:8:11: `postgres.version` must be between 15 and 18, not 14",
        "devenv.toml:9:15: `postgres.extensions[0]` names no extension: `pgvector` is called `vector`; did you mean `vector`?",
        "devenv.toml:11:13: bucket name `Uploads` has capital letters; did you mean `uploads`?",
        "devenv.toml:14:13: `sqs.queues.jobs.retention` must be between 1 minute and 14 days, not 1296000 seconds",
        "devenv.toml:15:25: `sqs.queues.jobs.dead_letter.queue` names `job-dlq`, which this profile does not declare; did you mean `jobs-dlq`?",
        "devenv.toml:21:12: `secrets.both.generate` stands beside `value`; a secret has one of them",
    ];
    assert_eq!(lines(toml), expected);
    let problem = Problem::from(load(&text(toml)).unwrap_err());
    assert_eq!((problem.exit, problem.code), (Exit::Usage, "profile-mistakes"));
    assert!(
        problem.message.contains("\n 3 | auth = \"lenien\"\n   |        ^^^^^^^^"),
        "{}",
        problem.message
    );
    assert!(!problem.message.contains("hunter2"));
}

#[test]
fn syntax_errors_are_found_together_and_each_once() {
    let toml = "auth = lenient\n[postgres\nversion = 17\n[redis]\nfoo =\nversion = 7\n[redis]\n";
    let places: Vec<String> = lines(toml)
        .iter()
        .map(|l| l.splitn(4, ':').take(2).collect::<Vec<_>>().join(":"))
        .collect();
    assert_eq!(
        places,
        ["devenv.toml:1", "devenv.toml:2", "devenv.toml:5", "devenv.toml:6", "devenv.toml:7"]
    );
    assert!(lines(toml)[3].contains("unknown key `version` in `redis`"));
}

#[test]
fn a_bracket_never_closed_is_one_mistake() {
    let toml = "[postgres]\ndatabases = [\"a\", \"b\"\nextensions = [\"vector\"]\n[sqs.queues.b]\n";
    let lines = lines(toml);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(
        lines[0].starts_with("devenv.toml:3:1: not TOML:") && lines[0].ends_with("is not closed")
    );
    let text = "[sqs.queues.a]\ndead_letter = { queue = \"b\", max_receive_count = 3 }\n\
        [secrets.x]\nvalue = \"\"\"abc\n[sqs.queues.b]\n";
    only(
        text,
        "devenv.toml:6:1: not TOML: invalid multi-line basic string, expected `\"`; \
         a text of several lines before this is not closed",
    );
}

#[test]
fn structure_is_checked_with_the_likely_cure() {
    only(
        "[redis]\naccount = \"1\"\n",
        "devenv.toml:2:1: unknown key `account` in `redis`; it belongs above the first `[section]`",
    );
    let hint = |toml: &str, end: &str| assert!(lines(toml)[0].ends_with(end), "{:?}", lines(toml));
    hint("[buckets.uploads]\n", "unknown key `buckets`; did you mean `s3.buckets`?");
    hint("[queue.jobs]\n", "unknown key `queue`; did you mean `sqs.queues`?");
    hint("[sqs.queues.a]\nMessageRetentionPeriod = 60\n", "did you mean `retention`?");
    hint("extends = \"\"\n", "shipped profiles: `minimal`, `default`, `epicenter`");
    only(
        "account = 12\n",
        "devenv.toml:1:11: `account` must be a string, not an integer; write it in quotes",
    );
    only("redis = true\n", "devenv.toml:1:9: `redis` must be a table or `false`, not `true`");
    only("port = 4566\n", "devenv.toml:1:8: `port` must be `auto` or a table, not an integer");
    only(
        "[sqs.queues.a.dead_letter]\nqueue = \"b\"\n[sqs.queues.b]\n",
        "devenv.toml:1:15: `sqs.queues.a.dead_letter` needs `max_receive_count`",
    );
    only(
        "[s3.buckets.abc]\ncors = [{ origins = [], methods = [\"GET\"] }]\n",
        "devenv.toml:2:21: `s3.buckets.abc.cors[0].origins` must not be empty",
    );
    only(
        "[s3.buckets.abc]\ncors = [{ origins = [\"*\"], methods = [\"get\"] }]\n",
        "devenv.toml:2:39: `s3.buckets.abc.cors[0].methods[0]` cannot be `get`; did you mean `GET`?",
    );
    only(
        "[kms.keys.a]\nspec = \"RSA_2084\"\n",
        "devenv.toml:2:8: `kms.keys.a.spec` cannot be `RSA_2084`; did you mean `RSA_2048`?",
    );
    only(
        "region = \"eu-cental-1\"\n",
        "devenv.toml:1:10: `region` is no region; did you mean `eu-central-1`?",
    );
    only("account = \"1234\"\n", "devenv.toml:1:11: `account` must be 12 digits");
}

#[test]
fn ports_do_not_collide() {
    only(
        "port = { gateway = 5000, smtp = 5000 }\n",
        "devenv.toml:1:33: `port.smtp` is 5000, which is gateway's port too",
    );
    only(
        "[port]\nsmtp = 4566\n",
        "devenv.toml:2:8: `port.smtp` is 4566, which is gateway's port too",
    );
    only("port.redis = 0\n", "devenv.toml:1:14: `port.redis` must be between 1 and 65535, not 0");
    // No Postgres runs here, so its default is free.
    assert_eq!(good("port = { gateway = 5432 }").ports.gateway, Port::Fixed(5432));
    let auto = good("port = \"auto\"").ports;
    assert_eq!((auto.gateway, auto.redis), (Port::Auto(4566), Port::Auto(6379)));
    assert_eq!(good("port = { redis = \"auto\" }").ports.redis, Port::Auto(6379));
}

#[test]
fn servers_names_and_settings() {
    let pg = |body: &str| lines(&format!("[postgres]\n{body}\n")).remove(0);
    assert!(
        pg("databases = [\"a b\"]")
            .starts_with("devenv.toml:2:14: `postgres.databases[0]` must be letters")
    );
    assert!(pg("databases = []").ends_with("must not be empty"));
    assert!(
        pg("databases = [\"a\", \"a\"]")
            .ends_with("2:19: `postgres.databases[1]` names `a` a second time")
    );
    assert!(pg(&format!("databases = [\"{}\"]", "a".repeat(64))).contains("longer than 63 bytes"));
    assert!(pg("extensions = [\"pg_trmg\"]").ends_with("did you mean `pg_trgm`?"));
    assert!(
        pg("settings = { port = 1 }").ends_with("`port` is set by devenv; use `port.postgres`")
    );
    assert!(
        pg("settings = { log-statement = \"all\" }").ends_with("did you mean `log_statement`?")
    );
    assert!(
        pg("version = { prefer = 15, accept = [14] }")
            .ends_with("`postgres.version.accept[0]` must be between 15 and 18, not 14")
    );
    let settings = good("[postgres]\nextensions = [\"my_own_thing\"]\nsettings = { fsync = false, max_connections = 50, \"a.b\" = 1.5 }").postgres.unwrap().settings;
    assert_eq!(settings.values().collect::<Vec<_>>(), ["1.5", "off", "50"]);

    let redis = |body: &str| lines(&format!("[redis]\nsettings = {{ {body} }}\n")).remove(0);
    assert!(
        redis("max-memory = \"1mb\"")
            .ends_with("Redis has no directive `max-memory`; did you mean `maxmemory`?")
    );
    assert!(redis("maxmemory-policy = \"volatile-lur\"").ends_with("did you mean `volatile-lru`?"));
    assert!(redis("notify-keyspace-events = \"x\"").ends_with("did you mean `Ex`?"));
    assert!(redis("notify-keyspace-events = \"EQ\"").contains("knows no event class `Q`"));
    assert!(redis("dir = \"/tmp\"").contains("`dir` is set by devenv"));
    assert_eq!(
        good("[redis]\nsettings = { appendonly = true }").redis.unwrap().settings["appendonly"],
        "yes"
    );
}

#[test]
fn buckets_follow_s3s_rules() {
    for (name, why) in [
        ("ab", "must have 3 to 63 characters"),
        ("my_bucket", "has `_`; did you mean `my-bucket`?"),
        ("-abc", "must start and end with a letter or digit"),
        ("a..b", "has two dots in a row"),
        ("192.168.0.1", "looks like an IP address"),
        ("xn--abc", "starts with `xn--`, which AWS reserves"),
        ("abc-s3alias", "ends in `-s3alias`, which AWS reserves"),
        ("abc/def", "must be lower-case letters, digits, `-` and `.`"),
    ] {
        only(
            &format!("[s3.buckets.\"{name}\"]\n"),
            &format!("devenv.toml:1:13: bucket name `{name}` {why}"),
        );
    }
    let b = |body: &str| {
        lines(&format!("[s3.buckets.abc]\n{body}\n[s3.buckets.other]\n[sqs.queues.\"q.fifo\"]\n"))
            .remove(0)
    };
    assert!(
        b("lifecycle = [{ id = \"x\" }]").contains("`s3.buckets.abc.lifecycle[0]` does nothing")
    );
    assert!(
        b("lifecycle = [{ transitions = [{ days = 10, storage_class = \"STANDARD_IA\" }] }]")
            .contains("at least 30")
    );
    assert!(b("lifecycle = [{ expire_days = 5, transitions = [{ days = 10, storage_class = \"GLACIER\" }] }]").ends_with("`s3.buckets.abc.lifecycle[0].expire_days` must be more than the 10 days of the last transition"));
    assert!(
        b("encryption = { algorithm = \"aws:kms\", key = \"docs\" }")
            .contains("which `[kms.keys]` does not have")
    );
    assert!(
        b("encryption = { algorithm = \"AES256\", key = \"docs\" }")
            .ends_with("`AES256` has no key")
    );
    assert!(
        b("replication = { bucket = \"other\" }")
            .contains("needs `versioning = true` in this bucket")
    );
    assert!(
        b("versioning = true\nreplication = { bucket = \"othr\" }")
            .ends_with("did you mean `other`?")
    );
    assert!(
        b("versioning = true\nreplication = { bucket = \"other\" }")
            .ends_with("needs `versioning = true` to receive copies")
    );
    assert!(
        b("versioning = false\nobject_lock = true")
            .ends_with("cannot be `false` with `object_lock`")
    );
    assert!(
        b("object_lock = { mode = \"GOVERNANCE\" }").ends_with("needs either `days` or `years`")
    );
    assert!(
        b("notifications = [{ queue = \"q.fifo\", events = [\"s3:ObjectCreated:*\"] }]")
            .contains("is a FIFO queue")
    );
    assert!(
        b("notifications = [{ queue = \"q.fif\", events = [\"s3:ObjectCreated:*\"] }]")
            .ends_with("did you mean `q.fifo`?")
    );
    let locked = good("[s3.buckets.abc]\nobject_lock = { mode = \"GOVERNANCE\", days = 3 }")
        .buckets
        .remove("abc")
        .unwrap();
    assert!(locked.versioning && locked.object_lock);
    assert_eq!(locked.settings["object_lock"]["days"], 3);
}

#[test]
fn queues_follow_sqss_rules() {
    let long = "q".repeat(81);
    only(
        &format!("[sqs.queues.{long}]\n"),
        &format!("devenv.toml:1:13: queue name `{long}` has 81 characters; SQS takes 80"),
    );
    let q = |body: &str| {
        lines(&format!("[sqs.queues.jobs]\n{body}\n[sqs.queues.\"dlq.fifo\"]\n")).remove(0)
    };
    assert!(
        q("visibility_timeout = 43201")
            .ends_with("must be between 0 seconds and 12 hours, not 43201 seconds")
    );
    assert!(
        q("delay = \"16m\"").ends_with("must be between 0 seconds and 15 minutes, not 960 seconds")
    );
    assert!(q("retention = 59").ends_with("must be between 1 minute and 14 days, not 59 seconds"));
    assert!(
        q("receive_wait = 21")
            .ends_with("must be between 0 seconds and 20 seconds, not 21 seconds")
    );
    assert!(q("retention = \"4 days\"").contains("is no duration"));
    assert!(
        q("max_message_size = 1048577").ends_with("must be between 1024 and 1048576, not 1048577")
    );
    assert!(
        q("content_based_deduplication = true").ends_with("is for FIFO queues; set `fifo = true`")
    );
    assert!(q("dead_letter = { queue = \"dlq.fifo\", max_receive_count = 3 }").ends_with(
        "names a FIFO queue, but `jobs` is a standard queue: SQS wants both of one kind"
    ));
    assert!(
        q("dead_letter = { queue = \"jobs\", max_receive_count = 3 }")
            .ends_with("is the queue itself")
    );
    assert!(
        q("dead_letter = { queue = \"dlq.fifo\", max_receive_count = 0 }")
            .ends_with("must be between 1 and 1000, not 0")
    );
    only(
        "[sqs.queues.a]\nfifo = true\n[sqs.queues.\"a.fifo\"]\n",
        "devenv.toml:3:13: two queues are called `a.fifo`",
    );
    only(
        "[sqs.queues.\"a.fifo\"]\nfifo = false\n",
        "devenv.toml:2:8: `sqs.queues.\"a.fifo\".fifo` cannot be `false`: a name ending in `.fifo` is a FIFO queue's",
    );

    let queues = good("[sqs.queues.a]\nfifo = true\ncontent_based_deduplication = true\ndead_letter = { queue = \"dlq\", max_receive_count = 2 }\n[sqs.queues.dlq]\nfifo = true").queues;
    let a = &queues["a.fifo"];
    assert_eq!(a.dead_letter.as_ref().unwrap().queue, "dlq.fifo");
    assert_eq!(
        (
            a.fifo,
            a.attributes["FifoQueue"].as_str(),
            a.attributes["ContentBasedDeduplication"].as_str()
        ),
        (true, "true", "true")
    );
}

#[test]
fn mail_secrets_and_the_rest() {
    only(
        "[ses]\nidentities = [\"a@\", \"ok@example.com\", \"example\"]\n"
            .replace("\"a@\", ", "")
            .as_str(),
        "devenv.toml:2:33: `ses.identities[1]` `example` is neither an address nor a domain: a domain has a dot",
    );
    only("[secrets.a]\n", "devenv.toml:1:10: `secrets.a` needs `value` or `generate`");
    only(
        "[secrets.\"a b\"]\ngenerate = 3\n",
        "devenv.toml:1:10: secret name `a b`: 1 to 512 letters, digits and `/_+=.@-`",
    );
    only(
        "[secrets.a]\nvalue = \"${postgres.hots}\"\n[postgres]\n",
        "devenv.toml:2:9: `secrets.a.value` holds `${postgres.hots}`, which nothing fills in; did you mean `postgres.host`?",
    );
    only(
        "[secrets.a]\nvalue = { h = \"${redis.host}\" }\n",
        "devenv.toml:2:15: `secrets.a.value.h` holds `${redis.host}`, but this profile has no `[redis]`",
    );
    only(
        "[secrets.a]\nvalu = \"x\"\n",
        "devenv.toml:2:1: unknown key `valu` in `secrets.a`; did you mean `value`?",
    );
    only(
        "[secrets.a.value]\nk = { l = [\"x\", \"${gateway.endpont}\"] }\n",
        "devenv.toml:2:17: `secrets.a.value.k.l[1]` holds `${gateway.endpont}`, \
         which nothing fills in; did you mean `gateway.endpoint`?",
    );
    only(
        "[secrets.a]\ngenerate = 5000\n",
        "devenv.toml:2:12: `secrets.a.generate` must be between 1 and 4096, not 5000",
    );
    only(
        "[seed]\nobjects = [{ bucket = \"x\", path = \"p\" }]\n",
        "devenv.toml:2:23: `seed.objects[0].bucket` names `x`, which this profile does not declare; there are no buckets of this profile",
    );
    only(
        "[containers]\nreplace = { db = \"postgres\" }\n",
        "devenv.toml:2:18: `containers.replace.db` names `postgres`, but this profile has no `[postgres]`",
    );
    let secrets =
        good("[secrets.a]\ngenerate = true\n[secrets.b]\nvalue = \"${OWN} and ${ unclosed\"\n")
            .secrets;
    assert_eq!(secrets["a"].source, SecretSource::Generate { length: 32 });
    assert_eq!(secrets["b"].source, SecretSource::Value("${OWN} and ${ unclosed".into()));
}

#[test]
fn keys_have_material_that_fits_them() {
    only(
        "[kms.keys.k]\nmaterial = \"c2hvcnQ=\"\n",
        "devenv.toml:2:12: `kms.keys.k.material` holds 5 bytes; this spec has 32",
    );
    only(
        "[kms.keys.k]\nmaterial = \"c2hvcnQ\"\n",
        "devenv.toml:2:12: `kms.keys.k.material` must be base64",
    );
    only(
        "[kms.keys.k]\nalias = \"alias/aws/s3\"\n",
        "devenv.toml:2:9: `kms.keys.k.alias` must be letters, digits, `/`, `_` and `-`, \
         not starting with `aws/`",
    );
}

#[test]
fn rotations_name_functions_that_there_are() {
    let secret = "[secrets.a]\nvalue = \"x\"\n";
    only(
        &format!("{secret}rotation = {{ days = 3 }}\n"),
        "devenv.toml:3:1: `secrets.a.rotation` needs `rotate` (a built-in function) or `lambda` (one of `rotators`)",
    );
    only(
        &format!(
            "{secret}rotation = {{ days = 3, lambda = \"by-hnd\" }}\n[rotators.by-hand]\ncommand = \"true\"\n"
        ),
        "devenv.toml:3:33: `secrets.a.rotation.lambda` names `by-hnd`, which this profile does not declare; did you mean `by-hand`?",
    );
    only(
        "[rotators.a]\ntimeout = \"1m\"\n",
        "devenv.toml:1:11: `rotators.a` needs `command`, `url`, `container` or `rotate`",
    );
    only(
        "[rotators.a]\nurl = \"ftp://h\"\n",
        "devenv.toml:2:7: `rotators.a.url` must begin with `http://` or `https://`",
    );
    only(
        "[rotators.a]\ncommand = [\"true\"]\ncontainer = \"x\"\n",
        "devenv.toml:3:13: `rotators.a.container` stands beside `command`; a function has one of them",
    );
    only(
        "[rotators.\"a b\"]\ncommand = [\"true\"]\n",
        "devenv.toml:1:11: the name of a function has 1 to 64 letters, digits, `-` and `_`, as Lambda's",
    );
    let profile = good(
        "[secrets.a]\ngenerate = 9\nrotation = { schedule = \"rate(4 hours)\" }\n\
         [secrets.b]\ngenerate = 9\nrotation = { days = 1, lambda = \"arn:aws:lambda:us-east-1:000000000000:function:f:live\" }\n\
         [rotators.f]\ncommand = \"exit 0\"\n",
    );
    let function = |name: &str| profile.secrets[name].rotation.as_ref().unwrap().lambda.clone();
    assert_eq!([function("a"), function("b")], ["random-password", "f"]);
    let shell = RotatorKind::Command(["sh", "-c", "exit 0"].map(str::to_owned).to_vec());
    assert_eq!(profile.rotators["f"].kind, shell);
}
