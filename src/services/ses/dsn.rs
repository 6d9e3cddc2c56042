//! Delivery status notifications: the mail that tells a sender which recipients did not get theirs.
//!
//! <https://www.rfc-editor.org/rfc/rfc3464>

/// A notification.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// Who writes it.
    pub sender: &'a str,
    /// Whose mail failed.
    pub to: &'a str,
    /// The id of that mail.
    pub original: &'a str,
    /// What people read.
    pub explanation: &'a str,
    /// `Reporting-MTA`.
    pub mta: &'a str,
    /// What became of whom.
    pub failed: Vec<Failed>,
}

/// A recipient who did not get the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// `Final-Recipient`.
    pub recipient: String,
    /// `Action`.
    pub action: String,
    /// `Status`.
    pub status: String,
    /// `Diagnostic-Code`.
    pub diagnostic: String,
    /// Further fields.
    pub extensions: Vec<(String, String)>,
}

impl Report<'_> {
    /// The mail.
    pub fn mail(&self) -> String {
        let boundary = format!("=_Part_{}", self.original);
        let explanation = self.explanation.replace("\r\n", "\n").replace('\n', "\r\n");
        let (sender, to, mta) = (one_line(self.sender), one_line(self.to), one_line(self.mta));
        let mut text = format!(
            "From: {sender}\r\nTo: {to}\r\nSubject: Delivery Status Notification (Failure)\r\n\
             Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=\"{boundary}\"\r\n\r\n\
             --{boundary}\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n{explanation}\r\n\
             --{boundary}\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: {mta}\r\n"
        );
        for failed in &self.failed {
            let field = |text: &String| one_line(text);
            text.push_str(&format!(
                "\r\nFinal-Recipient: rfc822; {}\r\nAction: {}\r\nStatus: {}\r\n\
                 Diagnostic-Code: {}\r\n",
                field(&failed.recipient),
                field(&failed.action),
                field(&failed.status),
                field(&failed.diagnostic)
            ));
            for (name, value) in &failed.extensions {
                text.push_str(&format!("{}: {}\r\n", one_line(name), one_line(value)));
            }
        }
        text.push_str(&format!("--{boundary}--\r\n"));
        text
    }
}

/// Without line ends and other controls, which would begin fields of their own.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail_parser::MessageParser;

    #[test]
    fn a_report_names_who_failed_and_no_text_adds_fields() {
        let failed = Failed {
            recipient: "gone@x.org\r\nBcc: evil@x.org".into(),
            action: "failed".into(),
            status: "5.1.1".into(),
            diagnostic: "smtp; 550 no".into(),
            extensions: vec![("X-Own".into(), "a\r\nb".into())],
        };
        let report = Report {
            sender: "mailer@x.org",
            to: "a@y.org",
            original: "id",
            explanation: "one\ntwo",
            mta: "dns; x.org",
            failed: vec![failed],
        };
        let text = report.mail();
        let mail = MessageParser::default().parse(text.as_bytes()).unwrap();
        assert_eq!(mail.body_text(0).unwrap().trim_end(), "one\r\ntwo");
        assert!(text.contains("Final-Recipient: rfc822; gone@x.orgBcc: evil@x.org\r\n"));
        assert!(text.contains("\r\nX-Own: ab\r\n"));
    }
}
