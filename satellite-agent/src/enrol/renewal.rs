//! Keeps the certificate alive while the agent runs: over the broker in time, through the door when it is too late.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use spokegate_contract::envelope::{Admission, Enrol, EnrolRequest, Verdict};
use spokegate_contract::{Channel, Envelope, Topic};
use spokegate_daemon::{Latch, Tasks};
use spokegate_identity::Door;
use tokio::sync::{mpsc, oneshot};

use super::Fresh;
use super::asking::{Outcome, Renewal, material};
use crate::credentials::life::Stage;
use crate::credentials::{Admitted, Issued, Life, told};
use crate::link::Session;
use crate::uplink::Uplink;

/// Time between two looks at the clock; it may be set meanwhile.
const LOOK: Duration = Duration::from_millis(500);
/// How long the centre may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Admissions between the connection and us; there is one for each request.
pub(crate) const ADMISSIONS_MAX: usize = 4;
/// Pause after a failure, doubled after each further one.
const RETRY_MS_MIN: u64 = 30_000;
const RETRY_MS_MAX: u64 = 3_600_000;
/// A new certificate is left alone for this part of its life, and for an hour at most: a clock that is days ahead would
/// ask for one after the other.
const SETTLE_PART: u64 = 10;

/// Who wants a new certificate now, and is told what came of it.
pub(crate) type Asked = oneshot::Sender<Result<String, String>>;

/// The renewal of a running agent.
pub(crate) struct Renewer {
    pub(crate) renewal: Renewal,
    pub(crate) enabled: bool,
    pub(crate) uplink: Uplink,
    pub(crate) admissions: mpsc::Receiver<Admission>,
    pub(crate) asked: mpsc::Receiver<Asked>,
    pub(crate) tasks: Tasks,
    pub(crate) valid: Latch,
    pub(crate) schedule: Schedule,
    /// The new key, kept over failures.
    pub(crate) fresh: Option<Fresh>,
}

/// When to try again.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    next_try_ms: u64,
    failures: u32,
    /// What was said last, so that it is said once.
    stage: Option<Stage>,
}

/// What became of one attempt.
enum Done {
    Renewed(Life),
    Later(u32),
    Refused,
}

