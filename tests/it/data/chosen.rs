//! A part of dumps and CSV files: the very rows that are chosen in the database itself.

use super::files::dump;
use super::judged::{pull, rows};
use super::subset::SUBSET;
use super::{Bench, no_trace};
use crate::support::{Project, Run};
use std::collections::BTreeMap;
use std::path::Path;

/// Keys that are equal though they are written in two ways, some that are none, a tree and a long chain.
const KEYS: &str = "
create table k_all (code char(8) primary key, mail citext unique, amount numeric(10, 2) unique, at timestamptz unique,
    a int, b text, under char(8) references k_all, u uuid unique, n int8, unique (a, b));
create table k_of (id int primary key, code char(8) references k_all, mail citext references k_all (mail),
    amount numeric(12, 4) references k_all (amount), at timestamptz references k_all (at), a int, b text,
    u text, whole int8, real float8, c varchar(9), mail2 citext, foreign key (a, b) references k_all (a, b));
insert into k_all select 'c' || i, 'P' || i || '@X.example', i * 1.5, '2024-10-27 00:30+00'::timestamptz + i * interval '30 min',
    i % 7, 'b' || i, case when i > 1 then 'c' || i / 2 end, md5(i::text)::uuid, i from generate_series(1, 120) i;
insert into k_of select i, case i % 6 when 0 then 'c' || i % 120 + 1 end, case i % 6 when 1 then 'p' || i % 120 + 1 || '@x.Example' end,
    case i % 6 when 2 then (i % 120 + 1) * 1.5 end, case i % 6 when 3 then '2024-10-27 00:30+00'::timestamptz + (i % 120 + 1) * interval '30 min' end,
    case when i % 6 > 3 then (i % 120 + 1) % 7 end, case i % 6 when 4 then 'b' || i % 120 + 1 end,
    upper(md5((i % 9 + 1)::text)::uuid::text), i % 50, i % 30, 'c' || i % 40 + 1, case when i % 5 = 0 then 'p' || i % 20 + 1 || '@x.Example' end
  from generate_series(1, 900) i;
create table k_chain (id int primary key, before int references k_chain);
insert into k_chain select i, nullif(i - 1, 0) from generate_series(1, 300) i;
";
const KEY_RULES: &str = r#"
[tables."public.k_all"]
columns = { code = "keep", mail = "keep", amount = "keep", at = "keep", a = "keep", b = "keep", under = "keep", u = "keep", n = "keep" }
[tables."public.k_of"]
columns = { id = "keep", code = "keep", mail = "keep", amount = "keep", at = "keep", a = "keep", b = "keep", u = "keep", whole = "keep", real = "keep", c = "keep", mail2 = "keep" }
[tables."public.k_chain"]
columns = { id = "keep", before = "keep" }
"#;

/// Subsets, with a table that each must bring rows of, and not all.
const SUBSETS: &[(&str, &str)] = &[
    (SUBSET, "public.users"),
    (
        r#"roots = [{ table = "public.users", where = "id > 3", percent = 20 }]
children = 1"#,
        "public.users",
    ),
    (
        r#"roots = [{ table = "public.users", where = "users.mood = 'worried' -- they", rows = 7 }, { table = "public.order", percent = 3 }]
children = 0"#,
        "public.order",
    ),
    (
        r#"roots = [{ table = "public.k_of", where = "id % 97 = 0" }, { table = "public.k_chain", where = "id = 150" }]
children = 1"#,
        "public.k_of",
    ),
    (
        r#"roots = [{ table = "public.k_all", where = "code = 'c5'" }, { table = "public.k_chain", rows = 1 }]
whole = ["public.hands"]
children = 2"#,
        "public.k_of",
    ),
    (
        r#"roots = [{ table = "public.k_all", where = "n in (6, 50, 110)" }]
keys = [
    { from = "public.k_of.whole", to = "public.k_all.amount", when = "id < 400 and real is not null" },
    { from = "public.k_of.real", to = "public.k_all.n" },
    { from = "public.k_of.u", to = "public.k_all.u" },
    { from = "public.k_of.mail2", to = "public.k_all.mail" },
    { from = "public.k_of.c", to = "public.k_all.code" },
    { from = "public.users.id", to = "public.k_all.b" },
]
children = 3"#,
        "public.k_of",
    ),
];

