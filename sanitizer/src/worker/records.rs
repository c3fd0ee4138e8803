//! Records in canonical JSON.

use super::judge::Data;
use crate::link::{BudgetNews, Reason, RefusalHead, WorkHead};
use bytes::Bytes;
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::value::RawValue;
use spokegate_contract::envelope::{
    CommandOutcome, CommandResult, Enrol, EnrolRequest, Hello, Presence, Push, Reply, Status,
    Validity,
};
use spokegate_contract::limits::{FAILURE_TEXT_BYTES_MAX, VERSION_TEXT_BYTES_MAX};
use spokegate_contract::record::{Flat, Lane, Served};
use spokegate_contract::text::one_line;
use spokegate_contract::{DatasetId, ENROLMENT_TENANT, Failure, RequestId, Shape, hex};
use std::io::{self, Write};

pub(super) fn reply(work: &WorkHead, reply: &Reply, data: &Data, last: bool) -> Vec<u8> {
    let mut flat = blank(work, "reply");
    flat.id = Some(reply.id);
    flat.dataset.clone_from(&work.dataset);
    flat.version = work.version;
    flat.sequence = Some(u64::from(reply.sequence));
    flat.captured_at = reply.captured_at_ms;
    flat.last = Some(last);
    written_with(flat, data)
}

pub(super) fn push(work: &WorkHead, push: &Push, data: &Data) -> Vec<u8> {
    let mut flat = blank(work, "push");
    flat.dataset.clone_from(&work.dataset);
    flat.version = Some(push.version);
    flat.epoch = Some(push.epoch);
    flat.sequence = Some(push.sequence);
    flat.captured_at = Some(push.captured_at_ms);
    written_with(flat, data)
}

pub(super) fn failure(work: &WorkHead, id: RequestId, failure: Failure) -> Vec<u8> {
    let mut flat = blank(work, "reply");
    flat.id = Some(id);
    flat.dataset.clone_from(&work.dataset);
    flat.version = work.version;
    flat.last = Some(true);
    flat.failure = Some(failure);
    written(&flat)
}

pub(super) fn hello(work: &WorkHead, hello: &Hello) -> Vec<u8> {
    let mut flat = blank(work, "hello");
    flat.agent_version = Some(one_line(&hello.agent_version, VERSION_TEXT_BYTES_MAX).into());
    flat.epoch = Some(hello.epoch);
    flat.last_sequence = Some(hello.last_sequence);
    flat.acked_sequence = Some(hello.acked_sequence);
    let served = |(dataset, version): &(_, u16)| Served {
        dataset: Clone::clone(dataset),
        version: *version,
    };
    flat.datasets = Some(hello.datasets.iter().map(served).collect());
    written(&flat)
}

pub(super) fn status(work: &WorkHead, status: &Status) -> Vec<u8> {
    let mut flat = blank(work, "status");
    flat.agent_version = Some(one_line(&status.agent_version, VERSION_TEXT_BYTES_MAX).into());
    flat.sent_at = Some(status.at_ms);
    flat.spool_messages = Some(status.spool_messages);
    flat.spool_bytes = Some(status.spool_bytes);
    flat.spool_oldest = status.spool_oldest_ms;
    flat.restart_due = status.restart_due_ms;
    flat.node_red = Some(status.node_red.as_str().into());
    flat.not_before = status.certificate.map(Validity::not_before_s);
    flat.not_after = status.certificate.map(Validity::not_after_s);
    written(&flat)
}

/// Of the signing request nothing goes on but the public key.
pub(super) fn enrol(work: &WorkHead, enrol: &Enrol, public_key: &[u8]) -> Vec<u8> {
    let mut flat = blank(work, "enrol");
    flat.id = Some(enrol.id);
    flat.public_key = Some(hex::encode(public_key).into());
    flat.peer = enrol.peer.as_deref().map(Into::into);
    match &enrol.request {
        EnrolRequest::Join { token, proof } => {
            flat.request = Some("join".into());
            flat.token = Some(token.as_str().into());
            flat.proof = Some(hex::encode(proof).into());
        }
        EnrolRequest::Renew { serial, signature } => {
            flat.request = Some("renew".into());
            flat.serial = Some(hex::encode(serial).into());
            flat.signature = Some(hex::encode(signature).into());
        }
    }
    written(&flat)
}

