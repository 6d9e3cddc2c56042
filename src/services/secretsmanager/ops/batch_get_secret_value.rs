//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html>
//!
//! What cannot be read is told beside what can.

use super::get_secret_value::{GetSecretValue, SecretValue};
use super::list_secrets::{Order, page};
use crate::base::Context;
use crate::services::secretsmanager::error::Error;
use crate::services::secretsmanager::filters::{self, Filter};
use crate::services::secretsmanager::limits::BATCH_MAX;
use crate::services::secretsmanager::state::{Change, Secret, State};
use crate::services::secretsmanager::validate;
use crate::services::{Operation, ServiceError};
use serde::{Deserialize, Serialize};

/// `BatchGetSecretValue`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct BatchGetSecretValue {
    /// Names or ARNs.
    pub secret_id_list: Option<Vec<String>>,
    /// Filters, in place of names.
    pub filters: Option<Vec<Filter>>,
    /// Values in an answer; only with filters.
    pub max_results: Option<i64>,
    /// Where the answer before ended.
    pub next_token: Option<String>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretValues {
    /// The values.
    pub secret_values: Vec<SecretValue>,
    /// Where the next answer begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// What could not be read.
    pub errors: Vec<BatchError>,
}

/// A secret that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchError {
    /// As it was asked for.
    pub secret_id: String,
    /// AWS's code.
    pub error_code: String,
    /// AWS's text.
    pub message: String,
}

impl Operation for BatchGetSecretValue {
    type State = State;
    type Output = SecretValues;
    type Change = Change;
    type Error = Error;
    const NAME: &'static str = "BatchGetSecretValue";

    fn apply(
        self,
        state: &mut State,
        context: &mut Context<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<SecretValues, Error> {
        let size = validate::number(self.max_results, "maxResults", (1, BATCH_MAX), BATCH_MAX)?;
        let wrong = |text: &str| Err(Error::InvalidParameter(text.to_owned()));
        let (ids, next_token) = match (self.secret_id_list, self.filters) {
            (Some(ids), None) => {
                if self.max_results.is_some() {
                    return wrong("MaxResults can only be used together with Filters.");
                }
                if ids.is_empty() || ids.len() > BATCH_MAX as usize {
                    return Err(Error::Constraint {
                        at: "secretIdList",
                        value: None,
                        rule: format!("Member must have length between 1 and {BATCH_MAX}"),
                    });
                }
                (ids, None)
            }
            (None, Some(filters)) => {
                filters::check(&filters)?;
                let keep = |name: &str, secret: &Secret| {
                    secret.meta.deletion.is_none() && filters::fits(&filters, name, secret)
                };
                let shelf = state.shelf(context.caller);
                let token = self.next_token.as_deref();
                let (found, next) = page(shelf, keep, Order::DEFAULT, token, size)?;
                (found.into_iter().map(|(_, secret)| secret.meta.arn.clone()).collect(), next)
            }
            _ => {
                return wrong("Either 'SecretIdList' or 'Filters' must be provided, but not both.");
            }
        };
        let (mut secret_values, mut errors) = (Vec::new(), Vec::new());
        for id in ids {
            let read = GetSecretValue { secret_id: Some(id.clone()), ..Default::default() };
            match read.apply(state, context, changes) {
                Ok(value) => secret_values.push(value),
                Err(error) => errors.push(BatchError {
                    secret_id: id,
                    error_code: error.code().to_owned(),
                    message: error.message(),
                }),
            }
        }
        Ok(SecretValues { secret_values, next_token, errors })
    }
}
