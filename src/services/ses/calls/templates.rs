//! Templates of both APIs, kept in v2's shape, and templates of verification mails.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailTemplate.html>,
//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_CreateTemplate.html>

use super::kinds::{TEMPLATE, VERIFICATION_TEMPLATE};
use super::rows::dated;
use super::{Row, Work};
use crate::services::ses::compose::Simple;
use crate::services::ses::error::Error;
use crate::services::ses::limits::TEMPLATE_BYTES_MAX;
use crate::services::ses::records::Record;
use crate::services::ses::render::{Parts, data};
use serde_json::{Value, json};

const KEY: &str = "TemplateName";

pub(super) fn v2(name: &str) -> Option<Row> {
    Some(match name {
        "CreateEmailTemplate" => Row::Own(create),
        "GetEmailTemplate" => Row::Get(&TEMPLATE, KEY),
        "UpdateEmailTemplate" => Row::Own(update),
        "DeleteEmailTemplate" => Row::Delete(&TEMPLATE, KEY),
        "ListEmailTemplates" => Row::List(&TEMPLATE, "TemplatesMetadata"),
        "TestRenderEmailTemplate" => Row::Own(test_render),
        "DeleteCustomVerificationEmailTemplate" => Row::Delete(&VERIFICATION_TEMPLATE, KEY),
        other => return verification(other),
    })
}

pub(super) fn v1(name: &str) -> Option<Row> {
    Some(match name {
        "CreateTemplate" => Row::Own(create_v1),
        "GetTemplate" => Row::Own(get_v1),
        "UpdateTemplate" => Row::Own(update_v1),
        "DeleteTemplate" => Row::Forget(&TEMPLATE, KEY),
        "ListTemplates" => Row::Own(list_v1),
        "TestRenderTemplate" => Row::Own(test_render),
        "DeleteCustomVerificationEmailTemplate" => Row::Forget(&VERIFICATION_TEMPLATE, KEY),
        other => return verification(other),
    })
}

fn verification(name: &str) -> Option<Row> {
    Some(match name {
        "CreateCustomVerificationEmailTemplate" => Row::Own(create_verification),
        "GetCustomVerificationEmailTemplate" => Row::Get(&VERIFICATION_TEMPLATE, KEY),
        "UpdateCustomVerificationEmailTemplate" => Row::Update(&VERIFICATION_TEMPLATE, KEY),
        "ListCustomVerificationEmailTemplates" => {
            Row::List(&VERIFICATION_TEMPLATE, "CustomVerificationEmailTemplates")
        }
        _ => return None,
    })
}

fn check(parts: &Parts) -> Result<(), Error> {
    if parts.subject.as_ref().is_none_or(String::is_empty) {
        return Err(Error::bad("InvalidTemplate", "The subject must be specified."));
    }
    let size = [&parts.subject, &parts.text, &parts.html]
        .into_iter()
        .map(|p| p.as_ref().map_or(0, String::len));
    if size.sum::<usize>() > TEMPLATE_BYTES_MAX {
        let text = format!("A template may have {TEMPLATE_BYTES_MAX} bytes.");
        return Err(Error::bad("LimitExceeded", text));
    }
    parts.check()
}

fn create(work: &mut Work<'_>) -> Result<Value, Error> {
    check(&Parts::of(&work.input["TemplateContent"]))?;
    Row::Create(&TEMPLATE, KEY).carry_out(work)
}

fn update(work: &mut Work<'_>) -> Result<Value, Error> {
    work.need(&TEMPLATE, work.text(KEY))?;
    check(&Parts::of(&work.input["TemplateContent"]))?;
    Row::Update(&TEMPLATE, KEY).carry_out(work)
}

/// v1's template as a record of v2's.
fn from_v1(work: &Work<'_>) -> Result<(String, Record), Error> {
    let given = &work.input["Template"];
    let mut content = json!({});
    for (v1, v2) in [("SubjectPart", "Subject"), ("TextPart", "Text"), ("HtmlPart", "Html")] {
        if let Some(part) = given[v1].as_str() {
            content[v2] = part.into();
        }
    }
    check(&Parts::of(&content))?;
    let name = given[KEY].as_str().unwrap_or_default().to_owned();
    let mut record = dated(work);
    record.remove("Template");
    record.insert(KEY.into(), name.clone().into());
    record.insert("TemplateContent".into(), content);
    Ok((name, record))
}

fn create_v1(work: &mut Work<'_>) -> Result<Value, Error> {
    let (name, record) = from_v1(work)?;
    work.create(&TEMPLATE, &name, record).map(|()| json!({}))
}

fn update_v1(work: &mut Work<'_>) -> Result<Value, Error> {
    let (name, mut record) = from_v1(work)?;
    let known = work.need(&TEMPLATE, &name)?;
    record.insert("CreatedTimestamp".into(), known["CreatedTimestamp"].clone());
    if let Some(tags) = known.get("Tags") {
        record.insert("Tags".into(), tags.clone());
    }
    work.put(&TEMPLATE, &name, record);
    Ok(json!({}))
}

fn get_v1(work: &mut Work<'_>) -> Result<Value, Error> {
    let name = work.text(KEY);
    let content = &work.need(&TEMPLATE, name)?["TemplateContent"];
    let (subject, text, html) = (&content["Subject"], &content["Text"], &content["Html"]);
    Ok(json!({"Template": {
        KEY: name, "SubjectPart": subject, "TextPart": text, "HtmlPart": html
    }}))
}

fn list_v1(work: &mut Work<'_>) -> Result<Value, Error> {
    let all = work.all(&TEMPLATE, "").into_iter();
    let all = all.map(|(name, record)| {
        let created = &record["CreatedTimestamp"];
        (name.clone(), json!({"Name": name, "CreatedTimestamp": created}))
    });
    work.page("TemplatesMetadata", all)
}

fn test_render(work: &mut Work<'_>) -> Result<Value, Error> {
    let record = work.need(&TEMPLATE, work.text(KEY))?;
    let data = data(work.text("TemplateData"))?;
    let parts = Parts::of(&record["TemplateContent"]).render(&data)?;
    let simple = Simple {
        subject: parts.subject.unwrap_or_default(),
        text: parts.text,
        html: parts.html,
        ..Simple::default()
    };
    let date = work.now.http_date().replace("GMT", "+0000");
    Ok(json!({"RenderedTemplate": format!("Date: {date}\r\n{}", simple.without_addresses()?)}))
}

fn create_verification(work: &mut Work<'_>) -> Result<Value, Error> {
    for member in ["SuccessRedirectionURL", "FailureRedirectionURL"] {
        let url = work.text(member);
        if !url.starts_with("http://") && !url.starts_with("https://") {
            let text = format!("{member} <{url}> is not a valid URL.");
            return Err(Error::bad("InvalidParameterValue", text));
        }
    }
    let from = work.text("FromEmailAddress");
    crate::services::ses::address::parse_one(from)?;
    Row::Create(&VERIFICATION_TEMPLATE, KEY).carry_out(work)
}
