//! What the profile says of mail: templates that are there from the start, what becomes of mail to
//! some addresses, and the queues behind topics.

use super::kinds::{OUTCOME, SUBSCRIPTION, TEMPLATE};
use crate::base::Context;
use crate::services::Operation;
use crate::services::ses::error::Error;
use crate::services::ses::records::Record;
use crate::services::ses::render::Parts;
use crate::services::ses::state::{Change, State, home};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The declarations.
#[derive(Debug, Clone, Default)]
pub struct Declare {
    /// Parts of templates by name.
    pub templates: BTreeMap<String, Parts>,
    /// Outcomes by address or domain; those of before are gone.
    pub outcomes: BTreeMap<String, String>,
    /// Queues by the names of topics; those of before are gone.
    pub subscriptions: BTreeMap<String, String>,
}

impl Operation for Declare {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "Declare";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        self.templates.values().try_for_each(Parts::check)?;
        let home = home(context.caller);
        let now = context.now.as_seconds_f64();
        let mut made = Vec::new();
        let mut put = |kind: &str, key: &str, record: Value| {
            let record: Record = record.as_object().cloned().unwrap_or_default();
            let name = (kind.to_owned(), key.to_owned());
            if state.records.get(&home, kind, key) != Some(&record) {
                made.push(Change::RecordPut { home: home.clone(), name, record });
            }
        };
        for (name, parts) in self.templates {
            let known = state.records.get(&home, TEMPLATE.name, &name);
            let created =
                known.and_then(|r| r.get("CreatedTimestamp").cloned()).unwrap_or(json!(now));
            let mut content = json!({});
            for (member, part) in
                [("Subject", parts.subject), ("Text", parts.text), ("Html", parts.html)]
            {
                if let Some(part) = part {
                    content[member] = part.into();
                }
            }
            let record = json!({
                "TemplateName": name, "TemplateContent": content, "CreatedTimestamp": created});
            put(TEMPLATE.name, &name, record);
        }
        for (key, outcome) in &self.outcomes {
            put(OUTCOME.name, &key.to_lowercase(), json!({"Outcome": outcome}));
        }
        for (topic, queue) in &self.subscriptions {
            put(SUBSCRIPTION.name, topic, json!({"Queue": queue}));
        }
        let kept = |kind: &str, key: &str| match kind {
            "outcome" => self.outcomes.keys().any(|known| known.to_lowercase() == key),
            _ => self.subscriptions.contains_key(key),
        };
        for kind in [OUTCOME.name, SUBSCRIPTION.name] {
            let all = state.records.range(&home, kind, "", None);
            let gone = all.map(|(key, _)| key).filter(|key| !kept(kind, key));
            made.extend(gone.map(|key| Change::RecordDelete {
                home: home.clone(),
                name: (kind.to_owned(), key.to_owned()),
            }));
        }
        made.iter().for_each(|change| state.absorb(change));
        changes.extend(made);
        Ok(())
    }
}
