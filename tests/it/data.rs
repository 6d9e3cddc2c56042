//! `devenv data` and `devenv seed`, end to end against a real Postgres: one environment for many checks,
//! with the source and the target as two databases of its server.

mod broken;
mod chosen;
mod encrypted;
mod everywhere;
mod files;
mod fresh;
mod judged;
mod own;
mod profile;
mod resume;
mod subset;
mod synth;

use crate::support::{Project, script, wait_for};
use std::path::Path;
use std::time::Duration;

/// Of both servers: the source lives on one of its own, so that its files are not those of the target. Nothing
/// is vacuumed or analysed behind a test's back.
const PROFILE: &str = "
port = 'auto'
[postgres]
databases = ['app']
extensions = ['vector', 'citext', 'hstore']
settings = { fsync = 'off', autovacuum = 'off' }
";

/// What no archive and no database of a laptop may hold. Each is long enough that chance never makes it: a mask
/// that keeps a token's shape made `tok_` once in sixty runs.
const REAL: &[&str] =
    &["secret-clinic", "Musterfrau", "Kunigunde", "Hohenfels", "livesecret_", "chronic condition"];

struct Bench {
    project: Project,
    variables: Vec<(String, String)>,
    /// Runs as long as this does.
    _elsewhere: Project,
    source: String,
}

impl Bench {
    fn new() -> Bench {
        let seeded = format!("{PROFILE}{}", everywhere::SEED);
        let (project, elsewhere) = (Project::with(&seeded), Project::with(PROFILE));
        project.up();
        elsewhere.up();
        let variables = project.environment();
        let of = |all: &[(String, String)], name: &str| {
            all.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap()
        };
        let source = of(&elsewhere.environment(), "DATABASE_URL");
        Bench { project, variables, _elsewhere: elsewhere, source }
    }

    /// Of the database `app`, or of the source.
    fn url(&self, database: &str) -> String {
        if database == "source" {
            return self.source.clone();
        }
        self.variables.iter().find(|(n, _)| n == "DATABASE_URL").map(|(_, v)| v.clone()).unwrap()
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Runtime::new().unwrap()
    }

    /// Runs SQL in a database.
    fn sql(&self, database: &str, sql: &str) {
        let url = self.url(database);
        Self::runtime().block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            let driver = tokio::spawn(connection);
            client.batch_execute(sql).await.unwrap();
            drop(client);
            driver.await.unwrap().unwrap();
        });
    }

    /// The first column of the first row.
    fn one(&self, database: &str, sql: &str) -> String {
        let url = self.url(database);
        Self::runtime().block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            let rows = client.simple_query(sql).await.unwrap();
            let first = rows.iter().find_map(|m| match m {
                tokio_postgres::SimpleQueryMessage::Row(row) => {
                    Some(row.get(0).unwrap_or("null").to_owned())
                }
                _ => None,
            });
            first.unwrap_or_default()
        })
    }

    /// Every row of a database, and its comments.
    fn dump(&self, database: &str) -> String {
        let tables = "select coalesce(string_agg(query_to_xml('select * from ' || oid::regclass, true, false, '')::text, ''), '') from pg_class where relkind in ('r', 'm', 'S') and relnamespace = 'public'::regnamespace";
        let comments = "select coalesce(string_agg(description, ''), '') from pg_description where objoid > 16384";
        format!("{}{}", self.one(database, tables), self.one(database, comments))
    }
}

fn source_sql() -> String {
    std::fs::read_to_string(script("data/source.sql")).unwrap()
}

fn no_trace(what: &str, bytes: &[u8]) {
    for real in REAL {
        let found = memchr::memmem::find(bytes, real.as_bytes());
        let around = found.map(|at| {
            String::from_utf8_lossy(&bytes[at.saturating_sub(40)..(at + 60).min(bytes.len())])
                .into_owned()
        });
        assert_eq!(around, None, "{what} holds {real}");
    }
}

