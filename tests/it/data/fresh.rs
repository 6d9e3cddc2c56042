//! `devenv seed --fresh` by a template: the same files fill a database once, and what they made is copied after.

use super::Bench;
use crate::support::Project;

const SCHEMA: &str = "create extension if not exists hstore;
create table people (id int generated always as identity primary key, name text, made double precision default random());
create table marks (of int references people, marks hstore);
";

fn seeded(project: &Project) -> Vec<String> {
    let told = project.devenv(&["seed", "--fresh", "--json"]).success().json();
    let all = told["seeded"].as_array().unwrap();
    all.iter().map(|step| step["how"].as_str().unwrap().to_owned()).collect()
}

/// The first column of all rows.
fn column(url: &str, sql: &str) -> Vec<String> {
    Bench::runtime().block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let rows = client.simple_query(sql).await.unwrap();
        let row = |m: &tokio_postgres::SimpleQueryMessage| match m {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        };
        rows.iter().filter_map(row).collect()
    })
}

const TEMPLATES: &str = "select datname from pg_database where datname like 'devenv_seed_%' and datistemplate and not datallowconn order by oid";
/// Random numbers: those of the first time, if it is a copy.
const MADE: &str = "select made from people order by id";

#[test]
fn a_fresh_database_of_the_same_files_is_a_copy() {
    let project = Project::with(
        "
port = 'auto'
[postgres]
databases = ['app']
[redis]
[seed]
sql = ['schema.sql']
fixtures = ['people.json']
redis = 'keys.yaml'
",
    );
    project.write("schema.sql", SCHEMA);
    project.write(
        "people.json",
        r#"{"people": [{"id": 7, "name": "Ada"}, {"id": 8, "name": "Otto"}]}"#,
    );
    project.write("keys.yaml", "greeting: hello\n");
    project.up();
    let url = project.environment().into_iter().find(|(n, _)| n == "DATABASE_URL").unwrap().1;
    let all = |sql: &str| column(&url, sql);
    assert_eq!(seeded(&project), ["run", "2 rows", "1 keys"]);
    let (first, templates) = (all(MADE), all(TEMPLATES));
    assert_eq!((first.len(), templates.len()), (2, 1));
    all("insert into people (name) values ('Eva'); drop table marks; create table more ()");
    project.devenv(&["snapshot", "save", "one"]).success();
    let copied = "as it was, from the template";
    assert_eq!(seeded(&project), [copied, copied, "1 keys"]);
    assert_eq!(all(MADE), first, "the very rows");
    assert_eq!(all("select count(*) from marks"), ["0"]);
    assert_eq!(all("select to_regclass('more') is null"), ["t"]);
    assert_eq!(all(TEMPLATES), templates);
    // It is no database of anybody's.
    project.devenv(&["snapshot", "save", "two"]).success();
    let told = project.devenv(&["snapshot", "diff", "one", "two", "--json"]).success();
    assert!(
        told.stdout.contains("people") && !told.stdout.contains("devenv_seed_"),
        "{}",
        told.stdout
    );
    let enter = templates[0].clone();
    let enter = url.replace("/app", &format!("/{enter}"));
    let refused = Bench::runtime()
        .block_on(tokio_postgres::connect(&enter, tokio_postgres::NoTls))
        .err()
        .expect("nobody may enter");
    let why = refused.as_db_error().unwrap().message().to_owned();
    assert!(why.contains("not currently accepting"), "{why}");
    changed(&project, &url, &first);
}

/// Other files fill the database; the newest two templates stay.
fn changed(project: &Project, url: &str, first: &[String]) {
    let all = |sql: &str| column(url, sql);
    project.write("people.json", r#"{"people": [{"id": 7, "name": "Ada L."}]}"#);
    assert_eq!(seeded(project), ["run", "1 rows", "1 keys"]);
    assert_eq!(all("select name from people"), ["Ada L."]);
    assert_ne!(all(MADE), first[..1]);
    project.write("schema.sql", &format!("{SCHEMA}-- again\n"));
    assert_eq!(seeded(project)[0], "run");
    assert_eq!(all(TEMPLATES).len(), 2);
    // Another extension was there before: a copy would not have it.
    all("create extension citext");
    assert_eq!(seeded(project)[0], "run");
    assert_eq!(all("select count(*) from pg_extension where extname = 'citext'"), ["1"]);
    assert_eq!(
        (seeded(project)[0].as_str(), all(TEMPLATES).len()),
        ("as it was, from the template", 2)
    );
    // What has settings of its own is no template of anything; it is filled again.
    project.write("schema.sql", &format!("{SCHEMA}alter database app set work_mem = '8MB';"));
    assert_eq!(seeded(project)[0], "run");
    assert_eq!(seeded(project)[0], "run");
    assert_eq!(all("show work_mem"), ["8MB"]);
}
