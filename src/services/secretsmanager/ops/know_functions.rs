//! Tells the service which rotation functions the environment has. No AWS operation: what the profile
//! declares, told at each start.

use crate::base::Context;
use crate::services::Operation;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::state::{Change, State};
use std::collections::BTreeSet;

/// The functions, by name.
#[derive(Debug, Clone)]
pub struct KnowFunctions(pub BTreeSet<String>);

impl Operation for KnowFunctions {
    type State = State;
    type Output = ();
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "KnowFunctions";

    fn apply(
        self,
        state: &mut State,
        _: &mut Context<'_>,
        _: &mut Vec<Change>,
    ) -> Result<(), Error> {
        state.functions = Some(self.0);
        Ok(())
    }
}