#[test]
fn a_source_is_planned_pulled_and_loaded_without_a_trace_of_anybody() {
    let bench = Bench::new();
    bench.sql("source", &source_sql());
    let source = bench.url("source");
    let project = &bench.project;
    project.devenv(&["data", "plan", "--source", &source]).success();
    project.devenv(&["data", "plan", "--check", "--source", &source]).success();
    let rules = project.read("devenv.data.toml");
    for expected in [
        "columns.email = \"email\"",
        "columns.card_number = \"card\"",
        "columns.iban = \"iban\"",
        "columns.user_id = \"id\"  # refers to public.users.id",
        "columns.mood = \"keep\"  # enum",
        "\"$.contact.email\" = \"email\"",
        "\"$.seen.{email}.count\"",
        "columns.marks = { mask = \"hstore\"",
        "columns.paper = \"xml\"",
        "columns.told = \"tsvector\"",
    ] {
        assert!(rules.contains(expected), "{expected}\n{}", &rules[..rules.len().min(9000)]);
    }
    let pulled = project
        .devenv(&["data", "pull", "--source", &source, "--out", "a.devseed", "--json"])
        .success()
        .json();
    assert_eq!(pulled["rows"], 300 + 900 + 2 + 2 + 400 + 1);
    project.devenv(&["seed", "a.devseed"]).success();
    let again = project.devenv(&["seed", "a.devseed", "--json"]).success().json();
    assert_eq!(again["seeded"][0]["how"], "was there already; 1605 rows of 6 tables");
    no_trace("the database", bench.dump("app").as_bytes());
    shape(&bench);
    files::check(&bench);
    everywhere::check(&bench);
    subset::check(&bench);
    own::check(&bench);
    explained(&bench);
    faithful(&bench);
    fail_closed(&bench);
    proof(&bench);
    planted(&bench);
    broken_off(&bench);
    encrypted::check(&bench);
    broken::check(&bench);
}

/// What a rule rests on, and what it does; the source's values only on demand.
fn explained(bench: &Bench) {
    let with = |arguments: &[&str]| {
        let mut all = vec!["data"];
        all.extend(arguments);
        all.extend(["--source", &bench.source, "--json"]);
        bench.project.devenv(&all).success()
    };
    let why = with(&["why", "users.id"]).json();
    let downstream = ["public.order.user_id", "public.users.boss"];
    assert_eq!(why["why"]["downstream"], serde_json::json!(downstream), "{why}");
    assert_eq!(why["why"]["certainty"], "preserved");
    assert!(
        with(&["why", "users.email"]).json()["why"]["proposed"]
            .as_str()
            .unwrap()
            .contains("sampled values are e-mail addresses")
    );
    no_trace("a preview", with(&["preview", "users"]).stdout.as_bytes());
    let shown = with(&["preview", "users", "--rows", "2", "--unsafe-show"]).json();
    assert!(
        shown["before"].to_string().contains("secret-clinic")
            && shown["after"].as_array().unwrap().len() == 2
    );
}

/// Nulls, numbers of different values and what is used most are the source's own; nobody's value is shown.
fn faithful(bench: &Bench) {
    let arguments = ["data", "fidelity", "a.devseed", "--source", &bench.source, "--json"];
    let told = bench.project.devenv(&arguments).success();
    no_trace("a report", told.stdout.as_bytes());
    let told = told.json();
    let of = |column: &str| {
        let all = told["columns"].as_array().unwrap();
        all.iter().find(|c| c["column"] == column).unwrap_or_else(|| panic!("{column}: {told}"))
    };
    for column in
        ["public.users.email", "public.users.boss", "public.order.select", "public.heads.paper"]
    {
        for measure in ["rows", "nulls", "distinct", "most_usual"] {
            let side = |side: &str| &of(column)[side][measure];
            assert_eq!(side("source"), side("archive"), "{measure} of {column}");
        }
    }
    assert_eq!(of("public.users.email")["source"]["distinct"], 300);
}

