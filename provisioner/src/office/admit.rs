//! Requests for certificates, as they come over the second hop.

use bytes::Bytes;
use spokegate_contract::Address;
use spokegate_contract::envelope::{Admission, Verdict};
use spokegate_contract::record::{Claim, Enrolment};
use spokegate_daemon::audit::{Decision as Outcome, Event};
use spokegate_identity::{PublicKey, Serial};
use sqlx::SqliteConnection;

use super::denials::Row;
use super::examine::{Case, examine};
use super::{Office, OfficeError, record};
use crate::hop::Hop;
use crate::plan::{CertificatePlan, Validity};
use crate::registry::{self, Asked, Entry};
use crate::rules::{Decision, Ground, Refusal};

/// A satellite that waits for approval asks again after so many seconds.
const RETRY_S: u32 = 10;

/// What the operator has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Life of a satellite's certificate.
    pub certificate_days: u32,
    /// How long after its end a certificate may still renew.
    pub grace_days: u32,
    /// Every join needs approval.
    pub approval: bool,
}

/// An answer, and the words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// What is sent.
    pub admission: Admission,
    /// `issued`, `pending` or `refused`.
    pub verdict: &'static str,
    /// Why; for audit and metrics only.
    pub reason: &'static str,
}

impl Office {
    /// Decides one request and records the decision; a certificate is recorded before it is handed out. The same request
    /// once more gets the same certificate.
    ///
    /// # Errors
    /// When the registry cannot be used. Nothing has happened then, and the request has to come again.
    pub async fn admit(
        &self,
        from: &Address,
        asked: &Enrolment<'_>,
        policy: &Policy,
        now_ms: u64,
    ) -> Result<Admitted, OfficeError> {
        let mut db = self.registry.begin().await?;
        let case = match PublicKey::from_bytes(&asked.public_key) {
            Ok(key) => {
                let case = examine(&mut db, from, asked, &key, policy, now_ms).await?;
                Some((case, key))
            }
            Err(_) => None,
        };
        let refused = Verdict::Refused;
        let (decision, verdict, subject) = match case {
            None => (Decision::Refuse(Refusal::ProofWrong), refused, None),
            Some((case, key)) => {
                self.conclude(&mut db, asked, &key, case, policy, now_ms)
                    .await?
            }
        };
        let admitted = Admitted {
            admission: Admission {
                id: asked.id,
                verdict,
            },
            verdict: match decision {
                Decision::Issue(_) | Decision::Again(_) => "issued",
                Decision::File | Decision::Wait => "pending",
                Decision::Refuse(_) => "refused",
            },
            reason: reason(decision),
        };
        let subject = subject.unwrap_or_else(|| subject_of(asked));
        self.note(&mut db, from, asked, (decision, &subject), now_ms)
            .await?;
        db.commit().await?;
        Ok(admitted)
    }

    /// Does what was decided.
    async fn conclude(
        &self,
        db: &mut SqliteConnection,
        asked: &Enrolment<'_>,
        key: &PublicKey,
        case: Case,
        policy: &Policy,
        now_ms: u64,
    ) -> Result<(Decision, Verdict, Option<String>), OfficeError> {
        let token = match &asked.claim {
            Claim::Join { token, .. } => Some(token.as_ref()),
            Claim::Renew { .. } => None,
        };
        let subject = |serial: &Serial| {
            case.address
                .as_ref()
                .map(|address| format!("{address} {serial} ({})", subject_of(asked)))
        };
        match (case.decision, &case.address, &case.present) {
            (Decision::Again(_), _, Some(present)) => {
                let verdict = self.issued(asked, &present.certificate)?;
                Ok((case.decision, verdict, subject(&present.serial)))
            }
            (Decision::Issue(_), Some(address), _) => {
                let validity = Validity::days(now_ms, policy.certificate_days);
                let authority = &self.authorities.fabric;
                let certified =
                    CertificatePlan::satellite(address, authority.trust_domain(), validity)
                        .map_err(crate::AuthorityError::from)
                        .and_then(|plan| Ok((authority.certify(&plan, key)?, plan)));
                let (certified, plan) = match certified {
                    Ok(done) => done,
                    // An authority at its end must not hold up all that comes after.
                    Err(error) => {
                        tracing::error!(tenant.id = %address.tenant, satellite.id = %address.satellite, %error,
                            "a certificate that is due cannot be issued");
                        let decision = Decision::Refuse(Refusal::AuthorityUnable);
                        return Ok((decision, Verdict::Refused, None));
                    }
                };
                if let Some(token) = token {
                    registry::bind_to(db, token, key, now_ms).await?;
                }
                let entry = (Hop::Fabric, &plan, case.origin.clone());
                record(db, &certified, entry, now_ms).await?;
                let verdict = self.issued(asked, &certified.der)?;
                Ok((case.decision, verdict, subject(&certified.serial)))
            }
            (Decision::File, _, _) => {
                if let Some(token) = token {
                    let peer = asked.peer.as_deref().unwrap_or_default();
                    registry::bind_to(db, token, key, now_ms).await?;
                    registry::file(db, &Asked { token, key, peer }, now_ms).await?;
                }
                Ok((case.decision, Verdict::Pending { retry_s: RETRY_S }, None))
            }
            (Decision::Wait, _, _) => {
                Ok((case.decision, Verdict::Pending { retry_s: RETRY_S }, None))
            }
            (decision, _, _) => Ok((decision, Verdict::Refused, None)),
        }
    }

