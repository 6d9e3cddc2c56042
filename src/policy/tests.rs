//! Policies held against what AWS's documentation says of them, and against a model.

use super::*;
use proptest::prelude::*;

fn policy(text: &str) -> Policy {
    Policy::parse(text, Grammar::Resource).unwrap()
}

/// A policy of one statement for everybody.
fn one(effect: &str, action: &str, resource: &str, condition: &str) -> Policy {
    policy(&format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Principal":"*","Action":{action},"Resource":{resource},"Condition":{condition}}}}}"#
    ))
}

fn decide(policy: &Policy, action: &str, resource: &str, keys: &Keys) -> Decision {
    let who = Who::anonymous();
    policy.decide(&Request { who: &who, action, resource, keys })
}

/// Whether `{operator: {key: values}}` holds.
fn holds(condition: &str, keys: &Keys) -> bool {
    let policy = one("Allow", "\"*\"", "\"*\"", condition);
    decide(&policy, "s3:GetObject", "arn:aws:s3:::b/k", keys) == Decision::Allow
}

fn mistake(text: &str) -> String {
    Policy::parse(text, Grammar::Resource).unwrap_err().to_string()
}

#[test]
fn mistakes_are_named_in_s3s_words() {
    const RIGHT: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}"#;
    assert!(Policy::parse(RIGHT, Grammar::Resource).is_ok());
    let changed = |from: &str, to: &str| {
        assert!(RIGHT.contains(from), "{from}");
        mistake(&RIGHT.replace(from, to))
    };
    assert_eq!(mistake(""), "Policies must be valid JSON and the first byte must be '{'");
    assert_eq!(mistake("invalid"), "Policies must be valid JSON and the first byte must be '{'");
    assert_eq!(mistake("{"), "This policy contains invalid Json");
    assert_eq!(mistake("{}"), "Missing required field Statement");
    assert_eq!(mistake("{\"Statement\":[]}"), "Could not parse the policy: Statement is empty!");
    assert_eq!(changed("2012-10-17", "2020"), "The policy must contain a valid version string");
    assert_eq!(changed("\"Effect\":\"Allow\",", ""), "Missing required field Effect");
    assert_eq!(changed("\"Allow\"", "\"allow\""), "Invalid effect: allow");
    assert_eq!(changed("\"Principal\":\"*\",", ""), "Missing required field Principal");
    assert_eq!(changed("\"Action\":\"s3:GetObject\",", ""), "Missing required field Action");
    assert_eq!(
        changed(",\"Resource\":\"arn:aws:s3:::b/*\"", ""),
        "Missing required field Resource"
    );
    assert_eq!(changed("Resource", "Resources"), "Unknown field Resources");
    assert_eq!(changed("s3:GetObject", "GetObject"), "Policy has invalid action");
    assert_eq!(changed("\"s3:GetObject\"", "[]"), "Policy has invalid action");
    assert_eq!(changed("arn:aws:s3:::b/*", "b/*"), "Policy has invalid resource");
    assert_eq!(changed("\"*\",\"Action\"", "\"me\",\"Action\""), "Invalid principal in policy");
    assert_eq!(
        changed("\"*\",\"Action\"", "{\"AWS\":\"1\"},\"Action\""),
        "Invalid principal in policy"
    );
    assert_eq!(changed("\"*\",\"Action\"", "{\"AWS\":1},\"Action\""), "Invalid policy syntax.");
    assert_eq!(
        changed("\"Action\"", "\"NotAction\":\"s3:X\",\"Action\""),
        "Invalid policy syntax."
    );
    let condition = |text: &str| changed("\"Sid\":\"a\"", &format!("\"Condition\":{text}"));
    assert_eq!(
        condition("{\"StringEqual\":{\"a:b\":\"c\"}}"),
        "Invalid Condition type : StringEqual"
    );
    assert_eq!(
        condition("{\"NullIfExists\":{\"a:b\":\"true\"}}"),
        "Invalid Condition type : NullIfExists"
    );
    assert_eq!(condition("[]"), "Invalid policy syntax.");
    assert!(condition("{\"NumericLessThan\":{\"a:b\":\"ten\"}}").contains("ten"));
    assert!(condition("{\"IpAddress\":{\"aws:SourceIp\":\"1.2.3.4/33\"}}").contains("1.2.3.4/33"));
    let statement = RIGHT.split_once('[').unwrap().1.strip_suffix("]}").unwrap();
    let twice = RIGHT.replace("]}", &format!(",{statement}]}}"));
    assert_eq!(mistake(&twice), "Statement IDs (SID) in a single policy must be unique.");
    let identity = Policy::parse(RIGHT, Grammar::Identity).unwrap_err();
    assert_eq!(identity, Mistake::PrincipalForbidden);
}

