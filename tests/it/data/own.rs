//! Masks of the project's own: expressions in SQL, which the source evaluates, and programs; an embedding that
//! is made anew of the masked text beside it.

use super::{Bench, everything_in, no_trace};
use crate::support::Run;

/// Answers each line with the length of the JSON that it holds, as a vector.
const EMBED: &str = r#"{ mask = "command", run = ["sh", "-c", 'while read -r line; do echo "\"[${#line},0,0,1]\""; done'], from = "note" }"#;
const SOMEBODY: &str = r#"{ mask = "command", run = ["sh", "-c", 'while read -r line; do echo "\"somebody\""; done'] }"#;

/// Pulls a source by rules of which some columns have others.
type Pull<'a> = dyn Fn(&str, &[(&str, &str)]) -> Run + 'a;

/// The rules with other ones for some columns.
pub(super) fn with(rules: &str, changed: &[(&str, &str)]) -> String {
    let line = |line: &str| {
        let rule =
            changed.iter().find(|(column, _)| line.starts_with(&format!("columns.{column} =")));
        rule.map_or(line.to_owned(), |(column, rule)| format!("columns.{column} = {rule}"))
    };
    rules.lines().map(line).collect::<Vec<_>>().join("\n")
}

pub(super) fn check(bench: &Bench) {
    let rules = bench.project.read("devenv.data.toml");
    let pull = |source: &str, changed: &[(&str, &str)]| {
        bench.project.write("own.toml", &with(&rules, changed));
        let pull =
            ["data", "pull", "--source", source, "--rules", "own.toml", "--out", "own.devseed"];
        bench.project.devenv(&pull)
    };
    let own = [
        ("diagnosis", r#"{ mask = "sql", value = "left(diagnosis, 7) -- a word" }"#),
        ("patient_name", SOMEBODY),
        ("embedding", EMBED),
    ];
    pull(&bench.source, &own).success();
    bench.project.devenv(&["data", "verify", "own.devseed"]).success();
    bench.project.devenv(&["seed", "--fresh", "own.devseed"]).success();
    for (sql, expected) in [
        (
            "select count(*) from visits where diagnosis = 'chronic' and patient_name = 'somebody'",
            "400",
        ),
        (
            "select count(*) from \"order\" where embedding = ('[' || length(note) + 2 || ',0,0,1]')::vector",
            "900",
        ),
    ] {
        assert_eq!(bench.one("app", sql), expected, "{sql}");
    }
    refused(&pull, &bench.source);
    // A program that hands values on is found out.
    pull(&bench.source, &[("note", r#"{ mask = "command", run = ["cat"] }"#)]).success();
    let run = bench.project.devenv(&["data", "verify", "own.devseed"]).ends(1);
    assert!(run.stderr.contains("archive: public.order.note"), "{}", run.stderr);
    std::fs::remove_file(bench.project.path().join("own.devseed")).unwrap();
    no_trace("the project", &everything_in(bench.project.path()));
    bench.project.devenv(&["seed", "--fresh", "a.devseed"]).success();
}

/// Rules that do not fit, programs and expressions that fail: told, without a value.
fn refused(pull: &Pull<'_>, source: &str) {
    for (column, rule, code, why) in [
        (
            "diagnosis",
            r#"{ mask = "sql", value = "diagnose" }"#,
            2,
            "an expression that the source refuses",
        ),
        (
            "diagnosis",
            r#"{ mask = "sql", value = "diagnosis::int::text" }"#,
            1,
            "what the source said is not shown",
        ),
        (
            "email",
            r#"{ mask = "sql", value = "md5(email)" }"#,
            2,
            "lossy: two rows could become the same",
        ),
        (
            "patient_name",
            r#"{ mask = "command", run = ["false"] }"#,
            2,
            "the command of its rule ended",
        ),
        (
            "patient_name",
            r#"{ mask = "command", run = ["cat"], from = "id" , seconds = 0 }"#,
            2,
            "`seconds` does not fit",
        ),
        (
            "patient_name",
            r#"{ mask = "command", run = ["cat"], from = "at" }"#,
            2,
            "no other column that is masked",
        ),
        (
            "preferences",
            r#"{ mask = "json", rest = { mask = "command", run = ["cat"], from = "id" } }"#,
            2,
            "is for the rule of a column",
        ),
        ("patient_name", r#"{ mask = "command" }"#, 2, "`command` needs `run`"),
    ] {
        let run = pull(source, &[(column, rule)]).ends(code);
        assert!(run.stderr.contains(why), "{rule}: {}", run.stderr);
        no_trace("an error", run.stderr.as_bytes());
    }
}
