//! SES and SMTP as clients meet them: boto3 and smtplib against a gateway in this process.

use super::support::{Project, Run, free_port, kill_9, python, script};
use devenv::edge::smtp::{Smtp, SmtpConfig};
use devenv::edge::{Gateway, GatewayConfig};
use devenv::services::ses::Mode;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A gateway with its state in a directory that outlives it.
struct Mailroom {
    runtime: tokio::runtime::Runtime,
    gateway: Option<Gateway>,
    smtp: Option<Smtp>,
    state: std::path::PathBuf,
}

impl Mailroom {
    fn open(state: &Path) -> Mailroom {
        Mailroom::with(state, |_| ())
    }

    fn with(state: &Path, settings: impl Fn(&mut SmtpConfig)) -> Mailroom {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let config = GatewayConfig::new("127.0.0.1:0".parse().unwrap(), state.to_owned());
        let gateway = runtime.block_on(Gateway::start(config)).unwrap();
        let smtp = runtime.block_on(async {
            let mut config = SmtpConfig::new("127.0.0.1:0".parse().unwrap(), state.to_owned());
            config.listen_tls = Some("127.0.0.1:0".parse().unwrap());
            config.endpoint = format!("http://{}", gateway.address());
            settings(&mut config);
            Smtp::start(config, gateway.services()).unwrap()
        });
        let state = state.to_owned();
        Mailroom { runtime, gateway: Some(gateway), smtp: Some(smtp), state }
    }

    fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().unwrap()
    }

    /// Runs one function of a script; whatever it raises fails the test.
    #[track_caller]
    fn python(&self, name: &str, function: &str) {
        let mut command = Command::new(python());
        command
            .arg(script(name))
            .args(function.split(' '))
            .env("ENDPOINT", format!("http://{}", self.gateway().address()))
            .env("SMTP_PORT", self.smtp.as_ref().unwrap().address().port().to_string())
            .env(
                "SMTPS_PORT",
                self.smtp.as_ref().unwrap().address_tls().unwrap().port().to_string(),
            )
            .env("STATE", &self.state)
            .env("SMTP_CERTIFICATE", self.state.join("smtp-certificate.pem"))
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        Run::of(&mut command).success();
    }
}

impl Drop for Mailroom {
    fn drop(&mut self) {
        if let Some(smtp) = self.smtp.take() {
            self.runtime.block_on(smtp.shutdown());
        }
        if let Some(gateway) = self.gateway.take() {
            self.runtime.block_on(gateway.shutdown());
        }
    }
}

#[track_caller]
fn api(function: &str) {
    let state = tempfile::tempdir().unwrap();
    Mailroom::open(state.path()).python("ses/api.py", function);
}

#[test]
fn v1_sends_and_the_mail_is_seen() {
    api("v1_send_email");
}

#[test]
fn v1_raw_mail_keeps_its_bytes_but_for_what_ses_replaces() {
    api("v1_send_raw_email");
}

#[test]
fn v1_refuses_in_the_words_of_aws() {
    api("v1_refusals");
}

#[test]
fn v1_identities_come_and_go() {
    api("v1_identities");
}

#[test]
fn v1_counts_what_was_sent() {
    api("v1_statistics");
}

#[test]
fn v2_sends_simple_and_raw_mail() {
    api("v2_send_email");
}

#[test]
fn v2_refuses_in_the_words_of_aws() {
    api("v2_refusals");
}

#[test]
fn v2_identities_come_and_go() {
    api("v2_identities");
}

#[test]
fn the_awkward_content_arrives_as_it_was() {
    api("awkward_content");
}

#[test]
fn every_operation_of_the_models_is_served_or_says_that_it_is_not() {
    api("every_operation");
}

#[test]
fn the_tables_of_shapes_are_botocores() {
    Run::of(Command::new(python()).arg(script("models.py"))).success();
}

#[track_caller]
fn script_of(file: &str, functions: &str) {
    let state = tempfile::tempdir().unwrap();
    Mailroom::open(state.path()).python(file, functions);
}

#[test]
fn templates_bulk_mails_lists_and_mails_of_ses_itself() {
    script_of("ses/sending.py", "templates,bulk,lists,own_mails");
}

#[test]
fn what_an_account_has_can_be_made_read_listed_altered_and_deleted() {
    script_of("ses/account.py", "identities,config_sets,receipt,records");
}

#[test]
fn mails_bounce_complain_and_are_suppressed_and_queues_hear_of_it() {
    script_of("ses/events.py", "published,notifications,suppression,receipt");
}

