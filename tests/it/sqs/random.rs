//! Random operations with steps of time against a model that scans a list: what is received, when and in
//! which order; delays, retention, deduplication and dead letters; that nothing is lost or doubled; and that
//! a restart changes nothing of it.

use super::script::Core;
use devenv::base::Millis;
use devenv::services::sqs::ops::*;
use proptest::prelude::*;
use std::collections::HashMap;

#[derive(Debug, Clone)]
enum Step {
    Send { group: u8, deduplication: u8, delay_s: i64 },
    Receive { max: i64, visibility_s: i64 },
    Delete { handle: usize },
    Hide { handle: usize, seconds: i64 },
    Pass { ms: i64 },
    Purge,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3u8, 0..40u8, prop_oneof![3 => Just(0i64), 1 => 1..20i64])
            .prop_map(|(group, deduplication, delay_s)| Step::Send { group, deduplication, delay_s }),
        6 => (1..=10i64, 0..30i64)
            .prop_map(|(max, visibility_s)| Step::Receive { max, visibility_s }),
        4 => (0..64usize).prop_map(|handle| Step::Delete { handle }),
        2 => (0..64usize, 0..60i64).prop_map(|(handle, seconds)| Step::Hide { handle, seconds }),
        4 => prop_oneof![4 => 1..20_000i64, 1 => 20_000..200_000i64].prop_map(|ms| Step::Pass { ms }),
        1 => Just(Step::Purge),
        1 => Just(Step::Restart),
    ]
}

/// A message as the model sees it.
#[derive(Debug, Clone)]
struct Sent {
    id: String,
    group: u8,
    hidden_until: Millis,
    expires: Millis,
    receives: u32,
    handle: Option<String>,
    released: bool,
}

struct Model {
    fifo: bool,
    /// Receives after which a message goes to the dead-letter queue, where there is one.
    receives_max: Option<u32>,
    /// Ids of those that went.
    dead: Vec<String>,
    alive: Vec<Sent>,
    remembered: HashMap<u8, (Millis, String)>,
}

impl Model {
    fn visible(&self, at: usize, now: Millis) -> bool {
        self.alive[at].hidden_until <= now
    }

    /// Indexes of what a receive gives, by looking at every message.
    fn receive(&mut self, max: usize, now: Millis) -> Vec<usize> {
        let mut taken: Vec<usize> = Vec::new();
        while taken.len() < max {
            let next = if self.fifo { self.next_fifo(&taken, now) } else { self.next(&taken, now) };
            let Some(next) = next else { break };
            if self.receives_max.is_some_and(|max| self.alive[next].receives >= max) {
                self.dead.push(self.alive.remove(next).id);
                taken.iter_mut().filter(|at| **at > next).for_each(|at| *at -= 1);
            } else {
                taken.push(next);
            }
        }
        taken
    }

    fn next(&self, taken: &[usize], now: Millis) -> Option<usize> {
        (0..self.alive.len()).find(|at| self.visible(*at, now) && !taken.contains(at))
    }

    fn next_fifo(&self, taken: &[usize], now: Millis) -> Option<usize> {
        if let Some(last) = taken.last() {
            let group = self.alive[*last].group;
            let behind = (last + 1..self.alive.len()).find(|at| self.alive[*at].group == group);
            if let Some(behind) = behind.filter(|at| self.visible(*at, now)) {
                return Some(behind);
            }
        }
        let leads =
            |at: &usize| !self.alive[..*at].iter().any(|m| m.group == self.alive[*at].group);
        (0..self.alive.len()).filter(leads).find(|at| self.visible(*at, now) && !taken.contains(at))
    }
}

const RETENTION_S: i64 = 120;

