//! What a mail is looked for by. Texts match anywhere and in any case.

use super::mail::Mail;
use crate::base::Millis;

/// All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Part of a recipient's address, in whichever role.
    pub to: Option<String>,
    /// Part of the sender's address.
    pub from: Option<String>,
    /// Part of the subject.
    pub subject: Option<String>,
    /// A message tag's name, and its whole value if one is given.
    pub tag: Option<(String, Option<String>)>,
    /// Part of an address, of the subject or of a tag.
    pub text: Option<String>,
    /// Accepted then or later.
    pub since: Option<Millis>,
    /// Accepted before then.
    pub until: Option<Millis>,
}

impl Filter {
    /// Whether every mail will do.
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }

    /// Whether this mail will do.
    pub fn matches(&self, mail: &Mail) -> bool {
        let recipients = || [&mail.to, &mail.cc, &mail.bcc].into_iter().flatten();
        let given = |wanted: &Option<String>, held: &dyn Fn(&str) -> bool| {
            wanted.as_ref().is_none_or(|wanted| held(&wanted.to_lowercase()))
        };
        let tagged = |name: &str, value: Option<&str>| {
            mail.tags.iter().any(|(n, v)| n == name && value.is_none_or(|value| value == v))
        };
        given(&self.to, &|w| recipients().any(|a| holds(a, w)))
            && given(&self.from, &|w| holds(&mail.source, w))
            && given(&self.subject, &|w| holds(&mail.subject, w))
            && self.tag.as_ref().is_none_or(|(name, value)| tagged(name, value.as_deref()))
            && given(&self.text, &|w| {
                holds(&mail.source, w)
                    || holds(&mail.subject, w)
                    || recipients().any(|a| holds(a, w))
                    || mail.tags.iter().any(|(n, v)| holds(n, w) || holds(v, w))
            })
            && self.since.is_none_or(|since| mail.received >= since)
            && self.until.is_none_or(|until| mail.received < until)
    }

    /// Texts that a mail must hold somewhere in [`searchable`], for an index that does not tell where.
    pub fn needles(&self) -> Vec<&str> {
        let (name, value) = match &self.tag {
            Some((name, value)) => (Some(name), value.as_ref()),
            None => (None, None),
        };
        let texts =
            [self.to.as_ref(), self.from.as_ref(), self.subject.as_ref(), self.text.as_ref()];
        texts.into_iter().chain([name, value]).flatten().map(String::as_str).collect()
    }
}

/// The texts of a mail that [`Filter`] looks into, as one.
pub fn searchable(mail: &Mail) -> String {
    let tags = mail.tags.iter().flat_map(|(name, value)| [name, value]);
    let mut text = mail.source.clone();
    for part in
        [&mail.to, &mail.cc, &mail.bcc].into_iter().flatten().chain([&mail.subject]).chain(tags)
    {
        text.push('\n');
        text.push_str(part);
    }
    text
}

/// `wanted` is in lower case.
fn holds(text: &str, wanted: &str) -> bool {
    text.contains(wanted) || text.to_lowercase().contains(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::ses::mail::Via;

    fn mail() -> Mail {
        Mail {
            seq: 1,
            id: "i".into(),
            received: Millis(1000),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            via: Via::Smtp,
            source: "Praxis@example.com".into(),
            to: vec!["a@x.org".into()],
            cc: vec![],
            bcc: vec!["hidden@x.org".into()],
            subject: "Ihre ÜBERWEISUNG".into(),
            config_set: None,
            tags: vec![("kind".into(), "invoice".into())],
            size: 1,
        }
    }

    #[test]
    fn each_part_is_looked_for_by_its_own() {
        let text = |t: &str| Some(t.to_owned());
        let none = Filter::default;
        let fine = [
            Filter { to: text("HIDDEN@"), ..none() },
            Filter { from: text("praxis@"), ..none() },
            Filter { subject: text("überw"), to: text("x.org"), ..none() },
            Filter { tag: Some(("kind".into(), None)), ..none() },
            Filter {
                tag: Some(("kind".into(), text("invoice"))),
                since: Some(Millis(1000)),
                ..none()
            },
            Filter { text: text("INVOICE"), until: Some(Millis(1001)), ..none() },
        ];
        let not = [
            Filter { to: text("praxis"), ..none() },
            Filter { from: text("x.org"), ..none() },
            Filter { subject: text("überw"), to: text("y.org"), ..none() },
            Filter { tag: Some(("kind".into(), text("inv"))), ..none() },
            Filter { since: Some(Millis(1001)), ..none() },
            Filter { until: Some(Millis(1000)), ..none() },
        ];
        assert!(
            fine.iter().all(|f| f.matches(&mail()) && !f.is_empty()) && none().matches(&mail())
        );
        for filter in &not {
            assert!(!filter.matches(&mail()), "{filter:?}");
        }
        for filter in fine {
            let all = searchable(&mail()).to_lowercase();
            assert!(filter.needles().iter().all(|n| all.contains(&n.to_lowercase())), "{filter:?}");
        }
    }
}
