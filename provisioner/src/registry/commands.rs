//! What was ordered of satellites.

use spokegate_contract::envelope::CommandFault;
use spokegate_contract::{Address, RequestId, Verb};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::issued::address;
use super::{Registry, RegistryError, count, natural};

/// An order, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderRecord {
    /// Ties the result to the command.
    pub(crate) id: RequestId,
    /// Whose it is.
    pub(crate) address: Address,
    /// Its place among those to this satellite.
    pub(crate) number: u64,
    /// What is to be done.
    pub(crate) verb: Verb,
    /// What the verb needs, as it is signed.
    pub(crate) args: Vec<u8>,
    /// SHA-256 of the parcel that goes along.
    pub(crate) parcel: Option<[u8; 32]>,
    /// When it was ordered.
    pub(crate) ordered_at_ms: u64,
    /// Not to be begun after this.
    pub(crate) expires_ms: u64,
    /// What came of it.
    pub(crate) end: Option<OrderEnd>,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderEnd {
    /// Why it was not done; none when it was.
    pub(crate) fault: Option<CommandFault>,
    /// One line, of the satellite.
    pub(crate) detail: String,
    /// When it was known here.
    pub(crate) at_ms: u64,
}

/// Adds an order behind all others to its satellite; says its number.
pub(crate) async fn add(
    db: &mut SqliteConnection,
    order: &OrderRecord,
) -> Result<u64, RegistryError> {
    let number: i64 = sqlx::query_scalar(
        "INSERT INTO command (id, tenant, satellite, number, verb, args, parcel, ordered_at, expires_at, state, detail)
         VALUES (?1, ?2, ?3, (SELECT COALESCE(MAX(number), 0) + 1 FROM command WHERE tenant = ?2 AND satellite = ?3),
                 ?4, ?5, ?6, ?7, ?8, 'open', '')
         RETURNING number",
    )
    .bind(&order.id.as_bytes()[..])
    .bind(order.address.tenant.as_str())
    .bind(order.address.satellite.as_str())
    .bind(order.verb.as_str())
    .bind(&order.args)
    .bind(order.parcel.as_ref().map(|digest| &digest[..]))
    .bind(count(order.ordered_at_ms))
    .bind(count(order.expires_ms))
    .fetch_one(db)
    .await?;
    Ok(natural(number))
}

/// Ends an order of this satellite that is open, and drops what it sealed; `false` when there is none, or it has ended.
pub(crate) async fn end(
    db: &mut SqliteConnection,
    address: &Address,
    id: &RequestId,
    end: &OrderEnd,
) -> Result<bool, RegistryError> {
    let state = if end.fault.is_none() {
        "done"
    } else {
        "failed"
    };
    let ended = sqlx::query(
        "UPDATE command SET state = ?4, fault = ?5, detail = ?6, ended_at = ?7,
                args = CASE WHEN verb = 'secret' THEN x'a0' ELSE args END
         WHERE id = ?1 AND tenant = ?2 AND satellite = ?3 AND state = 'open'",
    )
    .bind(&id.as_bytes()[..])
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(state)
    .bind(end.fault.map(CommandFault::as_str))
    .bind(&end.detail)
    .bind(count(end.at_ms))
    .execute(db)
    .await?;
    Ok(ended.rows_affected() > 0)
}

/// Ends the orders whose time is over, and those before this moment are forgotten. How many ended.
pub(crate) async fn expire(
    db: &mut SqliteConnection,
    now_ms: u64,
    forget_before_ms: u64,
) -> Result<u64, RegistryError> {
    let expired = sqlx::query(
        "UPDATE command SET state = 'failed', fault = ?2, detail = 'no answer came in time', ended_at = ?1,
                args = CASE WHEN verb = 'secret' THEN x'a0' ELSE args END
         WHERE state = 'open' AND expires_at < ?1",
    )
    .bind(count(now_ms))
    .bind(CommandFault::Expired.as_str())
    .execute(&mut *db)
    .await?;
    // The last of each satellite stays: the next one's number comes after its own.
    sqlx::query(
        "DELETE FROM command WHERE ended_at < ?1 AND number < (SELECT MAX(number) FROM command AS later
         WHERE later.tenant = command.tenant AND later.satellite = command.satellite)",
    )
    .bind(count(forget_before_ms))
    .execute(db)
    .await?;
    Ok(expired.rows_affected())
}

impl Registry {
    /// The orders that have no result yet, in the order in which each satellite is to do them.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub(crate) async fn orders_open(&self, now_ms: u64) -> Result<Vec<OrderRecord>, RegistryError> {
        let rows = sqlx::query(
            "SELECT * FROM command WHERE state = 'open' AND expires_at >= ?1 ORDER BY tenant, satellite, number",
        )
        .bind(count(now_ms))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// The newest orders, newest first.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub(crate) async fn orders(
        &self,
        of: Option<&Address>,
        most: u32,
    ) -> Result<Vec<OrderRecord>, RegistryError> {
        let rows = sqlx::query(
            "SELECT * FROM command WHERE ?1 IS NULL OR (tenant = ?1 AND satellite = ?2)
             ORDER BY ordered_at DESC, number DESC LIMIT ?3",
        )
        .bind(of.map(|address| address.tenant.as_str()))
        .bind(of.map(|address| address.satellite.as_str()))
        .bind(i64::from(most))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// One order.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub(crate) async fn order(&self, id: &RequestId) -> Result<Option<OrderRecord>, RegistryError> {
        let row = sqlx::query("SELECT * FROM command WHERE id = ?1")
            .bind(&id.as_bytes()[..])
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(read).transpose()
    }
}

fn read(row: &SqliteRow) -> Result<OrderRecord, RegistryError> {
    let damaged = |what| RegistryError::Damaged { what };
    let id: Vec<u8> = row.try_get("id")?;
    let id = id.try_into().map_err(|_| damaged("the id of a command"))?;
    let verb: String = row.try_get("verb")?;
    let parcel: Option<Vec<u8>> = row.try_get("parcel")?;
    let parcel = parcel
        .map(|digest| {
            digest
                .try_into()
                .map_err(|_| damaged("the digest of a parcel"))
        })
        .transpose()?;
    let fault: Option<String> = row.try_get("fault")?;
    let fault = fault
        .map(|fault| CommandFault::from_wire(&fault).ok_or(damaged("what came of a command")))
        .transpose()?;
    let detail = row.try_get("detail")?;
    let ended_at: Option<i64> = row.try_get("ended_at")?;
    Ok(OrderRecord {
        id: RequestId::from_bytes(id),
        address: address(row)?,
        number: natural(row.try_get("number")?),
        verb: Verb::from_name(&verb).ok_or(damaged("the verb of a command"))?,
        args: row.try_get("args")?,
        parcel,
        ordered_at_ms: natural(row.try_get("ordered_at")?),
        expires_ms: natural(row.try_get("expires_at")?),
        end: ended_at.map(|at| OrderEnd {
            fault,
            detail,
            at_ms: natural(at),
        }),
    })
}