/// A queue, and beside it one for its dead letters.
fn queues(core: &mut Core, fifo: bool, receives_max: Option<u32>) -> (&'static str, &'static str) {
    let dead = if fifo { "dead.fifo" } else { "dead" };
    let name = if fifo { "q.fifo" } else { "q" };
    let mut attributes = vec![("MessageRetentionPeriod".to_owned(), RETENTION_S.to_string())];
    if fifo {
        attributes.push(("FifoQueue".to_owned(), "true".to_owned()));
    }
    let fifo_attribute = attributes[1..].iter().cloned().collect();
    let create =
        CreateQueue { queue_name: dead.into(), attributes: fifo_attribute, ..Default::default() };
    core.apply(create).unwrap();
    if let Some(max) = receives_max {
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:{dead}");
        let policy = format!("{{\"deadLetterTargetArn\":\"{arn}\",\"maxReceiveCount\":{max}}}");
        attributes.push(("RedrivePolicy".to_owned(), policy));
    }
    let attributes = attributes.into_iter().collect();
    core.apply(CreateQueue { queue_name: name.into(), attributes, ..Default::default() }).unwrap();
    (name, dead)
}

fn play(fifo: bool, receives_max: Option<u32>, steps: Vec<Step>) {
    let mut core = Core::new();
    let (name, dead) = queues(&mut core, fifo, receives_max);
    let mut model = Model {
        fifo,
        receives_max,
        dead: Vec::new(),
        alive: Vec::new(),
        remembered: HashMap::new(),
    };
    let mut handles: Vec<String> = Vec::new();
    for step in steps {
        let now = core.now;
        model.alive.retain(|m| m.expires > now);
        match step {
            Step::Send { group, deduplication, delay_s } => {
                send(&mut core, &mut model, name, group, deduplication, delay_s);
            }
            Step::Receive { max, visibility_s } => {
                receive(&mut core, &mut model, name, &mut handles, (max, visibility_s));
            }
            Step::Delete { handle } if !handles.is_empty() => {
                let handle = handles[handle % handles.len()].clone();
                delete(&mut core, &mut model, name, handle);
            }
            Step::Hide { handle, seconds } if !handles.is_empty() => {
                let handle = handles[handle % handles.len()].clone();
                hide(&mut core, &mut model, name, handle, seconds);
            }
            Step::Pass { ms } => core.now = Millis(now.0 + ms),
            Step::Purge => {
                core.apply(PurgeQueue { queue_url: name.into() }).unwrap();
                model.alive.clear();
            }
            Step::Restart => core.restart(),
            Step::Delete { .. } | Step::Hide { .. } => {}
        }
    }
    dead_letters(&mut core, &mut model, dead);
    counts(&mut core, &mut model, name);
}

/// What went to the dead-letter queue is there, each once.
fn dead_letters(core: &mut Core, model: &mut Model, dead: &str) {
    let mut buried = Vec::new();
    loop {
        let receive = ReceiveMessage {
            queue_url: dead.into(),
            max_number_of_messages: Some(10),
            ..Default::default()
        };
        let some = core.apply(receive).unwrap().messages;
        // A group of a FIFO queue goes on when its first messages are gone.
        for message in &some {
            let delete = DeleteMessage {
                queue_url: dead.into(),
                receipt_handle: message.receipt_handle.clone(),
            };
            core.apply(delete).unwrap();
        }
        if some.is_empty() {
            break;
        }
        buried.extend(some.into_iter().map(|m| m.message_id));
    }
    buried.sort();
    model.dead.sort();
    assert_eq!(buried, model.dead, "dead letters");
}

/// What is left is where the model has it.
fn counts(core: &mut Core, model: &mut Model, name: &str) {
    let names = vec!["All".to_owned()];
    let now = core.now;
    model.alive.retain(|m| m.expires > now);
    let shown = core
        .apply(GetQueueAttributes { queue_url: name.into(), attribute_names: names })
        .unwrap()
        .attributes;
    let count = |suffix: &str| {
        shown[format!("ApproximateNumberOfMessages{suffix}").as_str()].parse::<usize>().unwrap()
    };
    let visible = (0..model.alive.len()).filter(|at| model.visible(*at, now)).count();
    assert_eq!(count(""), visible);
    assert_eq!(count("NotVisible") + count("Delayed"), model.alive.len() - visible);
}