#[test]
fn principals_of_every_form_are_told_apart() {
    let of = |principal: &str| {
        policy(&format!(
            r#"{{"Statement":{{"Effect":"Allow",{principal},"Action":"*","Resource":"*"}}}}"#
        ))
    };
    let keys = Keys::new();
    let allowed = |policy: &Policy, who: &Who| {
        let request =
            Request { who, action: "s3:GetObject", resource: "arn:aws:s3:::b/k", keys: &keys };
        policy.decide(&request) == Decision::Allow
    };
    let (own, other) = (Who::account("111111111111"), Who::account("222222222222"));
    let everybody = of(r#""Principal":{"AWS":["*"]}"#);
    assert!(allowed(&everybody, &Who::anonymous()) && allowed(&everybody, &own));
    for text in
        ["111111111111", "arn:aws:iam::111111111111:root", "arn:aws-cn:iam::111111111111:root"]
    {
        let policy = of(&format!(r#""Principal":{{"AWS":"{text}"}}"#));
        assert!(allowed(&policy, &own) && !allowed(&policy, &other), "{text}");
        assert!(!allowed(&policy, &Who::anonymous()));
        let policy = of(&format!(r#""NotPrincipal":{{"AWS":"{text}"}}"#));
        assert!(!allowed(&policy, &own) && allowed(&policy, &other), "{text}");
    }
    let arn = "arn:aws:iam::111111111111:user/dev";
    let user = Who { arn: Some(arn.into()), ..own.clone() };
    let policy = of(&format!(r#""Principal":{{"AWS":"{arn}"}}"#));
    assert!(allowed(&policy, &user) && !allowed(&policy, &own));
    let policy = of(r#""Principal":{"Service":["logging.s3.amazonaws.com"],"AWS":"222222222222"}"#);
    assert!(allowed(&policy, &Who::service("logging.s3.amazonaws.com")));
    assert!(!allowed(&policy, &Who::service("sns.amazonaws.com")) && allowed(&policy, &other));
    let id = "a".repeat(64);
    let policy = of(&format!(r#""Principal":{{"CanonicalUser":"{id}"}}"#));
    assert!(allowed(&policy, &Who { canonical: Some(id), ..Who::default() }));
    for wrong in ["{\"AWS\":\"arn:aws:iam::111111111111:user/*\"}", "{\"Who\":\"*\"}", "{}", "7"] {
        let text = format!(
            r#"{{"Statement":{{"Effect":"Allow","Principal":{wrong},"Action":"s3:*","Resource":"*"}}}}"#
        );
        assert!(Policy::parse(&text, Grammar::Resource).is_err(), "{wrong}");
    }
}

#[test]
fn an_explicit_deny_wins_in_any_order() {
    let allow =
        r#"{"Effect":"Allow","Principal":"*","Action":"s3:Get*","Resource":"arn:aws:s3:::b/*"}"#;
    let deny = r#"{"Effect":"Deny","Principal":"*","NotAction":"s3:Put*","Resource":"arn:aws:s3:::b/secret/*"}"#;
    for statements in [format!("{allow},{deny}"), format!("{deny},{allow}")] {
        let policy = policy(&format!(r#"{{"Statement":[{statements}]}}"#));
        let decide = |action, resource| decide(&policy, action, resource, &Keys::new());
        assert_eq!(decide("s3:GetObject", "arn:aws:s3:::b/k"), Decision::Allow);
        assert_eq!(decide("S3:getobject", "arn:aws:s3:::b/k"), Decision::Allow, "any case");
        assert_eq!(decide("s3:GetObject", "arn:aws:s3:::b/secret/k"), Decision::Deny);
        assert_eq!(decide("s3:PutObject", "arn:aws:s3:::b/secret/k"), Decision::Implicit);
        assert_eq!(decide("s3:GetObject", "arn:aws:s3:::c/k"), Decision::Implicit);
    }
    assert_eq!(Decision::Allow.and(Decision::Deny), Decision::Deny);
    assert_eq!(Decision::Implicit.and(Decision::Allow), Decision::Allow);
}

#[test]
fn resources_are_matched_and_excepted_part_by_part() {
    let only = one("Allow", "\"*\"", r#"["arn:aws:s3:::b","arn:aws:s3:::b/?/*.txt"]"#, "{}");
    let fits = |policy: &Policy, arn| decide(policy, "s3:X", arn, &Keys::new()) == Decision::Allow;
    assert!(fits(&only, "arn:aws:s3:::b") && fits(&only, "arn:aws:s3:::b/1/x/y.txt"));
    assert!(!fits(&only, "arn:aws:s3:::b/12/y.txt") && !fits(&only, "arn:aws:s3:::bc"));
    let star = one("Allow", "\"*\"", r#""arn:aws:s3:::*""#, "{}");
    assert!(fits(&star, "arn:aws:s3:::b/a:b") && !fits(&star, "arn:aws:sqs:us-east-1:1:q"));
    let short = one("Allow", "\"*\"", r#""arn:aws:s*:::b""#, "{}");
    assert!(fits(&short, "arn:aws:s3:::b") && !fits(&short, "arn:aws:s3:us-east-1::b"));
    let except = policy(
        r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","NotResource":"arn:aws:s3:::b/open/*"}}"#,
    );
    let keys = Keys::new();
    assert_eq!(decide(&except, "s3:X", "arn:aws:s3:::b/k", &keys), Decision::Deny);
    assert_eq!(decide(&except, "s3:X", "arn:aws:s3:::b/open/k", &keys), Decision::Implicit);
}

#[test]
fn texts_numbers_and_dates_are_compared_by_their_operators() {
    let keys = Keys::new()
        .with("s3:prefix", "home/Ann")
        .with("s3:max-keys", "10")
        .with("aws:CurrentTime", "2026-11-21T10:15:30Z")
        .with("aws:EpochTime", "1795256130")
        .with("aws:SecureTransport", "false");
    for right in [
        r#"{"StringEquals":{"S3:PREFIX":"home/Ann"}}"#,
        r#"{"StringEquals":{"s3:prefix":["x","home/Ann"]}}"#,
        r#"{"StringNotEquals":{"s3:prefix":["x","y"]}}"#,
        r#"{"StringEqualsIgnoreCase":{"s3:prefix":"HOME/ann"}}"#,
        r#"{"StringNotEqualsIgnoreCase":{"s3:prefix":"other"}}"#,
        r#"{"StringLike":{"s3:prefix":"home/A?n*"}}"#,
        r#"{"StringNotLike":{"s3:prefix":"home/B*"}}"#,
        r#"{"NumericEquals":{"s3:max-keys":"10.0"}}"#,
        r#"{"NumericNotEquals":{"s3:max-keys":11}}"#,
        r#"{"NumericLessThan":{"s3:max-keys":"11"}}"#,
        r#"{"NumericLessThanEquals":{"s3:max-keys":10}}"#,
        r#"{"NumericGreaterThan":{"s3:max-keys":9}}"#,
        r#"{"NumericGreaterThanEquals":{"s3:max-keys":10}}"#,
        r#"{"DateEquals":{"aws:CurrentTime":"1795256130"}}"#,
        r#"{"DateNotEquals":{"aws:CurrentTime":"2026-11-21"}}"#,
        r#"{"DateGreaterThan":{"aws:CurrentTime":"2026-11-21"}}"#,
        r#"{"DateLessThan":{"aws:EpochTime":"2026-11-22T00:00Z"}}"#,
        r#"{"DateLessThanEquals":{"aws:CurrentTime":"2026-11-21T11:15:30+01:00"}}"#,
        r#"{"Bool":{"aws:SecureTransport":false}}"#,
        r#"{"Null":{"aws:TokenIssueTime":"true"}}"#,
        r#"{"Null":{"s3:prefix":false}}"#,
        r#"{"StringLike":{"s3:prefix":"home/*"},"Bool":{"aws:SecureTransport":"FALSE"}}"#,
    ] {
        assert!(holds(right, &keys), "{right}");
    }
    for wrong in [
        r#"{"StringEquals":{"s3:prefix":"home/*"}}"#,
        r#"{"StringEquals":{"s3:prefix":[]}}"#,
        r#"{"StringNotEquals":{"s3:prefix":["x","home/Ann"]}}"#,
        r#"{"StringLike":{"s3:prefix":"home/"}}"#,
        r#"{"NumericLessThan":{"s3:max-keys":10}}"#,
        r#"{"NumericEquals":{"s3:prefix":10}}"#,
        r#"{"DateLessThan":{"aws:CurrentTime":"2026-11-21T10:15:30Z"}}"#,
        r#"{"Bool":{"aws:SecureTransport":"true"}}"#,
        r#"{"Null":{"s3:prefix":"true"}}"#,
        r#"{"StringLike":{"s3:prefix":"home/*"},"Bool":{"aws:SecureTransport":"true"}}"#,
    ] {
        assert!(!holds(wrong, &keys), "{wrong}");
    }
}

#[test]
fn addresses_and_arns_are_compared_by_their_structure() {
    let v4 = Keys::new().with("aws:SourceIp", "10.1.2.3");
    let v6 = Keys::new().with("aws:SourceIp", "2001:db8::5");
    let ip =
        |operator: &str, range: &str| format!(r#"{{"{operator}":{{"aws:SourceIp":"{range}"}}}}"#);
    assert!(
        holds(&ip("IpAddress", "10.1.0.0/16"), &v4) && holds(&ip("IpAddress", "0.0.0.0/0"), &v4)
    );
    assert!(
        holds(&ip("IpAddress", "10.1.2.3"), &v4) && !holds(&ip("IpAddress", "10.2.0.0/16"), &v4)
    );
    assert!(holds(&ip("NotIpAddress", "10.2.0.0/16"), &v4));
    assert!(
        holds(&ip("IpAddress", "2001:db8::/32"), &v6)
            && !holds(&ip("IpAddress", "10.0.0.0/8"), &v6)
    );
    let mapped = Keys::new().with("aws:SourceIp", "::ffff:10.1.2.3");
    assert!(holds(&ip("IpAddress", "10.1.2.0/24"), &mapped));
    let arn = Keys::new().with("aws:SourceArn", "arn:aws:s3:::b");
    let source = |operator: &str, pattern: &str| {
        format!(r#"{{"{operator}":{{"aws:SourceArn":"{pattern}"}}}}"#)
    };
    for operator in ["ArnEquals", "ArnLike"] {
        assert!(holds(&source(operator, "arn:aws:s3:*:*:b*"), &arn));
        assert!(!holds(&source(operator, "arn:aws:s*:b"), &arn), "a star stays in its part");
    }
    assert!(holds(&source("ArnNotLike", "arn:aws:sns:*:*:*"), &arn));
}

#[test]
fn an_absent_key_fits_only_negations_and_if_exists() {
    let none = Keys::new();
    for (operator, value, wanted) in [
        ("StringEquals", "a", false),
        ("StringNotEquals", "a", true),
        ("StringLike", "*", false),
        ("StringNotLike", "*", true),
        ("NumericLessThan", "1", false),
        ("NumericNotEquals", "1", true),
        ("Bool", "false", false),
        ("IpAddress", "0.0.0.0/0", false),
        ("NotIpAddress", "0.0.0.0/0", true),
        ("ArnNotEquals", "arn:aws:s3:::b", true),
        ("StringEqualsIfExists", "a", true),
        ("BoolIfExists", "true", true),
        ("ForAllValues:StringEquals", "a", true),
        ("ForAnyValue:StringEquals", "a", false),
        ("ForAnyValue:StringNotEquals", "a", false),
    ] {
        let condition = format!(r#"{{"{operator}":{{"x:y":"{value}"}}}}"#);
        assert_eq!(holds(&condition, &none), wanted, "{operator}");
    }
}

#[test]
fn sets_ask_for_all_or_for_any_of_the_values() {
    let keys = Keys::new().with("aws:TagKeys", "a").with("aws:TagKeys", "b");
    let ask = |operator: &str, values: &str| {
        holds(&format!(r#"{{"{operator}":{{"aws:TagKeys":{values}}}}}"#), &keys)
    };
    assert!(ask("ForAllValues:StringEquals", r#"["a","b","c"]"#));
    assert!(!ask("ForAllValues:StringEquals", r#"["a","c"]"#));
    assert!(ask("ForAnyValue:StringEquals", r#"["b","c"]"#));
    assert!(!ask("ForAnyValue:StringEquals", r#"["c"]"#));
    assert!(ask("ForAllValues:StringNotEquals", r#"["c"]"#));
    assert!(!ask("ForAllValues:StringNotEquals", r#"["b"]"#));
    assert!(ask("ForAnyValue:StringNotEquals", r#"["b"]"#));
    assert!(ask("ForAllValues:StringLikeIfExists", r#""?""#));
}

#[test]
fn variables_are_text_and_known_to_the_newer_version_only() {
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/${*}","Condition":{"StringEquals":{"s3:prefix":"${aws:userid, 'nobody'}"}}}}"#;
    let new = policy(text);
    let ann = Keys::new().with("aws:username", "ann").with("s3:prefix", "nobody");
    assert_eq!(decide(&new, "s3:X", "arn:aws:s3:::b/ann/*", &ann), Decision::Allow);
    assert_eq!(decide(&new, "s3:X", "arn:aws:s3:::b/ann/x", &ann), Decision::Implicit);
    let star = Keys::new().with("aws:username", "*").with("s3:prefix", "nobody");
    assert_eq!(decide(&new, "s3:X", "arn:aws:s3:::b/ann/*", &star), Decision::Implicit);
    let unknown = Keys::new().with("s3:prefix", "nobody");
    assert_eq!(decide(&new, "s3:X", "arn:aws:s3:::b//*", &unknown), Decision::Implicit);
    let old = policy(&text.replace("2012-10-17", "2008-10-17"));
    assert_eq!(decide(&old, "s3:X", "arn:aws:s3:::b/ann/*", &ann), Decision::Implicit);
}

#[test]
fn public_is_what_everybody_may_do_unconditionally() {
    let public =
        |effect: &str, condition: &str| one(effect, "\"s3:*\"", "\"*\"", condition).is_public();
    assert!(public("Allow", "{}") && !public("Deny", "{}"));
    assert!(!public("Allow", r#"{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}"#));
    assert!(public("Allow", r#"{"StringLike":{"aws:PrincipalOrgID":"o-*"}}"#));
    assert!(public("Allow", r#"{"StringEquals":{"aws:Referer":"https://a"}}"#));
    assert!(!public("Allow", r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#));
    assert!(public("Allow", r#"{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","0.0.0.0/1"]}}"#));
    assert!(public("Allow", r#"{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#));
    assert!(!public("Allow", r#"{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:111111111111:*"}}"#));
    assert!(public("Allow", r#"{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::b"}}"#));
    assert!(public("Allow", r#"{"StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}}"#));
    let except = r#"{"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"111111111111"},"Action":"*","Resource":"*"}}"#;
    assert!(policy(except).is_public());
    let named = except.replace("Not", "");
    assert!(!policy(&named).is_public());
}

/// The plain recursive meaning of a pattern.
fn model(pattern: &[char], text: &[char]) -> bool {
    match (pattern.first(), text.first()) {
        (None, None) => true,
        (Some('*'), _) => {
            model(&pattern[1..], text) || !text.is_empty() && model(pattern, &text[1..])
        }
        (Some('?'), Some(_)) => model(&pattern[1..], &text[1..]),
        (Some(p), Some(t)) if p == t => model(&pattern[1..], &text[1..]),
        _ => false,
    }
}

fn json_soup() -> impl Strategy<Value = String> {
    let words = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"Statement\"",
        "\"Effect\"",
        "\"Allow\"",
        "\"Deny\"",
        "\"Principal\"",
        "\"*\"",
        "\"Action\"",
        "\"s3:*\"",
        "\"Resource\"",
        "\"arn:aws:s3:::b/*\"",
        "\"Condition\"",
        "\"StringLike\"",
        "\"IpAddress\"",
        "\"aws:SourceIp\"",
        "\"10.0.0.0/99\"",
        "\"${a\"",
        "1",
        "true",
        "null",
    ];
    proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..40)
        .prop_map(|words| format!("{{{}", words.concat()))
}

proptest! {
    #[test]
    fn patterns_fit_what_the_model_fits(pattern in "[ab*?]{0,10}", text in "[ab]{0,10}") {
        let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
        prop_assert_eq!(fits(&pattern, &text), model(&p, &t));
    }

    #[test]
    fn a_negated_operator_says_the_contrary(
        wanted in proptest::collection::vec("[ab]{1,2}", 1..3),
        given in "[ab]{1,2}",
        operator in proptest::sample::select(vec!["Equals", "Like", "EqualsIgnoreCase"]),
    ) {
        let keys = Keys::new().with("x:y", given);
        let values = serde_json::to_string(&wanted).unwrap();
        let holds = |not: &str| holds(&format!(r#"{{"String{not}{operator}":{{"x:y":{values}}}}}"#), &keys);
        prop_assert_ne!(holds(""), holds("Not"));
    }

    #[test]
    fn a_deny_added_never_allows_more(action in "s3:[A-C]", resource in "[a-c]", deny in "s3:[A-C*]") {
        let allow = one("Allow", "\"s3:*\"", "\"*\"", "{}");
        let mut both = allow.clone();
        both.statements.extend(one("Deny", &format!("\"{deny}\""), "\"*\"", "{}").statements);
        let arn = format!("arn:aws:s3:::{resource}");
        let keys = Keys::new();
        let (before, after) = (decide(&allow, &action, &arn, &keys), decide(&both, &action, &arn, &keys));
        prop_assert_eq!(before, Decision::Allow);
        prop_assert_eq!(after == Decision::Deny, fits(&deny, &action));
    }

    #[test]
    fn no_text_panics(text in ".{0,200}", soup in json_soup()) {
        fuzz(text.as_bytes());
        fuzz(soup.as_bytes());
    }

    #[test]
    fn a_long_pattern_ends_soon(stars in 1usize..200) {
        // Would take years if it were tried recursively.
        let pattern = "a*".repeat(stars) + "b";
        prop_assert!(!fits(&pattern, &"a".repeat(2000)));
    }
}
