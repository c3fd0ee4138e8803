//! What the centre asks: checked here, done by the session of the tenant.

mod commands;
mod enrolment;

pub(in crate::ingest) use commands::Order;

use super::Sessions;
use super::session::SessionEvent;
use crate::body::{BodyLimits, decode};
use crate::contracts::Contract;
use crate::link::{CallVerb, Outcome};
use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use spokegate_contract::envelope::{Ack, PullRequest};
use spokegate_contract::limits::{
    CLOCK_SKEW_MS_MAX, CREDIT_CHUNKS, DEADLINE_MS_MAX, PARAMS_BYTES_MAX, PULL_CHUNKS_MAX,
};
use spokegate_contract::record::{AckBody, RequestBody};
use spokegate_contract::{
    DatasetId, Envelope, FailureClass, Kind, Registry, SatelliteId, TenantId, cbor,
};
use std::collections::HashMap;
use std::path::Path;

/// Calls are checked against these.
pub(super) struct Calls {
    params: HashMap<(DatasetId, u16), Contract>,
}

/// A refused call: HTTP status, class, sentence.
type Refused = (u16, FailureClass, String);

impl Calls {
    /// Compiles the parameters' contracts.
    pub(super) fn open(schemas: &Path) -> anyhow::Result<Calls> {
        let registry = Registry::open(schemas)
            .with_context(|| format!("open the schema folder {}", schemas.display()))?;
        let mut params = HashMap::new();
        for dataset in registry.iter().filter(|dataset| dataset.allows(Kind::Pull)) {
            let contract = Contract::compile(&dataset.params_schema).map_err(|error| {
                anyhow!("compile the parameters of dataset {}: {error}", dataset.id)
            })?;
            params.insert((dataset.id.clone(), dataset.version), contract);
        }
        Ok(Calls { params })
    }

    /// Does what the centre asks; nothing comes back when a session will answer.
    pub(super) fn take(
        &self,
        call: u64,
        verb: CallVerb,
        body: &Bytes,
        now_ms: u64,
        sessions: &Sessions,
    ) -> Option<Outcome> {
        match verb {
            CallVerb::Requests => self.request(call, body, now_ms, sessions),
            CallVerb::Acks => Some(self.acks(call, body, sessions)),
            CallVerb::Admissions => Some(Calls::admissions(call, body, sessions)),
            CallVerb::Commands => Calls::commands(call, body, sessions),
            CallVerb::Crl => Some(Calls::crl(call, body, sessions)),
            // The leases' own.
            CallVerb::Leases(_) => None,
        }
    }

    /// Checks a request and hands it to its session; what comes back is a refusal.
    fn request(
        &self,
        call: u64,
        body: &Bytes,
        now_ms: u64,
        sessions: &Sessions,
    ) -> Option<Outcome> {
        self.try_request(call, body, now_ms, sessions)
            .err()
            .map(|refused| outcome(call, Err(refused)))
    }

    fn try_request(
        &self,
        call: u64,
        body: &Bytes,
        now_ms: u64,
        sessions: &Sessions,
    ) -> Result<(), Refused> {
        let refused = |status: u16, detail: String| (status, FailureClass::Refused, detail);
        let request: RequestBody = serde_json::from_slice(body)
            .map_err(|error| refused(400, format!("the request is malformed: {error}")))?;
        let Some(session) = sessions.get(&request.tenant) else {
            return Err(refused(
                404,
                format!("tenant {} is not served by this sanitizer", request.tenant),
            ));
        };
        let key = (request.dataset.clone(), request.version);
        let contract = self.params.get(&key).ok_or_else(|| {
            refused(
                404,
                format!(
                    "dataset {} version {} cannot be pulled",
                    request.dataset, request.version
                ),
            )
        })?;
        let latest_ms = now_ms
            .saturating_add(DEADLINE_MS_MAX)
            .saturating_add(CLOCK_SKEW_MS_MAX);
        if request.deadline_ms <= now_ms || request.deadline_ms > latest_ms {
            return Err(refused(
                400,
                "the deadline has passed or is too far away".to_owned(),
            ));
        }
        if !(1..=PULL_CHUNKS_MAX).contains(&request.credit) {
            return Err(refused(
                400,
                format!(
                    "credit is {}, allowed is 1 to {PULL_CHUNKS_MAX}, usual {CREDIT_CHUNKS}",
                    request.credit
                ),
            ));
        }
        let params = encode_params(contract, &request)?;
        let pull = PullRequest {
            id: request.id,
            version: request.version,
            params,
            deadline_ms: request.deadline_ms,
            credit: request.credit,
        };
        let event = SessionEvent::Request {
            call,
            id: request.id,
            satellite: request.satellite,
            dataset: request.dataset,
            version: request.version,
            deadline_ms: request.deadline_ms,
            payload: pull.encode().into(),
        };
        session
            .try_send(event)
            .map_err(|_| refused(503, "too many calls wait; try again".to_owned()))
    }

    /// Hands acknowledgements to their sessions. They are cumulative, so one that is lost is repeated by the next.
    fn acks(&self, call: u64, body: &Bytes, sessions: &Sessions) -> Outcome {
        let acks: AckBody = match serde_json::from_slice(body) {
            Ok(acks) => acks,
            Err(error) => {
                let detail = format!("the acknowledgement is malformed: {error}");
                return outcome(call, Err((400, FailureClass::Refused, detail)));
            }
        };
        let send = |tenant: &TenantId, satellite: SatelliteId, ack: Ack| {
            if let Some(session) = sessions.get(tenant) {
                // See above.
                let _ = session.try_send(SessionEvent::Ack { satellite, ack });
            }
        };
        for mark in acks.push {
            send(
                &mark.tenant,
                mark.satellite,
                Ack::Push {
                    epoch: mark.epoch,
                    sequence: mark.sequence,
                },
            );
        }
        for grant in acks.credit {
            send(
                &grant.tenant,
                grant.satellite,
                Ack::Credit {
                    id: grant.id,
                    chunks: grant.chunks,
                },
            );
        }
        for cancel in acks.cancel {
            send(
                &cancel.tenant,
                cancel.satellite,
                Ack::Cancel { id: cancel.id },
            );
        }
        outcome(call, Ok(()))
    }
}

/// The answer to a call that is done, or refused, at once.
fn outcome(call: u64, result: Result<(), Refused>) -> Outcome {
    let (status, class, detail) = match result {
        Ok(()) => (204, None, String::new()),
        Err((status, class, detail)) => (status, Some(class), detail),
    };
    Outcome {
        call,
        status,
        class,
        detail,
    }
}

fn encode_params(contract: &Contract, request: &RequestBody) -> Result<Bytes, Refused> {
    let invalid = |detail: String| (422, FailureClass::Invalid, detail);
    let mut params = Vec::new();
    cbor::from_json(&request.params, &mut params)
        .map_err(|error| invalid(format!("parameters: {error}")))?;
    if params.len() > PARAMS_BYTES_MAX {
        return Err(invalid(format!(
            "parameters of {} bytes, allowed are {PARAMS_BYTES_MAX}",
            params.len()
        )));
    }
    let place = |refusal: crate::body::Refusal| {
        let pointer = if refusal.pointer.is_empty() {
            "/"
        } else {
            &refusal.pointer
        };
        invalid(format!("parameters: {pointer}: {}", refusal.rule))
    };
    let tree = decode(&params, &BodyLimits::default()).map_err(place)?;
    contract.judge(tree.root()).map_err(place)?;
    Ok(params.into())
}
