//! What recipients do after the delivery: a link followed, a pixel loaded, or an outcome that somebody asks
//! for by hand.

use super::{Fate, Happening, Occasion};
use crate::base::{Context, Outcome};
use crate::services::Operation;
use crate::services::ses::error::Error;
use crate::services::ses::mail::Mail;
use crate::services::ses::ops::message_id;
use crate::services::ses::state::{Change, State, home};
use std::collections::BTreeMap;

/// Lets something happen to a mail at one recipient.
#[derive(Debug, Clone)]
pub struct Raise {
    /// The mail.
    pub mail: Mail,
    /// Its header.
    pub head: Vec<u8>,
    /// Why.
    pub by: Cause,
}

/// Why something happens.
#[derive(Debug, Clone)]
pub enum Cause {
    /// Somebody asked for it.
    Asked {
        /// What happens.
        outcome: Outcome,
        /// At whom.
        recipient: String,
    },
    /// The pixel was loaded.
    Opened {
        /// By this program.
        agent: String,
    },
    /// A link was followed.
    Clicked {
        /// By this program.
        agent: String,
        /// Where it leads.
        link: String,
        /// Its tags.
        tags: BTreeMap<String, Vec<String>>,
    },
}

impl Operation for Raise {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "RaiseEvent";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let (home, caller, now) = (home(context.caller), context.caller, context.now);
        let happenings = match self.by {
            Cause::Asked { outcome, recipient } => {
                let mut feedback = || message_id(&caller.region, now, &context.ids.uuid());
                let mut all = Fate::by(outcome).happenings(&recipient, now, &mut feedback);
                // The delivery is over: what is asked for is what follows it.
                all.split_off(all.len().saturating_sub(1))
            }
            Cause::Opened { agent } => vec![Happening::open(now, &agent)],
            Cause::Clicked { agent, link, tags } => {
                vec![Happening::click(now, &agent, &link, &tags)]
            }
        };
        let (mail, head, operation) = (&self.mail, &self.head[..], "SendEmail");
        let occasion = Occasion { state, home: &home, caller, mail, head, operation, now };
        let made = occasion.happened(happenings, context.ids);
        made.iter().for_each(|change| state.absorb(change));
        changes.extend(made);
        Ok(())
    }
}
