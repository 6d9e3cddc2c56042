//! Rotation of a secret: its rules, and a rotation under way as data.
//!
//! A rotation is four calls of a function, one a step, each with the same event but for the step; a
//! failed call begins the rotation anew after a pause, and after the last attempt `AWSPENDING` stays where
//! it is until somebody asks again or the next window opens. Invariant: what is under way lies in the
//! state file, so a step that was begun before a crash is called again after it.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>

mod cron;
mod schedule;

pub use schedule::{Rules, Schedule, Window};

use super::limits::{ROTATION_ATTEMPTS_MAX, ROTATION_PAUSE_SECONDS};
use crate::base::Millis;
use serde::{Deserialize, Serialize};

/// A step of a rotation: a call of the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Makes a new value and puts it under `AWSPENDING`.
    CreateSecret,
    /// Tells whoever must know it.
    SetSecret,
    /// Tries it.
    TestSecret,
    /// Moves `AWSCURRENT` to it.
    FinishSecret,
}

impl Step {
    /// The step behind this one.
    pub fn next(self) -> Option<Step> {
        match self {
            Step::CreateSecret => Some(Step::SetSecret),
            Step::SetSecret => Some(Step::TestSecret),
            Step::TestSecret => Some(Step::FinishSecret),
            Step::FinishSecret => None,
        }
    }

    /// As the event names it.
    pub fn name(self) -> &'static str {
        match self {
            Step::CreateSecret => "createSecret",
            Step::SetSecret => "setSecret",
            Step::TestSecret => "testSecret",
            Step::FinishSecret => "finishSecret",
        }
    }
}

/// A rotation under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The id of the version that it makes.
    pub token: String,
    /// What the function hands back with its calls.
    pub rotation_token: String,
    /// Whether only `testSecret` is called, and the version taken away afterwards.
    pub is_test: bool,
    /// The step to call.
    pub step: Step,
    /// Failed attempts so far.
    pub failures: u32,
    /// When to call it; `None` when it was given up.
    pub due: Option<i64>,
}

impl Run {
    /// A rotation that begins at `now`.
    pub fn new(token: String, rotation_token: String, is_test: bool, now: Millis) -> Run {
        let step = if is_test { Step::TestSecret } else { Step::CreateSecret };
        Run { token, rotation_token, is_test, step, failures: 0, due: Some(now.0) }
    }

    /// From the beginning, at `now`, with the same version.
    pub fn again(&mut self, now: Millis) {
        self.failures = 0;
        self.due = Some(now.0);
        self.restart();
    }

    /// A step has failed: the whole rotation is tried again later, or given up.
    pub fn failed(&mut self, now: Millis) {
        self.failures += 1;
        let pause = ROTATION_PAUSE_SECONDS << (self.failures - 1).min(8);
        self.due = (self.failures < ROTATION_ATTEMPTS_MAX).then(|| now.plus_seconds(pause).0);
        self.restart();
    }

    fn restart(&mut self) {
        self.step = if self.is_test { Step::TestSecret } else { Step::CreateSecret };
    }
}

/// What is known of a secret's rotation once it was configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rotation {
    /// Whether it is rotated by its rules.
    pub enabled: bool,
    /// The function's ARN.
    pub function: Option<String>,
    /// The rules as given.
    pub rules: Rules,
    /// Days between the last rotation and the next, computed after each.
    pub days: Option<i64>,
    /// When it was last rotated, in milliseconds since the epoch.
    pub last: Option<i64>,
    /// The next window as shown; in the past after a rotation that failed.
    pub window: Option<Window>,
    /// When the rules start a rotation next.
    pub wake: Option<i64>,
    /// What a partner needs for a managed external secret.
    pub external: Vec<(String, String)>,
    /// The role with which a partner's secret would be rotated.
    pub external_role: Option<String>,
    /// The rotation under way.
    pub run: Option<Run>,
    /// The function and the rules that the profile last put.
    pub declared: Option<(String, Rules)>,
}

impl Rotation {
    fn schedule(&self) -> Option<Schedule> {
        // The rules were read before they were stored.
        Schedule::read(&self.rules).ok().flatten()
    }

    /// When there is something to do next.
    pub fn due(&self) -> Option<Millis> {
        let wake = self.wake.filter(|_| self.enabled);
        let run = self.run.as_ref();
        match run.and_then(|run| run.due) {
            Some(due) => Some(Millis(due)),
            None => wake.map(Millis),
        }
    }

    /// Takes the rules' next window, counted from `now`.
    pub fn plan(&mut self, now: Millis) {
        let last = self.last.map(Millis);
        self.window = self.schedule().and_then(|schedule| schedule.after(now, last));
        self.wake = self.window.map(|window| window.open);
    }

    /// The rotation under way has ended well.
    pub fn finished(&mut self, now: Millis) {
        self.run = None;
        self.last = Some(now.0);
        self.plan(now);
        let days = |window: Window| (window.close - now.0).div_euclid(86_400_000).max(1);
        self.days = self.rules.automatically_after_days.or(self.window.map(days));
    }

    /// The rotation under way was given up: the next window tries again, but what is shown stays.
    pub fn given_up(&mut self, now: Millis) {
        let last = self.last.map(Millis);
        self.wake = self.schedule().and_then(|s| s.after(now, last)).map(|window| window.open);
    }

    /// Somebody has put a new current value, which counts as a rotation where rules count from one.
    pub fn renewed(&mut self, now: Millis) {
        let counts = self.schedule().is_some_and(|schedule| schedule.counts_from_last());
        if self.enabled && self.run.is_none() && counts {
            self.plan(now);
        }
    }

    /// The rules as shown.
    pub fn shown_rules(&self) -> Rules {
        let days = self.rules.automatically_after_days.or(self.days);
        Rules { automatically_after_days: days, ..self.rules.clone() }
    }
}
