//! The topic grammar: `sg/1/<tenant>/<satellite>/up|down/<channel>[/<name>]`.

use std::fmt;
use std::str::FromStr;

use crate::ids::{Address, DatasetId, IdError};
use crate::limits::TOPIC_BYTES_MAX;

/// First two levels of every topic: the product and the major version of the wire.
pub(crate) const PREFIX: &str = "sg/1";

/// Which way a message goes, seen from the centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a satellite.
    Up,
    /// To a satellite.
    Down,
}

impl Direction {
    /// The level as it stands in a topic.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// What the centre can tell a satellite to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Fetch and start a version of the flows.
    Deploy,
    /// Renew the certificate.
    Renew,
    /// Restart Node-RED.
    Restart,
    /// Take a new version of a secret.
    Secret,
    /// Fetch and start another version of the agent.
    Update,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 5] = [
        Self::Deploy,
        Self::Renew,
        Self::Restart,
        Self::Secret,
        Self::Update,
    ];

    /// The verb as it stands in a topic.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Renew => "renew",
            Self::Restart => "restart",
            Self::Secret => "secret",
            Self::Update => "update",
        }
    }

    /// The verb of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == name)
    }
}

/// What a topic carries.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Channel {
    /// `down/pull/<dataset>`: a request for data.
    Pull(DatasetId),
    /// `down/ack`: what the centre has stored, and credit.
    Ack,
    /// `down/command/<verb>`: an order signed by the centre.
    Command(Verb),
    /// `down/parcel`: a part of what a command announced and the satellite asked for.
    Parcel,
    /// `up/reply`: the answer to a pull, chunk by chunk.
    Reply,
    /// `up/push/<dataset>`: data sent unasked.
    Push(DatasetId),
    /// `up/result`: the answer to a command.
    Result,
    /// `up/hello`: what a satellite serves; on connect and with each heartbeat.
    Hello,
    /// `up/status`: the heartbeat.
    Status,
    /// `up/enrol`: asks for a certificate; a renewal, or what the enrolment door relays.
    Enrol,
    /// `down/admission`: the answer to it.
    Admission,
    /// `down/crl`: the list of revoked certificates, for the enrolment door.
    Crl,
    /// `up/presence`: published by the broker itself, never by a satellite.
    Presence,
}

impl Channel {
    /// One of each channel, and of the commands each; with this dataset where a channel names one. For whatever must
    /// leave none out.
    pub fn all(dataset: &DatasetId) -> Vec<Self> {
        let mut all = vec![
            Self::Pull(dataset.clone()),
            Self::Ack,
            Self::Parcel,
            Self::Reply,
            Self::Push(dataset.clone()),
            Self::Result,
            Self::Hello,
            Self::Status,
            Self::Enrol,
            Self::Admission,
            Self::Crl,
            Self::Presence,
        ];
        all.extend(Verb::ALL.map(Self::Command));
        all
    }

    /// Which way the channel goes.
    pub fn direction(&self) -> Direction {
        match self {
            Self::Pull(_)
            | Self::Ack
            | Self::Command(_)
            | Self::Parcel
            | Self::Admission
            | Self::Crl => Direction::Down,
            Self::Reply
            | Self::Push(_)
            | Self::Result
            | Self::Hello
            | Self::Status
            | Self::Enrol
            | Self::Presence => Direction::Up,
        }
    }

    /// The channel's level, without the name that may follow it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pull(_) => "pull",
            Self::Ack => "ack",
            Self::Command(_) => "command",
            Self::Parcel => "parcel",
            Self::Reply => "reply",
            Self::Push(_) => "push",
            Self::Result => "result",
            Self::Hello => "hello",
            Self::Status => "status",
            Self::Enrol => "enrol",
            Self::Admission => "admission",
            Self::Crl => "crl",
            Self::Presence => "presence",
        }
    }

    fn parse(direction: &str, channel: &str, name: Option<&str>) -> Result<Self, TopicError> {
        let parsed = match (direction, channel, name) {
            ("down", "pull", Some(name)) => Self::Pull(name.parse().map_err(TopicError::Dataset)?),
            ("down", "ack", None) => Self::Ack,
            ("down", "command", Some(name)) => {
                Self::Command(Verb::from_name(name).ok_or(TopicError::Channel)?)
            }
            ("down", "parcel", None) => Self::Parcel,
            ("up", "reply", None) => Self::Reply,
            ("up", "push", Some(name)) => Self::Push(name.parse().map_err(TopicError::Dataset)?),
            ("up", "result", None) => Self::Result,
            ("up", "hello", None) => Self::Hello,
            ("up", "status", None) => Self::Status,
            ("up", "enrol", None) => Self::Enrol,
            ("down", "admission", None) => Self::Admission,
            ("down", "crl", None) => Self::Crl,
            ("up", "presence", None) => Self::Presence,
            _ => return Err(TopicError::Channel),
        };
        Ok(parsed)
    }
}

/// A topic name that is part of the grammar.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic {
    /// Whose topic it is.
    pub address: Address,
    /// What it carries.
    pub channel: Channel,
}

/// Why a text is not a topic of the grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Longer than [`TOPIC_BYTES_MAX`].
    #[error("a topic has at most {TOPIC_BYTES_MAX} bytes")]
    Length,
    /// It does not begin with `sg/1/`.
    #[error("a topic begins with {PREFIX}/")]
    Prefix,
    /// The tenant level is no id.
    #[error("the tenant level is no id")]
    Tenant(#[source] IdError),
    /// The satellite level is no id.
    #[error("the satellite level is no id")]
    Satellite(#[source] IdError),
    /// The dataset level is no id.
    #[error("the dataset level is no id")]
    Dataset(#[source] IdError),
    /// Direction, channel and name are no row of the table.
    #[error("no such channel in this direction")]
    Channel,
}

impl Topic {
    /// A topic of its parts.
    pub fn new(address: Address, channel: Channel) -> Self {
        Self { address, channel }
    }

    /// Reads a topic name; anything outside the grammar is refused.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        if text.len() > TOPIC_BYTES_MAX {
            return Err(TopicError::Length);
        }
        let rest = text
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or(TopicError::Prefix)?;
        let mut levels = rest.split('/');
        let mut level = || levels.next().ok_or(TopicError::Channel);
        let tenant = level()?.parse().map_err(TopicError::Tenant)?;
        let satellite = level()?.parse().map_err(TopicError::Satellite)?;
        let (direction, channel) = (level()?, level()?);
        let name = levels.next();
        if levels.next().is_some() {
            return Err(TopicError::Channel);
        }
        let channel = Channel::parse(direction, channel, name)?;
        Ok(Self::new(Address::new(tenant, satellite), channel))
    }
}

impl FromStr for Topic {
    type Err = TopicError;
    fn from_str(text: &str) -> Result<Self, TopicError> {
        Self::parse(text)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = self.channel.direction().as_str();
        write!(
            f,
            "{PREFIX}/{}/{direction}/{}",
            self.address,
            self.channel.as_str()
        )?;
        match &self.channel {
            Channel::Pull(dataset) | Channel::Push(dataset) => write!(f, "/{dataset}"),
            Channel::Command(verb) => write!(f, "/{}", verb.as_str()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
