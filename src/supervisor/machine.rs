//! The state machine: events change what is known, then `settle` derives every step that has
//! become possible. Nothing else decides, so order and policy are all in this file.

use super::part::{Desired, Millis, PartSpec, PartView, Phase, Restart, Until};
use super::{Action, Event, Report};

/// All parts of one environment.
#[derive(Debug, Clone)]
pub struct Supervisor {
    /// In an order in which each part comes after all that it needs.
    parts: Vec<Part>,
    next_run: u64,
}

#[derive(Debug, Clone)]
struct Part {
    spec: PartSpec,
    /// Positions of what it needs and how far; all smaller than its own.
    needs: Vec<(usize, Until)>,
    desired: Desired,
    /// It has to pass through `Down` before it may run again.
    bounce: bool,
    phase: Phase,
    since: Millis,
    run: u64,
    failures: u32,
    restarts: u32,
    adopted: bool,
    reason: Option<String>,
    /// It is a part no more, and is seen until it is down.
    retired: bool,
}

impl Part {
    fn enter(&mut self, phase: Phase, now: Millis) {
        if self.phase.word() != phase.word() {
            self.since = now;
        }
        self.phase = phase;
    }

    /// Its run ended when it should not have.
    fn fail(&mut self, reason: String, fatal: bool, now: Millis) {
        let was_stable = self.phase == Phase::Healthy
            && now.saturating_sub(self.since) >= self.spec.policy.stable_after_ms;
        self.failures = if was_stable { 1 } else { self.failures + 1 };
        self.reason = Some(reason);
        if fatal || self.failures >= self.spec.policy.failures_max {
            self.enter(Phase::Failed, now);
        } else {
            let until = now + self.spec.policy.backoff_ms(self.failures);
            self.enter(Phase::Backoff { until }, now);
        }
    }

    /// It should not run any more; having given it up no longer matters.
    fn dismiss(&mut self, now: Millis) {
        self.desired = Desired::Down;
        if matches!(self.phase, Phase::Failed | Phase::Completed) {
            self.rest(now);
        }
    }

    fn rest(&mut self, now: Millis) {
        self.bounce = false;
        self.adopted = false;
        self.reason = None;
        self.enter(Phase::Down, now);
    }
}

impl Supervisor {
    /// Parts in any order; `Err` names parts that are unknown, doubled or need each other in a ring.
    pub fn new(specs: Vec<PartSpec>) -> Result<Self, String> {
        let mut parts: Vec<Part> = Vec::with_capacity(specs.len());
        let mut left = specs;
        while !left.is_empty() {
            let ready = left
                .iter()
                .position(|s| s.needs.iter().all(|n| parts.iter().any(|p| p.spec.name == n.part)));
            let Some(ready) = ready else {
                let names: Vec<_> = left.iter().map(|s| format!("`{}`", s.name)).collect();
                return Err(format!(
                    "parts need something unknown or each other: {}",
                    names.join(", ")
                ));
            };
            let spec = left.remove(ready);
            if parts.iter().any(|p| p.spec.name == spec.name) {
                return Err(format!("part `{}` is declared twice", spec.name));
            }
            let needs = spec
                .needs
                .iter()
                .filter_map(|n| Some((parts.iter().position(|p| p.spec.name == n.part)?, n.until)))
                .collect();
            parts.push(Part {
                spec,
                needs,
                desired: Desired::Down,
                bounce: false,
                phase: Phase::Down,
                since: 0,
                run: 0,
                failures: 0,
                restarts: 0,
                adopted: false,
                reason: None,
                retired: false,
            });
        }
        Ok(Supervisor { parts, next_run: 1 })
    }

    /// Takes other parts in the place of these. Those that stay keep how they stand, those that come are
    /// down, and those that go are stopped by the next event; `Err` changes nothing.
    pub fn replan(&mut self, specs: Vec<PartSpec>, now: Millis) -> Result<(), String> {
        let mut next = Supervisor::new(specs)?;
        for part in &mut next.parts {
            if let Some(old) = self.parts.iter().find(|old| old.spec.name == part.spec.name) {
                let (spec, needs) = (part.spec.clone(), std::mem::take(&mut part.needs));
                *part = Part { spec, needs, retired: false, ..old.clone() };
            }
        }
        for old in &self.parts {
            let stays = next.parts.iter().any(|part| part.spec.name == old.spec.name);
            if stays || old.phase == Phase::Down {
                continue;
            }
            let position = |need: &super::Need| {
                let at = next.parts.iter().position(|part| part.spec.name == need.part)?;
                Some((at, need.until))
            };
            let needs = old.spec.needs.iter().filter_map(position).collect();
            let mut part = Part { needs, retired: true, ..old.clone() };
            part.dismiss(now);
            next.parts.push(part);
        }
        next.next_run = self.next_run;
        *self = next;
        Ok(())
    }

