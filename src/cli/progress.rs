//! The course of a boot on stderr: bars on a terminal, a line a change elsewhere.

use super::printer::Printer;
use crate::control::{ServiceStatus, Status, Update};
use crate::runtime::Progress;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Between two frames of a spinner.
const FRAME: Duration = Duration::from_millis(80);

/// Shows updates as they come.
pub(super) struct View {
    printer: Printer,
    bars: Option<MultiProgress>,
    works: BTreeMap<String, ProgressBar>,
    spinner: Option<ProgressBar>,
    states: BTreeMap<String, String>,
    /// The first status is how things stood before; it is no news.
    joined: bool,
}

impl View {
    pub(super) fn new(printer: &Printer) -> View {
        let bars = printer.lively.then(MultiProgress::new);
        View {
            printer: *printer,
            bars,
            works: BTreeMap::new(),
            spinner: None,
            states: BTreeMap::new(),
            joined: false,
        }
    }

    /// For an environment that is there already: shows only what changes from now on.
    pub(super) fn joining(printer: &Printer) -> View {
        View { joined: true, ..View::new(printer) }
    }

    /// Shows one update.
    pub(super) fn show(&mut self, update: &Update) {
        match update {
            Update::Status(status) if self.joined => {
                self.joined = false;
                let states = parts(status).into_iter().map(|r| (r.part.clone(), r.state.clone()));
                self.states = states.collect();
            }
            Update::Status(status) => self.status(status),
            Update::Note(text) => self.note(text),
            Update::Begin { id, label, total } => self.begin(id, label, *total),
            Update::Advance { id, by } => {
                if let Some(bar) = self.works.get(id) {
                    bar.inc(*by);
                }
            }
            Update::End { id } => {
                if let Some(bar) = self.works.remove(id) {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }

    /// Leaves nothing moving on the terminal.
    pub(super) fn clear(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
        std::mem::take(&mut self.works).values().for_each(ProgressBar::finish_and_clear);
    }

    fn line(&self, text: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| self.printer.say(text)),
            None => self.printer.say(text),
        }
    }

    fn note(&self, text: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| self.printer.warn(text)),
            None => self.printer.warn(text),
        }
    }

    fn begin(&mut self, id: &str, label: &str, total: Option<u64>) {
        let Some(bars) = &self.bars else { return self.printer.say(format!("{label} …")) };
        let (bar, template) = match total {
            Some(total) => (
                ProgressBar::new(total),
                "{msg:40} {bar:30} {binary_bytes}/{binary_total_bytes} {eta}",
            ),
            None => (ProgressBar::new_spinner(), "{spinner} {msg}"),
        };
        let bar = bars.add(bar).with_message(label.to_owned());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(FRAME);
        self.works.insert(id.to_owned(), bar);
    }

    fn status(&mut self, status: &Status) {
        let mut open = Vec::new();
        for row in parts(status) {
            if row.state != "healthy" && row.state != "down" {
                open.push(format!("{} {}", row.part, row.state));
            }
            let before = self.states.insert(row.part.clone(), row.state.clone());
            if before.as_ref() == Some(&row.state) {
                continue;
            }
            let worth = match row.state.as_str() {
                "healthy" => true,
                "down" | "waiting" | "starting" => before.is_some_and(|b| b == "stopping"),
                _ => true,
            };
            if worth {
                self.line(&describe(row));
            }
        }
        self.spin(&open);
    }

    fn spin(&mut self, open: &[String]) {
        let Some(bars) = &self.bars else { return };
        if open.is_empty() {
            if let Some(spinner) = self.spinner.take() {
                spinner.finish_and_clear();
            }
            return;
        }
        let spinner = self.spinner.get_or_insert_with(|| {
            let spinner = bars.add(ProgressBar::new_spinner());
            spinner.enable_steady_tick(FRAME);
            spinner
        });
        spinner.set_message(open.join(", "));
    }
}

/// A view for work of this process itself, which may come from any thread.
pub(super) struct Shown(Mutex<View>);

impl Shown {
    pub(super) fn new(printer: &Printer) -> Shown {
        Shown(Mutex::new(View::new(printer)))
    }

    fn show(&self, update: &Update) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).show(update);
    }
}

impl Progress for Shown {
    fn begin(&self, id: &str, label: &str, total: Option<u64>) {
        self.show(&Update::Begin { id: id.to_owned(), label: label.to_owned(), total });
    }

    fn advance(&self, id: &str, by: u64) {
        self.show(&Update::Advance { id: id.to_owned(), by });
    }

    fn end(&self, id: &str) {
        self.show(&Update::End { id: id.to_owned() });
    }

    fn note(&self, text: &str) {
        self.show(&Update::Note(text.to_owned()));
    }
}

/// One row a part: the first of the gateway's services stands for it.
pub(super) fn parts(status: &Status) -> Vec<&ServiceStatus> {
    let mut rows: Vec<&ServiceStatus> = Vec::new();
    for row in &status.services {
        if !rows.iter().any(|r| r.part == row.part) {
            rows.push(row);
        }
    }
    rows
}

fn describe(row: &ServiceStatus) -> String {
    let mut text = format!("{:10} {}", row.part, row.state);
    match (&row.reason, &row.address) {
        (Some(reason), _) => text.push_str(&format!(": {reason}")),
        (None, Some(address)) if row.state == "healthy" => {
            text.push_str(&format!(" at {address}"));
        }
        _ => {}
    }
    text
}