/// The rules with a subset.
fn write(bench: &Bench, name: &str, subset: &str) {
    let rules = bench.project.read("devenv.data.toml");
    let (head, tables) = rules.split_at(rules.find("\n[tables").unwrap());
    let subset = subset.trim_start().trim_start_matches("[subset]");
    bench.project.write(name, &format!("{head}\n[subset]\n{subset}\n{tables}{KEY_RULES}"));
}

pub(super) fn check(bench: &Bench, dir: &Path) {
    bench.sql("source", KEYS);
    let at = |name: &str| dir.join(name).to_string_lossy().into_owned();
    dump(bench, &["--format=plain"], Path::new(&at("keys.sql")));
    dump(bench, &["--format=custom"], Path::new(&at("keys.dump")));
    let sources = [bench.source.clone(), at("keys.sql"), at("keys.dump")];
    for (nth, (subset, table)) in SUBSETS.iter().enumerate() {
        write(bench, "part.toml", subset);
        // Once is enough for an estimate, and for what is packed.
        let some = if nth == 0 { &sources[..] } else { &sources[..2] };
        let parts: Vec<_> = some.iter().map(|source| part(bench, source, nth == 0)).collect();
        let all = bench.one(
            "source",
            &format!("select count(*) from {}", table.replace("order", "\"order\"")),
        );
        let number = TABLES.iter().position(|t| t == table).unwrap();
        let count = parts[0].get(&number).map_or(0, Vec::len);
        assert!(count > 0 && count < all.parse().unwrap(), "{count} of {all} rows of {table}");
        for (source, other) in some.iter().zip(&parts) {
            let count =
                |part: &Part| part.iter().map(|(n, rows)| (*n, rows.len())).collect::<Vec<_>>();
            assert!(
                other == &parts[0],
                "{subset}\n{source}: {:?} {:?}",
                count(other),
                count(&parts[0])
            );
        }
    }
    taken_up(bench, &sources[1]);
    csv(bench, dir);
}

/// In the order of their numbers.
const TABLES: &[&str] = &[
    "public.hands",
    "public.heads",
    "public.k_all",
    "public.k_chain",
    "public.k_of",
    "public.order",
    "public.users",
    "public.visits",
    "public.wide",
];

/// Sorted rows of an archive, by the number of their table.
type Part = BTreeMap<usize, Vec<String>>;

fn part(bench: &Bench, source: &str, estimated: bool) -> Part {
    let told = |more: &[&str]| {
        let all = [&pull(source, "part.toml", "part.devseed"), more].concat();
        bench.project.devenv(&all).success().json()
    };
    told(&[]);
    let mut rows = rows(&bench.project.path().join("part.devseed"));
    rows.values_mut().for_each(|rows| rows.sort());
    if estimated {
        let estimate = told(&["--estimate"]);
        for (number, table) in estimate["tables"].as_array().unwrap().iter().enumerate() {
            let count = rows.get(&number).map_or(0, Vec::len);
            assert_eq!((&table["table"], &table["rows"]), (&TABLES[number].into(), &count.into()));
        }
    }
    rows
}

/// The disk was full: what was chosen again is what was chosen before.
fn taken_up(bench: &Bench, source: &str) {
    write(
        bench,
        "part.toml",
        "roots = [{ table = \"public.users\", where = \"id < 290\" }]\nwhole = [\"public.hands\"]",
    );
    let pulled = pull(source, "part.toml", "whole.devseed");
    bench.project.devenv(&pulled).success();
    let broken = pull(source, "part.toml", "broken.devseed");
    let mut full = bench.project.command("sh");
    full.args(["-c", "trap '' XFSZ; ulimit -f 60; exec \"$@\"", "sh"]);
    full.arg(env!("CARGO_BIN_EXE_devenv")).args(broken);
    Run::of(&mut full).ends(1);
    let told = bench.project.devenv(&[&broken[..], &["--resume"]].concat()).success().json();
    assert!(told["resumed"].as_u64().unwrap() > 0, "{told}");
    let read = |name: &str| std::fs::read(bench.project.path().join(name)).unwrap();
    assert!(read("broken.devseed") == read("whole.devseed"));
}

