//! The revocation list, from the registry to every sanitizer.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use spokegate_contract::limits::CRL_BYTES_MAX;
use spokegate_contract::record::CrlBody;
use spokegate_daemon::{Backoff, Clock, Context};
use spokegate_relay::{BACKOFF_MS, Link};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::office::{Office, OfficeError};
use crate::registry::ListState;

/// How often the registry is asked whether a command has made another list.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// How often the list is made anew when that is due, and handed over whatever happened.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);

/// The present list, for all who send it.
pub(super) struct Lists(watch::Receiver<Arc<ListState>>);

/// Says that a sanitizer has started anew and knows no list.
pub(super) type Forgot = Arc<Notify>;

impl Lists {
    /// Makes the list that is due, and watches the registry for others.
    pub(super) async fn start(office: Arc<Office>, context: &Context) -> Result<Self, OfficeError> {
        let first = office.refresh_list(context.clock.now_ms()).await?;
        let (sender, receiver) = watch::channel(Arc::new(first));
        let (clock, soft) = (context.clock.clone(), context.tasks.soft());
        context
            .tasks
            .spawn("registry", keep(office, sender, clock, soft));
        Ok(Self(receiver))
    }

    /// Hands the list over at every change, when the sanitizer has forgotten it, and every minute.
    pub(super) fn send_to(
        &self,
        link: Arc<Link>,
        forgot: Forgot,
        soft: CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<> {
        send(link, self.0.clone(), forgot, soft)
    }
}

async fn keep(
    office: Arc<Office>,
    sender: watch::Sender<Arc<ListState>>,
    clock: Clock,
    soft: CancellationToken,
) {
    let mut poll = tokio::time::interval(POLL_INTERVAL);
    let mut refreshed_at_ms = clock.monotonic_ms();
    let mut failing = false;
    while soft.run_until_cancelled(poll.tick()).await.is_some() {
        let due = clock.monotonic_ms().saturating_sub(refreshed_at_ms)
            >= u64::try_from(REFRESH_INTERVAL.as_millis()).unwrap_or(u64::MAX);
        let looked = look(&office, &sender, &clock, due).await;
        if due {
            refreshed_at_ms = clock.monotonic_ms();
        }
        match looked {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                failing = true;
                tracing::error!(
                    error = format!("{:#}", anyhow::Error::from(error)),
                    "the registry cannot be read; the revocation list that was handed over last stays"
                );
            }
            Err(_) => {}
        }
    }
}

async fn look(
    office: &Office,
    sender: &watch::Sender<Arc<ListState>>,
    clock: &Clock,
    due: bool,
) -> Result<(), OfficeError> {
    let present = sender.borrow().number;
    let changed = office.registry().list_number().await? != present;
    let now_ms = clock.now_ms();
    if due || changed {
        let list = office.refresh_list(now_ms).await?;
        if list.number != present {
            tracing::info!(
                number = list.number,
                entries = list.entries,
                "another revocation list"
            );
            sender.send_replace(Arc::new(list));
        }
        let waiting = office.registry().requests_waiting(now_ms).await?;
        gauge("spokegate_provisioner_requests_pending", waiting);
    }
    let list = sender.borrow();
    gauge("spokegate_provisioner_crl_number", list.number);
    gauge(
        "spokegate_provisioner_crl_revoked_certificates",
        list.entries,
    );
    gauge(
        "spokegate_provisioner_crl_age_seconds",
        now_ms.saturating_sub(list.made_at_ms) / 1_000,
    );
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; counts stay far below 2^52"
)]
fn gauge(name: &'static str, value: u64) {
    metrics::gauge!(name).set(value as f64);
}

async fn send(
    link: Arc<Link>,
    mut lists: watch::Receiver<Arc<ListState>>,
    forgot: Forgot,
    soft: CancellationToken,
) {
    let mut backoff = Backoff::new(BACKOFF_MS.0, BACKOFF_MS.1);
    let mut handed_over = 0;
    loop {
        let list = Arc::clone(&lists.borrow_and_update());
        let wait = match hand_over(&link, &list, &soft).await {
            None => return,
            Some(Ok(())) => {
                if list.number != handed_over {
                    tracing::info!(
                        sanitizer = link.url(),
                        number = list.number,
                        "the revocation list is handed over"
                    );
                    handed_over = list.number;
                }
                backoff.reset();
                REFRESH_INTERVAL
            }
            Some(Err(error)) => {
                if backoff.attempts() == 0 {
                    tracing::warn!(
                        sanitizer = link.url(),
                        number = list.number,
                        error = format!("{error:#}"),
                        "the revocation list cannot be handed over; it is sent again"
                    );
                }
                metrics::counter!("spokegate_provisioner_crl_failures_total").increment(1);
                backoff.next_delay()
            }
        };
        tokio::select! {
            () = soft.cancelled() => return,
            // The registry's task ends with the service.
            changed = lists.changed() => if changed.is_err() { return },
            () = forgot.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// None when the service stops.
async fn hand_over(
    link: &Link,
    list: &ListState,
    soft: &CancellationToken,
) -> Option<anyhow::Result<()>> {
    if list.der.len() > CRL_BYTES_MAX {
        tracing::error!(
            number = list.number,
            size_bytes = list.der.len(),
            bytes_max = CRL_BYTES_MAX,
            "the revocation list is too long for the wire, hint: copy crl.pem to the brokers by hand"
        );
        return Some(Err(anyhow::anyhow!("the list is too long for the wire")));
    }
    let body = CrlBody::new(&list.der);
    let sent = soft.run_until_cancelled(link.client().crl(&body)).await?;
    Some(sent.map_err(anyhow::Error::from))
}
