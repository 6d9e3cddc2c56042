//! What is wrong with a policy, as facts; the words are those of S3's `MalformedPolicy`, the service
//! that says most about it. A service with words of its own matches on the fact.

use std::fmt;

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    /// Does not begin as a JSON object.
    NotAnObject,
    /// Is no JSON.
    InvalidJson,
    /// Has a form that no policy has.
    Syntax,
    /// Neither `2012-10-17` nor `2008-10-17`.
    Version,
    /// There is no statement.
    NoStatement,
    /// A field that must be there is not.
    Missing(&'static str),
    /// A field that no policy has.
    UnknownField(String),
    /// Neither `Allow` nor `Deny`.
    Effect(String),
    /// Nobody can be called so: kind and name.
    Principal(String, String),
    /// A principal in a policy that belongs to one.
    PrincipalForbidden,
    /// A resource in a policy that has none.
    ResourceForbidden,
    /// Not of the form `service:Action`.
    Action(String),
    /// Neither `*` nor an ARN.
    Resource(String),
    /// No such condition operator.
    Operator(String),
    /// A value that the operator cannot compare: operator and value.
    Value(String, String),
    /// Two statements have the same `Sid`.
    DuplicateSid(String),
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mistake::NotAnObject => {
                f.write_str("Policies must be valid JSON and the first byte must be '{'")
            }
            Mistake::InvalidJson => f.write_str("This policy contains invalid Json"),
            Mistake::Syntax => f.write_str("Invalid policy syntax."),
            Mistake::Version => f.write_str("The policy must contain a valid version string"),
            Mistake::NoStatement => f.write_str("Could not parse the policy: Statement is empty!"),
            Mistake::Missing(field) => write!(f, "Missing required field {field}"),
            Mistake::UnknownField(field) => write!(f, "Unknown field {field}"),
            Mistake::Effect(effect) => write!(f, "Invalid effect: {effect}"),
            Mistake::Principal(..) => f.write_str("Invalid principal in policy"),
            Mistake::PrincipalForbidden => {
                f.write_str("Policy document should not specify a principal.")
            }
            Mistake::ResourceForbidden => f.write_str("Has prohibited field Resource"),
            Mistake::Action(_) => f.write_str("Policy has invalid action"),
            Mistake::Resource(_) => f.write_str("Policy has invalid resource"),
            Mistake::Operator(name) => write!(f, "Invalid Condition type : {name}"),
            Mistake::Value(operator, value) => {
                write!(f, "Invalid value for {operator}: {value}")
            }
            Mistake::DuplicateSid(_) => {
                f.write_str("Statement IDs (SID) in a single policy must be unique.")
            }
        }
    }
}

impl std::error::Error for Mistake {}
