//! The short table of endpoints, and the long one of every service.

use crate::control::{ServiceStatus, Status};
use comfy_table::{Table, presets};

/// Where everything is, a line a part.
pub(super) fn endpoints(status: &Status) -> String {
    let mut table = plain();
    for row in super::progress::parts(status) {
        let same: Vec<&str> = status
            .services
            .iter()
            .filter(|s| s.part == row.part && s.name != row.part)
            .map(|s| s.name.as_str())
            .collect();
        let address = match (&status.endpoint, same.is_empty()) {
            (Some(endpoint), false) => endpoint.clone(),
            _ => row.address.clone().unwrap_or_default(),
        };
        let what = if same.is_empty() { about(row) } else { same.join(" ") };
        table.add_row([row.part.clone(), address, what]);
    }
    trimmed(&table)
}

/// Every service with its state, and the notes below.
pub(super) fn services(status: &Status) -> String {
    let mut table = plain();
    table.set_header(["SERVICE", "KIND", "STATE", "ADDRESS", "PID", "SINCE", "RESTARTS", ""]);
    for row in &status.services {
        let detail = row.reason.clone().unwrap_or_else(|| about(row));
        table.add_row([
            row.name.clone(),
            row.kind.clone(),
            row.state.clone(),
            row.address.clone().unwrap_or_default(),
            row.pid.map(|p| p.to_string()).unwrap_or_default(),
            row.since.clone(),
            row.restarts.to_string(),
            detail,
        ]);
    }
    let mut text = trimmed(&table);
    status.notes.iter().for_each(|note| text.push_str(&format!("\nnote: {note}")));
    text
}

/// Two columns or more, as they are.
pub(super) fn columns(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = plain();
    rows.into_iter().for_each(|row| {
        table.add_row(row);
    });
    trimmed(&table)
}

/// What runs, where it is a program of its own.
fn about(row: &ServiceStatus) -> String {
    row.version.clone().filter(|_| row.kind == "native").unwrap_or_default()
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// Without spaces at the ends of lines, and without the space before the first column.
fn trimmed(table: &Table) -> String {
    let text = table.to_string();
    let lines: Vec<&str> =
        text.lines().map(|l| l.strip_prefix(' ').unwrap_or(l).trim_end()).collect();
    lines.join("\n")
}
