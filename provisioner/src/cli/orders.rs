//! Orders to satellites: gives one and waits for what comes of it; lists them.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::{Value, json};
use spokegate_contract::{Address, RequestId, SatelliteId, TenantId, Verb};

use super::satellites::Who;
use super::{Directory, moment, wait_for};
use crate::office::{Office, Order};
use crate::registry::OrderRecord;

/// How long an order is worth beginning unless told otherwise, and at most, in minutes.
const LIFE_MIN: u32 = 15;
const LIFE_MIN_MAX: i64 = 7 * 24 * 60;
/// How long a command line waits for a result unless told otherwise, in seconds.
const WAIT_S: u64 = 60;
/// How often it looks.
const LOOK: Duration = Duration::from_millis(100);
/// Orders that a list shows unless told otherwise.
const SHOWN: u32 = 20;

#[derive(Debug, clap::Args)]
pub(super) struct OrderArgs {
    #[command(flatten)]
    directory: Directory,
    #[command(flatten)]
    who: Who,
    /// For how long it is sent to a satellite that does not answer, in minutes
    #[arg(long, default_value_t = LIFE_MIN, value_parser = clap::value_parser!(u32).range(1..=LIFE_MIN_MAX))]
    life_min: u32,
    /// How long to wait for the result, in seconds; 0 does not wait
    #[arg(long, default_value_t = WAIT_S)]
    wait_s: u64,
}

#[derive(Debug, clap::Args)]
pub(super) struct CommandsArgs {
    #[command(flatten)]
    directory: Directory,
    /// Only those of this tenant's satellite
    #[arg(long, requires = "satellite")]
    tenant: Option<TenantId>,
    /// Its id
    #[arg(long, requires = "tenant")]
    satellite: Option<SatelliteId>,
    /// How many at most
    #[arg(long, default_value_t = SHOWN)]
    limit: u32,
}

/// A restart of Node-RED.
#[derive(Debug, clap::Args)]
pub(super) struct RestartArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// At once; the result comes when Node-RED answers again. Without it: within the satellite's node_red.restart_window
    #[arg(long)]
    now: bool,
}

impl RestartArgs {
    pub(super) fn run(self, now_ms: u64) -> anyhow::Result<String> {
        let args = match self.now {
            true => json!({ "now": true }),
            false => json!({}),
        };
        self.order.run(Verb::Restart, &args, now_ms)
    }
}

impl OrderArgs {
    pub(super) fn run(self, verb: Verb, args: &Value, now_ms: u64) -> anyhow::Result<String> {
        let order = Order {
            address: self.who.address(),
            verb,
            args: args.clone(),
            parcel: None,
            life_ms: u64::from(self.life_min) * 60_000,
        };
        wait_for(async {
            let office = self.directory.open().await?;
            let id = office.order(&order, now_ms).await?;
            let waited = result(&office, &id, Duration::from_secs(self.wait_s)).await?;
            office.close().await;
            match waited {
                Some(record) if record.end.as_ref().is_some_and(|end| end.fault.is_some()) => {
                    bail!("{}", line(&record))
                }
                Some(record) => Ok(line(&record) + "\n"),
                None => Ok(format!(
                    "{} {}: no answer yet, it is sent for {} more minutes, hint: `spokegate satellite commands` shows what comes of it\n",
                    verb.as_str(),
                    order.address,
                    self.life_min
                )),
            }
        })
    }
}

impl CommandsArgs {
    pub(super) fn run(self) -> anyhow::Result<String> {
        let of = self
            .tenant
            .zip(self.satellite)
            .map(|(tenant, satellite)| Address::new(tenant, satellite));
        wait_for(async {
            let office = self.directory.open().await?;
            let orders = office.registry().orders(of.as_ref(), self.limit).await?;
            let mut text = String::new();
            for order in &orders {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{}  {}", moment(order.ordered_at_ms), line(order));
            }
            Ok(text)
        })
    }
}

/// The order once it has ended; none when it has not within this time.
pub(super) async fn result(
    office: &Office,
    id: &RequestId,
    within: Duration,
) -> anyhow::Result<Option<OrderRecord>> {
    let until = Instant::now() + within;
    loop {
        let order = office.registry().order(id).await?;
        if let Some(order) = order.filter(|order| order.end.is_some()) {
            return Ok(Some(order));
        }
        if Instant::now() >= until {
            return Ok(None);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// One line on an order.
pub(super) fn line(order: &OrderRecord) -> String {
    let (verb, address, number) = (order.verb.as_str(), &order.address, order.number);
    let state = match &order.end {
        None => format!("open until {}", moment(order.expires_ms)),
        Some(end) => match end.fault {
            None => format!("done: {}", end.detail),
            Some(fault) => format!("{}: {}", fault.as_str(), end.detail),
        },
    };
    format!("{verb} {address} (command {number}): {state}")
}
