//! Scripts over virtual time, and properties of every sequence of events.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn spec(name: &str, needs: &[&str]) -> PartSpec {
    PartSpec {
        name: name.to_owned(),
        needs: needs.iter().map(|n| Need::healthy(n)).collect(),
        policy: Policy::default(),
    }
}

/// db ← api ← web, and a cache on its own; declared against their order on purpose.
fn shop() -> Supervisor {
    Supervisor::new(vec![
        spec("web", &["api"]),
        spec("api", &["db"]),
        spec("cache", &[]),
        spec("db", &[]),
    ])
    .unwrap()
}

fn names(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|p| (*p).to_owned()).collect()
}

fn all() -> Event {
    Event::Want { parts: names(&["db", "api", "web", "cache"]) }
}

/// Drives a machine and remembers the current run of each part.
struct Script {
    machine: Supervisor,
    runs: BTreeMap<String, u64>,
    now: Millis,
}

impl Script {
    fn new(machine: Supervisor) -> Self {
        Script { machine, runs: BTreeMap::new(), now: 0 }
    }

    /// Applies and tells the actions as words.
    fn apply(&mut self, event: Event) -> Vec<String> {
        let actions = self.machine.apply(event, self.now);
        let mut words = Vec::new();
        for action in actions {
            words.push(match action {
                Action::Start { part, run } => {
                    self.runs.insert(part.clone(), run);
                    format!("start {part}")
                }
                Action::Stop { part, .. } => format!("stop {part}"),
                Action::Kill { part, .. } => format!("kill {part}"),
            });
        }
        words
    }

    fn report(&mut self, part: &str, report: Report) -> Vec<String> {
        let run = self.runs.get(part).copied().unwrap_or(0);
        self.apply(Event::Run { part: part.to_owned(), run, report })
    }

    fn healthy(&mut self, part: &str) -> Vec<String> {
        let mut words = self.report(part, Report::Started { adopted: false });
        words.extend(self.report(part, Report::ProbeOk));
        words
    }

    fn exited(&mut self, part: &str) -> Vec<String> {
        self.report(part, Report::Exited { reason: "exit code 1".to_owned() })
    }

    fn at(&mut self, now: Millis) -> Vec<String> {
        self.now = now;
        self.apply(Event::Tick)
    }

    fn part(&self, name: &str) -> PartView {
        self.machine.view().into_iter().find(|p| p.name == name).unwrap()
    }

    fn up(machine: Supervisor) -> Self {
        let mut script = Script::new(machine);
        script.apply(all());
        for part in ["db", "cache", "api", "web"] {
            script.healthy(part);
        }
        assert!(script.machine.is_ready());
        script
    }
}

#[test]
fn parts_start_in_order_and_side_by_side_where_they_can() {
    let mut s = Script::new(shop());
    assert_eq!(s.apply(all()), ["start cache", "start db"]);
    assert_eq!(s.part("web").reason.as_deref(), Some("waits for `api`, which is waiting"));
    assert_eq!(s.report("db", Report::Started { adopted: false }), [] as [&str; 0]);
    assert_eq!(s.report("db", Report::ProbeOk), ["start api"]);
    assert_eq!(s.healthy("api"), ["start web"]);
    s.healthy("web");
    assert!(!s.machine.is_ready());
    s.healthy("cache");
    assert!(s.machine.is_ready());
}

/// A job behind a database, and a service that waits for the job and for a sidecar's start alone.
fn jobs(restart: Restart) -> Script {
    let need = |part: &str, until| Need { part: part.to_owned(), until };
    let mut job = spec("job", &["db"]);
    job.policy.restart = restart;
    let mut api = spec("api", &[]);
    api.needs = vec![need("job", Until::Completed), need("side", Until::Started)];
    Script::new(Supervisor::new(vec![api, job, spec("side", &[]), spec("db", &[])]).unwrap())
}

