//! What fuzzing and the corpus tests hold the parsers of this crate to; both include this file.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use spokegate_contract::Envelope;
use spokegate_contract::envelope::{
    Ack, Admission, Command, CommandResult, Crl, Enrol, Hello, Parcel, Presence, PullRequest, Push,
    Reply, Status,
};
use spokegate_contract::parcel_index::ParcelIndex;
use spokegate_contract::record::{
    AckBody, AdmissionsBody, CommandsBody, CrlBody, ErrorBody, Flat, Line, PullBody, Record,
    RequestBody,
};

/// What decodes, encodes to the same bytes.
pub(crate) fn envelopes(payload: &[u8]) {
    let payload = Bytes::copy_from_slice(payload);
    envelope::<PullRequest>(&payload);
    envelope::<Ack>(&payload);
    envelope::<Reply>(&payload);
    envelope::<Push>(&payload);
    envelope::<Hello>(&payload);
    envelope::<Status>(&payload);
    envelope::<Presence>(&payload);
    envelope::<Enrol>(&payload);
    envelope::<Admission>(&payload);
    envelope::<Crl>(&payload);
    envelope::<Command>(&payload);
    envelope::<Parcel>(&payload);
    envelope::<CommandResult>(&payload);
}

fn envelope<T: Envelope>(payload: &Bytes) {
    if let Ok(message) = T::decode(payload) {
        assert_eq!(message.encode(), payload.as_ref());
    }
}

/// What is read as an index, is written so that it is read as the same, and its paths stay where they belong. Says whether
/// it was read.
pub(crate) fn parcel_index(line: &[u8]) -> bool {
    let Ok(index) = ParcelIndex::read(line) else {
        return false;
    };
    let written = index.line().expect("what was read can be written");
    let (end, written) = written.split_last().expect("a line has an end");
    assert_eq!(
        (*end, ParcelIndex::read(written)),
        (b'\n', Ok(index.clone()))
    );
    for module in &index.modules {
        for path in module
            .files
            .iter()
            .map(|file| file.path.as_str())
            .chain([module.name.as_str()])
        {
            let mut parts = std::path::Path::new(path).components();
            assert!(
                parts.all(|part| matches!(part, std::path::Component::Normal(_))),
                "{path}"
            );
        }
    }
    true
}

/// What the second hop's bodies are read as, is written so that it is read as the same; what goes on to a satellite fits
/// its envelope. Says whether any of them took it.
pub(crate) fn relay_api(text: &[u8]) -> bool {
    let mut taken = body::<PullBody>(text) | body::<RequestBody>(text) | body::<AckBody>(text);
    taken |= body::<ErrorBody>(text) | body::<AdmissionsBody>(text) | body::<CrlBody>(text);
    taken |= body::<CommandsBody>(text);
    if let Ok(answers) = serde_json::from_slice::<AdmissionsBody>(text) {
        for answer in answers.admissions {
            if let Ok(admission) = answer.admission() {
                assert!(Admission::decode(&admission.encode().into()) == Ok(admission));
            }
        }
    }
    if let Ok(list) = serde_json::from_slice::<CrlBody>(text)
        && let Ok(list) = list.envelope()
    {
        assert!(Crl::decode(&list.encode().into()) == Ok(list));
    }
    if let Ok(orders) = serde_json::from_slice::<CommandsBody>(text) {
        for order in orders.commands {
            if let Ok((_, command)) = order.command() {
                assert!(Command::decode(&command.encode().into()) == Ok(command));
            }
        }
        for part in orders.parcels {
            if let Ok(parcel) = part.parcel() {
                assert!(Parcel::decode(&parcel.encode().into()) == Ok(parcel));
            }
        }
    }
    if let Ok(line) = serde_json::from_slice::<Line<'_>>(text) {
        record(line.record.get());
        taken = true;
    }
    taken | std::str::from_utf8(text).is_ok_and(record)
}

fn body<T: Serialize + DeserializeOwned>(text: &[u8]) -> bool {
    let Ok(body) = serde_json::from_slice::<T>(text) else {
        return false;
    };
    let once = serde_json::to_vec(&body).expect("a body that was read can be written");
    let again: T = serde_json::from_slice(&once).expect("a body that was written can be read");
    let twice = serde_json::to_vec(&again).expect("a body that was read can be written");
    assert!(once == twice, "a body is written as one text");
    true
}

fn record(text: &str) -> bool {
    serde_json::from_str::<Flat<'_>>(text).is_ok_and(|flat| Record::try_from(flat).is_ok())
}
