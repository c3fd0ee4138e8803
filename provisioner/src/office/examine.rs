//! What the rules ask about a request, from the registry.

use spokegate_contract::Address;
use spokegate_contract::record::{Claim, Enrolment};
use spokegate_identity::{JoinTokenId, PublicKey, Serial, proof};
use sqlx::SqliteConnection;

use super::{OfficeError, Policy};
use crate::registry::{self, CertificateState, Origin, RequestState, StoredToken};
use crate::rules::{self, By, Decision, Refusal};

const DAY_MS: u64 = 86_400_000;

/// What a request comes to before anything is signed.
pub(super) struct Case {
    pub(super) decision: Decision,
    /// Whom a certificate would be for.
    pub(super) address: Option<Address>,
    pub(super) origin: Origin,
    /// What was issued already.
    pub(super) present: Option<CertificateState>,
}

/// Reads what the rules ask about, and asks them.
pub(super) async fn examine(
    db: &mut SqliteConnection,
    from: &Address,
    asked: &Enrolment<'_>,
    key: &PublicKey,
    policy: &Policy,
    now_ms: u64,
) -> Result<Case, OfficeError> {
    let key_revoked = registry::is_revoked_key(db, key).await?;
    let mut case = match &asked.claim {
        Claim::Join { token, proof } => {
            examine_join(db, from, (token, proof), key, policy, now_ms).await?
        }
        Claim::Renew { serial, signature } => {
            let certificate = registry::by_serial(db, &Serial::new(serial)).await?;
            let signed = certificate.as_ref().is_some_and(|certificate| {
                proof::verify_renewal(&certificate.public_key, &asked.id, key, signature).is_ok()
            });
            examine_renewal(db, from, (certificate, signed), key, policy, now_ms).await?
        }
    };
    case.decision = rules::about_key(case.decision, key_revoked);
    Ok(case)
}

async fn examine_join(
    db: &mut SqliteConnection,
    from: &Address,
    (id, join_proof): (&str, &[u8; 32]),
    key: &PublicKey,
    policy: &Policy,
    now_ms: u64,
) -> Result<Case, OfficeError> {
    // Only what has the shape of an id is looked for.
    let stored = match id.parse::<JoinTokenId>() {
        Ok(_) => registry::token(db, id).await?,
        Err(_) => None,
    };
    let present = registry::by_token(db, id, key, now_ms).await?;
    let mut facts = rules::Join {
        through_door: from.is_door(),
        token: None,
        approval: policy.approval,
        requests_open: registry::waiting(db, now_ms).await?,
    };
    if let Some(stored) = &stored {
        facts.token = Some(token_facts(db, id, stored, join_proof, key, present.is_some()).await?);
    }
    Ok(Case {
        decision: rules::join(&facts, now_ms),
        address: stored.map(|stored| stored.address),
        origin: Origin::Join(id.to_owned()),
        present,
    })
}

async fn token_facts(
    db: &mut SqliteConnection,
    id: &str,
    stored: &StoredToken,
    join_proof: &[u8; 32],
    key: &PublicKey,
    certificate: bool,
) -> Result<rules::Token, OfficeError> {
    let state = |state| match state {
        RequestState::Waiting => rules::Request::Waiting,
        RequestState::Approved => rules::Request::Approved,
        RequestState::Rejected => rules::Request::Rejected,
    };
    let request = registry::request_of(db, id, key).await?;
    Ok(rules::Token {
        proof_holds: proof::verify_join(&stored.proof_key, key, join_proof).is_ok(),
        expires_at_ms: stored.expires_at_ms,
        approval: stored.approval,
        voided: stored.voided,
        suspended: registry::is_suspended(db, stored.address.tenant.as_str()).await?,
        used: stored.used_by.map(|used_by| match used_by == *key {
            true => By::ThisKey,
            false => By::AnotherKey,
        }),
        certificate,
        request: request.map(|(kept, asked_at_ms)| (state(kept), asked_at_ms)),
    })
}

async fn examine_renewal(
    db: &mut SqliteConnection,
    from: &Address,
    (certificate, signature_holds): (Option<CertificateState>, bool),
    key: &PublicKey,
    policy: &Policy,
    now_ms: u64,
) -> Result<Case, OfficeError> {
    let mut facts = rules::Renewal {
        certificate: None,
        grace_ms: u64::from(policy.grace_days).saturating_mul(DAY_MS),
    };
    let mut case = Case {
        decision: Decision::Refuse(Refusal::SerialUnknown),
        address: None,
        origin: Origin::Operator,
        present: None,
    };
    if let Some(certificate) = certificate {
        let address = &certificate.address;
        let renewed = registry::by_renewal(db, &certificate.serial, key, now_ms).await?;
        facts.certificate = Some(rules::Certificate {
            address_fits: from.is_door() || from == address,
            signature_holds,
            revoked: certificate.revoked,
            suspended: registry::is_suspended(db, address.tenant.as_str()).await?,
            not_after_ms: certificate.not_after_ms,
            key_is_new: certificate.public_key != *key,
            renewed: renewed.is_some(),
            issued_of_late: registry::issued_since(db, address, now_ms.saturating_sub(DAY_MS))
                .await?,
        });
        case.address = Some(certificate.address);
        case.origin = Origin::Renewal(certificate.serial);
        case.present = renewed;
    }
    case.decision = rules::renewal(&facts, now_ms);
    Ok(case)
}
