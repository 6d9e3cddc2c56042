//! The evaluation of policies of all kinds together.

use super::*;
use crate::policy::{Grammar, Keys, Policy};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const USER: &str = "arn:aws:iam::000000000000:user/ann";

fn policy(effect: &str, principal: Option<&str>) -> Policy {
    let principal = principal.map(|p| format!(r#""Principal":{p},"#)).unwrap_or_default();
    let grammar = if principal.is_empty() { Grammar::Identity } else { Grammar::Resource };
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}",{principal}"Action":"sqs:*","Resource":"*"}}]}}"#
    );
    Policy::parse(&text, grammar).unwrap()
}

fn user(identity: Vec<Policy>) -> Subject {
    Subject {
        kind: Kind::User,
        arn: USER.into(),
        user_id: "AIDAEXAMPLEEXAMPLEEXA".into(),
        identity,
        ..Subject::root("000000000000")
    }
}

fn session(identity: Vec<Policy>, session: Vec<Policy>) -> Subject {
    Subject {
        kind: Kind::Role,
        arn: "arn:aws:sts::000000000000:assumed-role/r/s".into(),
        role: Some("arn:aws:iam::000000000000:role/r".into()),
        session,
        ..user(identity)
    }
}

fn verdict(subject: &Subject, policy: Option<Policy>, rule: Rule) -> Verdict {
    let ask = Ask { policy, rule, ..Ask::new("sqs:SendMessage", QUEUE) };
    let mut keys = Keys::new();
    subject.add_keys(&mut keys);
    evaluate(subject, &ask, &keys)
}

fn aws(arn: &str) -> String {
    format!(r#"{{"AWS":"{arn}"}}"#)
}

#[test]
fn nothing_is_allowed_unless_a_policy_says_so_and_a_deny_wins() {
    let (allow, deny) = (policy("Allow", None), policy("Deny", None));
    let plain = |subject: &Subject| verdict(subject, None, Rule::Adds);
    assert_eq!(plain(&user(vec![])), Verdict::Missing(Reason::Identity));
    assert_eq!(plain(&user(vec![allow.clone()])), Verdict::Allowed);
    assert_eq!(plain(&user(vec![allow.clone(), deny.clone()])), Verdict::Denied(Reason::Identity));
    assert_eq!(plain(&Subject::root("000000000000")), Verdict::Allowed);
    let everybody = policy("Deny", Some("\"*\""));
    let root = Subject::root("000000000000");
    assert_eq!(verdict(&root, Some(everybody), Rule::Adds), Verdict::Denied(Reason::Resource));
    let bounded = Subject { boundary: Some(deny), ..user(vec![allow.clone()]) };
    assert_eq!(plain(&bounded), Verdict::Denied(Reason::Boundary));
    let other = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    let other = Policy::parse(other, Grammar::Identity).unwrap();
    let bounded = Subject { boundary: Some(other.clone()), ..user(vec![allow.clone()]) };
    assert_eq!(plain(&bounded), Verdict::Missing(Reason::Boundary));
    assert_eq!(
        plain(&session(vec![allow.clone()], vec![other])),
        Verdict::Missing(Reason::Session)
    );
    assert_eq!(plain(&session(vec![allow.clone()], vec![allow])), Verdict::Allowed);
}

#[test]
fn a_resources_policy_grants_to_whom_it_names_and_hands_its_account_on() {
    let named = policy("Allow", Some(&aws(USER)));
    assert_eq!(verdict(&user(vec![]), Some(named.clone()), Rule::Adds), Verdict::Allowed);
    let account = policy("Allow", Some(&aws("000000000000")));
    let nobody = verdict(&user(vec![]), Some(account.clone()), Rule::Adds);
    assert_eq!(nobody, Verdict::Missing(Reason::Identity));
    let allow = policy("Allow", None);
    assert_eq!(verdict(&user(vec![allow.clone()]), Some(account), Rule::Decides), Verdict::Allowed);
    let without = verdict(&user(vec![allow.clone()]), None, Rule::Decides);
    assert_eq!(without, Verdict::Missing(Reason::Resource));
    // A user is let in past its boundary, a role is not; a session by its own name is.
    let bounded = Subject { boundary: Some(Policy { statements: vec![] }), ..user(vec![]) };
    assert_eq!(verdict(&bounded, Some(named), Rule::Adds), Verdict::Allowed);
    let of_role = policy("Allow", Some(&aws("arn:aws:iam::000000000000:role/r")));
    let bounded =
        Subject { boundary: Some(Policy { statements: vec![] }), ..session(vec![], vec![]) };
    let refused = verdict(&bounded, Some(of_role), Rule::Adds);
    assert_eq!(refused, Verdict::Missing(Reason::Boundary));
    let of_session = policy("Allow", Some(&aws("arn:aws:sts::000000000000:assumed-role/r/s")));
    assert_eq!(verdict(&bounded, Some(of_session), Rule::Adds), Verdict::Allowed);
}

#[test]
fn between_accounts_both_sides_must_allow() {
    let allow = policy("Allow", None);
    let stranger = |identity| Subject {
        account: "111111111111".into(),
        arn: "arn:aws:iam::111111111111:user/bob".into(),
        ..user(identity)
    };
    let open = policy("Allow", Some(&aws("111111111111")));
    let both = verdict(&stranger(vec![allow.clone()]), Some(open.clone()), Rule::Adds);
    assert_eq!(both, Verdict::Allowed);
    let own = verdict(&stranger(vec![allow]), None, Rule::Adds);
    assert_eq!(own, Verdict::Missing(Reason::Resource));
    let theirs = verdict(&stranger(vec![]), Some(open), Rule::Adds);
    assert_eq!(theirs, Verdict::Missing(Reason::Identity));
}

#[test]
fn a_denial_is_told_in_the_words_of_aws_and_can_be_decoded() {
    let subject = user(vec![]);
    let ask = Ask::new("sqs:SendMessage", QUEUE);
    let denial = |verdict| Denial::new(&subject, &ask, &Keys::new().with("aws:k", "v"), verdict);
    let missing = denial(Verdict::Missing(Reason::Identity));
    assert_eq!(
        missing.text,
        format!(
            "User: {USER} is not authorized to perform: sqs:SendMessage on resource: {QUEUE} \
             because no identity-based policy allows the sqs:SendMessage action"
        )
    );
    let denied = denial(Verdict::Denied(Reason::Resource)).text;
    assert!(denied.ends_with("with an explicit deny in a resource-based policy"), "{denied}");
    let decoded: serde_json::Value =
        serde_json::from_str(&decode(&missing.encoded).unwrap()).unwrap();
    assert_eq!(
        (&decoded["explicitDeny"], &decoded["context"]["resource"]),
        (&false.into(), &QUEUE.into())
    );
    assert_eq!(decode("rain"), None);
    assert_eq!(decode(&missing.encoded[1..]), None);
}
