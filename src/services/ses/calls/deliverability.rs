//! The deliverability dashboard and its kin: what is set is kept; what AWS would measure out in the
//! world has nothing to measure here, and says so with empty lists and zeros.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_PutDeliverabilityDashboardOption.html>

use super::kinds::{ACCOUNT, STATISTICS, TEST_REPORT};
use super::rows::dated;
use super::{Row, Work};
use crate::services::ses::address;
use crate::services::ses::error::Error;
use crate::services::ses::limits::DAY_MS;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn row(name: &str) -> Option<Row> {
    Some(match name {
        "CreateDeliverabilityTestReport" => Row::Own(create_report),
        "GetDeliverabilityTestReport" => Row::Own(get_report),
        "ListDeliverabilityTestReports" => Row::List(&TEST_REPORT, "DeliverabilityTestReports"),
        "PutDeliverabilityDashboardOption" => Row::Account(&ACCOUNT, "Dashboard"),
        "GetDeliverabilityDashboardOptions" => Row::Own(get_options),
        "GetBlacklistReports" => Row::Own(get_blacklists),
        "GetDomainDeliverabilityCampaign" => Row::Own(get_campaign),
        "ListDomainDeliverabilityCampaigns" => Row::Own(list_campaigns),
        "GetDomainStatisticsReport" => Row::Own(get_statistics),
        "ListRecommendations" => Row::Own(list_recommendations),
        "GetEmailAddressInsights" => Row::Own(get_insights),
        "BatchGetMetricData" => Row::Own(get_metrics),
        _ => return None,
    })
}

fn create_report(work: &mut Work<'_>) -> Result<Value, Error> {
    address::parse_one(work.text("FromEmailAddress"))?;
    let id = work.ids.uuid();
    let mut record = dated(work);
    let subject = work.input["Content"]["Simple"]["Subject"]["Data"].clone();
    record.remove("Content");
    record.insert("ReportId".into(), id.clone().into());
    record.insert("Subject".into(), subject);
    record.insert("CreateDate".into(), work.timestamp());
    record.insert("DeliverabilityTestStatus".into(), "IN_PROGRESS".into());
    let answer = json!({"ReportId": id, "DeliverabilityTestStatus": "IN_PROGRESS"});
    work.create(&TEST_REPORT, &id, record).map(|()| answer)
}

fn get_report(work: &mut Work<'_>) -> Result<Value, Error> {
    let record = work.need(&TEST_REPORT, work.text("ReportId"))?;
    Ok(json!({"DeliverabilityTestReport": record, "OverallPlacement": {}, "IspPlacements": [],
              "Tags": record.get("Tags")}))
}

fn get_options(work: &mut Work<'_>) -> Result<Value, Error> {
    let options = work.single(&ACCOUNT).remove("Dashboard").unwrap_or_default();
    let enabled = options["DashboardEnabled"] == json!(true);
    let domains = if enabled { options["SubscribedDomains"].clone() } else { json!([]) };
    let domains = if domains.is_null() { json!([]) } else { domains };
    Ok(json!({
        "DashboardEnabled": enabled,
        "AccountStatus": if enabled { "ACTIVE" } else { "DISABLED" },
        "ActiveSubscribedDomains": domains,
        "PendingExpirationSubscribedDomains": [],
    }))
}

fn get_blacklists(work: &mut Work<'_>) -> Result<Value, Error> {
    let names = work.texts("BlacklistItemNames").into_iter();
    let report: serde_json::Map<String, Value> = names.map(|name| (name, json!([]))).collect();
    Ok(json!({"BlacklistReport": report}))
}

fn get_campaign(work: &mut Work<'_>) -> Result<Value, Error> {
    let text = format!("Campaign {} does not exist.", work.text("CampaignId"));
    Err(Error::not_found("", text))
}

/// The domain must be one that the dashboard watches.
fn watched(work: &Work<'_>, domain: &str) -> Result<(), Error> {
    let options = work.single(&ACCOUNT).remove("Dashboard").unwrap_or_default();
    let domains = options["SubscribedDomains"].as_array();
    let found = domains.into_iter().flatten().any(|d| d["Domain"] == domain);
    let text = || format!("The domain {domain} is not subscribed to the dashboard.");
    if found { Ok(()) } else { Err(Error::not_found("", text())) }
}

