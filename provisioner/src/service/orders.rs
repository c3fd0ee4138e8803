//! Orders to satellites, from the registry to the sanitizer that has their tenant's session, and the lane `result`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use spokegate_contract::limits::COMMANDS_MAX;
use spokegate_contract::record::{
    Came, CommandBody, CommandsBody, Content, Lane, ParcelBody, Record,
};
use spokegate_contract::{Address, RequestId};
use spokegate_daemon::{Clock, Tasks};
use spokegate_relay::{CallError, Intake, LineFault, Link};

use crate::office::{Office, Part};
use crate::registry::OrderRecord;

/// How often the registry is asked for orders.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// How often orders whose time is over are looked for.
const EXPIRE_MS: u64 = 5_000;
/// An order that has no result is sent again after this; twice as long after each time, up to the most.
const AGAIN_MS: (u64, u64) = (5_000, 60_000);

/// When an order is sent next.
#[derive(Debug, Clone, Copy)]
struct Turn {
    at_ms: u64,
    wait_ms: u64,
}

/// Sends what is open, again and again, to whichever sanitizer takes it.
pub(super) struct Orders {
    office: Arc<Office>,
    links: Vec<Arc<Link>>,
    clock: Clock,
    turns: HashMap<RequestId, Turn>,
    expired_at_ms: u64,
}

impl Orders {
    pub(super) fn new(office: Arc<Office>, links: Vec<Arc<Link>>, clock: Clock) -> Self {
        Self {
            office,
            links,
            clock,
            turns: HashMap::new(),
            expired_at_ms: 0,
        }
    }

    /// Runs until the soft token is cancelled.
    pub(super) async fn run(mut self, tasks: Tasks) {
        let soft = tasks.soft();
        let mut poll = tokio::time::interval(POLL_INTERVAL);
        let mut failing = false;
        while soft.run_until_cancelled(poll.tick()).await.is_some() {
            match soft.run_until_cancelled(self.look()).await {
                None => return,
                Some(Ok(())) => failing = false,
                Some(Err(error)) if !failing => {
                    failing = true;
                    tracing::error!(
                        error = format!("{error:#}"),
                        "orders to satellites cannot be sent; they are tried again"
                    );
                }
                Some(Err(_)) => {}
            }
        }
    }

    async fn look(&mut self) -> anyhow::Result<()> {
        let now_ms = self.clock.now_ms();
        if now_ms.abs_diff(self.expired_at_ms) >= EXPIRE_MS {
            self.expired_at_ms = now_ms;
            self.office.expire_orders(now_ms).await?;
        }
        let open = self.office.registry().orders_open(now_ms).await?;
        self.turns
            .retain(|id, _| open.iter().any(|order| order.id == *id));
        // A satellite does one after the other: the second waits for the first one's result.
        let mut before: Option<&Address> = None;
        for order in &open {
            let first = before != Some(&order.address);
            before = Some(&order.address);
            if first && self.is_due(order) {
                self.send(order).await?;
            }
        }
        Ok(())
    }

    fn is_due(&mut self, order: &OrderRecord) -> bool {
        let now_ms = self.clock.monotonic_ms();
        let turn = self.turns.entry(order.id).or_insert(Turn {
            at_ms: now_ms,
            wait_ms: AGAIN_MS.0,
        });
        if turn.at_ms > now_ms {
            return false;
        }
        turn.at_ms = now_ms.saturating_add(turn.wait_ms);
        turn.wait_ms = turn.wait_ms.saturating_mul(2).min(AGAIN_MS.1);
        true
    }

    async fn send(&self, order: &OrderRecord) -> anyhow::Result<()> {
        let command = self.office.signed(order)?;
        let body = CommandsBody {
            commands: vec![CommandBody::new(
                order.address.clone(),
                order.verb,
                &command,
            )],
            parcels: Vec::new(),
        };
        for link in &self.links {
            match link.client().commands(&body).await {
                Ok(()) => {
                    metrics::counter!("spokegate_provisioner_commands_total", "outcome" => "sent")
                        .increment(1);
                    return Ok(());
                }
                Err(error) => tracing::debug!(
                    sanitizer = link.url(),
                    error = %error,
                    "a command is not taken here"
                ),
            }
        }
        metrics::counter!("spokegate_provisioner_commands_total", "outcome" => "waits")
            .increment(1);
        Ok(())
    }
}

/// What the provisioner does with the lane `result` of one sanitizer.
pub(super) struct ResultIntake {
    office: Arc<Office>,
    link: Arc<Link>,
    clock: Clock,
    tasks: Tasks,
}

impl ResultIntake {
    pub(super) fn new(office: Arc<Office>, link: Arc<Link>, clock: Clock, tasks: Tasks) -> Self {
        Self {
            office,
            link,
            clock,
            tasks,
        }
    }

    /// Sends parts; one that is lost is wanted again.
    async fn send(&self, to: &Address, parts: Vec<Part>) -> anyhow::Result<()> {
        let mut parcels = Vec::with_capacity(parts.len());
        for part in parts {
            let office = Arc::clone(&self.office);
            let read = self
                .tasks
                .blocking("parcel", move || office.part(&part))
                .await
                .context("the service stops")??;
            parcels.extend(read.map(|parcel| ParcelBody::new(to.clone(), &parcel)));
        }
        for parcels in parcels.chunks(COMMANDS_MAX) {
            let body = CommandsBody {
                commands: Vec::new(),
                parcels: parcels.to_vec(),
            };
            match self.link.client().commands(&body).await {
                Ok(()) | Err(CallError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Intake for ResultIntake {
    type Taken = (Address, Came<'static>);

    fn lane(&self) -> Lane {
        Lane::Result
    }

    fn take(
        &self,
        record: Record<'_>,
        _: &dyn Fn(&str) -> Bytes,
        taken: &mut Vec<Self::Taken>,
    ) -> Result<(), LineFault> {
        let Content::Result(came) = record.content else {
            return Err(LineFault::Record("not a record of the lane result".into()));
        };
        taken.push((record.address, came.into_owned()));
        Ok(())
    }

    async fn store(&self, taken: Vec<Self::Taken>) -> anyhow::Result<()> {
        for (from, came) in taken {
            let parts = self.office.came(&from, &came, self.clock.now_ms()).await?;
            if let Err(error) = self.send(&from, parts).await {
                tracing::warn!(
                    tenant.id = %from.tenant,
                    satellite.id = %from.satellite,
                    error = format!("{error:#}"),
                    "parts of a parcel cannot be sent; they are wanted again"
                );
            }
        }
        Ok(())
    }
}
