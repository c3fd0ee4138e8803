//! The lane `enrol` of one sanitizer: each record is decided, and its answer handed over before it is freed.

use std::sync::Arc;

use bytes::Bytes;
use spokegate_contract::Address;
use spokegate_contract::limits::ADMISSIONS_MAX;
use spokegate_contract::record::{
    AdmissionBody, AdmissionsBody, Claim, Content, Enrolment, Lane, Record,
};
use spokegate_daemon::Clock;
use spokegate_relay::{CallError, Intake, LineFault, Link};

use super::lists::Forgot;
use crate::office::{Office, Policy};

/// What the provisioner does with the lane `enrol`.
pub(super) struct EnrolIntake {
    office: Arc<Office>,
    link: Arc<Link>,
    policy: Policy,
    clock: Clock,
    forgot: Forgot,
}

/// A request that waits to be decided.
pub(super) struct Asked {
    from: Address,
    enrolment: Enrolment<'static>,
}

impl EnrolIntake {
    pub(super) fn new(office: Arc<Office>, link: Arc<Link>, policy: Policy, clock: Clock) -> Self {
        Self {
            office,
            link,
            policy,
            clock,
            forgot: Forgot::default(),
        }
    }

    /// Says when the sanitizer has started anew.
    pub(super) fn forgot(&self) -> Forgot {
        Arc::clone(&self.forgot)
    }

    async fn decide(&self, asked: &Asked) -> anyhow::Result<AdmissionBody> {
        let now_ms = self.clock.now_ms();
        let admitted = self
            .office
            .admit(&asked.from, &asked.enrolment, &self.policy, now_ms)
            .await?;
        metrics::counter!(
            "spokegate_provisioner_admissions_total",
            "verdict" => admitted.verdict,
            "reason" => admitted.reason
        )
        .increment(1);
        Ok(AdmissionBody::new(asked.from.clone(), &admitted.admission))
    }

    /// Hands answers over. One that the sanitizer refuses for good is left out: who asked will ask again, and the others
    /// must not wait for it.
    async fn hand_over(&self, admissions: Vec<AdmissionBody>) -> anyhow::Result<()> {
        let client = self.link.client();
        let all = AdmissionsBody { admissions };
        match client.admissions(&all).await {
            Ok(()) => return Ok(()),
            Err(CallError::Refused { .. }) => {}
            Err(error) => return Err(Self::waits(error)),
        }
        for admission in all.admissions {
            let address = admission.address();
            let admissions = vec![admission];
            match client.admissions(&AdmissionsBody { admissions }).await {
                Ok(()) => {}
                Err(refused @ CallError::Refused { .. }) => tracing::error!(
                    tenant.id = %address.tenant,
                    satellite.id = %address.satellite,
                    error = %refused,
                    "the sanitizer does not take an answer to a request for a certificate"
                ),
                Err(error) => return Err(Self::waits(error)),
            }
        }
        Ok(())
    }

    fn waits(error: CallError) -> anyhow::Error {
        let error = anyhow::Error::from(error);
        tracing::warn!(
            error = format!("{error:#}"),
            "answers to requests for certificates cannot be handed over; they are sent again"
        );
        error
    }
}

impl Intake for EnrolIntake {
    type Taken = Asked;

    fn lane(&self) -> Lane {
        Lane::Enrol
    }

    fn restarted(&self) {
        self.forgot.notify_one();
    }

    fn take(
        &self,
        record: Record<'_>,
        _: &dyn Fn(&str) -> Bytes,
        taken: &mut Vec<Asked>,
    ) -> Result<(), LineFault> {
        let Content::Enrol(enrolment) = record.content else {
            return Err(LineFault::Record("not a record of the lane enrol".into()));
        };
        taken.push(Asked {
            from: record.address,
            enrolment: owned(enrolment),
        });
        Ok(())
    }

    /// Decides and answers. Whatever fails or is cut off comes again: a decision is in the registry before its answer
    /// leaves, so that the answer is the same then.
    async fn store(&self, taken: Vec<Asked>) -> anyhow::Result<()> {
        for asked in taken.chunks(ADMISSIONS_MAX) {
            let mut admissions = Vec::with_capacity(asked.len());
            for asked in asked {
                let decided = self.decide(asked).await.inspect_err(|error| {
                    tracing::error!(
                        error = format!("{error:#}"),
                        "a request for a certificate cannot be decided; it is tried again"
                    );
                })?;
                admissions.push(decided);
            }
            self.hand_over(admissions).await?;
        }
        Ok(())
    }
}

/// The same without borrowing from the batch.
fn owned(enrolment: Enrolment<'_>) -> Enrolment<'static> {
    Enrolment {
        id: enrolment.id,
        public_key: enrolment.public_key,
        claim: match enrolment.claim {
            Claim::Join { token, proof } => Claim::Join {
                token: token.into_owned().into(),
                proof,
            },
            Claim::Renew { serial, signature } => Claim::Renew { serial, signature },
        },
        peer: enrolment.peer.map(|peer| peer.into_owned().into()),
    }
}
