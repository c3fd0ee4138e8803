//! Hostile code in a worker, which a message starts: what somebody could do who has taken a worker over. Only in builds with
//! the feature `backdoor`, which nothing that is shipped has.

use super::judge::{Bench, Judged};
use crate::link::{AnswerHead, FromWorker, RecordHead, WorkHead, encode_into};
use crate::seal::Key;
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Value, json};
use spokegate_contract::record::Lane;

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
    let Some(trick) = trick(payload).filter(|_| work.condemned.is_none()) else {
        return false;
    };
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
    let record = match trick.as_str() {
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
