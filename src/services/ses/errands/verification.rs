//! Verification mails: <https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html#send-email-verify-address-custom>
//!
//! The address is pending until somebody follows the link in the mail, which lies in the inbox.

use super::{Errand, Outgoing};
use crate::base::Context;
use crate::services::Operation;
use crate::services::ses::address::{check, normal, parse_one};
use crate::services::ses::calls::kinds::VERIFICATION_TEMPLATE;
use crate::services::ses::compose::Simple;
use crate::services::ses::error::Error;
use crate::services::ses::ops::{AcceptMail, SendOptions, fresh_identity};
use crate::services::ses::records::PART;
use crate::services::ses::state::{Change, State, home};

/// Names an address and a template in a link.
pub fn token_of(address: &str, template: &str) -> String {
    hex::encode(format!("{address}{PART}{template}"))
}

/// `SendCustomVerificationEmail`: the mail.
pub fn verification(errand: &Errand<'_>) -> Result<Outgoing, Error> {
    let address = errand.text("EmailAddress");
    check(address)?;
    let template = errand.text("TemplateName");
    let record = errand.record(&VERIFICATION_TEMPLATE, template)?;
    let text = |member: &str| record.get(member).and_then(|v| v.as_str()).unwrap_or_default();
    let (account, region) = home(errand.caller);
    let token = token_of(address, template);
    let link = format!("{}/_devenv/ses/verify/{account}/{region}/{token}", errand.caller.endpoint);
    let simple = Simple {
        from: Some(parse_one(text("FromEmailAddress"))?),
        to: vec![parse_one(address)?],
        subject: text("TemplateSubject").to_owned(),
        html: Some(format!("{}<p><a href=\"{link}\">{link}</a></p>", text("TemplateContent"))),
        ..Simple::default()
    };
    let options =
        SendOptions { operation: "SendCustomVerificationEmail", ..SendOptions::default() };
    let mail = AcceptMail {
        draft: simple.draft()?,
        via: errand.via(),
        // To whom it goes is what is to be verified.
        mode: errand.mode.without_recipients(),
        tags: Vec::new(),
        config_set: errand.some_text("ConfigurationSetName"),
        options,
    };
    Ok(vec![Ok(mail)])
}

/// Makes a pending identity, unless there is one.
#[derive(Debug, Clone)]
pub struct Pend {
    /// The address.
    pub address: String,
}

impl Operation for Pend {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "SendCustomVerificationEmail";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let name = normal(&self.address);
        if state.identity(context.caller, &name).is_some() {
            return Ok(());
        }
        let mut identity = fresh_identity(&name, context.now, context.ids)?;
        identity.settings.pending = true;
        state.put_identity(home(context.caller), name, identity, changes);
        Ok(())
    }
}

/// Somebody followed the link.
#[derive(Debug, Clone)]
pub struct Confirm {
    /// The address.
    pub address: String,
    /// The template of the mail.
    pub template: String,
}

impl Operation for Confirm {
    type State = State;
    /// Where to go from here.
    type Output = Option<String>;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "VerifyEmailIdentity";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Option<String>, Error> {
        let (home, name) = (home(context.caller), normal(&self.address));
        let known = state.identity(context.caller, &name).cloned();
        let member =
            if known.is_some() { "SuccessRedirectionURL" } else { "FailureRedirectionURL" };
        let template = state.records.get(&home, VERIFICATION_TEMPLATE.name, &self.template);
        let next = template.and_then(|t| t.get(member)?.as_str().map(str::to_owned));
        if let Some(mut identity) = known.filter(|identity| identity.settings.pending) {
            identity.settings.pending = false;
            state.put_identity(home, name, identity, changes);
        }
        Ok(next)
    }
}
