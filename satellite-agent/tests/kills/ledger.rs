//! What was promised to flows, and what came to the other side of the broker.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Value, json};
use spokegate_contract::envelope::{Hello, Push, Status};
use spokegate_contract::{Channel, Envelope, Topic, cbor};

/// The flows of each satellite push one of these each.
pub(crate) const DATASETS: [&str; 2] = ["alerts", "jobs"];
/// So that each number is written in as many bytes.
const FIRST: u64 = 1_000_000;

/// The rows of a flow's push: no two pushes of a flow are alike.
pub(crate) fn content(number: u64) -> Value {
    // Now and then one that travels in many pieces.
    let pad = if number.is_multiple_of(37) {
        30_000
    } else {
        number * 61 % 900
    };
    json!([{ "n": FIRST + number, "pad": "x".repeat(pad as usize) }])
}

/// What names a push: epoch and sequence.
pub(crate) type Id = (u64, u64);

/// One satellite's pushes.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Answered with 202: the dataset's place, and the flow's number.
    promised: BTreeMap<Id, (usize, u64)>,
    /// What came, and how often.
    came: BTreeMap<Id, (Bytes, u64)>,
    /// Each dataset's latest sequence that came for the first time.
    latest: [u64; DATASETS.len()],
    /// All up to here came, or is gone for good.
    through: u64,
    epoch: u64,
    /// Something came since the last ack.
    is_due: bool,
    /// By its own word the satellite's spool is empty.
    pub(crate) is_empty: bool,
    /// Rules that were broken.
    pub(crate) faults: BTreeSet<String>,
}

impl Ledger {
    /// Notes an answer of 202.
    pub(crate) fn promise(&mut self, id: Id, lane: usize, number: u64) {
        if self.promised.insert(id, (lane, number)).is_some() {
            self.faults.insert(format!("{id:?} was promised twice"));
        }
        self.is_empty = false;
    }

    /// How many pushes were answered with 202.
    pub(crate) fn promised(&self) -> usize {
        self.promised.len()
    }

    /// Takes a message of the satellite.
    pub(crate) fn take(&mut self, topic: &Topic, payload: &Bytes) {
        match &topic.channel {
            Channel::Push(dataset) => {
                let lane = DATASETS.iter().position(|name| *name == dataset.as_str());
                self.take_push(lane.unwrap(), Push::decode(payload).unwrap());
            }
            Channel::Hello => {
                let hello = Hello::decode(payload).unwrap();
                self.learn(hello.epoch);
                // What it no longer holds never comes.
                self.through = self.through.max(hello.acked_sequence);
            }
            Channel::Status => {
                self.is_empty = Status::decode(payload).unwrap().spool_messages == 0;
            }
            _ => {}
        }
    }

    fn learn(&mut self, epoch: u64) {
        if self.epoch != 0 && self.epoch != epoch {
            let change = format!("epoch {} became {epoch}: a spool was lost", self.epoch);
            self.faults.insert(change);
        }
        self.epoch = epoch;
    }

    fn take_push(&mut self, lane: usize, push: Push) {
        self.learn(push.epoch);
        self.is_due = true;
        let id = (push.epoch, push.sequence);
        if let Some((body, times)) = self.came.get_mut(&id) {
            *times += 1;
            if *body != push.body {
                self.faults.insert(format!("{id:?} came with two bodies"));
            }
            return;
        }
        self.came.insert(id, (push.body, 1));
        if self.latest[lane] > push.sequence {
            let (dataset, latest) = (DATASETS[lane], self.latest[lane]);
            let disorder = format!("{dataset}: {} came after {latest}", push.sequence);
            self.faults.insert(disorder);
        }
        self.latest[lane] = push.sequence;
    }

    /// What the centre acknowledges now, if it has anything to say.
    pub(crate) fn ack(&mut self) -> Option<Id> {
        while self.came.contains_key(&(self.epoch, self.through + 1)) {
            self.through += 1;
        }
        std::mem::take(&mut self.is_due).then_some((self.epoch, self.through))
    }

    /// Promised, and not there yet.
    pub(crate) fn missing(&self) -> Vec<Id> {
        let missing = |id: &&Id| !self.came.contains_key(id);
        self.promised.keys().filter(missing).copied().collect()
    }

    /// Repeats of an id, and pushes that came though nobody was told that they would.
    pub(crate) fn surplus(&self) -> (u64, usize) {
        let repeats = self.came.values().map(|(_, times)| times - 1).sum();
        let unasked = |id: &&Id| !self.promised.contains_key(id);
        (repeats, self.came.keys().filter(unasked).count())
    }

    /// The rules that hold once everything came.
    pub(crate) fn verdict(&self) -> BTreeSet<String> {
        let mut faults = self.faults.clone();
        let mut numbers = [0; DATASETS.len()];
        for (id, (lane, number)) in &self.promised {
            let mut expected = Vec::new();
            cbor::from_json(&content(*number), &mut expected).unwrap();
            if self.came.get(id).is_none_or(|(body, _)| *body != expected) {
                faults.insert(format!("{id:?} is not what was promised"));
            }
            if numbers[*lane] >= *number {
                let dataset = DATASETS[*lane];
                faults.insert(format!(
                    "{dataset}: {number} was numbered {id:?}, too early"
                ));
            }
            numbers[*lane] = *number;
        }
        faults
    }
}

#[test]
fn a_ledger_sees_loss_disorder_and_change() {
    let push = |sequence, number| {
        let mut body = Vec::new();
        cbor::from_json(&content(number), &mut body).unwrap();
        Push {
            epoch: 7,
            sequence,
            version: 1,
            captured_at_ms: 1,
            shape: spokegate_contract::Shape::Rows,
            body: body.into(),
        }
    };
    let mut good = Ledger::default();
    for number in 1..=3 {
        good.promise((7, number), 0, number);
        good.take_push(0, push(number, number));
    }
    good.take_push(0, push(2, 2));
    assert_eq!((good.missing(), good.verdict()), (vec![], BTreeSet::new()));
    assert_eq!((good.surplus(), good.ack()), ((1, 0), Some((7, 3))));
    assert_eq!(good.ack(), None);

    let mut bad = Ledger::default();
    for number in 1..=3 {
        bad.promise((7, number), 0, number);
    }
    bad.take_push(0, push(3, 3));
    bad.take_push(0, push(1, 1));
    bad.take_push(0, push(1, 9));
    assert_eq!((bad.missing(), bad.ack()), (vec![(7, 2)], Some((7, 1))));
    bad.learn(8);
    let told: Vec<_> = bad.verdict().into_iter().collect();
    assert_eq!(
        told,
        [
            "(7, 1) came with two bodies",
            "(7, 2) is not what was promised",
            "alerts: 1 came after 3",
            "epoch 7 became 8: a spool was lost",
        ]
    );
}
