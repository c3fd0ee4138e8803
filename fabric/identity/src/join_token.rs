//! The text that lets one agent join: id, secret, pin and the door's address.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use spokegate_contract::hex;
use zeroize::Zeroizing;

use crate::Pin;

const PREFIX: &str = "spokegate-join1";
/// Longest token: prefix, id, secret, pin and a door of 259 characters.
const TOKEN_BYTES_MAX: usize = 512;
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;
/// RFC 1035 §2.3.4 allows 253 visible characters; a colon and five digits follow.
const DOOR_BYTES_MAX: usize = 259;

/// A join token:
/// `spokegate-join1.<id: 16 hex>.<secret: 43 base64url>.<pin: 64 hex>.<door, base64url>`.
/// `Display` writes it with its secret; `Debug` shows the secret as `[redacted]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinToken {
    /// Names the token; no secret.
    pub id: JoinTokenId,
    /// What proves the token; never leaves the agent.
    pub secret: JoinSecret,
    /// The fabric's root, which the door must show.
    pub pin: Pin,
    /// Where to join.
    pub door: Door,
}

/// The name of a join token: 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JoinTokenId([u8; ID_BYTES]);

/// The secret of a join token: 256 random bits. Wiped on drop; `Debug` shows `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinSecret(Zeroizing<[u8; SECRET_BYTES]>);

/// The address of an enrolment listener: `host:port`, the host a DNS name, an IPv4 address or an
/// IPv6 address in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Door {
    host: Box<str>,
    port: u16,
}

/// Why a text is no join token. Never shows the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinTokenError {
    /// Another text, a shortened token, or one with something added.
    #[error(
        "this is no join token; allowed is spokegate-join1 and four parts with dots between, hint: copy the whole line that `spokegate satellite join-token` wrote"
    )]
    Form,
    /// The second part.
    #[error("the join token's id is not 16 lower-case hexadecimal digits")]
    Id,
    /// The third part.
    #[error("the join token's secret is not 32 bytes in base64url, hint: copy the whole token")]
    Secret,
    /// The fourth part.
    #[error("the join token's pin is not 64 lower-case hexadecimal digits")]
    Pin,
    /// The last part, or an address given in its stead.
    #[error("the door is no host:port, hint: write it as door.example:8443")]
    Door,
}

impl FromStr for JoinToken {
    type Err = JoinTokenError;

    fn from_str(text: &str) -> Result<Self, JoinTokenError> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(JoinTokenError::Form);
        }
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or(JoinTokenError::Form);
        if part()? != PREFIX {
            return Err(JoinTokenError::Form);
        }
        let (id, secret, pin, door) = (part()?, part()?, part()?, part()?);
        if parts.next().is_some() {
            return Err(JoinTokenError::Form);
        }
        let door = URL_SAFE_NO_PAD.decode(door).ok();
        let door = door.and_then(|door| String::from_utf8(door).ok());
        Ok(Self {
            id: id.parse()?,
            secret: JoinSecret::decode(secret)?,
            pin: pin.parse().map_err(|_| JoinTokenError::Pin)?,
            door: door.ok_or(JoinTokenError::Door)?.parse()?,
        })
    }
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(self.secret.expose()));
        let door = URL_SAFE_NO_PAD.encode(self.door.to_string());
        let (id, pin, secret) = (self.id, self.pin, secret.as_str());
        write!(f, "{PREFIX}.{id}.{secret}.{pin}.{door}")
    }
}

impl JoinTokenId {
    /// A new id from the system's random source.
    pub fn generate() -> Self {
        Self(random())
    }
}

impl FromStr for JoinTokenId {
    type Err = JoinTokenError;

    fn from_str(text: &str) -> Result<Self, JoinTokenError> {
        hex::decode_array(text).map(Self).ok_or(JoinTokenError::Id)
    }
}

impl TryFrom<String> for JoinTokenId {
    type Error = JoinTokenError;

    fn try_from(text: String) -> Result<Self, JoinTokenError> {
        text.parse()
    }
}

impl From<JoinTokenId> for String {
    fn from(id: JoinTokenId) -> String {
        id.to_string()
    }
}

impl fmt::Display for JoinTokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for JoinTokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl JoinSecret {
    /// A new secret from the system's random source.
    pub fn generate() -> Self {
        Self(Zeroizing::new(random()))
    }

    /// A secret of given bytes; for tests.
    pub fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The secret's bytes. Use them where they are needed and nowhere else.
    pub fn expose(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    fn decode(text: &str) -> Result<Self, JoinTokenError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| JoinTokenError::Secret)?;
        let bytes: [u8; SECRET_BYTES] = bytes
            .as_slice()
            .try_into()
            .map_err(|_| JoinTokenError::Secret)?;
        Ok(Self::from_bytes(bytes))
    }
}

impl fmt::Debug for JoinSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Door {
    /// The host without brackets, as it is dialled and as the server's certificate must name it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, not 0.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host as TLS expects it in the server's certificate.
    pub fn server_name(&self) -> ServerName<'static> {
        ServerName::try_from(self.host.to_string()).expect("checked when the door was parsed")
    }
}

impl FromStr for Door {
    type Err = JoinTokenError;

    fn from_str(text: &str) -> Result<Self, JoinTokenError> {
        let (host, port) = text.rsplit_once(':').ok_or(JoinTokenError::Door)?;
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let is_ip_v6 = bracketed.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
        let host = bracketed.unwrap_or(host);
        let well_formed = text.len() <= DOOR_BYTES_MAX
            && is_ip_v6 == host.contains(':')
            && is_ip_v6 == bracketed.is_some()
            && ServerName::try_from(host).is_ok();
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| *port != 0 && digits);
        match port {
            Some(port) if well_formed => Ok(Self {
                host: host.into(),
                port,
            }),
            _ => Err(JoinTokenError::Door),
        }
    }
}

impl TryFrom<String> for Door {
    type Error = JoinTokenError;

    fn try_from(text: String) -> Result<Self, JoinTokenError> {
        text.parse()
    }
}

impl From<Door> for String {
    fn from(door: Door) -> String {
        door.to_string()
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the kernel's random source answers after boot");
    bytes
}

#[cfg(test)]
mod tests;
