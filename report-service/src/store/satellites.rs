//! Satellites: what each last said of itself, and whether it is connected.

use spokegate_contract::envelope::Validity;
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
    /// Since when the oldest of them waits, in milliseconds since 1970.
    pub spool_oldest_ms: Option<u64>,
    /// `up`, `down` or `unknown`.
    pub node_red: String,
    /// Since when a restart of its Node-RED is due, in milliseconds since 1970.
    pub restart_due_ms: Option<u64>,
    /// Its clock less the sanitizer's, in milliseconds.
    pub clock_skew_ms: i64,
    /// Of its certificate, as it says; nothing when it does not say.
    pub certificate: Option<Validity>,
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
        /// Since when the oldest of them waits, in milliseconds since 1970.
        spool_oldest_ms: Option<u64>,
        /// `up`, `down` or `unknown`.
        node_red: String,
        /// Since when a restart of its Node-RED is due, in milliseconds since 1970.
        restart_due_ms: Option<u64>,
        /// Of its certificate, if it says.
        certificate: Option<Validity>,
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
        News::Status {
            agent_version,
            sent_at_ms,
            spool_messages,
            spool_bytes,
            spool_oldest_ms,
            node_red,
            restart_due_ms,
            certificate,
        } => sqlx::query(
            "UPDATE satellite SET agent_version = $3, spool_messages = $4, spool_bytes = $5, node_red = $6,
                 clock_skew_ms = $7, spool_oldest = $8, certificate_begins = $9, certificate_ends = $10,
                 restart_due = $11
             WHERE tenant = $1 AND satellite = $2",
        )
        .bind(tenant)
        .bind(satellite)
        .bind(agent_version)
        .bind(signed(*spool_messages))
        .bind(signed(*spool_bytes))
        .bind(node_red)
        .bind(signed(*sent_at_ms).saturating_sub(signed(sighting.at_ms)))
        .bind(spool_oldest_ms.map(signed))
        .bind(certificate.map(|it| signed(it.not_before_ms())))
        .bind(certificate.map(|it| signed(it.not_after_ms())))
        .bind(restart_due_ms.map(signed)),
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
    let moment = |column| {
        let moment: Option<i64> = row.try_get(column)?;
        Ok::<_, sqlx::Error>(moment.map(unsigned))
    };
    let life = moment("certificate_begins")?.zip(moment("certificate_ends")?);
    Ok(Satellite {
        address: Address::new(id(row.try_get("tenant")?)?, id(row.try_get("satellite")?)?),
        online: row.try_get::<Flag, _>("online")?.0,
        seen_at_ms: unsigned(row.try_get("seen_at")?),
        agent_version: row.try_get("agent_version")?,
        datasets: serde_json::from_str(&datasets)
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        spool_messages: unsigned(row.try_get("spool_messages")?),
        spool_bytes: unsigned(row.try_get("spool_bytes")?),
        spool_oldest_ms: moment("spool_oldest")?,
        node_red: row.try_get("node_red")?,
        restart_due_ms: moment("restart_due")?,
        clock_skew_ms: row.try_get("clock_skew_ms")?,
        certificate: life.and_then(|(from, to)| Validity::new(from / 1_000, to / 1_000)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(at_ms: u64, spool_oldest_ms: Option<u64>, certificate: Option<Validity>) -> Sighting {
        Sighting {
            address: Address::new("acme".parse().unwrap(), "hq".parse().unwrap()),
            at_ms,
            news: News::Status {
                agent_version: "1.0.0".into(),
                sent_at_ms: at_ms,
                spool_messages: 1,
                spool_bytes: 5,
                spool_oldest_ms,
                node_red: "up".into(),
                restart_due_ms: spool_oldest_ms,
                certificate,
            },
        }
    }

    #[tokio::test]
    async fn a_certificate_is_what_the_last_status_said() {
        for store in crate::testing::stores().await {
            let known = async || {
                let satellites = store.satellites().await.unwrap();
                assert_eq!(satellites[0].restart_due_ms, satellites[0].spool_oldest_ms);
                (satellites[0].spool_oldest_ms, satellites[0].certificate)
            };
            let (old, new) = (Validity::new(1, 700_000), Validity::new(400_000, 900_000));
            let latest = Validity::new(0, spokegate_contract::limits::NOT_AFTER_S_MAX);
            let seen = Sighting {
                news: News::Presence(true),
                ..status(5, None, None)
            };
            store.satellite_note(&[seen]).await.unwrap();
            assert_eq!(known().await, (None, None), "nothing said yet");
            for (at_ms, oldest, certificate) in [
                (10, Some(4), old),
                (20, None, new),
                (30, Some(25), None),
                (40, Some(25), latest),
            ] {
                let status = status(at_ms, oldest, certificate);
                store.satellite_note(&[status]).await.unwrap();
                assert_eq!(known().await, (oldest, certificate), "{at_ms}");
            }
            store
                .satellite_note(&[status(39, None, old)])
                .await
                .unwrap();
            assert_eq!(
                known().await,
                (Some(25), latest),
                "older news change nothing"
            );
        }
    }
}
