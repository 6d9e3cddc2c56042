//! Import and export jobs and multi-region endpoints, which are records: a job stays as it was
//! created until it is cancelled.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateImportJob.html>

use super::kinds::{CONTACT_LIST, ENDPOINT, EXPORT_JOB, IMPORT_JOB};
use super::rows::dated;
use super::{Row, Work};
use crate::services::ses::error::Error;
use crate::services::ses::records::Record;
use serde_json::{Value, json};

pub(super) fn row(name: &str) -> Option<Row> {
    Some(match name {
        "CreateImportJob" => Row::Own(create_import),
        "GetImportJob" => Row::Get(&IMPORT_JOB, "JobId"),
        "ListImportJobs" => Row::Own(list_imports),
        "CreateExportJob" => Row::Own(create_export),
        "GetExportJob" => Row::Get(&EXPORT_JOB, "JobId"),
        "ListExportJobs" => Row::Own(list_exports),
        "CancelExportJob" => Row::Own(cancel_export),
        "CreateMultiRegionEndpoint" => Row::Own(create_endpoint),
        "GetMultiRegionEndpoint" => Row::Get(&ENDPOINT, "EndpointName"),
        "ListMultiRegionEndpoints" => Row::List(&ENDPOINT, "MultiRegionEndpoints"),
        "DeleteMultiRegionEndpoint" => Row::Own(delete_endpoint),
        _ => return None,
    })
}

/// A job as it begins.
fn job(work: &mut Work<'_>) -> (String, Record) {
    let id = work.ids.uuid().replace('-', "");
    let mut record = dated(work);
    record.insert("JobId".into(), id.clone().into());
    record.insert("JobStatus".into(), "CREATED".into());
    (id, record)
}

/// Exactly one of `members` of `value` is there; which?
fn one_of<'a>(value: &Value, members: &[&'a str]) -> Result<&'a str, Error> {
    let mut there = members.iter().filter(|member| !value[**member].is_null());
    match (there.next(), there.next()) {
        (Some(member), None) => Ok(member),
        _ => {
            Err(Error::bad("", format!("Exactly one of {} must be specified.", members.join(", "))))
        }
    }
}

fn create_import(work: &mut Work<'_>) -> Result<Value, Error> {
    let to = &work.input["ImportDestination"];
    one_of(to, &["SuppressionListDestination", "ContactListDestination"])?;
    if let Some(list) = to["ContactListDestination"]["ContactListName"].as_str() {
        work.need(&CONTACT_LIST, list)?;
    }
    let (id, mut record) = job(work);
    record.insert("ProcessedRecordsCount".into(), 0.into());
    record.insert("FailedRecordsCount".into(), 0.into());
    work.create(&IMPORT_JOB, &id, record).map(|()| json!({"JobId": id}))
}

fn list_imports(work: &mut Work<'_>) -> Result<Value, Error> {
    let wanted = match work.text("ImportDestinationType") {
        "SUPPRESSION_LIST" => Some("SuppressionListDestination"),
        "CONTACT_LIST" => Some("ContactListDestination"),
        _ => None,
    };
    let all = work
        .all(&IMPORT_JOB, "")
        .into_iter()
        .filter(|(_, job)| wanted.is_none_or(|wanted| !job["ImportDestination"][wanted].is_null()));
    work.page("ImportJobs", all.map(|(key, job)| (key, job.clone().into())))
}

fn create_export(work: &mut Work<'_>) -> Result<Value, Error> {
    let sources = ["MetricsDataSource", "MessageInsightsDataSource"];
    let source = one_of(&work.input["ExportDataSource"], &sources)?;
    let kind = if source == sources[0] { "METRICS_DATA" } else { "MESSAGE_INSIGHTS" };
    let (id, mut record) = job(work);
    record.insert("ExportSourceType".into(), kind.into());
    work.create(&EXPORT_JOB, &id, record).map(|()| json!({"JobId": id}))
}

fn list_exports(work: &mut Work<'_>) -> Result<Value, Error> {
    let (kind, status) = (work.some_text("ExportSourceType"), work.some_text("JobStatus"));
    let all = work.all(&EXPORT_JOB, "").into_iter().filter(|(_, job)| {
        kind.is_none_or(|kind| job["ExportSourceType"] == kind)
            && status.is_none_or(|status| job["JobStatus"] == status)
    });
    work.page("ExportJobs", all.map(|(key, job)| (key, job.clone().into())))
}

fn cancel_export(work: &mut Work<'_>) -> Result<Value, Error> {
    let id = work.text("JobId").to_owned();
    let mut record = work.need(&EXPORT_JOB, &id)?.clone();
    if record["JobStatus"] != "CREATED" {
        return Err(Error::bad("", "Job has already completed or was cancelled."));
    }
    record.insert("JobStatus".into(), "CANCELLED".into());
    record.insert("CompletedTimestamp".into(), work.timestamp());
    work.put(&EXPORT_JOB, &id, record);
    Ok(json!({}))
}

fn create_endpoint(work: &mut Work<'_>) -> Result<Value, Error> {
    let name = work.text("EndpointName").to_owned();
    let id = work.ids.text(b"abcdefghijklmnopqrstuvwxyz0123456789", 12);
    let routes = work.input["Details"]["RoutesDetails"].as_array().cloned().unwrap_or_default();
    if routes.len() != 1 {
        return Err(Error::bad("", "Exactly one secondary region must be specified."));
    }
    let second = routes[0]["Region"].as_str().unwrap_or_default();
    if second == work.home.1 {
        return Err(Error::bad("", "The secondary region must differ from the primary one."));
    }
    let regions = json!([work.home.1, second]);
    let mut record = dated(work);
    record.insert("EndpointId".into(), format!("{}.{id}", &id[..3]).into());
    record.insert("Status".into(), "READY".into());
    record.insert("Routes".into(), json!([{"Region": regions[0]}, {"Region": regions[1]}]));
    record.insert("Regions".into(), regions);
    let answer = json!({"Status": "CREATING", "EndpointId": record["EndpointId"]});
    work.create(&ENDPOINT, &name, record).map(|()| answer)
}

fn delete_endpoint(work: &mut Work<'_>) -> Result<Value, Error> {
    Row::Delete(&ENDPOINT, "EndpointName").carry_out(work)?;
    Ok(json!({"Status": "DELETING"}))
}