#[test]
fn a_job_that_completes_lets_those_go_on_who_wait_for_it_and_is_done_again_when_named() {
    let mut s = jobs(Restart::Never);
    let all = || Event::Want { parts: names(&["api", "job", "side", "db"]) };
    assert_eq!(s.apply(all()), ["start side", "start db"]);
    s.report("side", Report::Started { adopted: false });
    assert_eq!(s.healthy("db"), ["start job"]);
    assert_eq!(s.healthy("job"), [] as [&str; 0]);
    assert_eq!(s.part("api").reason.as_deref(), Some("waits for `job`, which is healthy"));
    assert_eq!(s.report("job", Report::Completed), ["start api"]);
    s.healthy("api");
    assert!(!s.machine.is_ready(), "the sidecar has not answered");
    s.report("side", Report::ProbeOk);
    assert!(s.machine.is_ready());
    assert_eq!(s.apply(Event::Want { parts: names(&["api"]) }), [] as [&str; 0]);
    assert_eq!(s.apply(Event::Want { parts: names(&["job"]) }), ["start job"]);
    s.report("job", Report::Completed);
    s.apply(Event::StopAll);
    assert_eq!(s.part("job").phase, Phase::Down);
}

#[test]
fn what_may_not_be_restarted_fails_at_once_and_what_must_run_does_not_complete() {
    let mut s = jobs(Restart::Never);
    s.apply(Event::Want { parts: names(&["job"]) });
    s.healthy("db");
    s.healthy("job");
    s.exited("job");
    assert_eq!(s.part("job").phase, Phase::Failed);
    let mut s = jobs(Restart::Always);
    s.apply(Event::Want { parts: names(&["job"]) });
    s.healthy("db");
    s.healthy("job");
    s.report("job", Report::Completed);
    assert!(matches!(s.part("job").phase, Phase::Backoff { .. }));
    let mut s = jobs(Restart::OnFailure);
    s.apply(Event::Want { parts: names(&["job"]) });
    s.healthy("db");
    s.healthy("job");
    s.exited("job");
    assert!(matches!(s.part("job").phase, Phase::Backoff { .. }));
    assert_eq!(s.at(100), ["start job"]);
    s.healthy("job");
    s.report("job", Report::Completed);
    assert_eq!(s.part("job").phase, Phase::Completed);
}

#[test]
fn wanting_one_part_wants_what_it_needs() {
    let mut s = Script::new(shop());
    assert_eq!(s.apply(Event::Want { parts: names(&["api"]) }), ["start db"]);
    assert_eq!(s.healthy("db"), ["start api"]);
    s.healthy("api");
    assert!(s.machine.is_ready());
    assert_eq!(s.part("web").phase, Phase::Down);
}

#[test]
fn all_stops_from_the_top() {
    let mut s = Script::up(shop());
    assert_eq!(s.apply(Event::StopAll), ["stop web", "stop cache"]);
    assert_eq!(s.exited("web"), ["stop api"]);
    assert_eq!(s.exited("cache"), [] as [&str; 0]);
    assert_eq!(s.exited("api"), ["stop db"]);
    assert!(!s.machine.is_at_rest());
    s.exited("db");
    assert!(s.machine.is_at_rest());
}

#[test]
fn stopping_one_part_stops_those_that_need_it() {
    let mut s = Script::up(shop());
    assert_eq!(s.apply(Event::Release { parts: names(&["api"]) }), ["stop web"]);
    assert_eq!(s.exited("web"), ["stop api"]);
    s.exited("api");
    assert_eq!(s.part("db").phase, Phase::Healthy);
    assert_eq!(s.part("web").desired, Desired::Down);
    assert!(s.machine.is_ready(), "what is not wanted does not count");
}

#[test]
fn restarting_a_part_takes_those_that_need_it_down_and_up_again() {
    let mut s = Script::up(shop());
    assert_eq!(s.apply(Event::Restart { parts: names(&["api"]) }), ["stop web"]);
    assert_eq!(s.exited("web"), ["stop api"]);
    assert_eq!(s.exited("api"), ["start api"]);
    assert_eq!(s.healthy("api"), ["start web"]);
    s.healthy("web");
    assert!(s.machine.is_ready());
    assert_eq!(s.part("api").restarts, 0, "a wish is not a failure");
}