    /// Takes an event in, and returns what is to be done about it, in order.
    pub fn apply(&mut self, event: Event, now: Millis) -> Vec<Action> {
        match event {
            Event::Want { parts } => self.want(&parts, now),
            Event::Release { parts } => self.release(&parts, now),
            Event::Restart { parts } => self.restart(&parts, now),
            Event::StopAll => self.parts.iter_mut().for_each(|p| p.dismiss(now)),
            Event::Run { part, run, report } => self.report(&part, run, report, now),
            Event::Tick => {}
        }
        self.settle(now)
    }

    fn want(&mut self, names: &[String], now: Millis) {
        let mut wanted = self.marked(names);
        // What has completed is done again only where it is named itself.
        let named = wanted.clone();
        for i in (0..self.parts.len()).rev() {
            if wanted[i] {
                self.parts[i].needs.iter().for_each(|&(n, _)| wanted[n] = true);
            }
        }
        let wanted = self.parts.iter_mut().zip(wanted.into_iter().zip(named));
        for (part, (_, named)) in wanted.filter(|(_, (wanted, _))| *wanted) {
            part.desired = Desired::Up;
            let again = named && part.phase == Phase::Completed;
            if again || matches!(part.phase, Phase::Failed | Phase::Backoff { .. }) {
                part.failures = 0;
                part.enter(Phase::Waiting, now);
            }
        }
    }

    fn release(&mut self, names: &[String], now: Millis) {
        let mut released = self.marked(names);
        for i in 0..self.parts.len() {
            released[i] |= self.parts[i].needs.iter().any(|&(n, _)| released[n]);
            if released[i] {
                self.parts[i].dismiss(now);
            }
        }
    }

    fn restart(&mut self, names: &[String], now: Millis) {
        self.want(names, now);
        let marked = self.marked(names);
        for (part, _) in self.parts.iter_mut().zip(marked).filter(|(_, m)| *m) {
            part.failures = 0;
            part.bounce = part.phase.is_live();
        }
    }

    fn marked(&self, names: &[String]) -> Vec<bool> {
        self.parts.iter().map(|p| names.contains(&p.spec.name)).collect()
    }

    fn report(&mut self, name: &str, run: u64, report: Report, now: Millis) {
        let Some(part) = self.parts.iter_mut().find(|p| p.spec.name == name) else {
            return;
        };
        if part.run != run || !part.phase.is_live() {
            return;
        }
        let stopping = matches!(part.phase, Phase::Stopping { .. });
        match report {
            Report::Started { adopted } => {
                part.adopted = adopted;
                if part.phase == Phase::Starting {
                    part.enter(Phase::Probing, now);
                }
            }
            Report::ProbeOk if !stopping => {
                part.reason = None;
                part.enter(Phase::Healthy, now);
            }
            Report::ProbeFailed { reason } if !stopping => {
                part.reason = Some(reason);
                if part.phase == Phase::Healthy {
                    part.enter(Phase::Unhealthy, now);
                }
            }
            Report::ProbeOk | Report::ProbeFailed { .. } => {}
            Report::Exited { .. } | Report::Completed | Report::StartFailed { .. } if stopping => {
                part.rest(now);
            }
            Report::Exited { reason } => {
                part.fail(reason, part.spec.policy.restart == Restart::Never, now);
            }
            Report::Completed if part.spec.policy.restart == Restart::Always => {
                part.fail("ended".to_owned(), false, now);
            }
            Report::Completed => {
                part.reason = None;
                part.failures = 0;
                part.enter(Phase::Completed, now);
            }
            Report::StartFailed { reason, fatal } => part.fail(reason, fatal, now),
        }
    }

    /// Takes every step that has become possible. Each pass only moves parts forward, so two
    /// passes (one for stops from the top, one for starts from the bottom) are enough.
    fn settle(&mut self, now: Millis) -> Vec<Action> {
        let mut actions = Vec::new();
        let leaving = self.leaving();
        for i in (0..self.parts.len()).rev() {
            self.settle_stop(i, leaving[i], now, &mut actions);
        }
        let leaving = self.leaving();
        for (i, &leaving) in leaving.iter().enumerate() {
            self.settle_start(i, leaving, now, &mut actions);
        }
        actions
    }

