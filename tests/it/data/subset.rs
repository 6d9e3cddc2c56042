//! A part of a source, in which every foreign key still holds.

use super::{Bench, no_trace};

pub(super) const SUBSET: &str = r#"
[subset]
roots = [{ table = "public.users", where = "id between 11 and 30" }]
children = 2                                  # orders of a user
whole = ["public.heads"]
keys = [{ from = "public.visits.id", to = "public.users.id", when = "at < '2023-07-01'" }]
"#;

pub(super) fn check(bench: &Bench) {
    let rules = bench.project.read("devenv.data.toml");
    let (head, tables) = rules.split_at(rules.find("\n[tables").unwrap());
    bench.project.write("subset.toml", &format!("{head}{SUBSET}{tables}"));
    let devenv = |arguments: &[&str]| {
        let all = [arguments, &["--source", &bench.source, "--rules", "subset.toml", "--json"]];
        bench.project.devenv(&all.concat()).success().json()
    };
    let estimate = devenv(&["data", "pull", "--estimate"]);
    let of = |table: &str| {
        let all = estimate["tables"].as_array().unwrap();
        all.iter().find(|t| t["table"] == table).unwrap()["rows"].as_u64().unwrap()
    };
    // Twenty roots and the three to whom they answer; of those three nothing comes along.
    assert_eq!((of("public.users"), of("public.order")), (23, 40), "{estimate}");
    // A ring that is reached whole, a key that only the rules know, a table that nothing leads to.
    assert_eq!((of("public.heads"), of("public.hands")), (2, 2), "{estimate}");
    assert_eq!((of("public.visits"), of("public.wide")), (19, 0), "{estimate}");
    let pulled = devenv(&["data", "pull", "--out", "s.devseed"]);
    assert_eq!(pulled["rows"], estimate["rows"]);
    bench.project.devenv(&["seed", "--fresh", "s.devseed"]).success();
    let is = |sql: &str, expected: &str| assert_eq!(bench.one("app", sql), expected, "{sql}");
    is("select count(*) from users", "23");
    is("select count(*) from \"order\" o join users u on u.id = o.user_id", "40");
    is("select count(*) from pg_constraint where not convalidated", "0");
    no_trace("the database", bench.dump("app").as_bytes());
    // A plan keeps the section as it is.
    let plan = ["data", "plan", "--source", &bench.source, "--out", "subset.toml"];
    bench.project.devenv(&plan).success();
    assert!(bench.project.read("subset.toml").contains(SUBSET.trim()));
    shares(bench, head, tables);
    bench.project.write("wrong.toml", "version = 1\n[subset]\nroots = [{ tabel = \"x\" }]\n");
    let wrong = ["data", "pull", "--estimate", "--source", &bench.source, "--rules", "wrong.toml"];
    let run = bench.project.devenv(&wrong).ends(2);
    assert!(run.stderr.contains("wrong.toml:3: `tabel` does not fit"), "{}", run.stderr);
    bench.project.devenv(&["seed", "--fresh", "a.devseed"]).success();
}

/// A share of the roots, and so many of them: the same rows each time, and what they need.
fn shares(bench: &Bench, head: &str, tables: &str) {
    let told = |root: &str| {
        let subset =
            format!("\n[subset]\nroots = [{{ table = \"public.users\", {root} }}]\nchildren = 1\n");
        bench.project.write("share.toml", &format!("{head}{subset}{tables}"));
        let pull = ["data", "pull", "--out", "share.devseed", "--rules", "share.toml", "--json"];
        let pull = [&pull[..], &["--source", &bench.source]].concat();
        let estimated = [&pull[..], &["--estimate"]].concat();
        let estimate = bench.project.devenv(&estimated).success().json();
        if root.starts_with("percent") {
            let pulled = bench.project.devenv(&pull).success().json();
            assert_eq!(bench.project.devenv(&pull).success().json(), pulled, "{root}");
            assert_eq!(estimate["rows"], pulled["rows"], "{root}");
        }
        let of = |table: &str| {
            let all = estimate["tables"].as_array().unwrap();
            all.iter().find(|t| t["table"] == table).unwrap()["rows"].as_u64().unwrap()
        };
        (of("public.users"), of("public.order"))
    };
    // Three more at the most: those to whom they answer. Each root has one of its orders.
    let (users, orders) = told("where = \"id > 3\", rows = 7");
    assert!((8..=10).contains(&users) && orders == 7, "{users} {orders}");
    let (fifth, _) = told("where = \"id > 3\", percent = 20");
    assert!((25..=110).contains(&fifth), "{fifth}");
    let (few, orders) = told("percent = 20, rows = 5, where = \"id > 3\"");
    assert!((6..=8).contains(&few) && orders == 5, "{few} {orders}");
    assert_eq!(told("where = \"true\", percent = 100").0, 300);
}
