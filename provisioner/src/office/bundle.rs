//! A certificate for a segment that reaches no door: request and answer are carried as files.

use spokegate_contract::Address;
use spokegate_identity::offline::{OfflineBundle, OfflineRequest};

use super::{Office, OfficeError, act, record, refuse_suspended};
use crate::authority::AuthorityError;
use crate::hop::Hop;
use crate::plan::{CertificatePlan, Validity};
use crate::registry::{self, Origin};

/// An answer to carry back.
#[derive(Clone, Debug)]
pub struct Carried {
    /// The sealed file; only the agent that asked can open it.
    pub sealed: Vec<u8>,
    /// The certificate's last moment.
    pub not_after_ms: u64,
}

impl Office {
    /// Issues a certificate for the key of a carried request. The same request gets the same certificate again.
    ///
    /// # Errors
    /// When the request is altered, the tenant suspended, or the authority refuses.
    pub async fn bundle(
        &self,
        address: &Address,
        request: &[u8],
        broker: Option<String>,
        days: u32,
        now_ms: u64,
    ) -> Result<Carried, OfficeError> {
        let request = OfflineRequest::from_json(request)?;
        let authority = &self.authorities.fabric;
        let mut db = self.registry.begin().await?;
        refuse_suspended(&mut db, address).await?;
        if registry::is_revoked_key(&mut db, &request.public_key).await? {
            return Err(OfficeError::RevokedKey);
        }
        let present = registry::by_bundle(&mut db, address, &request.public_key, now_ms).await?;
        let (certificate, not_after_ms) = match present {
            Some(present) => (present.certificate, present.not_after_ms),
            None => {
                let validity = Validity::days(now_ms, days);
                let plan = CertificatePlan::satellite(address, authority.trust_domain(), validity)
                    .map_err(AuthorityError::from)?;
                let certified = authority.certify(&plan, &request.public_key)?;
                let entry = (Hop::Fabric, &plan, Origin::Bundle);
                record(&mut db, &certified, entry, now_ms).await?;
                let subject = format!("{address} {}", certified.serial);
                act(&mut db, "certificate.bundle", "command", &subject, now_ms).await?;
                (certified.der, validity.not_after_ms)
            }
        };
        let roots = authority.certificate_pem().to_owned();
        let signature = authority.sign_admission(&request.id, &certificate, roots.as_bytes())?;
        let bundle = OfflineBundle {
            id: request.id,
            certificate,
            roots,
            signature,
            broker,
        };
        let sealed = bundle.seal(&request)?;
        db.commit().await?;
        Ok(Carried {
            sealed,
            not_after_ms,
        })
    }
}
