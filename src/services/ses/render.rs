//! Templates: Handlebars as SES has it. Nothing is escaped, and an attribute that the data lack is an
//! error, not an empty text.
//!
//! <https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-advanced.html>

use super::error::Error;
use handlebars::{Handlebars, RenderErrorReason, Template, no_escape};
use serde_json::Value;

/// The placeholder for the link by which a recipient leaves a contact list.
pub const UNSUBSCRIBE: &str = "{{amazonSESUnsubscribeUrl}}";

/// A template's parts, or what was made of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// The subject.
    pub subject: Option<String>,
    /// The plain text.
    pub text: Option<String>,
    /// The HTML.
    pub html: Option<String>,
}

impl Parts {
    /// From `TemplateContent` of v2.
    pub fn of(content: &Value) -> Parts {
        let part = |name: &str| content[name].as_str().map(str::to_owned);
        Parts { subject: part("Subject"), text: part("Text"), html: part("Html") }
    }

    /// Refuses parts that are no templates.
    pub fn check(&self) -> Result<(), Error> {
        for (name, part) in
            [("SubjectPart", &self.subject), ("TextPart", &self.text), ("HtmlPart", &self.html)]
        {
            if let Some(part) = part
                && let Err(error) = Template::compile(part)
            {
                let text = format!("Invalid template: {name}: {}", error.reason());
                return Err(Error::bad("InvalidTemplate", text));
            }
        }
        Ok(())
    }

    /// Fills the parts in.
    pub fn render(&self, data: &Value) -> Result<Parts, Error> {
        let filled =
            |part: &Option<String>| part.as_ref().map(|part| render(part, data)).transpose();
        Ok(Parts {
            subject: filled(&self.subject)?,
            text: filled(&self.text)?,
            html: filled(&self.html)?,
        })
    }
}

/// Template data as given: a JSON object.
pub fn data(text: &str) -> Result<Value, Error> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    let parsed = serde_json::from_str(text).ok().filter(Value::is_object);
    parsed.ok_or_else(|| {
        Error::bad("InvalidRenderingParameter", "Template rendering data is invalid.")
    })
}

/// `over` laid over `base`: what a recipient has goes before the defaults.
pub fn merged(base: &Value, over: &Value) -> Value {
    let mut all = base.clone();
    if let (Some(all), Some(over)) = (all.as_object_mut(), over.as_object()) {
        all.extend(over.clone());
    }
    all
}

fn render(template: &str, data: &Value) -> Result<String, Error> {
    let mut handlebars = Handlebars::new();
    handlebars.set_strict_mode(true);
    handlebars.register_escape_fn(no_escape);
    handlebars.render_template(template, data).map_err(|error| match error.reason() {
        RenderErrorReason::MissingVariable(Some(name)) => missing(name),
        RenderErrorReason::TemplateError(error) => {
            Error::bad("InvalidTemplate", format!("Invalid template: {}", error.reason()))
        }
        other => {
            let text = other.to_string();
            // The crate tells of a missing name within a block by a text alone.
            Error::bad("InvalidRenderingParameter", text)
        }
    })
}

fn missing(name: &str) -> Error {
    let name = name.strip_prefix("this.").unwrap_or(name);
    let text = format!("Attribute '{name}' is not present in the rendering data.");
    Error::bad("MissingRenderingAttribute", text)
}

/// Whether `error` is why a mail could not be rendered, which SES finds out after it has accepted it.
pub fn is_failure(error: &Error) -> bool {
    matches!(error, Error::Refused { query, .. }
        if ["MissingRenderingAttribute", "InvalidRenderingParameter", "InvalidTemplate"].contains(query))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::ServiceError;
    use serde_json::json;

    fn filled(template: &str, data: Value) -> String {
        render(template, &data).unwrap_or_else(|e| format!("! {}", e.message()))
    }

    #[test]
    fn attributes_lists_conditions_and_partials_are_filled_in() {
        let data = json!({"name": "<Jo & Co>", "contact": {"first": "Jo"}, "list": [{"n": 1}, {"n": 2}],
            "tags": ["a", "b"], "yes": true, "no": false});
        assert_eq!(filled("Hi {{name}}, {{contact.first}}!", data.clone()), "Hi <Jo & Co>, Jo!");
        assert_eq!(filled("{{#each list}}{{n}};{{/each}}", data.clone()), "1;2;");
        assert_eq!(filled("{{#each tags}}{{this}}{{@index}} {{/each}}", data.clone()), "a0 b1 ");
        let condition =
            "{{#if yes}}y{{else}}n{{/if}}{{#if no}}y{{else}}n{{/if}}{{#unless no}}u{{/unless}}";
        assert_eq!(filled(condition, data.clone()), "ynu");
        let partial = "{{#* inline \"f\"}}[{{name}}]{{/inline}}{{> f}}{{> f}}";
        assert_eq!(filled(partial, data), "[<Jo & Co>][<Jo & Co>]");
    }

    #[test]
    fn what_is_missing_is_named() {
        let text = "! Attribute 'name' is not present in the rendering data.";
        assert_eq!(filled("Hi {{name}}", json!({})), text);
        let text = "! Attribute 'a.b' is not present in the rendering data.";
        assert_eq!(filled("Hi {{a.b}}", json!({"a": {}})), text);
        assert_eq!(filled("{{#if name}}x{{else}}y{{/if}}", json!({})), "y");
        let error = render("{{name}}", &json!({})).unwrap_err();
        assert_eq!(
            (error.query_code(), is_failure(&error)),
            (Some("MissingRenderingAttribute"), true)
        );
    }

    #[test]
    fn what_is_no_template_and_what_are_no_data_is_refused() {
        let broken = Parts { text: Some("{{#if x}}".into()), ..Parts::default() };
        assert_eq!(broken.check().unwrap_err().query_code(), Some("InvalidTemplate"));
        assert_eq!(data("[1]").unwrap_err().query_code(), Some("InvalidRenderingParameter"));
        assert!(data("{").is_err() && data("").is_ok());
        let both = merged(&json!({"a": 1, "b": 1}), &json!({"b": 2}));
        assert_eq!(both, json!({"a": 1, "b": 2}));
    }

    proptest::proptest! {
        #[test]
        fn no_template_panics(template in "([{}#/^&>a-z .]|\\{\\{|\\}\\}|if|each){0,60}") {
            let _ = render(&template, &json!({"a": [1], "b": {"c": "d"}}));
        }
    }
}
