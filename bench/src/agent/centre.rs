//! The other side of the broker: asks for a dataset, and acknowledges what is pushed.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use spokegate_contract::envelope::{Ack, Hello, Part, PullRequest, Push, Reply};
use spokegate_contract::{Address, Channel, Envelope, RequestId, Topic};
use spokegate_daemon::Clock;

use super::{SATELLITE, TENANT};
use crate::broker::authority::Authority;
use crate::broker::client::{Client, Packet, puback, publish};
use crate::broker::servers::Server;

/// Something that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The sanitizer's session.
pub(super) struct Centre {
    client: Client,
    address: Address,
    epoch: u64,
    /// All pushes up to here came.
    through: u64,
    /// The last push that the satellite says it has.
    last: u64,
}

impl Centre {
    pub(super) async fn connect(server: &Server, authority: &Authority) -> anyhow::Result<Self> {
        let identity = authority.sanitizer(TENANT)?;
        let mut client = Client::connect(server.addr(), &identity).await?;
        client.subscribe(&format!("sg/1/{TENANT}/+/up/#")).await?;
        Ok(Self {
            client,
            address: Address::new(TENANT.parse()?, SATELLITE.parse()?),
            epoch: 0,
            through: 0,
            last: 0,
        })
    }

    /// Asks as soon as the satellite is there, and waits for the answer.
    pub(super) async fn first_answer(&mut self) -> anyhow::Result<()> {
        tokio::time::timeout(PATIENCE, async {
            self.until(|payload| Hello::decode(payload).is_ok()).await?;
            let id = RequestId::random();
            let request = PullRequest {
                id,
                version: 1,
                // An empty map.
                params: Bytes::from_static(b"\xa0"),
                deadline_ms: Clock::system().now_ms() + 30_000,
                credit: 8,
            };
            let channel = Channel::Pull("devices".parse()?);
            self.tell(channel, &request.encode()).await?;
            let answer = |payload: &Bytes| Reply::decode(payload).ok().filter(|r| r.id == id);
            let mut found = None;
            self.until(|payload| {
                found = answer(payload);
                found.is_some()
            })
            .await?;
            match found.context("an answer came")?.part {
                Part::Failure(failure) => bail!("the pull failed: {failure}"),
                Part::Rows { .. } | Part::Document { .. } => Ok(()),
            }
        })
        .await
        .context("no pull was answered")?
    }

    /// Acknowledges pushes while something else goes on.
    pub(super) async fn serve<T>(&mut self, work: impl Future<Output = T>) -> anyhow::Result<T> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                // Dropped in the middle it loses nothing.
                filled = self.client.fill() => filled?,
            }
            self.take(&mut |_| false).await?;
        }
    }

    /// Waits until nothing is in the satellite's spool.
    pub(super) async fn drained(&mut self) -> anyhow::Result<()> {
        self.last = u64::MAX;
        let drained = async {
            while self.last > self.through {
                self.client.fill().await?;
                self.take(&mut |_| false).await?;
            }
            anyhow::Ok(())
        };
        let drained = tokio::time::timeout(PATIENCE, drained).await;
        drained.context("the spool was not emptied")?
    }

    async fn until(&mut self, mut is_it: impl FnMut(&Bytes) -> bool) -> anyhow::Result<()> {
        loop {
            self.client.fill().await?;
            if self.take(&mut is_it).await? {
                return Ok(());
            }
        }
    }

    /// Takes what has come, acknowledges it, and answers whether it was looked for.
    async fn take(&mut self, is_it: &mut impl FnMut(&Bytes) -> bool) -> anyhow::Result<bool> {
        let (mut is_found, before) = (false, self.through);
        while let Some(packet) = self.client.next_now()? {
            let Packet::Publish(id, payload) = packet else {
                continue;
            };
            if let Some(id) = id {
                self.client.send(&puback(id)).await?;
            }
            self.note(&payload);
            is_found |= is_it(&payload);
        }
        if self.through > before {
            let (epoch, sequence) = (self.epoch, self.through);
            let ack = Ack::Push { epoch, sequence };
            self.tell(Channel::Ack, &ack.encode()).await?;
        }
        Ok(is_found)
    }

    fn note(&mut self, payload: &Bytes) {
        if let Ok(push) = Push::decode(payload) {
            self.epoch = push.epoch;
            if push.sequence == self.through + 1 {
                self.through = push.sequence;
            }
        } else if let Ok(hello) = Hello::decode(payload) {
            self.last = hello.last_sequence;
        }
    }

    async fn tell(&mut self, channel: Channel, payload: &[u8]) -> anyhow::Result<()> {
        let topic = Topic::new(self.address.clone(), channel).to_string();
        self.client.send(&publish(&topic, 1, payload)?).await
    }
}
