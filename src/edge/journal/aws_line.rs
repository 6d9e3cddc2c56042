//! A remembered request as a line for the AWS CLI.

use super::View;
use serde_json::Value;

/// Members of S3's inputs that the CLI takes as options, by the name they have in a query.
const S3_OPTIONS: &[(&str, &str)] = &[
    ("Bucket", "--bucket"),
    ("Key", "--key"),
    ("versionId", "--version-id"),
    ("prefix", "--prefix"),
    ("delimiter", "--delimiter"),
    ("max-keys", "--max-keys"),
    ("uploadId", "--upload-id"),
    ("partNumber", "--part-number"),
    ("start-after", "--start-after"),
    ("id", "--id"),
];
/// S3 operations whose input has a body.
const S3_WITH_BODY: &[&str] = &["PutObject", "UploadPart"];
/// What the AWS CLI does not speak.
const WIRES: &[&str] = &["postgres", "redis"];
/// Operations with other names in the CLI.
const OTHER_NAMES: &[(&str, &str)] = &[("ListObjectsV2", "list-objects-v2")];

impl View {
    /// `aws sqs send-message --cli-input-json '{…}'`; what was a secret has to be put in by hand.
    pub(in crate::edge) fn aws_line(&self, path: &str) -> Option<String> {
        if self.operation.is_empty() || WIRES.contains(&self.service.as_str()) {
            return None;
        }
        let command = kebab(&self.operation);
        if self.service == "s3" {
            return Some(self.s3_line(&command));
        }
        let service = match self.service.as_str() {
            "ses" if path.starts_with("/v2/") => "sesv2",
            other => other,
        };
        let input = Value::Object(self.parameters.clone()).to_string();
        Some(format!("aws {service} {command} --cli-input-json {}", quoted(&input)))
    }

    fn s3_line(&self, command: &str) -> String {
        let mut line = format!("aws s3api {command}");
        for (name, option) in S3_OPTIONS {
            if let Some(value) = self.parameters.get(*name).and_then(Value::as_str) {
                line += &format!(" {option} {}", quoted(value));
            }
        }
        if S3_WITH_BODY.contains(&self.operation.as_str()) {
            line += " --body FILE";
        }
        if self.operation == "GetObject" {
            line += " FILE";
        }
        line
    }
}

/// `PutObject` → `put-object`.
fn kebab(name: &str) -> String {
    if let Some((_, other)) = OTHER_NAMES.iter().find(|(known, _)| *known == name) {
        return (*other).to_owned();
    }
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, c) in chars.iter().enumerate() {
        let after_small = at > 0 && !chars[at - 1].is_uppercase();
        let before_small = chars.get(at + 1).is_some_and(|next| next.is_lowercase());
        if c.is_uppercase() && at > 0 && (after_small || before_small) {
            out.push('-');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// As one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_words_are_those_of_the_cli_and_the_shell() {
        assert_eq!(kebab("GetBucketCORS"), "get-bucket-cors");
        assert_eq!(kebab("PutObject"), "put-object");
        assert_eq!(kebab("ListObjectsV2"), "list-objects-v2");
        assert_eq!(kebab("VerifyDomainDkim"), "verify-domain-dkim");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted("a/b.c"), "a/b.c");
    }
}
