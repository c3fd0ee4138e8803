//! Asking for a certificate in the place of the present one, and judging the answer.

use std::sync::Arc;

use anyhow::bail;
use serde_json::json;
use spokegate_contract::{Address, RequestId, hex};
use spokegate_daemon::Clock;
use spokegate_identity::{Door, TrustDomain, anonymous_client_config, proof};

use super::Fresh;
use super::door::{DoorClient, DoorVerdict};
use crate::credentials::admit::admit;
use crate::credentials::{Admitted, Expected, Issued, Life, Material, Store};
use crate::proxy::Proxy;

/// Who is renewed, and by what means.
pub(crate) struct Renewal {
    pub(crate) store: Arc<Store>,
    pub(crate) trust_domain: TrustDomain,
    pub(crate) address: Address,
    /// Where to ask once the certificate has expired.
    pub(crate) door: Option<Door>,
    /// How it is reached.
    pub(crate) proxy: Option<Proxy>,
    pub(crate) clock: Clock,
}

/// What came of asking.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A certificate that may be used.
    Admitted(Box<Admitted>),
    /// Ask again after so many seconds.
    Later(u32),
    /// No.
    Refused,
}

impl Renewal {
    /// Asks the door for a certificate in the place of one that has expired.
    pub(crate) async fn through_door(
        &self,
        life: &Life,
        fresh: &Fresh,
        door: Door,
    ) -> anyhow::Result<Outcome> {
        let (id, signature) = self.sign(fresh)?;
        let tls = anonymous_client_config(&self.store.files().ca)?;
        let body = json!({
            "serial": life.serial.to_string(),
            "signature": hex::encode(&signature),
            "id": id.to_string(),
            "csr": fresh.csr_base64(),
        });
        let proxy = self.proxy.clone();
        let client = DoorClient { door, tls, proxy };
        let heard = client.post("/v1/renew", &body, self.clock.now_ms()).await?;
        match heard.verdict {
            DoorVerdict::Issued(issued) if issued.id != id => {
                bail!("the door answered another request")
            }
            DoorVerdict::Issued(issued) => self.admit(fresh, &issued),
            DoorVerdict::Pending { retry_s } | DoorVerdict::Busy { retry_s } => {
                Ok(Outcome::Later(retry_s))
            }
            DoorVerdict::Refused => Ok(Outcome::Refused),
        }
    }

    /// An id and, with the present key, its signature.
    pub(super) fn sign(&self, fresh: &Fresh) -> anyhow::Result<(RequestId, Vec<u8>)> {
        // Whoever cannot store the answer does not ask.
        self.store.check_writable()?;
        let id = RequestId::random();
        let signature = proof::renewal(&self.store.key()?, &id, &fresh.public_key())?;
        Ok((id, signature))
    }

    /// Judges what the centre sent for a new key.
    pub(super) fn admit(&self, fresh: &Fresh, issued: &Issued) -> anyhow::Result<Outcome> {
        let expected = Expected {
            key: &fresh.public_key(),
            trusted: &self.store.roots()?,
            who: Some((&self.trust_domain, &self.address)),
            now_ms: self.clock.now_ms(),
        };
        Ok(Outcome::Admitted(Box::new(admit(&expected, issued)?)))
    }
}

/// What is stored of a new key and its certificate.
pub(crate) fn material(fresh: &Fresh, admitted: &Admitted) -> Material {
    Material {
        key: fresh.pem().to_owned(),
        certificate: admitted.certificate_pem.clone(),
        roots: admitted.roots_pem.clone(),
    }
}
