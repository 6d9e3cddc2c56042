//! An outcome that somebody asks for by hand: what else can a test do about a recipient who reads?

use super::{Fate, Occasion, Rule};
use crate::base::Context;
use crate::services::Operation;
use crate::services::ses::error::Error;
use crate::services::ses::mail::Mail;
use crate::services::ses::ops::message_id;
use crate::services::ses::state::{Change, State, home};

/// Lets something happen to a mail at one recipient.
#[derive(Debug, Clone)]
pub struct Raise {
    /// The mail.
    pub mail: Mail,
    /// Its header.
    pub head: Vec<u8>,
    /// What happens.
    pub rule: Rule,
    /// At whom.
    pub recipient: String,
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
        let mut feedback = || message_id(&caller.region, now, &context.ids.uuid());
        let all = Fate::by(self.rule).happenings(&self.recipient, now, &mut feedback);
        // The delivery is over: what is asked for is what follows it.
        let last = all.len().saturating_sub(1);
        let happenings = all.into_iter().skip(last).collect();
        let (mail, head, operation) = (&self.mail, &self.head[..], "SendEmail");
        let occasion = Occasion { state, home: &home, caller, mail, head, operation, now };
        let made = occasion.happened(happenings, context.ids);
        made.iter().for_each(|change| state.absorb(change));
        changes.extend(made);
        Ok(())
    }
}