/// A column and a path that are new since the rules were written.
fn fail_closed(bench: &Bench) {
    let pull = ["data", "pull", "--source", &bench.source, "--out", "b.devseed"];
    bench.sql("source", "alter table users add column nickname text");
    let run = bench.project.devenv(&pull).ends(2);
    let line = 1 + bench
        .project
        .read("devenv.data.toml")
        .lines()
        .position(|l| l == "[tables.\"public.users\"]")
        .unwrap();
    assert!(
        run.stderr.contains(&format!("devenv.data.toml:{line}: public.users.nickname has no rule")),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("columns.nickname = \"text\""), "a patch to paste: {}", run.stderr);
    bench.project.devenv(&["data", "plan", "--check", "--source", &bench.source]).ends(2);
    bench.sql("source", "alter table users drop column nickname; update users set preferences = preferences || '{\"iq\": 140}' where id = 7");
    // What the sample does not show: the rules stand as they are.
    let run = bench.project.devenv(&pull).ends(2);
    assert!(run.stderr.contains("$.iq, which has no rule"), "{}", run.stderr);
    bench.sql("source", "update users set preferences = preferences - 'iq' where id = 7");
    let rules = bench.project.read("devenv.data.toml");
    let lossy = rules.replacen("columns.email = \"email\"", "columns.email = \"name\"", 1);
    bench.project.write("devenv.data.toml", &lossy);
    let run = bench.project.devenv(&pull).ends(2);
    assert!(run.stderr.contains("lossy: two rows could become the same"), "{}", run.stderr);
    bench.project.write("devenv.data.toml", &rules);
    assert!(!bench.project.path().join("b.devseed").exists());
    assert!(!bench.project.path().join("b.devseed.part").exists());
    let empty = bench
        .project
        .command(env!("CARGO_BIN_EXE_devenv"))
        .args(pull)
        .env("DEVENV_DATA_KEY", "")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&empty.stderr).contains("the key of the masks is empty"));
}

/// Nothing is found where nothing is, and the certificate says so.
fn proof(bench: &Bench) {
    let run = bench.project.devenv(&[
        "data",
        "verify",
        "a.devseed",
        "--loaded",
        "--certificate",
        "c.json",
        "--json",
    ]);
    let certificate = run.success().json();
    assert_eq!(certificate["hits"], 0);
    assert!(certificate["fingerprints"].as_u64().unwrap() > 2000, "{certificate}");
    assert!(certificate["file_bytes"].as_u64().unwrap() > 1_000_000, "{certificate}");
    assert!(certificate["false_positives_expected"].as_f64().unwrap() < 1e-6, "{certificate}");
    let written: serde_json::Value = serde_json::from_str(&bench.project.read("c.json")).unwrap();
    assert_eq!(written, certificate);
    let other = bench
        .project
        .command(env!("CARGO_BIN_EXE_devenv"))
        .args(["data", "verify", "a.devseed"])
        .env("DEVENV_DATA_KEY", "another key of enough length")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&other.stderr).contains("masked with another key"));
}

/// A leak in each place where others' anonymisers left one.
fn planted(bench: &Bench) {
    let real = "person42@secret-clinic.de";
    let cases = [
        ("a column", format!("update users set first_name = '{real}' where id = (select min(id) from users)"), "public.users.first_name"),
        ("a document", format!("update users set preferences = jsonb_set(preferences, '{{tags,0}}', '\"{real}\"') where id = (select min(id) from users)"), "public.users.preferences"),
        ("an array", format!("update users set other_emails = array['{real}'] where id = (select min(id) from users)"), "public.users.other_emails"),
        ("prose", format!("update \"order\" set note = 'please ask {real}, soon' where id = (select min(id) from \"order\")"), "public.order.note"),
        ("a name in prose", "update \"order\" set \"two words\" = 'seen: Kunigunde Musterfrau7' where id = (select max(id) from \"order\")".to_owned(), "public.order.two words"),
        ("statistics", format!("create table s with (autovacuum_enabled = off) as select '{real}'::text as t from generate_series(1, 50); analyze s; update s set t = 'none'"), "pg_statistic of public.s.t"),
        ("a comment", format!("comment on column users.mood is 'as {real} said'"), "comment of users"),
        ("a sequence", "select setval('order_id_seq', 987654)".to_owned(), "sequence public.order_id_seq"),
        ("dead rows", format!("create table d (t text) with (autovacuum_enabled = off); insert into d values ('{real}'); delete from d"), "files: base/"),
        ("a default", format!("alter table users alter column api_token set default '{real}'"), "default of users"),
    ];
    for (_, plant, _) in &cases {
        bench.sql("app", plant);
    }
    let run = bench.project.devenv(&["data", "verify", "a.devseed", "--loaded"]).ends(1);
    for (what, _, place) in cases {
        assert!(run.stderr.contains(place), "{what}: {}", run.stderr);
    }
}

