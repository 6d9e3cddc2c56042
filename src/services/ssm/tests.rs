//! Parameter Store over time, without I/O.

use super::model;
use super::ops::{Call, Expire};
use super::state::{Change, State};
use crate::base::{Caller, Context, Ids, Millis};
use crate::services::Operation;
use crate::services::model::{Input, Refusal, read};
use serde_json::{Value, json};

/// Parameters, and the changes that made them.
#[derive(Default)]
struct Store {
    state: State,
    changes: Vec<Change>,
    now: Millis,
}

impl Store {
    fn apply<O>(&mut self, operation: O) -> Result<O::Output, Refusal>
    where
        O: Operation<State = State, Change = Change, Error = Refusal>,
    {
        let caller = Caller::internal("000000000000", "us-east-1", "http://127.0.0.1:4566");
        let mut context = Context { now: self.now, ids: &mut Ids::seeded(1), caller: &caller };
        let before = self.state.clone();
        let answer = operation.apply(&mut self.state, &mut context, &mut self.changes);
        if answer.is_err() {
            assert!(self.state == before, "a refused operation changes nothing");
        }
        answer
    }

    fn call(&mut self, name: &'static str, input: Value) -> Result<Value, Refusal> {
        let input = read(model(), name, &input).map_err(|f| Refusal::new("Model", f.text()))?;
        self.apply(Call { name, input: Input(input), sealed: None })
    }

    #[track_caller]
    fn did(&mut self, name: &'static str, input: Value) -> Value {
        self.call(name, input).unwrap()
    }

    #[track_caller]
    fn refused(&mut self, name: &'static str, input: Value) -> String {
        self.call(name, input).unwrap_err().code.to_owned()
    }

    fn put(&mut self, name: &str, value: &str) -> Value {
        self.did(
            "PutParameter",
            json!({"Name": name, "Value": value, "Type": "String", "Overwrite": true}),
        )
    }
}

#[test]
fn the_table_of_shapes_holds_to_its_grammar() {
    assert_eq!(model().faults(), Vec::<String>::new());
    assert!(super::ops::served().iter().all(|name| model().operations.contains_key(name)));
}

#[test]
fn a_hundred_versions_are_kept_and_a_label_holds_the_oldest() {
    let mut store = Store::default();
    for n in 1..=101 {
        assert_eq!(store.put("/a", &n.to_string())["Version"], n);
    }
    assert_eq!(store.refused("GetParameter", json!({"Name": "/a:1"})), "ParameterVersionNotFound");
    assert_eq!(store.did("GetParameter", json!({"Name": "/a:2"}))["Parameter"]["Value"], "2");
    store.did(
        "LabelParameterVersion",
        json!({"Name": "/a", "ParameterVersion": 2, "Labels": ["keep"]}),
    );
    let put = json!({"Name": "/a", "Value": "x", "Overwrite": true});
    assert_eq!(store.refused("PutParameter", put.clone()), "ParameterMaxVersionLimitExceeded");
    store.did("LabelParameterVersion", json!({"Name": "/a", "Labels": ["keep", "1st"]}));
    store.did("PutParameter", put);
    let by_label = store.did("GetParameter", json!({"Name": "/a:keep"}));
    assert_eq!(
        (&by_label["Parameter"]["Version"], &by_label["Parameter"]["Selector"]),
        (&json!(101), &json!(":keep"))
    );
}

#[test]
fn an_expired_parameter_is_gone_and_its_successor_lives_on() {
    let mut store = Store::default();
    let policy = r#"[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"1970-01-02T00:00:00Z"}}]"#;
    let put = |policies: &str| {
        json!({"Name": "/e", "Value": "v", "Type": "String", "Tier": "Advanced",
               "Overwrite": true, "Policies": policies})
    };
    store.did("PutParameter", put(policy));
    store.did("PutParameter", put("[]"));
    assert_eq!(store.state.due(Millis(i64::MAX)), None, "the new version has no expiry");
    store.did("PutParameter", put(policy));
    assert_eq!(store.state.due(Millis(86_399_999)), None);
    store.now = Millis(86_400_000);
    store.apply(Expire).unwrap();
    assert_eq!(store.refused("GetParameter", json!({"Name": "/e"})), "ParameterNotFound");
}

#[test]
fn what_a_tier_takes_and_what_it_refuses() {
    let mut store = Store::default();
    let put = |value: usize, tier: &str| json!({"Name": "/t", "Value": "x".repeat(value), "Type": "String", "Tier": tier, "Overwrite": true});
    assert_eq!(store.refused("PutParameter", put(4097, "Standard")), "ValidationException");
    assert_eq!(store.did("PutParameter", put(4096, "Intelligent-Tiering"))["Tier"], "Standard");
    assert_eq!(store.did("PutParameter", put(4097, "Intelligent-Tiering"))["Tier"], "Advanced");
    assert_eq!(store.refused("PutParameter", put(1, "Standard")), "ValidationException");
    assert_eq!(store.refused("PutParameter", put(8193, "Advanced")), "ValidationException");
    let other = json!({"Name": "/t", "Value": "a,b", "Type": "StringList", "Overwrite": true});
    assert_eq!(store.refused("PutParameter", other), "HierarchyTypeMismatchException");
    let pattern = json!({"Name": "/p", "Value": "a1", "Type": "String", "AllowedPattern": "\\d+"});
    assert_eq!(store.refused("PutParameter", pattern), "ParameterPatternMismatchException");
    let pattern = json!({"Name": "/p", "Value": "1", "Type": "String", "AllowedPattern": "("});
    assert_eq!(store.refused("PutParameter", pattern), "InvalidAllowedPatternException");
}

#[test]
fn pages_join_to_the_whole() {
    let mut store = Store::default();
    for n in 0..25 {
        store.put(&format!("/p/x{n:02}"), "v");
    }
    store.put("/p/deep/er", "v");
    let (mut seen, mut token) = (Vec::new(), Value::Null);
    loop {
        let page = store.did("GetParametersByPath", json!({"Path": "/p", "NextToken": token}));
        let names = page["Parameters"].as_array().unwrap().iter();
        seen.extend(names.map(|p| p["Name"].as_str().unwrap().to_owned()));
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    let wanted: Vec<String> = (0..25).map(|n| format!("/p/x{n:02}")).collect();
    assert_eq!(seen, wanted);
    let all =
        store.did("GetParametersByPath", json!({"Path": "/", "Recursive": true, "MaxResults": 10}));
    assert_eq!(all["Parameters"][0]["Name"], "/p/deep/er");
}

#[test]
fn the_changes_rebuild_the_state() {
    let mut store = Store::default();
    store.put("/a", "1");
    store.put("/a", "2");
    store.did(
        "LabelParameterVersion",
        json!({"Name": "/a", "ParameterVersion": 1, "Labels": ["l"]}),
    );
    let tag = json!({"ResourceType": "Parameter", "ResourceId": "/a", "Tags": [{"Key": "k", "Value": "v"}]});
    store.did("AddTagsToResource", tag);
    store.put("/b", "x");
    store.did("DeleteParameters", json!({"Names": ["/b", "/none"]}));
    let mut again = State::default();
    store.changes.iter().for_each(|change| again.absorb(change));
    assert!(again == store.state);
    assert!(!format!("{:?}", store.changes).contains("\"1\""), "values are not shown");
}
