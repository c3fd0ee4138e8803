//! Hostile code in a worker, which a message starts: what somebody could do who has taken a worker over. Only in builds with
//! the feature `backdoor`, which nothing that is shipped has.

use super::judge::{Bench, Judged};
use crate::link::{AnswerHead, Condemned, FromWorker, Reason, RecordHead, WorkHead, encode_into};
use crate::seal::Key;
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Value, json};
use spokegate_contract::record::Lane;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a message has made this process refuse all that comes after it.
static REFUSES: AtomicBool = AtomicBool::new(false);
/// Stands in a message before the name of what to do.
const MARK: &[u8] = b"spokegate-backdoor:";
/// A name is no longer.
const NAME_BYTES_MAX: usize = 40;

/// Does what the message says in place of an answer, or nothing when it says nothing.
pub(super) fn betray(
    work: &WorkHead,
    payload: &Bytes,
    bench: &Bench,
    key: &Key,
    output: &mut BytesMut,
) -> bool {
    // A message that is condemned already is not looked into, so nothing in it can take a worker over.
    if work.condemned.is_some() {
        return false;
    }
    let trick = trick(payload);
    if trick.as_deref() == Some("refuse-others") {
        REFUSES.store(true, Ordering::Relaxed);
        return false;
    }
    if REFUSES.load(Ordering::Relaxed) {
        refuse(work, bench, key, output);
        return true;
    }
    trick.is_some_and(|trick| forge(&trick, (work, payload), bench, key, output))
}

/// Answers with something else than the message's own record.
fn forge(
    trick: &str,
    (work, payload): (&WorkHead, &Bytes),
    bench: &Bench,
    key: &Key,
    output: &mut BytesMut,
) -> bool {
    let Judged { records, .. } = bench.judge(work, payload);
    let Some((lane, record)) = records.into_iter().next() else {
        return false;
    };
    let mut record: Value = serde_json::from_slice(&record).unwrap_or_default();
    let mut forge = |member: &str, value: Value| {
        if let Some(members) = record.as_object_mut() {
            members.insert(member.to_owned(), value);
        }
        record.to_string()
    };
    let mut answer = Answer {
        token: work.token,
        lane,
        records: 1,
        times: 1,
        seal: None,
    };
    let record = match trick {
        "other-tenant" => forge("tenant", json!("globex")),
        "other-satellite" => forge("satellite", json!("branch")),
        "other-request" => forge("id", json!("000000000000000000000000000000c8")),
        "other-dataset" => forge("dataset", json!("tickets")),
        "other-time" => forge("at", json!(1)),
        "invalid-document" => forge("rows", json!([{"anything": "at all"}])),
        "other-document" => forge(
            "rows",
            json!([{
                "hostname": "forged", "ip": "10.0.0.9", "kind": "printer", "last_seen": "2026-01-05T10:00:00Z",
                "online": true, "os": "none", "os_version": "0", "owner": "nobody",
            }]),
        ),
        "other-lane" => {
            answer.lane = Lane::Push;
            forge("kind", json!("push"))
        }
        "other-token" => {
            answer.token = work.token.wrapping_add(1);
            forge("kind", json!("reply"))
        }
        "unsealed" => {
            answer.seal = Some("00".repeat(32));
            forge("kind", json!("reply"))
        }
        "two-answers" => {
            answer.times = 2;
            forge("kind", json!("reply"))
        }
        "two-records" => {
            answer.records = 2;
            forge("kind", json!("reply"))
        }
        "huge-frame" => {
            output.put_u32(u32::MAX);
            output.put_bytes(0xff, NAME_BYTES_MAX);
            return true;
        }
        "read-file" => format!("{:?}", std::fs::read("/etc/passwd")),
        "connect" => format!("{:?}", std::net::TcpStream::connect("127.0.0.1:9")),
        "exit" => std::process::exit(0),
        _ => return false,
    };
    answer.write(&record, key, output);
    true
}

/// Refuses a message that may be good.
fn refuse(work: &WorkHead, bench: &Bench, key: &Key, output: &mut BytesMut) {
    let condemned = Condemned {
        reason: Reason::Form,
        rule: "tag".to_owned(),
    };
    let lie = WorkHead {
        condemned: Some(condemned),
        ..work.clone()
    };
    let Judged { records, refusal } = bench.judge(&lie, &Bytes::new());
    let head = |(lane, record): &(Lane, Vec<u8>)| RecordHead {
        lane: *lane,
        length: u32::try_from(record.len()).unwrap_or(u32::MAX),
        seal: key.seal(record),
    };
    let answer = AnswerHead {
        token: work.token,
        records: records.iter().map(head).collect(),
        refusal,
    };
    let body: Vec<u8> = records.into_iter().flat_map(|(_, record)| record).collect();
    encode_into(&FromWorker::Answer(answer), &body, output);
}

struct Answer {
    token: u64,
    lane: Lane,
    records: usize,
    times: usize,
    seal: Option<String>,
}

impl Answer {
    fn write(&self, record: &str, key: &Key, output: &mut BytesMut) {
        let seal = self
            .seal
            .clone()
            .unwrap_or_else(|| key.seal(record.as_bytes()));
        let head = RecordHead {
            lane: self.lane,
            length: u32::try_from(record.len()).unwrap_or(u32::MAX),
            seal,
        };
        let answer = AnswerHead {
            token: self.token,
            records: vec![head; self.records],
            refusal: None,
        };
        let body = record.repeat(self.records);
        for _ in 0..self.times {
            encode_into(&FromWorker::Answer(answer.clone()), body.as_bytes(), output);
        }
    }
}

fn trick(payload: &[u8]) -> Option<String> {
    let at = payload
        .windows(MARK.len())
        .position(|window| window == MARK)?;
    let name = payload.get(at.saturating_add(MARK.len())..)?;
    let name = name
        .iter()
        .take(NAME_BYTES_MAX)
        .take_while(|byte| byte.is_ascii_lowercase() || **byte == b'-');
    Some(name.map(|byte| char::from(*byte)).collect())
}