/// The source is killed in mid-pull: nothing is left but masked rows, and the next pull works.
fn broken_off(bench: &Bench) {
    bench.sql("source", "insert into \"order\" (user_id, note, amount, placed) select 1, repeat('long note ', 50), 5, now() from generate_series(1, 20000)");
    let mut pull = bench.project.command(env!("CARGO_BIN_EXE_devenv"));
    let mut pull = pull
        .args(["data", "pull", "--source", &bench.source, "--out", "c.devseed"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let part = bench.project.path().join("c.devseed.part");
    wait_for("the archive to grow", Duration::from_secs(60), || {
        let grows = std::fs::metadata(&part).is_ok_and(|m| m.len() > 0);
        (grows || pull.try_wait().unwrap().is_some()).then_some(())
    });
    let ours = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'devenv data'";
    bench.sql("source", ours);
    let status = pull.wait().unwrap();
    // It may have been through already; then the archive is whole.
    assert_eq!(status.success(), bench.project.path().join("c.devseed").exists());
    resume::masked_only(&part);
    bench
        .project
        .devenv(&["data", "pull", "--source", &bench.source, "--out", "c.devseed"])
        .success();
    no_trace("the project", &everything_in(bench.project.path()));
}

/// Every file of the project that is no data of a server.
fn everything_in(dir: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            all.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    all
}

/// What must be as it was, however masked.
fn shape(bench: &Bench) {
    let same = |sql: &str| assert_eq!(bench.one("app", sql), bench.one("source", sql), "{sql}");
    same("select count(*) from users");
    same("select count(distinct lower(email)) from users");
    same("select count(*) from \"order\" o join users u on u.id = o.user_id");
    same("select sum(orders) from per_user");
    same("select count(*) from users a join users b on a.boss = b.id");
    same(
        "select count(*) from heads h join hands a on a.id = h.hand_id join heads h2 on h2.id = a.head_id",
    );
    same("select count(*) from visits_2023");
    same(
        "select string_agg(indexdef, ';' order by indexname) from pg_indexes where schemaname = 'public'",
    );
    same(
        "select count(*) from pg_constraint where connamespace = 'public'::regnamespace and contype in ('c', 'f', 'p', 'u')",
    );
    same("select count(*) from worried");
    same(
        "select string_agg(akeys(marks)::text, ';' order by array_length(akeys(marks), 1)) from heads",
    );
    same(
        "select count(*) from heads where paper is document and xpath_exists('/visit/@of', paper)",
    );
    // Words are masked, an address as everywhere; what is computed is computed anew.
    same("select count(*) from heads join users on email::text = any (tsvector_to_array(told))");
    same("select sum(length(ts_filter(told, '{b}'))) from heads");
    same("select count(*) from heads where found = to_tsvector('simple', name)");
    let one_person =
        "select count(*) from users where preferences->'contact'->>'email' = email::text";
    assert_eq!(bench.one("app", one_person), "150", "one person has one mask everywhere");
    assert_eq!(bench.one("app", "select count(*) from users where email like '%.test'"), "300");
    let sequence: i64 = bench.one("app", "select last_value from order_id_seq").parse().unwrap();
    assert_eq!(
        sequence.to_string(),
        bench.one("app", "select max(id) from \"order\""),
        "the source's count is gone"
    );
    bench.sql(
        "app",
        "insert into users (email, first_name, last_name, born) values ('x@y.test', 'a', 'b', now())",
    );
}
