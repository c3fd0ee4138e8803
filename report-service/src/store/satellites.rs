//! Satellites: what each last said of itself, and whether it is connected.

use spokegate_contract::{Address, DatasetId};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Flag, Store, signed, unsigned};

/// A satellite as last heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Satellite {
    /// Who it is.
    pub address: Address,
    /// Whether it is connected, as far as is known.
    pub online: bool,
    /// When it was last heard of, in milliseconds since 1970.
    pub seen_at_ms: u64,
    /// Its agent's version; empty until it said.
    pub agent_version: String,
    /// What it supplies; empty until its first hello.
    pub datasets: Vec<(DatasetId, u16)>,
    /// Pushes that wait at the satellite.
    pub spool_messages: u64,
    /// Their bytes.
    pub spool_bytes: u64,
    /// `up`, `down` or `unknown`.
    pub node_red: String,
    /// Its clock less the sanitizer's, in milliseconds.
    pub clock_skew_ms: i64,
}

/// Something heard of a satellite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Which one.
    pub address: Address,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What.
    pub news: News,
}

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It connected or went.
    Presence(bool),
    /// It introduced itself.
    Hello {
        /// Its agent's version.
        agent_version: String,
        /// What it supplies.
        datasets: Vec<(DatasetId, u16)>,
    },
    /// It is alive.
    Status {
        /// Its agent's version.
        agent_version: String,
        /// Its clock, in milliseconds since 1970.
        sent_at_ms: u64,
        /// Pushes that wait.
        spool_messages: u64,
        /// Their bytes.
        spool_bytes: u64,
        /// `up`, `down` or `unknown`.
        node_red: String,
    },
}

impl Store {
    /// Notes what was heard; others may write between batches of it. What is older than what is known changes nothing.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn satellite_note(&self, sightings: &[Sighting]) -> Result<(), sqlx::Error> {
        for batch in sightings.chunks(super::BATCH_MAX) {
            let turn = self.turn().await?;
            let mut tx = turn.begin().await?;
            for sighting in batch {
                note(&mut tx, sighting).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    /// Every satellite ever heard of, by tenant and name.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn satellites(&self) -> Result<Vec<Satellite>, sqlx::Error> {
        let rows = sqlx::query("SELECT * FROM satellite ORDER BY tenant, satellite")
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(read).collect()
    }
}

async fn note(
    tx: &mut sqlx::Transaction<'_, sqlx::Any>,
    sighting: &Sighting,
) -> Result<(), sqlx::Error> {
    let (tenant, satellite) = (
        sighting.address.tenant.as_str(),
        sighting.address.satellite.as_str(),
    );
    let online = !matches!(sighting.news, News::Presence(false));
    let noted = sqlx::query(
        "INSERT INTO satellite (tenant, satellite, online, seen_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant, satellite) DO UPDATE SET online = excluded.online, seen_at = excluded.seen_at
         WHERE satellite.seen_at <= excluded.seen_at",
    )
    .bind(tenant)
    .bind(satellite)
    .bind(online)
    .bind(signed(sighting.at_ms))
    .execute(&mut **tx)
    .await?;
    if noted.rows_affected() == 0 {
        return Ok(());
    }
    let details = match &sighting.news {
        News::Presence(_) => return Ok(()),
        News::Hello { agent_version, datasets } => {
            let datasets = serde_json::to_string(datasets).unwrap_or_default();
            sqlx::query(
                "UPDATE satellite SET agent_version = $3, datasets = $4 WHERE tenant = $1 AND satellite = $2",
            )
            .bind(tenant)
            .bind(satellite)
            .bind(agent_version)
            .bind(datasets)
        }
        News::Status { agent_version, sent_at_ms, spool_messages, spool_bytes, node_red } => sqlx::query(
            "UPDATE satellite SET agent_version = $3, spool_messages = $4, spool_bytes = $5, node_red = $6,
                 clock_skew_ms = $7 WHERE tenant = $1 AND satellite = $2",
        )
        .bind(tenant)
        .bind(satellite)
        .bind(agent_version)
        .bind(signed(*spool_messages))
        .bind(signed(*spool_bytes))
        .bind(node_red)
        .bind(signed(*sent_at_ms).saturating_sub(signed(sighting.at_ms))),
    };
    details.execute(&mut **tx).await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<Satellite, sqlx::Error> {
    fn id<T: std::str::FromStr<Err = spokegate_contract::IdError>>(
        text: &str,
    ) -> Result<T, sqlx::Error> {
        text.parse()
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))
    }
    let datasets: String = row.try_get("datasets")?;
    Ok(Satellite {
        address: Address::new(id(row.try_get("tenant")?)?, id(row.try_get("satellite")?)?),
        online: row.try_get::<Flag, _>("online")?.0,
        seen_at_ms: unsigned(row.try_get("seen_at")?),
        agent_version: row.try_get("agent_version")?,
        datasets: serde_json::from_str(&datasets)
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        spool_messages: unsigned(row.try_get("spool_messages")?),
        spool_bytes: unsigned(row.try_get("spool_bytes")?),
        node_red: row.try_get("node_red")?,
        clock_skew_ms: row.try_get("clock_skew_ms")?,
    })
}
