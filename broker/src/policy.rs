//! Who may do what: pure, and deny is the default arm.
//!
//! A check gives a permit, which nothing else can make and which the cells ask for, or a [`Denial`] that names its rule.

mod denial;
mod open;
mod session;

use spokegate_contract::{Address, TenantId};

pub use denial::{Denial, Rule};

use crate::packet::{Publish, Qos};

/// Longest time between two packets that a client may ask for.
#[derive(Debug, Clone, Copy)]
pub struct KeepAlive {
    /// Seconds; a client that asks for more, or for none, is refused.
    pub max_s: u16,
}

/// Who speaks on a connection, settled by the certificate and the CONNECT together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Session {
    /// A satellite, as its certificate says.
    Satellite(Address),
    /// The sanitizer's session into one tenant's cell.
    Sanitizer(TenantId),
    /// A client of the open listener, by its client id; it lives in a cell of its own.
    Open(String),
}

impl Session {
    /// The tenant whose cell the session belongs to; none for the open cell.
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Satellite(address) => Some(&address.tenant),
            Self::Sanitizer(tenant) => Some(tenant),
            Self::Open(_) => None,
        }
    }
}

/// Where a permitted message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// To the sanitizer's session of the cell.
    Up,
    /// To one satellite of the cell.
    Down(Address),
    /// To whoever subscribed in the open cell.
    Open,
}

/// The right to publish one message.
#[derive(Debug)]
pub struct PublishPermit {
    route: Route,
    rule: Rule,
}

impl PublishPermit {
    /// Where the message goes.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Which rule allows it.
    pub fn rule(&self) -> Rule {
        self.rule
    }
}

/// The right to receive what one filter matches.
#[derive(Debug)]
pub struct SubscribePermit {
    filter: String,
    qos: Qos,
    rule: Rule,
}

impl SubscribePermit {
    /// The filter.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// The granted quality of service.
    pub fn qos(&self) -> Qos {
        self.qos
    }

    /// Which rule allows it.
    pub fn rule(&self) -> Rule {
        self.rule
    }
}

pub use open::connect as connect_open;
pub use session::connect;

/// May this session publish this message?
pub fn publish(session: &Session, message: &Publish) -> Result<PublishPermit, Denial> {
    match session {
        Session::Open(_) => open::publish(&message.topic),
        _ if message.qos == Qos::ExactlyOnce => Err(Denial::QosTwo),
        _ if message.retain => Err(Denial::Retain),
        // What is delivered without an acknowledgement knows no back-pressure.
        _ if message.qos == Qos::AtMostOnce => Err(Denial::QosZero),
        Session::Satellite(address) => session::satellite_publish(address, &message.topic),
        Session::Sanitizer(tenant) => session::sanitizer_publish(tenant, &message.topic),
    }
}

/// May this session receive what `filter` matches?
pub fn subscribe(session: &Session, filter: &str, qos: Qos) -> Result<SubscribePermit, Denial> {
    match session {
        Session::Open(_) => open::subscribe(filter, qos),
        _ if qos == Qos::ExactlyOnce => Err(Denial::QosTwo),
        Session::Satellite(address) => session::satellite_subscribe(address, filter, qos),
        // Its acknowledgements are all that holds a tenant's messages back.
        Session::Sanitizer(_) if qos == Qos::AtMostOnce => Err(Denial::QosZero),
        Session::Sanitizer(tenant) => session::sanitizer_subscribe(tenant, filter, qos),
    }
}

#[cfg(test)]
mod grants;
#[cfg(test)]
mod tests;