/// Conditions that cannot be judged over rows of files, and some that fail at a row.
fn refused(bench: &Bench, source: &str, rules: impl Fn(&str) -> String) {
    let people = |sql: &str| format!("{{ table = \"public.people\", where = \"{sql}\" }}");
    for (roots, code, why) in [
        (people("nobody = 1"), 2, "column \"nobody\" does not exist"),
        (people("id"), 2, "must be type boolean"),
        (people("id in (select id from public.teams)"), 2, "it asks the table public.teams"),
        (people("id in (select team from public.people)"), 2, "it asks the table public.people"),
        (people("count(*) = 1"), 2, "aggregate functions are not allowed"),
        (
            people("1 / (id - 5) = 0"),
            1,
            "over rows of public.people (22012); what the server said is not shown",
        ),
        (people("email::int = 0"), 1, "is not shown, because it may hold a value"),
        (people("true").replace("people", "nobody"), 2, "the source has no table public.nobody"),
        ("{ table = \"public.teams\" }".to_owned(), 2, "column \"of\" does not exist"),
    ] {
        let mut text = rules(&roots);
        if why.contains("\"of\"") {
            text = text.replacen("public.teams.id\" }", "public.teams.id\", when = \"of\" }", 1);
        }
        bench.project.write("no.toml", &text);
        let run = bench.project.devenv(&pull(source, "no.toml", "no.devseed")).ends(code);
        let said = format!("{}{}", run.stdout, run.stderr).replace("\\\"", "\"");
        assert!(said.contains(why), "{roots}: {said}");
        let line = if text.contains("when") { 5 } else { 3 };
        assert!(code == 1 || said.contains(&format!("no.toml:{line}: ")), "{said}");
        no_trace("an error", said.as_bytes());
        assert!(!bench.project.path().join("no.devseed").exists());
    }
}

/// Files have no keys of their own: those that the rules declare hold; without SQL no server is needed.
fn csv(bench: &Bench, dir: &Path) {
    let dir = dir.join("tables");
    std::fs::create_dir(&dir).unwrap();
    let rows = |count: usize, row: fn(usize) -> String| (1..=count).map(row).collect::<String>();
    let people = rows(90, |n| format!("{n},{},name{n}@secret-clinic.de\n", n % 3 + 1));
    std::fs::write(dir.join("people.csv"), format!("id,team,email\n{people}")).unwrap();
    let visits = rows(400, |n| format!("{},{},note {n}\n", n % 100, n % 7));
    std::fs::write(dir.join("visits.csv"), format!("person,kind,note\n{visits}")).unwrap();
    std::fs::write(dir.join("teams.csv"), "id,name\n1,a\n2,b\n3,c\n").unwrap();
    let source = dir.to_string_lossy().into_owned();
    let rules = |roots: &str| {
        format!("version = 1\n[subset]\nroots = [{roots}]\nchildren = 2\nkeys = [{{ from = \"public.people.team\", to = \"public.teams.id\" }}, {{ from = \"public.visits.person\", to = \"public.people.id\" }}]
[tables.\"public.people\"]\ncolumns = {{ id = \"keep\", team = \"keep\", email = \"email\" }}
[tables.\"public.teams\"]\ncolumns = {{ id = \"keep\", name = \"keep\" }}
[tables.\"public.visits\"]\ncolumns = {{ person = \"keep\", kind = \"keep\", note = \"keep\" }}\n")
    };
    // A project without an environment.
    let alone = Project::new();
    alone.write("csv.toml", &rules("{ table = \"public.teams\" }"));
    let told = alone.devenv(&pull(&source, "csv.toml", "csv.devseed")).success().json();
    // Two people of each team, the first ones; two visits of each.
    assert_eq!(told["rows"], 3 + 6 + 12, "{told}");
    let all = self::rows(&alone.path().join("csv.devseed"));
    assert_eq!(all[&2][..3], ["1\t1\tnote 1", "2\t2\tnote 2", "3\t3\tnote 3"]);
    let asking = rules(
        "{ table = \"public.visits\", where = \"kind = 4 and person between 40 and 60\" }, { table = \"public.people\", rows = 3 }",
    );
    alone.write("asks.toml", &asking);
    alone.devenv(&pull(&source, "asks.toml", "asks.devseed")).ends(3);
    bench.project.write("csv.toml", &asking);
    bench.project.devenv(&pull(&source, "csv.toml", "csv.devseed")).success();
    let all = self::rows(&bench.project.path().join("csv.devseed"));
    let visits = all[&2].iter().filter(|row| row.contains("\t4\t")).count();
    assert!(visits >= 12 && all[&1].len() == 3, "{all:?}");
    refused(bench, &source, rules);
}