#[test]
fn a_crash_is_followed_by_a_restart_with_growing_pauses_until_given_up() {
    let mut s = Script::up(shop());
    let mut pauses = Vec::new();
    loop {
        s.exited("cache");
        let Phase::Backoff { until } = s.part("cache").phase else {
            break;
        };
        assert_eq!(s.machine.next_deadline(), Some(until));
        pauses.push(until - s.now);
        assert_eq!(s.at(until - 1), [] as [&str; 0]);
        assert_eq!(s.at(until), ["start cache"]);
        s.healthy("cache");
    }
    assert_eq!(pauses, [100, 200, 400, 800]);
    let cache = s.part("cache");
    assert_eq!((cache.phase, cache.restarts), (Phase::Failed, 4));
    assert_eq!(cache.reason.as_deref(), Some("exit code 1"));
    assert_eq!(s.apply(Event::Want { parts: names(&["cache"]) }), ["start cache"]);
}

#[test]
fn a_stable_run_forgets_earlier_failures() {
    let mut s = Script::up(shop());
    for _ in 0..20 {
        let after = s.now + Policy::default().stable_after_ms;
        s.at(after);
        s.exited("cache");
        let Phase::Backoff { until } = s.part("cache").phase else { panic!("given up") };
        assert_eq!(until - s.now, 100);
        assert_eq!(s.at(until), ["start cache"]);
        s.healthy("cache");
    }
}

#[test]
fn a_fatal_start_failure_is_not_tried_again_and_those_above_say_so() {
    let mut s = Script::new(shop());
    s.apply(all());
    let reason = "port 5432 is taken".to_owned();
    assert_eq!(s.report("db", Report::StartFailed { reason, fatal: true }), [] as [&str; 0]);
    assert_eq!(s.part("db").phase, Phase::Failed);
    assert_eq!(s.part("api").reason.as_deref(), Some("waits for `db`, which is failed"));
    assert_eq!(s.machine.next_deadline(), None);
}

#[test]
fn a_crash_below_leaves_those_above_running() {
    let mut s = Script::up(shop());
    assert_eq!(s.exited("db"), [] as [&str; 0]);
    assert_eq!(s.part("api").phase, Phase::Healthy);
    assert!(!s.machine.is_ready());
    assert_eq!(s.at(100), ["start db"]);
    assert_eq!(s.healthy("db"), [] as [&str; 0]);
    assert!(s.machine.is_ready());
}

#[test]
fn a_probe_that_fails_makes_unhealthy_and_recovers_without_a_restart() {
    let mut s = Script::up(shop());
    s.at(50);
    s.report("db", Report::ProbeFailed { reason: "no answer in 1 s".to_owned() });
    let db = s.part("db");
    assert_eq!((db.phase, db.since, db.restarts), (Phase::Unhealthy, 50, 0));
    assert_eq!(db.reason.as_deref(), Some("no answer in 1 s"));
    s.report("db", Report::ProbeOk);
    assert_eq!(s.part("db").reason, None);
    assert!(s.machine.is_ready());
}

#[test]
fn a_run_that_ignores_the_request_is_killed_and_at_last_written_off() {
    let mut s = Script::up(shop());
    s.apply(Event::Release { parts: names(&["cache"]) });
    assert_eq!(s.at(9_999), [] as [&str; 0]);
    assert_eq!(s.at(10_000), ["kill cache"]);
    assert_eq!(s.at(11_000), ["kill cache"]);
    assert_eq!(s.at(12_000), ["kill cache"]);
    assert_eq!(s.at(13_000), [] as [&str; 0]);
    assert_eq!(s.part("cache").reason.as_deref(), Some("did not end when killed"));
}