fn send(
    core: &mut Core,
    model: &mut Model,
    name: &str,
    group: u8,
    deduplication: u8,
    delay_s: i64,
) {
    let now = core.now;
    let sent = core
        .apply(SendMessage {
            queue_url: name.into(),
            message_body: format!("{group}").as_str().into(),
            message_group_id: model.fifo.then(|| format!("g{group}")),
            message_deduplication_id: model.fifo.then(|| format!("d{deduplication}")),
            delay_seconds: (!model.fifo).then_some(delay_s),
            ..Default::default()
        })
        .unwrap();
    if model.fifo {
        model.remembered.retain(|_, (at, _)| at.plus_seconds(300) > now);
        if let Some((_, first)) = model.remembered.get(&deduplication) {
            assert_eq!(*first, sent.message_id);
            return;
        }
        model.remembered.insert(deduplication, (now, sent.message_id.clone()));
    }
    let delay_s = if model.fifo { 0 } else { delay_s };
    model.alive.push(Sent {
        id: sent.message_id,
        group,
        hidden_until: now.plus_seconds(delay_s),
        expires: now.plus_seconds(RETENTION_S),
        receives: 0,
        handle: None,
        released: false,
    });
}

fn receive(
    core: &mut Core,
    model: &mut Model,
    name: &str,
    handles: &mut Vec<String>,
    (max, visibility_s): (i64, i64),
) {
    let now = core.now;
    let expected = model.receive(max as usize, now);
    let received = core
        .apply(ReceiveMessage {
            queue_url: name.into(),
            max_number_of_messages: Some(max),
            visibility_timeout: Some(visibility_s),
            attribute_names: vec!["ApproximateReceiveCount".into()],
            ..Default::default()
        })
        .unwrap()
        .messages;
    let ids: Vec<&str> = received.iter().map(|m| m.message_id.as_str()).collect();
    let wanted: Vec<&str> = expected.iter().map(|at| model.alive[*at].id.as_str()).collect();
    assert_eq!(ids, wanted);
    for (at, message) in expected.into_iter().zip(&received) {
        let sent = &mut model.alive[at];
        sent.receives += 1;
        sent.released = false;
        sent.hidden_until = now.plus_seconds(visibility_s);
        sent.handle = Some(message.receipt_handle.clone());
        assert_eq!(message.attributes["ApproximateReceiveCount"], sent.receives.to_string());
        handles.push(message.receipt_handle.clone());
    }
}

fn delete(core: &mut Core, model: &mut Model, name: &str, handle: String) {
    let now = core.now;
    let last = model.alive.iter().position(|m| m.handle.as_ref() == Some(&handle));
    let done = core.apply(DeleteMessage { queue_url: name.into(), receipt_handle: handle });
    match last {
        Some(at) if !model.fifo || model.hidden(at, now) => {
            done.unwrap();
            model.alive.remove(at);
        }
        Some(_) => assert!(done.is_err(), "a FIFO handle dies with its timeout"),
        // An older handle, or one whose message is gone.
        None => assert!(done.is_ok() || model.fifo),
    }
}

impl Model {
    fn hidden(&self, at: usize, now: Millis) -> bool {
        self.alive[at].hidden_until > now
    }
}

fn hide(core: &mut Core, model: &mut Model, name: &str, handle: String, seconds: i64) {
    let now = core.now;
    let last = model.alive.iter().position(|m| m.handle.as_ref() == Some(&handle));
    let done = core.apply(ChangeMessageVisibility {
        queue_url: name.into(),
        receipt_handle: handle,
        visibility_timeout: Some(seconds),
    });
    match last {
        Some(at) if !model.alive[at].released && (!model.fifo || model.hidden(at, now)) => {
            done.unwrap();
            model.alive[at].hidden_until = now.plus_seconds(seconds);
            model.alive[at].released = seconds == 0;
        }
        _ => assert!(done.is_err()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_standard_queue_does_what_a_plain_list_would(steps in prop::collection::vec(step(), 1..120)) {
        play(false, None, steps);
    }

    #[test]
    fn a_fifo_queue_does_what_a_plain_list_would(steps in prop::collection::vec(step(), 1..120)) {
        play(true, None, steps);
    }

    #[test]
    fn dead_letters_of_a_standard_queue_are_all_in_one_place(
        max in 1..4u32, steps in prop::collection::vec(step(), 1..120)
    ) {
        play(false, Some(max), steps);
    }

    #[test]
    fn dead_letters_of_a_fifo_queue_are_all_in_one_place(
        max in 1..4u32, steps in prop::collection::vec(step(), 1..120)
    ) {
        play(true, Some(max), steps);
    }
}
