//! What the provisioner orders: commands, and the parts of parcels that satellites asked for.
//!
//! Nothing of it is remembered here: what a satellite has not answered is sent again by the centre.

use super::{Calls, Refused};
use crate::ingest::Sessions;
use crate::ingest::session::SessionEvent;
use crate::link::Outcome;
use bytes::Bytes;
use spokegate_contract::limits::COMMANDS_MAX;
use spokegate_contract::record::{BodyError, CommandBody, CommandsBody, ParcelBody};
use spokegate_contract::{
    Channel, ENROLMENT_TENANT, Envelope, FailureClass, SatelliteId, TenantId,
};

impl Calls {
    /// Hands commands to their session, all of one tenant; nothing comes back when the session will answer.
    pub(in crate::ingest) fn commands(
        call: u64,
        body: &Bytes,
        sessions: &Sessions,
    ) -> Option<Outcome> {
        try_commands(call, body, sessions)
            .err()
            .map(|refused| super::outcome(call, Err(refused)))
    }
}

fn try_commands(call: u64, body: &Bytes, sessions: &Sessions) -> Result<(), Refused> {
    let body: CommandsBody = serde_json::from_slice(body)
        .map_err(|error| refused(400, format!("the commands are malformed: {error}")))?;
    let count = body.commands.len().saturating_add(body.parcels.len());
    if !(1..=COMMANDS_MAX).contains(&count) {
        let detail =
            format!("{count} commands and parts of parcels, allowed are 1 to {COMMANDS_MAX}");
        return Err(refused(400, detail));
    }
    let tenant = tenant(&body)?;
    let session = sessions
        .get(&tenant)
        .filter(|_| tenant.as_str() != ENROLMENT_TENANT)
        .ok_or_else(|| {
            refused(
                404,
                format!("tenant {tenant} is not served by this sanitizer"),
            )
        })?;
    let commands = body.commands.iter().map(command);
    let parcels = body.parcels.iter().map(parcel);
    let messages = commands.chain(parcels).collect::<Result<Vec<_>, _>>()?;
    session
        .try_send(SessionEvent::Orders { call, messages })
        .map_err(|_| refused(503, "too many calls wait; try again".to_owned()))
}

/// The one tenant that all are for.
fn tenant(body: &CommandsBody) -> Result<TenantId, Refused> {
    let mut all = body.commands.iter().map(|command| &command.tenant);
    let mut parts = body.parcels.iter().map(|parcel| &parcel.tenant);
    let first = all.next().or_else(|| parts.next());
    match first {
        Some(first) if all.chain(parts).all(|other| other == first) => Ok(first.clone()),
        _ => Err(refused(
            400,
            "the commands of one call are for one tenant".to_owned(),
        )),
    }
}

/// A message for a satellite.
pub(in crate::ingest) type Order = (SatelliteId, Channel, Vec<u8>);

fn command(body: &CommandBody) -> Result<Order, Refused> {
    let (verb, command) = body
        .command()
        .map_err(|error| told(&error, &body.satellite))?;
    Ok((
        body.satellite.clone(),
        Channel::Command(verb),
        command.encode(),
    ))
}

fn parcel(body: &ParcelBody) -> Result<Order, Refused> {
    let parcel = body
        .parcel()
        .map_err(|error| told(&error, &body.satellite))?;
    Ok((body.satellite.clone(), Channel::Parcel, parcel.encode()))
}

fn told(error: &BodyError, satellite: &SatelliteId) -> Refused {
    refused(400, format!("the command for {satellite}: {error}"))
}

fn refused(status: u16, detail: String) -> Refused {
    (status, FailureClass::Refused, detail)
}

#[cfg(test)]
mod tests;
