//! Lines of satellites' Node-RED, as their agents sent them: once each, whichever way they came.

use spokegate_contract::Address;
use sqlx::any::AnyRow;
use sqlx::{Any, Row as _, Transaction};

use super::{Store, signed, unsigned};

/// What a line takes beside its text.
const LINE_BYTES: i64 = 48;
/// Lines that are written in one turn.
const TURN_MAX: usize = 500;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its number at the satellite.
    pub number: u64,
    /// When it was written, by the satellite's clock, in milliseconds since 1970.
    pub at_ms: u64,
    /// `out`, `err` or `keeper`.
    pub stream: String,
    /// What it says.
    pub line: String,
    /// Lines before it that went before they could be sent.
    pub lost: u64,
}

/// Lines that came, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLines {
    /// In order.
    pub lines: Vec<LogLine>,
    /// When they came, in milliseconds since 1970.
    pub received_at_ms: u64,
    /// Bytes of lines that the satellite may have here.
    pub bytes_max: u64,
}

/// Which lines.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// With a larger number.
    pub after: Option<u64>,
    /// That hold this, in whichever case; empty: all.
    pub text: String,
    /// At most so many: the last ones, or with `after` the first ones behind it.
    pub lines_max: u32,
}

impl Store {
    /// Keeps lines that were asked for.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn satellite_log_note(
        &self,
        address: &Address,
        new: &NewLines,
    ) -> Result<(), sqlx::Error> {
        for lines in new.lines.chunks(TURN_MAX) {
            let turn = self.turn().await?;
            let mut tx = turn.begin().await?;
            let some = NewLines {
                lines: lines.to_vec(),
                ..*new
            };
            note(&mut tx, address, &some).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Lines in order.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn satellite_log(
        &self,
        address: &Address,
        filter: &LogFilter,
    ) -> Result<Vec<LogLine>, sqlx::Error> {
        // Names of our own columns, not text from elsewhere.
        let order = if filter.after.is_some() {
            "ASC"
        } else {
            "DESC"
        };
        let query = format!(
            "SELECT number, at, stream, line, lost FROM satellite_log
             WHERE tenant = $1 AND satellite = $2 AND number > $3 AND LOWER(line) LIKE $4 ESCAPE '!'
             ORDER BY number {order} LIMIT $5"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(query))
            .bind(address.tenant.as_str())
            .bind(address.satellite.as_str())
            .bind(filter.after.map_or(-1, signed))
            .bind(like(&filter.text))
            .bind(i64::from(filter.lines_max))
            .fetch_all(self.pool())
            .await?;
        let mut lines = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if filter.after.is_none() {
            lines.reverse();
        }
        Ok(lines)
    }

    /// Forgets lines that came before a time.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn satellite_log_forget(&self, before_ms: u64) -> Result<u64, sqlx::Error> {
        let turn = self.turn().await?;
        let mut tx = turn.begin().await?;
        let gone = sqlx::query("DELETE FROM satellite_log WHERE received_at < $1")
            .bind(signed(before_ms))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(gone.rows_affected())
    }
}

/// Keeps lines; those that are there already stay, and the oldest beyond the satellite's bytes go.
pub(super) async fn note(
    tx: &mut Transaction<'_, Any>,
    address: &Address,
    new: &NewLines,
) -> Result<(), sqlx::Error> {
    let (tenant, satellite) = (address.tenant.as_str(), address.satellite.as_str());
    let mut total: i64 = sqlx::query_scalar(
        "SELECT COALESCE(MAX(total), 0) FROM satellite_log WHERE tenant = $1 AND satellite = $2",
    )
    .bind(tenant)
    .bind(satellite)
    .fetch_one(&mut **tx)
    .await?;
    for line in &new.lines {
        let bytes = i64::try_from(line.line.len()).unwrap_or(i64::MAX / 2);
        let with = total.saturating_add(bytes).saturating_add(LINE_BYTES);
        sqlx::query(
            "INSERT INTO satellite_log (tenant, satellite, number, at, stream, line, lost, received_at, total)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (tenant, satellite, number) DO UPDATE SET lost = excluded.lost
                 WHERE satellite_log.lost < excluded.lost",
        )
        .bind(tenant)
        .bind(satellite)
        .bind(signed(line.number))
        .bind(signed(line.at_ms))
        .bind(&line.stream)
        .bind(&line.line)
        .bind(signed(line.lost))
        .bind(signed(new.received_at_ms))
        .bind(with)
        .execute(&mut **tx)
        .await?;
        total = with;
    }
    sqlx::query("DELETE FROM satellite_log WHERE tenant = $1 AND satellite = $2 AND total <= $3")
        .bind(tenant)
        .bind(satellite)
        .bind(total.saturating_sub(signed(new.bytes_max)))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// A pattern of what holds the text.
fn like(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn read(row: &AnyRow) -> Result<LogLine, sqlx::Error> {
    Ok(LogLine {
        number: unsigned(row.try_get("number")?),
        at_ms: unsigned(row.try_get("at")?),
        stream: row.try_get("stream")?,
        line: row.try_get("line")?,
        lost: unsigned(row.try_get("lost")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(satellite: &str) -> Address {
        Address::new("acme".parse().unwrap(), satellite.parse().unwrap())
    }

    fn line(number: u64, text: &str) -> LogLine {
        LogLine {
            number,
            at_ms: number * 1_000,
            stream: "out".to_owned(),
            line: text.to_owned(),
            lost: 0,
        }
    }

    fn new(lines: Vec<LogLine>, bytes_max: u64) -> NewLines {
        NewLines {
            lines,
            received_at_ms: 5_000,
            bytes_max,
        }
    }

    fn filter(after: Option<u64>, text: &str, lines_max: u32) -> LogFilter {
        LogFilter {
            after,
            text: text.to_owned(),
            lines_max,
        }
    }

    #[tokio::test]
    async fn each_line_is_there_once_and_found_by_number_and_text() {
        for store in crate::testing::stores().await {
            let hq = address("hq");
            let lines: Vec<_> = (1..=5)
                .map(|n| line(n, &format!("Line {n} 100%")))
                .collect();
            store
                .satellite_log_note(&hq, &new(lines.clone(), 1 << 20))
                .await
                .unwrap();
            // Again by the other way, with one that knows of a loss.
            let mut again = lines.clone();
            again[2].lost = 7;
            store
                .satellite_log_note(&hq, &new(again.clone(), 1 << 20))
                .await
                .unwrap();
            store
                .satellite_log_note(&hq, &new(lines, 1 << 20))
                .await
                .unwrap();
            let found = async |filter: LogFilter| {
                let found = store.satellite_log(&hq, &filter).await.unwrap();
                found.iter().map(|line| line.number).collect::<Vec<_>>()
            };
            let all = store
                .satellite_log(&hq, &filter(None, "", 100))
                .await
                .unwrap();
            assert_eq!(all, again);
            assert_eq!(found(filter(None, "", 2)).await, [4, 5]);
            assert_eq!(found(filter(Some(2), "", 2)).await, [3, 4]);
            assert_eq!(found(filter(Some(5), "", 2)).await, [0; 0]);
            assert_eq!(found(filter(None, "line 3", 9)).await, [3]);
            assert_eq!(found(filter(None, "0%", 9)).await.len(), 5);
            assert_eq!(found(filter(None, "_", 9)).await, [0; 0]);
            let other = store
                .satellite_log(&address("yard"), &filter(None, "", 9))
                .await
                .unwrap();
            assert!(other.is_empty());
        }
    }

    #[tokio::test]
    async fn a_satellite_has_its_bytes_and_its_days() {
        for store in crate::testing::stores().await {
            let (hq, yard) = (address("hq"), address("yard"));
            store
                .satellite_log_note(&yard, &new(vec![line(1, "stays")], 1_000))
                .await
                .unwrap();
            for n in 0..30 {
                let some = new(vec![line(n, &"x".repeat(52))], 1_000);
                store.satellite_log_note(&hq, &some).await.unwrap();
            }
            let kept = store
                .satellite_log(&hq, &filter(None, "", 100))
                .await
                .unwrap();
            let numbers: Vec<u64> = kept.iter().map(|line| line.number).collect();
            assert_eq!(
                numbers,
                (20..30).collect::<Vec<_>>(),
                "a hundred bytes each"
            );
            assert_eq!(store.satellite_log_forget(5_000).await.unwrap(), 0);
            assert_eq!(store.satellite_log_forget(5_001).await.unwrap(), 11);
        }
    }
}
