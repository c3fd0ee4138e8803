//! Older data in the place of what does not come now: the last checked answer of a need that allows it, kept sealed, or
//! an older push.

use std::sync::Arc;

use bytes::Bytes;
use ring::digest::{SHA256, digest};
use serde_json::Value;
use spokegate_contract::hex;
use spokegate_contract::{Failure, FailureClass};

use super::super::fetch::{Fetched, Fetcher, Job};
use super::super::plan::{self, Source};
use super::Shared;
use crate::render::{Tray, Values};
use crate::reports::Need;
use crate::secrets::Standing;
use crate::store::older::{OlderData, OlderKey};

/// What the seal is for.
const PURPOSE: &str = "older-data";
/// Largest answer that is kept.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

impl Shared {
    /// Fetches a need; where it cannot be had and the need allows it, what is there of before.
    pub(super) async fn fetch(
        &self,
        (fetcher, owner_id): (&Fetcher, &str),
        need: &Need,
        job: &Job,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Fetched, Failure> {
        let fetched = fetcher.fetch(job, progress).await;
        let Some(older_ms) = need.older_ms else {
            return fetched;
        };
        match fetched {
            Ok(fetched) => {
                self.put_by(owner_id, (need, job), &fetched, &fetcher.tray)
                    .await;
                Ok(fetched)
            }
            Err(failure) if may_be_older(&failure) => {
                let older = self.older(fetcher, need, job, older_ms).await;
                let older = older.map(|older| Fetched {
                    older: Some(failure.class),
                    ..older
                });
                older.ok_or(failure)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Whether answers can be kept: they are sealed with the master key.
    pub(super) async fn keeps_older(&self) -> bool {
        matches!(self.parts.secrets.standing().await, Ok(Standing::Open))
    }

    /// Keeps what came; a run is not lost over it.
    async fn put_by(
        &self,
        owner_id: &str,
        (need, job): (&Need, &Job),
        fetched: &Fetched,
        tray: &Arc<Tray>,
    ) {
        let Some(version) = version(job) else {
            return;
        };
        let key = key(need, job);
        let kept = async {
            let Some(plain) = bodies(&fetched.data, tray) else {
                tracing::info!(
                    tenant.id = %key.tenant, dataset = %key.name,
                    "an answer is too large to be kept for later"
                );
                return anyhow::Ok(());
            };
            let secrets = &self.parts.secrets;
            let sealed = secrets.seal(PURPOSE, &about(&key), &plain).await?;
            let data = OlderData {
                version,
                captured_at_ms: fetched.captured_at_ms,
                sealed,
            };
            Ok(self.parts.store.older_put(&key, &data, owner_id).await?)
        };
        if let Err(error) = kept.await {
            tracing::warn!(
                tenant.id = %key.tenant, dataset = %key.name, error = format!("{error:#}"),
                "an answer could not be kept for later"
            );
        }
    }

    /// What is there of before and not too old: checked again, as if it came now.
    async fn older(
        &self,
        fetcher: &Fetcher,
        need: &Need,
        job: &Job,
        older_ms: u64,
    ) -> Option<Fetched> {
        let since_ms = self.parts.clock.now_ms().saturating_sub(older_ms);
        if need.max_age_ms.is_some()
            && let Some(fetched) = self.older_push(fetcher, need, job, since_ms).await
        {
            return Some(fetched);
        }
        let key = key(need, job);
        let kept = self.parts.store.older_get(&key, since_ms).await;
        let kept = kept
            .inspect_err(|error| tracing::error!(%error, "older data could not be read"))
            .ok()??;
        let about = about(&key);
        let opened = self.parts.secrets.unseal(PURPOSE, &about, &kept.sealed);
        let plain = opened.await;
        let plain = plain
            .inspect_err(|error| tracing::warn!(%error, "older data does not open"))
            .ok()?;
        let bodies = split(&plain)?;
        let again = fetcher.again(job, kept.version, bodies, kept.captured_at_ms);
        let again = again.await;
        again
            .inspect_err(|failure| {
                tracing::warn!(
                    dataset = %key.name, reason = %failure.detail,
                    "older data does not satisfy its contract any more"
                );
            })
            .ok()
    }

    async fn older_push(
        &self,
        fetcher: &Fetcher,
        need: &Need,
        job: &Job,
        since_ms: u64,
    ) -> Option<Fetched> {
        let pushes = self.parts.store.push_latest(&job.tenant.id, &need.dataset);
        let pushes = pushes.await.ok()?;
        let known = |version: u16| {
            let mut contracts = job.contracts.iter();
            contracts.any(|contract| contract.dataset.version == version)
        };
        let is_good = |push: &crate::store::pushes::StoredPush| {
            push.captured_at_ms >= since_ms && known(push.version)
        };
        let pushes = plan::newest_of_each(&pushes, is_good);
        if pushes.is_empty() {
            return None;
        }
        let job = Job {
            contracts: job.contracts.clone(),
            source: Source::Pushes(pushes),
            params: job.params.clone(),
            timeout_ms: job.timeout_ms,
            tenant: job.tenant.clone(),
        };
        fetcher.fetch(&job, &|_| {}).await.ok()
    }
}

/// Whether a failure is one that older data may stand in for. A refusal, a breach of the contract and too much of it are not:
/// somebody has to look at them.
fn may_be_older(failure: &Failure) -> bool {
    matches!(
        failure.class,
        FailureClass::Offline | FailureClass::Timeout | FailureClass::SourceError
    )
}

/// The one version that all of an answer is of; what was pushed is kept elsewhere.
fn version(job: &Job) -> Option<u16> {
    match &job.source {
        Source::Pull(asked) => {
            let first = asked.first()?.version;
            asked
                .iter()
                .all(|asked| asked.version == first)
                .then_some(first)
        }
        Source::Central(_) => Some(job.contracts.first()?.dataset.version),
        Source::Pushes(_) | Source::Nowhere(_) => None,
    }
}

fn key(need: &Need, job: &Job) -> OlderKey {
    let kind = if need.source.is_some() {
        "source"
    } else {
        "dataset"
    };
    let params = Value::Object(job.params.clone()).to_string();
    OlderKey {
        tenant: job.tenant.id.to_string(),
        name: format!("{kind}:{}", need.name()),
        params: hex::encode(digest(&SHA256, params.as_bytes()).as_ref()),
    }
}

/// What a seal is bound to: it opens for this customer and this data only.
fn about(key: &OlderKey) -> String {
    format!("{}/{}/{}", key.tenant, key.name, key.params)
}

/// Every body with its length before it; nothing when it is too much.
fn bodies(data: &Values, tray: &Tray) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let mut add = |body: &[u8]| {
        let length = u32::try_from(body.len()).ok()?;
        plain.extend_from_slice(&length.to_be_bytes());
        plain.extend_from_slice(body);
        (plain.len() as u64 <= BYTES_MAX).then_some(())
    };
    match data {
        Values::Rows(chunks) => {
            for chunk in chunks {
                if chunk.span.bytes > BYTES_MAX {
                    return None;
                }
                add(&tray.piece(chunk.span).ok()?)?;
            }
        }
        Values::Plain(document) => add(&serde_json::to_vec(document).ok()?)?,
        Values::Map(_) | Values::List(_) => return None,
    }
    Some(plain)
}

/// The bodies again.
fn split(plain: &[u8]) -> Option<Vec<Bytes>> {
    let (mut rest, mut bodies) = (plain, Vec::new());
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (body, after) = after.split_at_checked(length)?;
        bodies.push(Bytes::copy_from_slice(body));
        rest = after;
    }
    Some(bodies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let tray = Tray::create(folder.path()).unwrap();
        let chunks: Vec<_> = [r#"[{"a":1}]"#, "[]", r#"[{"a":2},{"a":3}]"#]
            .iter()
            .map(|body| tray.append_rows(body.as_bytes(), 1).unwrap())
            .collect();
        let plain = bodies(&Values::Rows(chunks), &tray).unwrap();
        let again = split(&plain).unwrap();
        assert_eq!(again, [r#"[{"a":1}]"#, "[]", r#"[{"a":2},{"a":3}]"#]);
        assert_eq!(split(&plain[..plain.len() - 1]), None, "cut short");
        assert_eq!(split(&[0, 0, 0, 9, 1]), None);
        let much = vec![b' '; usize::try_from(BYTES_MAX).unwrap()];
        let much = tray.append_rows(&much, 1).unwrap();
        assert_eq!(bodies(&Values::Rows(vec![much]), &tray), None);
    }
}