impl Renewer {
    /// Runs until the soft token is cancelled.
    pub(crate) async fn run(mut self) {
        let soft = self.tasks.soft();
        let work = async {
            self.look().await;
            loop {
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => self.look().await,
                    Some(asker) = self.asked.recv() => {
                        // Whoever asked may have stopped waiting.
                        let _ = asker.send(self.renew_now().await);
                    }
                }
            }
        };
        soft.run_until_cancelled_owned(work).await;
    }

    async fn look(&mut self) {
        let certificate = self.renewal.store.certificate();
        let life = match certificate.map_err(|error| error.to_string()) {
            Ok(certificate) => Life::of(&certificate).map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        let Ok(life) = life.inspect_err(|error| tracing::debug!(error, "no certificate")) else {
            return self.valid.unset();
        };
        let stage = life.stage(self.renewal.clock.now_ms());
        self.show(&life, stage);
        let waiting = self.renewal.clock.monotonic_ms() < self.schedule.next_try_ms;
        if !self.enabled || waiting {
            return;
        }
        let result = match (stage, self.uplink.current(), &self.renewal.door) {
            (Stage::Due, Some(session), _) => self.over_link(&life, &session).await,
            (Stage::Expired, _, Some(door)) => {
                let door = door.clone();
                self.through_door(&life, door).await
            }
            _ => return,
        };
        let result = self.settled(result).await;
        self.conclude(result, &life);
    }

    /// Keeps what was admitted.
    async fn settled(&mut self, result: anyhow::Result<Outcome>) -> anyhow::Result<Done> {
        match result? {
            Outcome::Admitted(admitted) => {
                let new = admitted.life.clone();
                self.take_over(*admitted).await.map(|()| Done::Renewed(new))
            }
            Outcome::Later(retry_s) => Ok(Done::Later(retry_s)),
            Outcome::Refused => Ok(Done::Refused),
        }
    }

    /// Asks for a new certificate whether it is time or not; what came of it, in words.
    async fn renew_now(&mut self) -> Result<String, String> {
        let present = self.renewal.store.certificate();
        let present = present.map_err(|error| error.to_string())?;
        let life = Life::of(&present).map_err(|error| error.to_string())?;
        let session = self.uplink.current();
        let session = session.ok_or("there is no connection to the broker")?;
        let result = self.over_link(&life, &session).await;
        let result = self.settled(result).await;
        let said = match &result {
            Ok(Done::Renewed(new)) => Ok(format!("good until {}", told(new.not_after_ms))),
            Ok(Done::Later(retry_s)) => Err(format!("the centre answers in {retry_s} s")),
            Ok(Done::Refused) => Err("the centre does not renew it".to_owned()),
            Err(error) => Err(format!("{error:#}")),
        };
        self.conclude(result, &life);
        said
    }

    fn show(&mut self, life: &Life, stage: Stage) {
        metrics::gauge!("spokegate_agent_certificate_expires_timestamp_seconds")
            .set((life.not_after_ms / 1_000) as f64);
        match stage {
            Stage::Fresh | Stage::Due => self.valid.set(),
            Stage::Early | Stage::Expired => self.valid.unset(),
        }
        if self.schedule.stage.replace(stage) == Some(stage) {
            return;
        }
        let (from, until) = (told(life.not_before_ms), told(life.not_after_ms));
        let now = told(self.renewal.clock.now_ms());
        match stage {
            Stage::Fresh => {
                let renews = told(life.renew_at_ms());
                tracing::info!(until, renews, "the certificate is valid");
            }
            Stage::Due if self.enabled => {
                tracing::info!(until, "the certificate is to be renewed");
            }
            Stage::Due => tracing::warn!(
                until,
                "the certificate ends soon and enrolment.renew is false"
            ),
            Stage::Early => tracing::error!(
                from,
                now,
                "the certificate is not valid yet by this machine's clock, hint: set the clock"
            ),
            Stage::Expired if self.renewal.door.is_some() && self.enabled => tracing::error!(
                until,
                now,
                "the certificate has expired; the enrolment door is asked for a new one, hint: is the clock right?"
            ),
            Stage::Expired => tracing::error!(
                until,
                now,
                "the certificate has expired, hint: set enrolment.door, or join again with a new token"
            ),
        }
    }

    /// Asks the centre over the connection there is, which goes on whatever comes of it.
    async fn over_link(&mut self, life: &Life, session: &Session) -> anyhow::Result<Outcome> {
        let fresh = fresh(&mut self.fresh)?;
        let (id, signature) = self.renewal.sign(fresh)?;
        let envelope = Enrol {
            id,
            csr: fresh.csr().to_vec().into(),
            request: EnrolRequest::Renew {
                serial: life.serial.as_bytes().to_vec().into(),
                signature: signature.into(),
            },
            peer: None,
        };
        let topic = Topic::new(self.renewal.address.clone(), Channel::Enrol).to_string();
        let asked = session.publish(&topic, envelope.encode()).await;
        asked.context("ask for a new certificate")?;
        let answer = async {
            while let Some(admission) = self.admissions.recv().await {
                if admission.id == id {
                    return Some(admission.verdict);
                }
            }
            None
        };
        let verdict = tokio::select! {
            answer = tokio::time::timeout(ANSWER_LIMIT, answer) => answer.ok().flatten(),
            () = session.gone() => bail!("the connection ended before the centre answered"),
        };
        match verdict.ok_or_else(|| anyhow!("the centre did not answer in time"))? {
            Verdict::Issued {
                certificate,
                roots,
                signature,
            } => self.renewal.admit(
                fresh,
                &Issued {
                    id,
                    certificate: certificate.to_vec(),
                    roots: roots.to_vec(),
                    signature: signature.to_vec(),
                },
            ),
            Verdict::Pending { retry_s } => Ok(Outcome::Later(retry_s)),
            Verdict::Refused => Ok(Outcome::Refused),
        }
    }

    async fn through_door(&mut self, life: &Life, door: Door) -> anyhow::Result<Outcome> {
        let fresh = fresh(&mut self.fresh)?;
        self.renewal.through_door(life, fresh, door).await
    }

    /// Replaces the files; the next connection uses them.
    async fn take_over(&mut self, admitted: Admitted) -> anyhow::Result<()> {
        let fresh = self.fresh.take().context("the new key is gone")?;
        let (until, material) = (
            told(admitted.life.not_after_ms),
            material(&fresh, &admitted),
        );
        let store = Arc::clone(&self.renewal.store);
        let replaced = self
            .tasks
            .blocking("certificate", move || store.replace(&material))
            .await;
        let replaced = replaced.context("replace the certificate")?;
        if replaced.is_err() {
            self.fresh = Some(fresh);
        }
        replaced.context("replace the certificate")?;
        tracing::info!(until, "the certificate was renewed, with a new key");
        Ok(())
    }

    fn conclude(&mut self, result: anyhow::Result<Done>, life: &Life) {
        let now_ms = self.renewal.clock.monotonic_ms();
        let (outcome, pause_ms) = match result {
            Ok(Done::Renewed(new)) => {
                self.schedule.failures = 0;
                ("renewed", self.settle(&new))
            }
            Ok(Done::Later(retry_s)) => ("pending", u64::from(retry_s) * 1_000),
            Ok(Done::Refused) => {
                tracing::error!(
                    until = told(life.not_after_ms),
                    "certificate refused: the centre does not renew it, hint: ask the MSP, who sees why, for a new join token"
                );
                ("refused", RETRY_MS_MAX)
            }
            Err(error) => {
                let error = format!("{error:#}");
                let until = told(life.not_after_ms);
                tracing::warn!(error, until, "the certificate is not renewed yet");
                ("failed", self.schedule.failed())
            }
        };
        self.schedule.next_try_ms = now_ms.saturating_add(pause_ms);
        metrics::counter!("spokegate_agent_renewals_total", "outcome" => outcome).increment(1);
    }
}

