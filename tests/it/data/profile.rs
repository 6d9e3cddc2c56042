//! The profile's `[seed]`: everything is put where it belongs, and nothing twice.

use super::Bench;
use crate::support::Project;

#[test]
fn a_profile_seeds_everything_as_often_as_one_likes() {
    let project = Project::with(
        "
port = 'auto'
[postgres]
databases = ['app']
[s3.buckets.uploads]
[sqs.queues.jobs]
[redis]
[seed]
sql = ['seed/schema.sql']
fixtures = ['seed/people.json', 'seed/pets.csv', 'seed/more.yaml']
objects = [{ bucket = 'uploads', path = 'seed/files', prefix = 'in/' }]
messages = [{ queue = 'jobs', file = 'seed/jobs.txt' }, { queue = 'jobs', body = 'one more' }]
mails = ['seed/mails']
redis = 'seed/keys.yaml'
",
    );
    lay_out(&project);
    project.devenv(&["seed"]).ends(3);
    project.up();
    let first = project.devenv(&["seed", "--json"]).success().json();
    assert_eq!(first["seeded"][4]["how"], "2 put", "{first}");
    assert_eq!(first["seeded"][5]["how"], "3 put", "{first}");
    assert_eq!(first["seeded"][7]["how"], "2 put", "{first}");
    let again = project.devenv(&["seed", "--json"]).success().json();
    let how: Vec<&str> =
        again["seeded"].as_array().unwrap().iter().map(|s| s["how"].as_str().unwrap()).collect();
    let there = "everything was there already";
    assert_eq!(
        how,
        ["was run already", "2 rows", "2 rows", "2 rows", there, there, there, there, "2 keys"]
    );
    let url = project.environment().into_iter().find(|(n, _)| n == "DATABASE_URL").unwrap().1;
    let one = |sql: &str| -> i64 {
        Bench::runtime().block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.query_one(sql, &[]).await.unwrap().get(0)
        })
    };
    assert_eq!(
        one(
            "select count(*) from pets p join people o on o.id = p.owner where p.name is null or p.name = 'Rex, the dog'"
        ),
        2
    );
    assert_eq!(one("select count(*) from runs"), 1);
    project.devenv(&["seed", "--fresh"]).success();
    assert_eq!(one("select count(*) from people"), 3);
    a_mail(&project);
    refused(&project);
}

/// A mail that is named goes into the inbox, once.
fn a_mail(project: &Project) {
    project.write("d.eml", "From: eva@x.test\nTo: otto@x.test\nSubject: By hand\n\nthere\n");
    let how = || {
        let told = project.devenv(&["seed", "d.eml", "--json"]).success().json();
        told["seeded"][0]["how"].as_str().unwrap().to_owned()
    };
    assert_eq!(how(), "1 put");
    assert_eq!(how(), "everything was there already");
    let inbox = project.devenv(&["mail", "list", "--json"]).success();
    assert_eq!(inbox.stdout.matches("By hand").count(), 1, "{}", inbox.stdout);
}

/// What does not fit is told, with its file.
fn refused(project: &Project) {
    project.write("wrong.json", r#"{"people": [{"nam": "x"}]}"#);
    let run = project.devenv(&["seed", "wrong.json"]).ends(2);
    assert!(run.stderr.contains("has no column `nam`"), "{}", run.stderr);
    project.devenv(&["seed", "nothing.txt"]).ends(2);
    project.write("c.eml", "From: ada@x.test\n\nto nobody\n");
    let run = project.devenv(&["seed", "c.eml"]).ends(1);
    assert!(run.stderr.contains("c.eml: the mail has no sender or no recipient"), "{}", run.stderr);
}

/// The files that the profile names.
fn lay_out(project: &Project) {
    project.write("seed/schema.sql", "create table people (id int generated always as identity primary key, name text);\ncreate table pets (id int primary key, owner int not null references people, name text);\ncreate table runs (at text);\nCOPY runs (at) FROM stdin;\nonce\n\\.\n");
    project.write(
        "seed/people.json",
        r#"{"people": [{"id": 7, "name": "Ada"}, {"id": 8, "name": "Otto"}]}"#,
    );
    project.write("seed/pets.csv", "id,owner,name\n1,7,\"Rex, the dog\"\n2,8,\n");
    project.write(
        "seed/more.yaml",
        "people:\n  - { id: 7, name: Ada L. }\n  - id: 9\n    name: '007'\n",
    );
    project.write("seed/files/a.json", "{}");
    project.write("seed/files/deep/ü b.txt", "hello");
    project.write(
        "seed/mails/a.eml",
        "From: ada@x.test\nTo: otto@x.test, eva@x.test\nSubject: Hello\n\nthere\n",
    );
    project.write("seed/mails/b.eml", "From: ada@x.test\r\nTo: otto@x.test\r\n\r\nagain\r\n");
    project.write("seed/keys.yaml", "greeting: hello\nuser:7: { hash: { name: Ada } }\n");
    project.write("seed/jobs.txt", "first\nsecond\nsecond\n");
}