#[test]
fn reports_of_an_earlier_run_are_ignored() {
    let mut s = Script::up(shop());
    let old = s.runs["cache"];
    s.exited("cache");
    s.at(100);
    let report = Report::Exited { reason: "late".to_owned() };
    assert_eq!(s.apply(Event::Run { part: "cache".to_owned(), run: old, report }), [] as [&str; 0]);
    assert_eq!(s.part("cache").phase, Phase::Starting);
}

#[test]
fn an_adopted_run_is_known_as_such() {
    let mut s = Script::new(shop());
    s.apply(all());
    s.report("db", Report::Started { adopted: true });
    assert!(s.part("db").adopted);
    s.report("db", Report::ProbeOk);
    s.exited("db");
    s.at(100);
    s.healthy("db");
    assert!(!s.part("db").adopted);
}

#[test]
fn a_stop_during_the_start_ends_when_the_start_does() {
    let mut s = Script::new(shop());
    s.apply(all());
    assert_eq!(s.apply(Event::StopAll), ["stop db", "stop cache"]);
    s.report("db", Report::Started { adopted: false });
    s.exited("db");
    s.report("cache", Report::StartFailed { reason: "stopped".to_owned(), fatal: false });
    assert!(s.machine.is_at_rest());
    assert_eq!(s.machine.next_deadline(), None);
}

#[test]
fn rings_unknown_needs_and_doubles_are_refused() {
    let ring = Supervisor::new(vec![spec("a", &["b"]), spec("b", &["a"])]).unwrap_err();
    assert_eq!(ring, "parts need something unknown or each other: `a`, `b`");
    assert!(Supervisor::new(vec![spec("a", &["zzz"])]).is_err());
    let double = Supervisor::new(vec![spec("a", &[]), spec("a", &[])]).unwrap_err();
    assert_eq!(double, "part `a` is declared twice");
}

/// A random wish, report or lapse of time.
#[derive(Debug, Clone)]
enum Step {
    Want(usize),
    Release(usize),
    Restart(usize),
    StopAll,
    Report(usize, u8),
    Wait(Millis),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..4usize).prop_map(Step::Want),
        1 => (0..4usize).prop_map(Step::Release),
        1 => (0..4usize).prop_map(Step::Restart),
        1 => Just(Step::StopAll),
        8 => (0..4usize, 0..6u8).prop_map(|(p, r)| Step::Report(p, r)),
        3 => (0..12_000u64).prop_map(Step::Wait),
    ]
}

const PARTS: [&str; 4] = ["db", "api", "web", "cache"];

/// The outside world: which runs exist, as the machine's actions made them.
#[derive(Default)]
struct World {
    live: BTreeMap<String, u64>,
}

impl World {
    fn event(&mut self, step: &Step) -> Option<Event> {
        let one = |i: &usize| names(&[PARTS[*i]]);
        Some(match step {
            Step::Want(i) => Event::Want { parts: one(i) },
            Step::Release(i) => Event::Release { parts: one(i) },
            Step::Restart(i) => Event::Restart { parts: one(i) },
            Step::StopAll => Event::StopAll,
            Step::Wait(_) => Event::Tick,
            Step::Report(i, kind) => {
                let part = PARTS[*i].to_owned();
                let run = *self.live.get(&part)?;
                let reason = "r".to_owned();
                let report = match kind {
                    0 => Report::Exited { reason },
                    1 => Report::StartFailed { reason, fatal: false },
                    2 => Report::ProbeFailed { reason },
                    3 => Report::Started { adopted: false },
                    _ => Report::ProbeOk,
                };
                if matches!(report, Report::Exited { .. } | Report::StartFailed { .. }) {
                    self.live.remove(&part);
                }
                Event::Run { part, run, report }
            }
        })
    }