    fn issued(&self, asked: &Enrolment<'_>, certificate: &[u8]) -> Result<Verdict, OfficeError> {
        let authority = &self.authorities.fabric;
        let roots = authority.certificate_pem();
        let signature = authority.sign_admission(&asked.id, certificate, roots.as_bytes())?;
        Ok(Verdict::Issued {
            certificate: Bytes::copy_from_slice(certificate),
            roots: Bytes::copy_from_slice(roots.as_bytes()),
            signature: signature.into(),
        })
    }

    /// Records a decision. A satellite that waits asks again and again: only its first request gets a row. What changes
    /// nothing, a refusal or the same certificate again, gets only so many.
    async fn note(
        &self,
        db: &mut SqliteConnection,
        from: &Address,
        asked: &Enrolment<'_>,
        (decision, subject): (Decision, &str),
        now_ms: u64,
    ) -> Result<(), OfficeError> {
        let (actor, id) = (from.to_string(), asked.id.to_string());
        let (outcome, event) = match decision {
            Decision::Wait => return Ok(()),
            Decision::Refuse(refusal) => (Outcome::Denied, Event::denied(refusal.reason())),
            _ => (Outcome::Allowed, Event::allowed(reason(decision))),
        };
        event
            .principal(&actor)
            .tenant(from.tenant.as_str())
            .satellite(from.satellite.as_str())
            .message_id(&id)
            .emit(match outcome {
                Outcome::Allowed => "a request for a certificate was granted or kept",
                Outcome::Denied => "a request for a certificate was refused",
            });
        let mut subject = subject.to_owned();
        if let Decision::Refuse(_) | Decision::Again(_) = decision {
            match self.denials.note(&actor, reason(decision), now_ms) {
                Row::No => return Ok(()),
                Row::Yes { left_out: 0 } => {}
                Row::Yes { left_out } => {
                    subject += &format!(", and {left_out} more like it a while before");
                }
            }
        }
        let entry = Entry {
            actor: &actor,
            action: match asked.claim {
                Claim::Join { .. } => "certificate.join",
                Claim::Renew { .. } => "certificate.renew",
            },
            decision: outcome,
            reason: reason(decision),
            subject: &subject,
        };
        registry::append(db, &entry, now_ms).await?;
        Ok(())
    }
}

/// The word for a decision.
fn reason(decision: Decision) -> &'static str {
    match decision {
        Decision::Issue(ground) => ground.reason(),
        Decision::Again(Ground::Token | Ground::Approval) => "join-again",
        Decision::Again(Ground::Certificate | Ground::Grace) => "renewal-again",
        Decision::File => "approval-asked",
        Decision::Wait => "approval-awaited",
        Decision::Refuse(refusal) => refusal.reason(),
    }
}

/// What the request names.
fn subject_of(asked: &Enrolment<'_>) -> String {
    match &asked.claim {
        Claim::Join { token, .. } => format!("token {token}"),
        Claim::Renew { serial, .. } => format!("serial {}", Serial::new(serial)),
    }
}
