//! The operations that send with the help of what the account has; see [`super::super::errands`].

use super::{Handlers, Running, VERIFICATION};
use crate::base::Caller;
use crate::protocol::{Failure, Tree};
use crate::services::failure;
use crate::services::ses::errands::{
    Errand, Making, Pend, bounce, original_id, status, verification,
};
use crate::services::ses::model::{self, Version};
use crate::services::ses::ops::{Accepted, SendEmailV2};
use crate::services::ses::records::Record;
use crate::services::ses::state::{Mode, State};
use crate::services::ses::{Error, store};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;

/// Each destination's id, or why there is none.
type Sent = Vec<Result<Accepted, Failure>>;

impl Handlers {
    /// The input of an operation, checked by the model.
    pub(super) fn input(version: Version, name: &str, tree: &Value) -> Result<Record, Failure> {
        model::read(version, name, tree).map_err(|error| failure(&error))
    }

    /// Makes the mails of an errand and accepts them, all at once.
    async fn carry_out(
        &self,
        version: Version,
        input: &Record,
        caller: &Caller,
        making: Making,
    ) -> Result<Sent, Failure> {
        let mode = self.mode();
        let made = self
            .host
            .look(|state, now| making(&Errand { state, caller, input, mode, version, now }))?;
        let of_version = |error: Error| if version == Version::V1 { error.of_v1() } else { error };
        let made = made.map_err(|error| failure(&of_version(error)))?;
        let accepted = made.into_iter().map(|mail| async {
            let mail = mail.map_err(|error| failure(&of_version(error)))?;
            self.inbox.accept(mail, caller).await
        });
        Ok(join_all(accepted).await)
    }

    /// An errand of one mail or of many.
    pub(super) fn errand(
        &self,
        version: Version,
        name: &'static str,
        making: Making,
    ) -> impl Fn(Tree, Arc<Caller>) -> Running<Value> + Clone + use<> {
        let handlers = self.clone();
        move |Tree(tree), caller| {
            let handlers = handlers.clone();
            Box::pin(async move {
                let input = Handlers::input(version, name, &tree)?;
                let sent = handlers.carry_out(version, &input, &caller, making).await?;
                match name {
                    "SendBulkEmail" => {
                        Ok(json!({"BulkEmailEntryResults": statuses(version, sent)}))
                    }
                    "SendBulkTemplatedEmail" => Ok(json!({"Status": statuses(version, sent)})),
                    _ => single(sent),
                }
            })
        }
    }

    /// `SendCustomVerificationEmail`: the identity is pending before its mail is there.
    pub(super) fn verification(
        &self,
        version: Version,
    ) -> impl Fn(Tree, Arc<Caller>) -> Running<Value> + Clone + use<> {
        let handlers = self.clone();
        move |Tree(tree), caller| {
            let handlers = handlers.clone();
            Box::pin(async move {
                let input = Handlers::input(version, VERIFICATION, &tree)?;
                let address = input["EmailAddress"].as_str().unwrap_or_default().to_owned();
                let sent = handlers.carry_out(version, &input, &caller, verification).await?;
                let answer = single(sent)?;
                handlers.host.run(Pend { address }, &caller).await?;
                Ok(answer)
            })
        }
    }

    /// `SendBounce` of v1, about a mail in the inbox.
    pub(super) fn bounce(&self) -> impl Fn(Tree, Arc<Caller>) -> Running<Value> + Clone + use<> {
        let handlers = self.clone();
        move |Tree(tree), caller| {
            let handlers = handlers.clone();
            Box::pin(async move {
                let input = Handlers::input(Version::V1, "SendBounce", &tree)?;
                let id = original_id(&input).to_owned();
                let original = handlers.inbox.read(|c| store::one(c, &id))?;
                let unknown = || {
                    let text = format!("The original message <{id}> was not found.");
                    Failure::new(400, "MessageRejected", text)
                };
                let original = original.ok_or_else(unknown)?;
                let mode = handlers.mode();
                let mail = handlers.host.look(|state, now| {
                    let (input, caller, version) = (&input, &*caller, Version::V1);
                    bounce(&Errand { state, caller, input, mode, version, now }, &original)
                })?;
                let mail = mail.map_err(|error| failure(&error.of_v1()))?;
                single(vec![handlers.inbox.accept(mail, &caller).await])
            })
        }
    }

    /// `SendEmail` of v2: only some look at what the account has.
    pub(super) fn sending_v2(
        &self,
    ) -> impl Fn(SendEmailV2, Arc<Caller>) -> Running<Accepted> + Clone + use<> {
        let handlers = self.clone();
        move |mut input, caller| {
            let handlers = handlers.clone();
            Box::pin(async move {
                let mode = handlers.mode();
                if input.needs_state() {
                    let found = handlers
                        .host
                        .look(|state, now| look_up(&mut input, state, &caller, mode, now))?;
                    found.map_err(|error| failure(&error))?;
                }
                let mail = input.mail(mode).map_err(|error| failure(&error))?;
                handlers.inbox.accept(mail, &caller).await
            })
        }
    }
}

fn look_up(
    input: &mut SendEmailV2,
    state: &State,
    caller: &Caller,
    mode: Mode,
    now: crate::base::Millis,
) -> Result<(), Error> {
    let nothing = Record::new();
    let version = Version::V2;
    input.look_up(&Errand { state, caller, input: &nothing, mode, version, now })
}

fn single(sent: Sent) -> Result<Value, Failure> {
    let none = || Failure::new(500, "InternalFailure", "no mail was made");
    let accepted = sent.into_iter().next().ok_or_else(none)??;
    Ok(json!({"MessageId": accepted.message_id}))
}

fn statuses(version: Version, sent: Sent) -> Vec<Value> {
    let success = if version == Version::V1 { "Success" } else { "SUCCESS" };
    let of = |one: Result<Accepted, Failure>| match one {
        Ok(accepted) => json!({"Status": success, "MessageId": accepted.message_id}),
        Err(failure) => json!({
            "Status": status(version, &failure.code, failure.status), "Error": failure.message}),
    };
    sent.into_iter().map(of).collect()
}