/// The detail is a person's to read: one clean line.
pub(super) fn result(work: &WorkHead, result: &CommandResult) -> Vec<u8> {
    let mut flat = blank(work, "result");
    flat.id = Some(result.id);
    let told = |detail: &str| Some(one_line(detail, FAILURE_TEXT_BYTES_MAX).into());
    match &result.outcome {
        CommandOutcome::Wants { from, count } => {
            flat.state = Some("wants".into());
            flat.first = Some(u64::from(*from));
            flat.count = Some(u64::from(*count));
        }
        CommandOutcome::Done { detail } => {
            flat.state = Some("done".into());
            flat.detail = told(detail);
        }
        CommandOutcome::Failed { fault, detail } => {
            flat.state = Some("failed".into());
            flat.reason = Some(fault.as_str().into());
            flat.detail = told(detail);
        }
    }
    written(&flat)
}

pub(super) fn presence(work: &WorkHead, presence: Presence) -> Vec<u8> {
    let mut flat = blank(work, "presence");
    flat.online = Some(presence.online);
    written(&flat)
}

/// How a satellite stands, as the supervisor says.
pub(super) fn budget(work: &WorkHead, news: BudgetNews) -> Vec<u8> {
    let mut flat = blank(work, "budget");
    flat.state = Some(news.state.as_str().into());
    flat.ends_at = Some(news.until_ms);
    written(&flat)
}

/// An answer of a suspended satellite: the failure that ends the pull.
pub(super) fn held_off(work: &WorkHead) -> Vec<(Lane, Vec<u8>)> {
    let detail = "the satellite is suspended, because too much of what it sent was refused";
    let failed = |id| {
        let failure = Failure::new(Reason::Budget.class(), detail);
        (Lane::Reply, self::failure(work, id, failure))
    };
    work.id.map(failed).into_iter().collect()
}

/// A refused message: its quarantine record and, for an answer to a pull, the failure that ends the pull.
pub(super) fn refused(
    work: &WorkHead,
    dataset: Option<&DatasetId>,
    payload: &Bytes,
    refusal: &RefusalHead,
) -> Vec<(Lane, Vec<u8>)> {
    // What strangers post at the enrolment door is no customer's: folder, audit and counters have it, the centre has not.
    if work.tenant.as_str() == ENROLMENT_TENANT {
        return Vec::new();
    }
    let sha256 = hex::encode(digest(&SHA256, payload).as_ref());
    let mut flat = blank(work, "quarantine");
    flat.channel = Some(work.channel.as_str().into());
    flat.dataset = dataset.cloned();
    flat.reason = Some(refusal.reason.as_str().into());
    flat.rule = Some(refusal.rule.as_str().into());
    flat.pointer = Some(refusal.pointer.as_str().into());
    flat.found = refusal.found.as_deref().map(Into::into);
    flat.size_bytes = Some(payload.len() as u64);
    flat.sha256 = Some(sha256.into());
    flat.id = work.id;
    flat.file = Some(work.quarantine_id());
    // A push whose envelope can be read is disposed of by name, so that its spool moves on.
    if let Some((epoch, sequence)) = work.push {
        flat.epoch = Some(epoch);
        flat.sequence = Some(sequence);
    }
    let mut records = vec![(Lane::Quarantine, written(&flat))];
    if let Some(id) = work.id {
        let place = if refusal.pointer.is_empty() {
            "/"
        } else {
            &refusal.pointer
        };
        let found = refusal.found.as_ref();
        let found = found.map_or_else(String::new, |found| format!(", found {found}"));
        let detail = one_line(
            &format!("{place}: {}{found}", refusal.rule),
            FAILURE_TEXT_BYTES_MAX,
        );
        records.push((
            Lane::Reply,
            failure(work, id, Failure::new(refusal.reason.class(), &detail)),
        ));
    }
    records
}

/// The record with the data where its one raw member stands: canonical JSON already, and never read again here.
fn written_with(mut flat: Flat<'_>, data: &Data) -> Vec<u8> {
    match data.shape {
        Shape::Rows => flat.rows = Some(RawValue::NULL),
        Shape::Document => flat.document = Some(RawValue::NULL),
    }
    let mut out = Vec::with_capacity(data.json.len().saturating_add(512));
    let mut writer = Serializer::with_formatter(&mut out, InPlaceOfRaw(&data.json));
    flat.serialize(&mut writer)
        .expect("writing plain data into memory cannot fail");
    out
}

/// Compact JSON whose raw members are written as these bytes.
struct InPlaceOfRaw<'a>(&'a [u8]);

impl Formatter for InPlaceOfRaw<'_> {
    fn write_raw_fragment<W: ?Sized + Write>(&mut self, out: &mut W, _: &str) -> io::Result<()> {
        out.write_all(self.0)
    }
}

fn written(flat: &Flat<'_>) -> Vec<u8> {
    serde_json::to_vec(flat).expect("writing plain data into memory cannot fail")
}

fn blank<'a>(work: &'a WorkHead, kind: &'a str) -> Flat<'a> {
    Flat::new(
        kind,
        work.tenant.clone(),
        work.satellite.clone(),
        work.at_ms,
    )
}
