//! `devenv env`: the variables that point programs at the environment, for a shell or a file.

use super::choose;
use super::outcome::Outcome;
use super::printer::Printer;
use crate::base::Problem;
use crate::control::client;
use crate::control::{Ask, Home, Update};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest wait for the daemon's answer.
const ANSWER_WAIT: Duration = Duration::from_secs(35);

/// Print the environment's variables
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  eval \"$(devenv env)\"\n  devenv env --format github >> \"$GITHUB_ENV\""
)]
pub(super) struct Env {
    /// For whom
    #[arg(long, value_enum, default_value = "shell")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Shell,
    Fish,
    Powershell,
    Dotenv,
    Json,
    Github,
}

impl Env {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let all = variables(&choose::home()?)?;
        if printer.json || self.format == Format::Json {
            printer.object(&json!(all));
            return Ok(Outcome::Done);
        }
        for (key, value) in &all {
            printer.out(line(self.format, key, value));
        }
        Ok(Outcome::Done)
    }
}

/// The variables of the running environment.
pub(super) fn variables(home: &Home) -> Result<BTreeMap<String, String>, Problem> {
    match client::ask_once(home, Ask::Env, ANSWER_WAIT)? {
        Update::Env(all) => Ok(all),
        _ => Err(client::daemon_left("it answered something else")),
    }
}

fn line(format: Format, key: &str, value: &str) -> String {
    match format {
        Format::Shell => format!("export {key}='{}'", value.replace('\'', r"'\''")),
        Format::Fish => {
            format!("set -gx {key} '{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
        }
        Format::Powershell => format!("$env:{key} = '{}'", value.replace('\'', "''")),
        Format::Dotenv => format!("{key}={}", dotenv(value)),
        Format::Github if value.contains('\n') => {
            let mark = delimiter(value);
            format!("{key}<<{mark}\n{value}\n{mark}")
        }
        Format::Github => format!("{key}={value}"),
        Format::Json => json!({ key: value }).to_string(),
    }
}

/// Single quotes are literal in every dotenv reader; double ones where the value has single quotes
/// or line breaks.
fn dotenv(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,=".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    if !value.contains(['\'', '\n', '\r']) {
        return format!("'{value}'");
    }
    let mut quoted = String::from('"');
    for c in value.chars() {
        match c {
            '"' | '\\' | '$' | '`' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A line that the value does not have.
fn delimiter(value: &str) -> String {
    let mut mark = "DEVENV_EOF".to_owned();
    while value.lines().any(|line| line == mark) {
        mark.push('_');
    }
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_arrive_as_they_are() {
        let nasty = "a'b \"c\" $d \\e";
        assert_eq!(line(Format::Shell, "K", nasty), r#"export K='a'\''b "c" $d \e'"#);
        assert_eq!(line(Format::Fish, "K", nasty), r#"set -gx K 'a\'b "c" $d \\e'"#);
        assert_eq!(line(Format::Powershell, "K", nasty), r#"$env:K = 'a''b "c" $d \e'"#);
        assert_eq!(line(Format::Dotenv, "K", nasty), r#"K="a'b \"c\" \$d \\e""#);
        assert_eq!(line(Format::Dotenv, "K", "a b$"), "K='a b$'");
        assert_eq!(line(Format::Dotenv, "K", "http://127.0.0.1:1/x"), "K=http://127.0.0.1:1/x");
        assert_eq!(line(Format::Dotenv, "K", ""), "K=''");
        assert_eq!(line(Format::Github, "K", nasty), format!("K={nasty}"));
    }

    #[test]
    fn github_delimits_lines_by_one_that_is_not_there() {
        let value = "a\nDEVENV_EOF\nb";
        let expected = "K<<DEVENV_EOF_\na\nDEVENV_EOF\nb\nDEVENV_EOF_";
        assert_eq!(line(Format::Github, "K", value), expected);
    }

    #[test]
    fn a_shell_reads_back_what_was_written() {
        let nasty = "it's \"$HOME\" `id` \\n \n second line";
        let script = format!("{}; printf %s \"$K\"", line(Format::Shell, "K", nasty));
        let out = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(out.stdout).unwrap(), nasty);
    }
}
