//! What the provisioner says: admissions for who asked for a certificate, and the list of revoked ones.

use super::{Calls, Refused};
use crate::ingest::Sessions;
use crate::ingest::session::SessionEvent;
use crate::link::Outcome;
use bytes::Bytes;
use spokegate_contract::limits::ADMISSIONS_MAX;
use spokegate_contract::record::{AdmissionBody, AdmissionsBody, CrlBody};
use spokegate_contract::{Address, ENROLMENT_TENANT, Envelope, FailureClass};

impl Calls {
    /// Hands admissions to their sessions: all of them, or none when any is at fault.
    pub(in crate::ingest) fn admissions(call: u64, body: &Bytes, sessions: &Sessions) -> Outcome {
        super::outcome(call, try_admissions(body, sessions))
    }

    /// Hands a revocation list to the session towards the enrolment door.
    pub(in crate::ingest) fn crl(call: u64, body: &Bytes, sessions: &Sessions) -> Outcome {
        super::outcome(call, try_crl(body, sessions))
    }
}

fn try_admissions(body: &Bytes, sessions: &Sessions) -> Result<(), Refused> {
    let body: AdmissionsBody = serde_json::from_slice(body)
        .map_err(|error| refused(400, format!("the admissions are malformed: {error}")))?;
    if body.admissions.len() > ADMISSIONS_MAX {
        let detail = format!(
            "{} admissions, allowed are {ADMISSIONS_MAX}",
            body.admissions.len()
        );
        return Err(refused(400, detail));
    }
    let events = body
        .admissions
        .iter()
        .map(|admission| event(admission, sessions))
        .collect::<Result<Vec<_>, _>>()?;
    for (session, event) in events {
        session.try_send(event).map_err(|_| busy())?;
    }
    Ok(())
}

type Session = tokio::sync::mpsc::Sender<SessionEvent>;

fn event<'a>(
    body: &AdmissionBody,
    sessions: &'a Sessions,
) -> Result<(&'a Session, SessionEvent), Refused> {
    let address = body.address();
    let session = sessions.get(&address.tenant).ok_or_else(|| {
        let detail = format!("tenant {} is not served by this sanitizer", address.tenant);
        refused(404, detail)
    })?;
    if address.tenant.as_str() == ENROLMENT_TENANT && !address.is_door() {
        return Err(refused(404, format!("{address} is not the enrolment door")));
    }
    let admission = body
        .admission()
        .map_err(|error| refused(400, format!("the admission for {address}: {error}")))?;
    let event = SessionEvent::Admission {
        satellite: address.satellite,
        payload: admission.encode().into(),
    };
    Ok((session, event))
}

fn try_crl(body: &Bytes, sessions: &Sessions) -> Result<(), Refused> {
    let body: CrlBody = serde_json::from_slice(body)
        .map_err(|error| refused(400, format!("the revocation list is malformed: {error}")))?;
    let list = body
        .envelope()
        .map_err(|error| refused(400, format!("the revocation list: {error}")))?;
    let session = sessions.get(&Address::door().tenant).ok_or_else(|| {
        let detail = "this sanitizer serves no enrolment door (enrolment = false)";
        refused(404, detail.to_owned())
    })?;
    let event = SessionEvent::RevocationList(list.encode().into());
    session.try_send(event).map_err(|_| busy())
}

fn refused(status: u16, detail: String) -> Refused {
    (status, FailureClass::Refused, detail)
}

fn busy() -> Refused {
    refused(503, "too many calls wait; try again".to_owned())
}

#[cfg(test)]
mod tests;