#[test]
fn mail_that_comes_is_stored_bounced_and_filtered_by_rule() {
    script_of("ses/receiving.py", "buckets,order,filters");
}

/// What a rule stores lies in the bucket also when devenv was killed before it was put there.
#[test]
fn what_rules_store_survives_a_kill() {
    let (state, left) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mailroom = Mailroom::open(state.path());
    mailroom.python("ses/receiving.py", "before_restart");
    // The journal first: what is settled meanwhile is then in both, and counts once.
    for file in ["state.journal", "state.db", "state.db-wal"] {
        std::fs::copy(state.path().join(file), left.path().join(file)).unwrap();
    }
    Mailroom::open(left.path()).python("ses/receiving.py", "after_restart");
}

#[test]
fn mail_is_signed_by_the_domain_and_a_verifier_agrees() {
    script_of("ses/finished.py", "signatures");
}

#[test]
fn opens_and_clicks_come_from_the_mails_themselves() {
    script_of("ses/finished.py", "tracking");
}

#[test]
fn links_and_signatures_outlive_the_process() {
    let state = tempfile::tempdir().unwrap();
    Mailroom::open(state.path()).python("ses/finished.py", "before_restart");
    Mailroom::open(state.path()).python("ses/finished.py", "after_restart");
}

#[test]
fn the_profile_says_what_becomes_of_mail() {
    use devenv::services::ses::calls::Declare;
    use devenv::services::ses::render::Parts;
    let state = tempfile::tempdir().unwrap();
    let mailroom = Mailroom::open(state.path());
    let ses = &mailroom.gateway().services().ses;
    let caller = devenv::base::Caller::internal("000000000000", "us-east-1", "");
    let pairs =
        |of: &[(&str, &str)]| of.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let welcome = Parts { subject: Some("Welcome {{name}}".into()), ..Parts::default() };
    let declared = Declare {
        templates: [("welcome".to_owned(), welcome)].into(),
        outcomes: pairs(&[
            ("bounce.example.com", "bounce"),
            ("reject.example.com", "reject"),
            ("reader@x.org", "open"),
        ]),
        subscriptions: pairs(&[("ses-feedback", "feedback")]),
    };
    for _ in 0..2 {
        mailroom.runtime.block_on(ses.declare(&caller, declared.clone())).unwrap();
    }
    mailroom.python("ses/events.py", "declared");
    ses.set_mode(Mode::Sandbox);
    mailroom.python("ses/events.py", "sandbox");
}

#[test]
fn what_an_account_has_outlives_the_process() {
    let state = tempfile::tempdir().unwrap();
    Mailroom::open(state.path()).python("ses/account.py", "before_restart");
    Mailroom::open(state.path()).python("ses/account.py", "after_restart");
}

#[test]
fn mails_are_listed_in_pages_and_thrown_away() {
    api("pages");
}

#[test]
fn strict_mode_wants_verified_senders() {
    let state = tempfile::tempdir().unwrap();
    let mailroom = Mailroom::open(state.path());
    mailroom.gateway().services().ses.set_mode(Mode::Strict);
    mailroom.python("ses/api.py", "strict_mode");
}

#[test]
fn policies_say_who_sends_for_another_account() {
    let state = tempfile::tempdir().unwrap();
    let mailroom = Mailroom::open(state.path());
    mailroom.gateway().services().ses.set_mode(Mode::Strict);
    mailroom.python("ses/api.py", "delegation");
}

#[test]
fn mails_identities_and_counts_outlive_the_process() {
    let state = tempfile::tempdir().unwrap();
    Mailroom::open(state.path()).python("ses/api.py", "before_restart");
    Mailroom::open(state.path()).python("ses/api.py", "after_restart");
}

/// What `kill -9` leaves is the files as they are: here they are copied while the gateway still runs.
#[test]
fn what_was_acknowledged_survives_a_kill() {
    let (state, left) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mailroom = Mailroom::open(state.path());
    mailroom.python("ses/api.py", "before_restart");
    // The journal first: what is settled meanwhile is then in both, and counts once.
    for file in ["state.journal", "state.db", "state.db-wal"] {
        std::fs::copy(state.path().join(file), left.path().join(file)).unwrap();
    }
    Mailroom::open(left.path()).python("ses/api.py", "after_restart");
}

#[test]
fn the_seeder_may_verify_again_and_again() {
    let state = tempfile::tempdir().unwrap();
    let mailroom = Mailroom::open(state.path());
    let ses = &mailroom.gateway().services().ses;
    let caller = devenv::base::Caller::internal("000000000000", "us-east-1", "");
    for identity in ["seed@example.com", "example.org", "seed@example.com"] {
        mailroom.runtime.block_on(ses.verify_identity(&caller, identity)).unwrap();
    }
    assert!(mailroom.runtime.block_on(ses.verify_identity(&caller, "no body@x")).is_err());
    mailroom.python("ses/api.py", "seeded");
}