    /// Which parts have to go down: by wish, for a restart, or because something they need does.
    fn leaving(&self) -> Vec<bool> {
        let mut leaving = vec![false; self.parts.len()];
        for (i, part) in self.parts.iter().enumerate() {
            leaving[i] = part.desired == Desired::Down
                || part.bounce
                || part.needs.iter().any(|&(n, _)| {
                    leaving[n] || matches!(self.parts[n].phase, Phase::Stopping { .. })
                });
        }
        leaving
    }

    fn settle_stop(&mut self, i: usize, leaving: bool, now: Millis, actions: &mut Vec<Action>) {
        let needed_still =
            self.parts.iter().any(|p| p.phase.is_live() && p.needs.iter().any(|&(n, _)| n == i));
        let part = &mut self.parts[i];
        let (name, run) = (part.spec.name.clone(), part.run);
        match part.phase {
            Phase::Stopping { kill_at, kills } if kill_at <= now => {
                if kills >= part.spec.policy.kills_max {
                    part.bounce = false;
                    part.desired = Desired::Down;
                    part.reason = Some("did not end when killed".to_owned());
                    part.enter(Phase::Failed, now);
                    return;
                }
                let kill_at = now + part.spec.policy.kill_pace_ms;
                part.enter(Phase::Stopping { kill_at, kills: kills + 1 }, now);
                actions.push(Action::Kill { part: name, run });
            }
            Phase::Starting | Phase::Probing | Phase::Healthy | Phase::Unhealthy
                if leaving && !needed_still =>
            {
                let kill_at = now + part.spec.policy.stop_grace_ms;
                part.enter(Phase::Stopping { kill_at, kills: 0 }, now);
                actions.push(Action::Stop { part: name, run });
            }
            Phase::Waiting | Phase::Backoff { .. } if leaving => part.rest(now),
            _ => {}
        }
    }

    fn settle_start(&mut self, i: usize, leaving: bool, now: Millis, actions: &mut Vec<Action>) {
        let waits_for = self.parts[i]
            .needs
            .iter()
            .find(|&&(n, until)| !until.is_met(self.parts[n].phase))
            .map(|&(n, _)| (self.parts[n].spec.name.clone(), self.parts[n].phase.word()));
        let run = self.next_run;
        let part = &mut self.parts[i];
        if part.desired == Desired::Down || leaving {
            return;
        }
        match part.phase {
            Phase::Down => part.enter(Phase::Waiting, now),
            Phase::Backoff { until } if until <= now => part.enter(Phase::Waiting, now),
            _ => {}
        }
        if part.phase != Phase::Waiting {
            return;
        }
        if let Some((name, word)) = waits_for {
            part.reason = Some(format!("waits for `{name}`, which is {word}"));
            return;
        }
        part.restarts += u32::from(part.failures > 0);
        part.run = run;
        part.adopted = false;
        part.enter(Phase::Starting, now);
        if part.failures == 0 {
            part.reason = None;
        }
        let part = part.spec.name.clone();
        self.next_run += 1;
        actions.push(Action::Start { part, run });
    }

    /// When `apply(Event::Tick, …)` is due, if at all.
    pub fn next_deadline(&self) -> Option<Millis> {
        self.parts
            .iter()
            .filter_map(|p| match p.phase {
                Phase::Backoff { until } => Some(until),
                Phase::Stopping { kill_at, .. } => Some(kill_at),
                _ => None,
            })
            .min()
    }

    /// The parts, each after all that it needs.
    pub fn view(&self) -> Vec<PartView> {
        self.parts
            .iter()
            .filter(|p| !(p.retired && p.phase == Phase::Down))
            .map(|p| PartView {
                name: p.spec.name.clone(),
                desired: p.desired,
                phase: p.phase,
                since: p.since,
                restarts: p.restarts,
                adopted: p.adopted,
                reason: p.reason.clone(),
            })
            .collect()
    }

    /// Every part that should run answers, or has completed.
    pub fn is_ready(&self) -> bool {
        let done = |phase| matches!(phase, Phase::Healthy | Phase::Completed);
        self.parts.iter().all(|p| p.desired == Desired::Down || done(p.phase))
    }

    /// Nothing runs, and nothing is about to.
    pub fn is_at_rest(&self) -> bool {
        self.parts.iter().all(|p| matches!(p.phase, Phase::Down | Phase::Completed | Phase::Failed))
    }
}