    /// Carries actions out and checks them against what was true before.
    fn carry_out(&mut self, machine: &Supervisor, actions: &[Action]) {
        let view = machine.view();
        let phase = |n: &str| view.iter().find(|p| p.name == n).unwrap().phase;
        for action in actions {
            match action {
                Action::Start { part, run } => {
                    for need in shop_needs(part) {
                        assert_eq!(phase(need), Phase::Healthy, "{part} started before {need}");
                    }
                    let before = self.live.insert(part.clone(), *run);
                    assert_eq!(before, None, "{part} has two runs");
                }
                Action::Stop { part, .. } | Action::Kill { part, .. } => {
                    for above in PARTS.iter().filter(|p| shop_needs(p).contains(&part.as_str())) {
                        assert!(!phase(above).is_live(), "{part} stopped under {above}");
                    }
                }
            }
        }
    }
}

fn shop_needs(part: &str) -> &'static [&'static str] {
    match part {
        "api" => &["db"],
        "web" => &["api"],
        _ => &[],
    }
}

proptest! {
    #[test]
    fn any_sequence_keeps_the_order_and_every_stop_ends(
        steps in proptest::collection::vec(step(), 1..200),
        world_answers in any::<bool>(),
    ) {
        let mut machine = shop();
        let mut world = World::default();
        let mut now = 0;
        for step in &steps {
            if let Step::Wait(ms) = step { now += ms; }
            let Some(event) = world.event(step) else { continue };
            let actions = machine.apply(event, now);
            world.carry_out(&machine, &actions);
            prop_assert_eq!(machine.apply(Event::Tick, now), vec![], "settled at once");
            // A run that was written off is not this machine's any more.
            for view in machine.view() {
                if view.phase == Phase::Failed { world.live.remove(&view.name); }
            }
        }
        let mut todo = machine.apply(Event::StopAll, now);
        for _round in 0..100 {
            world.carry_out(&machine, &todo);
            if machine.is_at_rest() { break; }
            todo = match (world_answers, todo.first()) {
                (true, Some(Action::Stop { part, run } | Action::Kill { part, run })) => {
                    let (part, run) = (part.clone(), *run);
                    world.live.remove(&part);
                    let report = Report::Exited { reason: "asked".to_owned() };
                    machine.apply(Event::Run { part, run, report }, now)
                }
                _ => {
                    let due = machine.next_deadline();
                    prop_assert!(due.is_some(), "waits for nothing: {:?}", machine.view());
                    now = now.max(due.unwrap_or(now));
                    machine.apply(Event::Tick, now)
                }
            };
            for view in machine.view() {
                if view.phase == Phase::Failed { world.live.remove(&view.name); }
            }
        }
        prop_assert!(machine.is_at_rest(), "{:?}", machine.view());
    }
}

#[test]
fn other_parts_take_the_place_of_these_and_those_that_stay_run_on() {
    let mut s = Script::new(shop());
    s.apply(all());
    for part in ["db", "cache", "api", "web"] {
        s.healthy(part);
    }
    let now = s.now;
    let parts = vec![spec("api", &["db"]), spec("db", &[]), spec("mail", &["db"])];
    s.machine.replan(parts, now).unwrap();
    assert_eq!(s.apply(Event::Tick), ["stop web", "stop cache"]);
    assert_eq!(s.apply(Event::Want { parts: names(&["mail"]) }), ["start mail"]);
    assert_eq!(s.part("api").phase, Phase::Healthy);
    for part in ["web", "cache"] {
        s.report(part, Report::Exited { reason: "stopped".to_owned() });
    }
    let view: Vec<String> = s.machine.view().into_iter().map(|part| part.name).collect();
    assert_eq!(view, ["db", "api", "mail"]);
    // One that was given up in between may come back.
    let now = s.now;
    s.machine.replan(vec![spec("db", &[]), spec("cache", &[])], now).unwrap();
    assert_eq!(
        s.apply(Event::Want { parts: names(&["cache"]) }),
        ["stop mail", "stop api", "start cache"]
    );
    assert!(s.machine.replan(vec![spec("a", &["a"])], now).is_err());
}