#[test]
fn the_inbox_is_searched_waited_for_and_shown_in_parts() {
    let state = tempfile::tempdir().unwrap();
    Mailroom::open(state.path()).python("ses/inbox.py", "searching waiting parts corpus");
}

/// Mail is passed on to the listed recipients alone, also when their server comes late.
#[test]
fn mail_is_passed_on_when_the_profile_says_so() {
    let (state, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let port = free_port();
    let mailroom = Mailroom::open(state.path());
    let to = devenv::services::ses::Forward {
        host: "127.0.0.1".into(),
        port,
        login: None,
        only: vec!["real.example".into()],
    };
    let services = mailroom.gateway().services();
    mailroom.runtime.block_on(services.ses.forwarder().set(Some(to))).unwrap();
    mailroom.python("ses/inbox.py", "forward_refused");
    let sink = Mailroom::with(other.path(), |config| config.listen.set_port(port));
    services.clock.advance(3_600_000);
    sink.python("ses/inbox.py", "forward_arrived");
}

#[test]
fn old_mail_is_thrown_away_only_when_the_profile_says_so() {
    let state = tempfile::tempdir().unwrap();
    let mailroom = Mailroom::open(state.path());
    mailroom.python("ses/inbox.py", "prune_filled");
    let keep = devenv::services::ses::Keep { count: Some(3), age_ms: None };
    mailroom.gateway().services().ses.pruner().set(keep);
    mailroom.python("ses/inbox.py", "prune_left");
}

/// `kill -9` in the midst of sending, by API and SMTP, small mails and big ones.
#[test]
fn kill_9_loses_no_accepted_mail() {
    let project = Project::with("extends = \"minimal\"\nport = \"auto\"\n");
    let mut said = Vec::new();
    for round in 0..2 {
        project.up();
        let status = project.status();
        let environment = project.environment();
        let port = &environment.iter().find(|(name, _)| name == "SMTP_PORT").unwrap().1;
        let mut load = Command::new(python());
        load.arg(script("ses/crash_load.py")).arg(status["endpoint"].as_str().unwrap());
        let mut load =
            load.arg(port).arg(round.to_string()).stdout(Stdio::piped()).spawn().unwrap();
        let mut words = BufReader::new(load.stdout.take().unwrap());
        words.read_until(b'\n', &mut said).unwrap();
        std::thread::sleep(Duration::from_millis(900 + 137 * round));
        kill_9(status["pid"].as_u64().unwrap() as u32);
        words.read_to_end(&mut said).unwrap();
        load.wait().unwrap();
    }
    project.up();
    let mut check = Command::new(python());
    check.arg(script("ses/crash_check.py")).arg(project.status()["endpoint"].as_str().unwrap());
    check.arg(project.path().join(".devenv"));
    let mut check = check.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    check.stdin.take().unwrap().write_all(&said).unwrap();
    let output = check.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// `devenv mail` against an environment: its text, its JSON, its exit codes.
#[test]
fn mail_on_the_command_line() {
    let project = Project::with("extends = \"minimal\"\nport = \"auto\"\n");
    project.devenv(&["mail", "list"]).ends(3);
    project.up();
    assert!(project.devenv(&["mail", "list"]).success().stderr.contains("no mails"));
    let late = project.devenv(&["mail", "wait", "--to", "jane@", "--timeout", "100ms"]).ends(4);
    assert!(late.stderr.contains("no such mail came in time"), "{}", late.stderr);
    let environment = project.environment();
    let port = &environment.iter().find(|(name, _)| name == "SMTP_PORT").unwrap().1;
    let send = format!(
        "import smtplib; smtplib.SMTP('127.0.0.1', {port}).sendmail('a@x.org', ['jane@x.org'],\
         'To: jane@x.org\\r\\nSubject: Hi\\x1b[2J there\\r\\n\\r\\nSee https://x.org/1\\r\\n')"
    );
    let waiting = std::thread::scope(|scope| {
        let waiting = scope
            .spawn(|| project.devenv(&["mail", "wait", "--subject", "there", "--timeout", "20s"]));
        Run::of(Command::new(python()).args(["-c", &send])).success();
        waiting.join().unwrap().success()
    });
    assert!(waiting.stdout.contains("To: jane@x.org\n") && !waiting.stdout.contains('\x1b'));
    let listed = project.devenv(&["mail", "list", "--to", "JANE", "--json"]).success().json();
    assert_eq!((&listed["schema"], &listed["next"]), (&1.into(), &serde_json::Value::Null));
    let id = listed["mails"][0]["id"].as_str().unwrap();
    assert!(project.devenv(&["mail", "list"]).success().stdout.contains(id));
    let show = |part: &str| project.devenv(&["mail", "show", id, part]).success().stdout;
    assert_eq!(
        (show("--links").as_str(), show("--text").as_str()),
        ("https://x.org/1\n", "See https://x.org/1")
    );
    assert!(show("--raw").ends_with("\r\n\r\nSee https://x.org/1\r\n"));
    assert_eq!(project.devenv(&["mail", "show", "latest", "--json"]).success().json()["id"], id);
    project.devenv(&["mail", "show", "nothing"]).ends(1);
    project.devenv(&["mail", "list", "--since", "yesterday"]).ends(2);
    project.devenv(&["mail", "clear", id]).success();
    project.devenv(&["mail", "clear"]).success();
    assert_eq!(
        project.devenv(&["mail", "list", "--json"]).success().json()["mails"],
        serde_json::json!([])
    );
}

#[track_caller]
fn smtp(function: &str) {
    let state = tempfile::tempdir().unwrap();
    Mailroom::open(state.path()).python("ses/smtp.py", function);
}

#[test]
fn smtp_mail_lands_in_the_same_store() {
    smtp("sends");
}

#[test]
fn smtp_blind_copies_stay_in_the_envelope() {
    smtp("blind_copies");
}

#[test]
fn smtp_takes_addresses_and_headers_beyond_ascii() {
    smtp("utf8");
}

#[test]
fn smtp_commands_may_come_in_one_piece() {
    smtp("pipelining");
}

#[test]
fn smtp_refuses_what_is_too_big_and_goes_on() {
    smtp("sizes");
}

#[test]
fn smtp_speaks_tls_and_the_words_of_ses() {
    smtp("starttls replies by_curl");
}

#[test]
fn smtp_may_begin_with_tls() {
    smtp("wrapped");
}

#[test]
fn smtp_stands_hostile_dialogues() {
    smtp("hostile");
}

#[test]
fn smtp_keeps_big_mails_in_files() {
    smtp("big");
}

#[test]
fn smtp_lets_slow_clients_go() {
    let state = tempfile::tempdir().unwrap();
    let hasty = |config: &mut SmtpConfig| config.idle = Duration::from_millis(700);
    Mailroom::with(state.path(), hasty).python("ses/smtp.py", "slow");
}

#[test]
fn smtp_with_strict_auth_wants_derived_passwords() {
    let state = tempfile::tempdir().unwrap();
    let strict = |config: &mut SmtpConfig| config.auth = devenv::edge::Auth::Strict;
    Mailroom::with(state.path(), strict).python("ses/smtp.py", "strict_login");
}

#[test]
fn smtp_refuses_too_many_recipients_and_browsers() {
    smtp("refusals");
}

#[test]
fn smtp_acknowledges_nothing_that_is_not_there() {
    smtp("many");
}

#[test]
fn smtp_in_strict_mode_wants_verified_senders() {
    let state = tempfile::tempdir().unwrap();
    let mailroom = Mailroom::open(state.path());
    mailroom.gateway().services().ses.set_mode(Mode::Strict);
    mailroom.python("ses/smtp.py", "strict_mode");
}

#[test]
fn a_taken_smtp_port_is_a_problem_with_a_hint() {
    let state = tempfile::tempdir().unwrap();
    let mailroom = Mailroom::open(state.path());
    let taken = mailroom.smtp.as_ref().unwrap().address();
    let config = SmtpConfig::new(taken, state.path().to_owned());
    let services = mailroom.gateway().services();
    let problem = mailroom.runtime.block_on(async { Smtp::start(config, services) }).err().unwrap();
    assert_eq!(problem.code, "port-taken");
    assert!(problem.message.contains(&taken.to_string()) && problem.hint.is_some());
}

#[test]
fn a_client_that_waits_hears_when_smtp_stops() {
    let state = tempfile::tempdir().unwrap();
    let mailroom = Mailroom::open(state.path());
    let mut client =
        std::net::TcpStream::connect(mailroom.smtp.as_ref().unwrap().address()).unwrap();
    let mut greeting = [0; "220 devenv ESMTP SimpleEmailService\r\n".len()];
    client.read_exact(&mut greeting).unwrap();
    drop(mailroom);
    let mut last = String::new();
    client.read_to_string(&mut last).unwrap();
    assert_eq!(last, "421 devenv is stopping\r\n");
}
