//! The kinds of records: what they are called in AWS's texts and errors, how many there may be.
//!
//! Source of the numbers: <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>; where it has none,
//! a bound of ours.

use crate::services::ses::error::Error;

/// A kind of record.
#[derive(Debug)]
pub struct Kind {
    /// As it is stored.
    pub name: &'static str,
    /// As AWS's texts call it.
    pub noun: &'static str,
    /// v1's code where one is missing.
    pub query_missing: &'static str,
    /// v1's code where one exists already.
    pub query_exists: &'static str,
    /// How many an account may have in a region.
    pub max: usize,
    /// Whether names are of letters, digits, `_` and `-`, 64 at the most.
    pub plain_name: bool,
}

impl Kind {
    const fn of(name: &'static str, noun: &'static str, max: usize) -> Kind {
        let (query_missing, query_exists) = ("InvalidParameterValue", "AlreadyExists");
        Kind { name, noun, query_missing, query_exists, max, plain_name: false }
    }

    const fn codes(self, query_missing: &'static str, query_exists: &'static str) -> Kind {
        Kind { query_missing, query_exists, ..self }
    }

    const fn plain(self) -> Kind {
        Kind { plain_name: true, ..self }
    }

    /// There is none called `key`.
    pub fn missing(&self, key: &str) -> Error {
        let key = shown(key);
        let text = match self.name {
            "config-set" => format!("Configuration set <{key}> does not exist."),
            "event-destination" => format!("No EventDestination found for {key}"),
            "rule-set" | "receipt-rule" => format!("{} does not exist: {key}", self.noun),
            _ => format!("{} {key} does not exist.", self.noun),
        };
        Error::not_found(self.query_missing, text)
    }

    /// There is one called `key` already.
    pub fn exists(&self, key: &str) -> Error {
        let key = shown(key);
        let text = match self.name {
            "config-set" => format!("Configuration set <{key}> already exists."),
            "rule-set" | "receipt-rule" => format!("{} already exists: {key}", self.noun),
            _ => format!("{} {key} already exists.", self.noun),
        };
        Error::exists(self.query_exists, text)
    }

    /// Refuses a name that this kind does not take.
    pub fn check_name(&self, name: &str) -> Result<(), Error> {
        let fine = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if self.plain_name && (name.is_empty() || name.len() > 64 || !name.chars().all(fine)) {
            let code = if self.name == "config-set" {
                "InvalidConfigurationSet"
            } else {
                "InvalidParameterValue"
            };
            let text = format!(
                "{} name <{name}> is invalid: it must have 1 to 64 characters out of letters, digits, '_' and '-'.",
                self.noun
            );
            return Err(Error::bad(code, text));
        }
        Ok(())
    }
}

/// A key of several parts as people read it: its last part.
fn shown(key: &str) -> &str {
    key.rsplit(crate::services::ses::records::PART).next().unwrap_or(key)
}

/// What is set on the account itself; its key is empty.
pub static ACCOUNT: Kind = Kind::of("account", "Account", 1);
/// Configuration sets.
pub static CONFIG_SET: Kind = Kind::of("config-set", "Configuration set", 10_000)
    .codes("ConfigurationSetDoesNotExist", "ConfigurationSetAlreadyExists")
    .plain();
/// Their event destinations.
pub static EVENT_DESTINATION: Kind = Kind::of("event-destination", "Event destination", 100_000)
    .codes("EventDestinationDoesNotExist", "EventDestinationAlreadyExists")
    .plain();
/// Templates of mails.
pub static TEMPLATE: Kind =
    Kind::of("template", "Template", 20_000).codes("TemplateDoesNotExist", "AlreadyExists");
/// Templates of verification mails.
pub static VERIFICATION_TEMPLATE: Kind =
    Kind::of("verification-template", "Custom verification email template", 50).codes(
        "CustomVerificationEmailTemplateDoesNotExist",
        "CustomVerificationEmailTemplateAlreadyExists",
    );
/// Contact lists.
pub static CONTACT_LIST: Kind = Kind::of("contact-list", "List with name", 1).plain();
/// Their contacts.
pub static CONTACT: Kind = Kind::of("contact", "Contact", 1_000_000);
/// Suppressed addresses.
pub static SUPPRESSED: Kind = Kind::of("suppressed", "Email address", 1_000_000);
/// Pools of dedicated addresses.
pub static POOL: Kind = Kind::of("pool", "Dedicated IP pool", 50).plain();
/// Import jobs.
pub static IMPORT_JOB: Kind = Kind::of("import-job", "Import job", 100_000);
/// Export jobs.
pub static EXPORT_JOB: Kind = Kind::of("export-job", "Export job", 100_000);
/// Deliverability tests.
pub static TEST_REPORT: Kind = Kind::of("test-report", "Deliverability test report", 100_000);
/// Multi-region endpoints.
pub static ENDPOINT: Kind = Kind::of("endpoint", "Multi-region endpoint", 100);
/// Tenants.
pub static TENANT: Kind = Kind::of("tenant", "Tenant", 10_000).plain();
/// What they may use.
pub static TENANT_RESOURCE: Kind = Kind::of("tenant-resource", "Resource association", 100_000);
/// What was decided about the reputation of a resource.
pub static REPUTATION: Kind = Kind::of("reputation", "Reputation entity", 100_000);
/// Certificates of identities.
pub static CERTIFICATE: Kind = Kind::of("certificate", "Certificate", 100_000);
/// Receipt rule sets with their rules.
pub static RULE_SET: Kind =
    Kind::of("rule-set", "Rule set", 40).codes("RuleSetDoesNotExist", "AlreadyExists").plain();
/// Receipt rules, within their sets.
pub static RECEIPT_RULE: Kind =
    Kind::of("receipt-rule", "Rule", 200).codes("RuleDoesNotExist", "AlreadyExists").plain();
/// Receipt filters.
pub static FILTER: Kind = Kind::of("filter", "Receipt filter", 100).plain();
/// Counts of what went wrong, by quarter of an hour.
pub static STATISTICS: Kind = Kind::of("statistics", "Statistics", 2_000);

/// What becomes of mail to an address or a domain; from the profile.
pub static OUTCOME: Kind = Kind::of("outcome", "Outcome", 10_000);
/// The queue behind an SNS topic; from the profile.
pub static SUBSCRIPTION: Kind = Kind::of("subscription", "Subscription", 10_000);
