//! Join tokens and the requests that wait for approval.

use spokegate_contract::{Address, SatelliteId, TenantId};
use spokegate_identity::proof::JoinProofKey;
use spokegate_identity::{Door, JoinSecret, JoinToken, JoinTokenId, is_reserved_tenant};
use sqlx::SqliteConnection;

use super::{Office, OfficeError, act, refuse_suspended};
use crate::registry::{self, NewToken, OpenRequest, RequestState};

/// Names that are tried for a satellite that nobody named.
const NAMES_MAX: u32 = 100_000;

/// What an operator wants a token for.
#[derive(Clone, Debug)]
pub struct TokenOrder {
    /// Whose satellite.
    pub tenant: TenantId,
    /// Which; the next free `satellite-N` when nobody says.
    pub satellite: Option<SatelliteId>,
    /// Where the agent joins.
    pub door: Door,
    /// How long it is good.
    pub life_ms: u64,
    /// Somebody has to approve the request.
    pub approval: bool,
}

impl Office {
    /// Makes a join token. Its secret is in the returned value and nowhere else.
    ///
    /// # Errors
    /// When the tenant is suspended or reserved, or the registry cannot be written.
    pub async fn join_token(
        &self,
        order: &TokenOrder,
        now_ms: u64,
    ) -> Result<(JoinToken, Address), OfficeError> {
        if is_reserved_tenant(&order.tenant) {
            return Err(OfficeError::ReservedTenant(order.tenant.to_string()));
        }
        let mut db = self.registry.begin().await?;
        let satellite = match &order.satellite {
            Some(satellite) => satellite.clone(),
            None => next_name(&mut db, &order.tenant).await?,
        };
        let address = Address::new(order.tenant.clone(), satellite);
        refuse_suspended(&mut db, &address).await?;
        let token = JoinToken {
            id: JoinTokenId::generate(),
            secret: JoinSecret::generate(),
            pin: self.authorities.fabric.pin(),
            door: order.door.clone(),
        };
        let id = token.id.to_string();
        let kept = NewToken {
            id: &id,
            proof_key: &JoinProofKey::of(&token.secret),
            address: &address,
            created_at_ms: now_ms,
            expires_at_ms: now_ms.saturating_add(order.life_ms),
            approval: order.approval,
        };
        registry::add_token(&mut db, &kept).await?;
        let subject = format!("token {id} for {address}");
        act(&mut db, "token.make", "command", &subject, now_ms).await?;
        db.commit().await?;
        Ok((token, address))
    }

    /// Says yes or no to a request that waits.
    ///
    /// # Errors
    /// When there is none of this number, or it was decided already.
    pub async fn decide(
        &self,
        number: u64,
        approve: bool,
        now_ms: u64,
    ) -> Result<OpenRequest, OfficeError> {
        let mut db = self.registry.begin().await?;
        let request = registry::request(&mut db, number)
            .await?
            .ok_or(OfficeError::UnknownRequest(number))?;
        if request.state != RequestState::Waiting {
            let state = request.state.as_str();
            return Err(OfficeError::Decided { number, state });
        }
        let (state, action) = match approve {
            true => (RequestState::Approved, "request.approve"),
            false => (RequestState::Rejected, "request.reject"),
        };
        registry::decide(&mut db, number, state, now_ms).await?;
        let subject = format!("request {number} of {}", request.address);
        act(&mut db, action, "command", &subject, now_ms).await?;
        db.commit().await?;
        Ok(OpenRequest { state, ..request })
    }
}

/// The first `satellite-N` that no certificate and no token has.
async fn next_name(
    db: &mut SqliteConnection,
    tenant: &TenantId,
) -> Result<SatelliteId, OfficeError> {
    let taken = registry::names(db, tenant.as_str()).await?;
    (1..=NAMES_MAX)
        .map(|number| format!("satellite-{number}"))
        .find(|name| !taken.contains(name))
        .and_then(|name| name.parse().ok())
        .ok_or_else(|| OfficeError::NoName(tenant.to_string()))
}
