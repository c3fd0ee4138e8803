//! Satellites and the sanitizer.

use spokegate_contract::{Address, Channel, Direction, ENROLMENT_TENANT, TenantId, Topic, filter};
use spokegate_identity::{Principal, ServiceName};

use super::{Denial, KeepAlive, PublishPermit, Route, Rule, Session, SubscribePermit};
use crate::packet::{Connect, Qos};

/// Prefix of the sanitizer's client ids; the tenant follows.
const SANITIZER_PREFIX: &str = "sanitizer.";

/// May the holder of this certificate open this session?
pub fn connect(
    principal: &Principal,
    connect: &Connect,
    keep_alive: KeepAlive,
) -> Result<Session, Denial> {
    if connect.level != 4 {
        return Err(Denial::Version);
    }
    let session = identify(principal, &connect.client_id)?;
    if connect.will.is_some() {
        return Err(Denial::Will);
    }
    if connect.credentials {
        return Err(Denial::Credentials);
    }
    if !connect.clean_session {
        return Err(Denial::PersistentSession);
    }
    if !(1..=keep_alive.max_s).contains(&connect.keep_alive_s) {
        return Err(Denial::KeepAlive);
    }
    Ok(session)
}

/// The session of a certificate and a client id: for a satellite the id is fixed, the sanitizer's names the tenant.
fn identify(principal: &Principal, client_id: &str) -> Result<Session, Denial> {
    match principal {
        Principal::Satellite(address) => {
            let fixed = client_id.split_once('.');
            if fixed == Some((address.tenant.as_str(), address.satellite.as_str())) {
                Ok(Session::Satellite(address.clone()))
            } else {
                Err(Denial::ClientId)
            }
        }
        Principal::Service(ServiceName::Sanitizer) => client_id
            .strip_prefix(SANITIZER_PREFIX)
            .and_then(|tenant| tenant.parse::<TenantId>().ok())
            .map(Session::Sanitizer)
            .ok_or(Denial::ClientId),
        Principal::Service(_) => Err(Denial::Service),
    }
}

pub(super) fn satellite_publish(own: &Address, topic: &str) -> Result<PublishPermit, Denial> {
    let topic = Topic::parse(topic).map_err(|_| Denial::Grammar)?;
    same_address(own, &topic.address)?;
    match (topic.channel.direction(), &topic.channel) {
        (Direction::Down, _) => Err(Denial::Direction),
        (Direction::Up, Channel::Presence) => Err(Denial::Presence),
        (Direction::Up, _) => Ok(PublishPermit {
            route: Route::Up,
            rule: Rule::OwnUp,
        }),
    }
}

pub(super) fn sanitizer_publish(tenant: &TenantId, topic: &str) -> Result<PublishPermit, Denial> {
    let topic = Topic::parse(topic).map_err(|_| Denial::Grammar)?;
    if topic.address.tenant != *tenant {
        return Err(Denial::OtherTenant);
    }
    match topic.channel.direction() {
        Direction::Down if !has_channel(&topic.address, &topic.channel) => Err(Denial::Door),
        Direction::Down => Ok(PublishPermit {
            route: Route::Down(topic.address),
            rule: Rule::TenantDown,
        }),
        Direction::Up => Err(Denial::Direction),
    }
}

/// The enrolment door takes admissions and revocation lists; a satellite takes all but the lists.
fn has_channel(to: &Address, channel: &Channel) -> bool {
    match channel {
        Channel::Admission => to.is_door() || to.tenant.as_str() != ENROLMENT_TENANT,
        Channel::Crl => to.is_door(),
        _ => to.tenant.as_str() != ENROLMENT_TENANT,
    }
}

pub(super) fn satellite_subscribe(
    own: &Address,
    text: &str,
    qos: Qos,
) -> Result<SubscribePermit, Denial> {
    let permit = || {
        Ok(SubscribePermit {
            filter: text.to_owned(),
            qos,
            rule: Rule::OwnDown,
        })
    };
    let whole = filter::satellite_down(own);
    if text == whole {
        return permit();
    }
    let below = whole
        .strip_suffix('#')
        .and_then(|prefix| text.strip_prefix(prefix));
    if let Some("pull/#" | "pull/+" | "command/#" | "command/+") = below {
        return permit();
    }
    let topic = Topic::parse(text).map_err(|_| foreign_or(text, own, Denial::Filter))?;
    same_address(own, &topic.address)?;
    match topic.channel.direction() {
        Direction::Down => permit(),
        Direction::Up => Err(Denial::Direction),
    }
}

pub(super) fn sanitizer_subscribe(
    tenant: &TenantId,
    text: &str,
    qos: Qos,
) -> Result<SubscribePermit, Denial> {
    if text == filter::tenant_up(tenant) {
        return Ok(SubscribePermit {
            filter: text.to_owned(),
            qos,
            rule: Rule::TenantUp,
        });
    }
    match levels(text) {
        Some((other, _)) if other != tenant.as_str() => Err(Denial::OtherTenant),
        _ => Err(Denial::Filter),
    }
}

fn same_address(own: &Address, other: &Address) -> Result<(), Denial> {
    if own.tenant != other.tenant {
        Err(Denial::OtherTenant)
    } else if own.satellite != other.satellite {
        Err(Denial::OtherSatellite)
    } else {
        Ok(())
    }
}

/// A more telling name for a refused filter, when its levels name somebody else in clear.
fn foreign_or(text: &str, own: &Address, otherwise: Denial) -> Denial {
    match levels(text) {
        Some((tenant, _)) if tenant != own.tenant.as_str() => Denial::OtherTenant,
        Some((_, satellite)) if satellite != own.satellite.as_str() => Denial::OtherSatellite,
        _ => otherwise,
    }
}

/// Tenant and satellite levels, when the filter begins like a topic of ours and names both without wildcards.
fn levels(text: &str) -> Option<(&str, &str)> {
    let mut levels = text.split('/');
    if (levels.next()?, levels.next()?) != ("sg", "1") {
        return None;
    }
    let found = (levels.next()?, levels.next()?);
    let wild = |level: &str| level.contains(['+', '#']);
    if wild(found.0) || wild(found.1) && found.1 != "+" {
        None
    } else {
        Some(found)
    }
}
