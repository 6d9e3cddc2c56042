//! Throws mails away. devenv's own; AWS has nothing to throw away.

use crate::base::Context;
use crate::services::Operation;
use crate::services::ses::error::Error;
use crate::services::ses::state::{Change, State};

/// One mail, or all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClearMails {
    /// The message id.
    pub id: Option<String>,
}

impl Operation for ClearMails {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "ClearMails";

    fn apply(
        self,
        _: &mut State,
        _: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        changes.push(Change::MailsDelete { id: self.id });
        Ok(())
    }
}