fn list_campaigns(work: &mut Work<'_>) -> Result<Value, Error> {
    watched(work, work.text("SubscribedDomain"))?;
    Ok(json!({"DomainDeliverabilityCampaigns": []}))
}

fn get_statistics(work: &mut Work<'_>) -> Result<Value, Error> {
    watched(work, work.text("Domain"))?;
    let none =
        json!({"InboxRawCount": 0, "SpamRawCount": 0, "ProjectedInbox": 0, "ProjectedSpam": 0});
    let overall =
        json!({"VolumeStatistics": none, "ReadRatePercent": 0.0, "DomainIspPlacements": []});
    Ok(json!({"OverallVolume": overall, "DailyVolumes": []}))
}

fn list_recommendations(work: &mut Work<'_>) -> Result<Value, Error> {
    work.page("Recommendations", std::iter::empty())
}

/// What can be seen of an address by itself; nobody is asked.
fn get_insights(work: &mut Work<'_>) -> Result<Value, Error> {
    const ROLES: [&str; 8] =
        ["admin", "abuse", "hostmaster", "info", "noreply", "postmaster", "sales", "support"];
    let text = work.text("EmailAddress");
    let valid = address::check(text).is_ok();
    let local = text.split('@').next().unwrap_or_default().to_lowercase();
    let verdict = |yes: bool| json!({"ConfidenceVerdict": if yes { "HIGH" } else { "LOW" }});
    let role = ROLES.contains(&local.as_str());
    Ok(json!({"MailboxValidation": {
        "IsValid": verdict(valid),
        "Evaluations": {
            "HasValidSyntax": verdict(valid), "HasValidDnsRecords": verdict(valid),
            "MailboxExists": verdict(valid), "IsRoleAddress": verdict(role),
            "IsDisposable": verdict(false), "IsRandomInput": verdict(false),
        },
    }}))
}

/// Counts by day; dimensions are not told apart.
fn get_metrics(work: &mut Work<'_>) -> Result<Value, Error> {
    let mut results = Vec::new();
    for query in work.input["Queries"].as_array().into_iter().flatten() {
        let instant = |name: &str| query[name].as_f64().map_or(0, |s| (s * 1000.0) as i64);
        let (from, to) = (instant("StartDate"), instant("EndDate"));
        if from >= to {
            return Err(Error::bad("", "StartDate must be before EndDate."));
        }
        let metric = query["Metric"].as_str().unwrap_or_default();
        let days = by_day(work, metric, from, to);
        let stamps: Vec<f64> = days.keys().map(|day| *day as f64 / 1000.0).collect();
        let values: Vec<u64> = days.into_values().collect();
        results.push(json!({"Id": query["Id"], "Timestamps": stamps, "Values": values}));
    }
    Ok(json!({"Results": results, "Errors": []}))
}

fn by_day(work: &Work<'_>, metric: &str, from: i64, to: i64) -> BTreeMap<i64, u64> {
    let mut days = BTreeMap::new();
    let mut add = |slot: i64, count: u64| {
        if (from..to).contains(&slot) && count > 0 {
            *days.entry(slot.div_euclid(DAY_MS) * DAY_MS).or_default() += count;
        }
    };
    let sent = work.state.sent.get(&work.home).into_iter().flatten();
    let failed = work.all(&STATISTICS, "");
    let failed =
        failed.iter().filter_map(|(slot, counts)| Some((slot.parse::<i64>().ok()?, counts)));
    match metric {
        "SEND" => sent.for_each(|(slot, count)| add(*slot, *count)),
        "DELIVERY" => {
            let failed: BTreeMap<i64, u64> = failed
                .map(|(slot, c)| (slot, c.get("Bounce").and_then(Value::as_u64).unwrap_or(0)))
                .collect();
            sent.for_each(|(slot, count)| {
                add(*slot, count.saturating_sub(failed.get(slot).copied().unwrap_or(0)));
            });
        }
        other => {
            let member = match other {
                "COMPLAINT" | "DELIVERY_COMPLAINT" => "Complaint",
                "PERMANENT_BOUNCE" => "PermanentBounce",
                "TRANSIENT_BOUNCE" => "TransientBounce",
                "OPEN" | "DELIVERY_OPEN" => "Open",
                _ => "Click",
            };
            failed.for_each(|(slot, counts)| {
                add(slot, counts.get(member).and_then(Value::as_u64).unwrap_or(0));
            });
        }
    }
    days
}
