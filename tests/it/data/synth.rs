//! `devenv data synth`: a hard schema is filled with made-up rows that all its constraints allow.

use super::{Bench, PROFILE};
use crate::support::{Project, script};

fn one(url: &str, sql: &str) -> String {
    Bench::runtime().block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let query = format!("select ({sql})::text");
        client.query_one(&query, &[]).await.unwrap().get::<_, Option<String>>(0).unwrap_or_default()
    })
}

#[test]
fn a_hard_schema_is_filled_with_made_up_rows() {
    let project = Project::with(PROFILE);
    project.write("shop.sql", &std::fs::read_to_string(script("data/shop.sql")).unwrap());
    project.devenv(&["data", "synth", "--source", "shop.sql", "--out", "a.devseed"]).ends(3);
    project.up();
    let synth = |out: &str, seed: &str| {
        let run = project.devenv(&[
            "data",
            "synth",
            "--source",
            "shop.sql",
            "--out",
            out,
            "--seed",
            seed,
            "--json",
            "--rows",
            "60",
            "--rows",
            "people=700",
            "--rows",
            "projects=300",
            "--rows",
            "members=900",
            "--rows",
            "visits=5000",
        ]);
        run.success().json()
    };
    let made = synth("a.devseed", "seven");
    assert_eq!(made["tables"]["public.people"], 700, "{made}");
    assert_eq!(made["tables"]["public.visits"], 5000, "{made}");
    assert_eq!(synth("b.devseed", "seven")["content"], made["content"], "the same by the seed");
    assert_ne!(synth("c.devseed", "eight")["content"], made["content"]);
    project.devenv(&["seed", "a.devseed"]).success();
    project.devenv(&["data", "verify", "a.devseed", "--loaded"]).success();
    let url = project.environment().into_iter().find(|(n, _)| n == "DATABASE_URL").unwrap().1;
    let is = |sql: &str, expected: &str| assert_eq!(one(&url, sql), expected, "{sql}");
    is("select count(*) from members", "900");
    is("select count(distinct email) from people", "700");
    is("select count(*) from pg_constraint where not convalidated", "0");
    is("select bool_and(at between '2023-01-01' and '2024-12-31') from visits", "true");
    is("select bool_and(created_at <= updated_at) from people", "true");
    is("select bool_and(email like '%.test') from people", "true");
    is("select bool_and(boss < id) from people", "true");
    is("select count(distinct id) from hands", "60");
    // As it is in life: some have much, some are empty, nobody is alike.
    is(
        "select max(n) > 4 * avg(n) from (select count(*) n from visits group by person_id) x",
        "true",
    );
    is("select count(*) between 20 and 150 from people where iban is null", "true");
    is("select count(distinct embedding::text) = 700 from people", "true");
    is("select count(distinct last_name) > 100 from people", "true");
    // Nothing is left of the throw-away databases.
    is("select count(*) from pg_database where datname like 'devenv_scratch%'", "0");
    rules_and_limits(&project, &url);
}

/// What rules say of a column, and what cannot be made.
fn rules_and_limits(project: &Project, url: &str) {
    project.write(
        "devenv.data.toml",
        "version = 1\nlocale = \"de\"\n[tables.\"public.tenants\"]\nrows = 3\n[tables.\"public.people\"]\ncolumns.last_name = { mask = \"constant\", value = \"Moor\" }\ncolumns.preferences = { mask = \"json\", paths = { \"$.contact.email\" = \"email\", \"$.tags[*]\" = \"text\" } }\n[tables.\"public.all_types\"]\nskip = true\n",
    );
    // The environment's own schema this time, which holds the rows of before.
    let made = project.devenv(&["data", "synth", "--out", "d.devseed", "--rows", "40", "--json"]);
    assert_eq!(made.success().json()["tables"]["public.tenants"], 3);
    project.devenv(&["seed", "d.devseed"]).success();
    let is = |sql: &str, expected: &str| assert_eq!(one(url, sql), expected, "{sql}");
    is("select string_agg(distinct last_name, '') from people", "Moor");
    is("select count(*) from people where preferences->'contact'->>'email' like '%@%.test'", "40");
    is("select count(*) from all_types", "0");
    let run = project
        .devenv(&["data", "synth", "--out", "e.devseed", "--rows", "profiles=41", "--rows", "40"])
        .ends(2);
    assert!(run.stderr.contains("public.profiles cannot have 41 rows"), "{}", run.stderr);
    project.write("no.sql", "create table t (a int not null check (a > 5 and a < 5))");
    let run =
        project.devenv(&["data", "synth", "--source", "no.sql", "--out", "e.devseed"]).ends(1);
    assert!(run.stderr.contains("no row was found for public.t"), "{}", run.stderr);
    assert!(!project.path().join("e.devseed").exists());
    assert!(!project.path().join("e.devseed.untried").exists());
    is("select count(*) from pg_database where datname like 'devenv_scratch%'", "0");
}