impl Renewer {
    /// How long a new certificate is left alone, whatever a wrong clock says about it.
    fn settle(&self, new: &Life) -> u64 {
        let now_ms = self.renewal.clock.now_ms();
        if new.stage(now_ms) == Stage::Due {
            let (from, until, now) = (
                told(new.not_before_ms),
                told(new.not_after_ms),
                told(now_ms),
            );
            tracing::warn!(
                from,
                until,
                now,
                "the new certificate is to be renewed already by this machine's clock, hint: is the clock right?"
            );
        }
        let life_ms = new.not_after_ms.saturating_sub(new.not_before_ms);
        (life_ms / SETTLE_PART).min(RETRY_MS_MAX)
    }
}

impl Schedule {
    /// Counts a failure and says how long to wait.
    fn failed(&mut self) -> u64 {
        let pause_ms = RETRY_MS_MIN << self.failures.min(10);
        self.failures = self.failures.saturating_add(1);
        pause_ms.min(RETRY_MS_MAX)
    }
}

fn fresh(kept: &mut Option<Fresh>) -> anyhow::Result<&Fresh> {
    let new = match kept.take() {
        Some(kept) => kept,
        None => Fresh::generate()?,
    };
    Ok(kept.insert(new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_waited_out_for_longer_and_longer() {
        let mut schedule = Schedule::default();
        let pauses: Vec<_> = (0..9).map(|_| schedule.failed() / 1_000).collect();
        assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
        schedule.failures = u32::MAX;
        assert_eq!(schedule.failed(), RETRY_MS_MAX);
    }

    #[test]
    fn a_key_is_kept_until_it_has_a_certificate() {
        let mut kept = None;
        let first = fresh(&mut kept).unwrap().public_key();
        assert_eq!(fresh(&mut kept).unwrap().public_key(), first);
        kept = None;
        assert_ne!(fresh(&mut kept).unwrap().public_key(), first);
    }
}
