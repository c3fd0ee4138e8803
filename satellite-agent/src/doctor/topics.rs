//! Whether the broker admits this satellite to its own topics, and to no others.
//!
//! The broker gives a satellite one seat, and a second connection takes it from the first. So while an agent runs it is
//! asked instead, and its session is left alone.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use spokegate_contract::{Address, SatelliteId, filter};
use spokegate_identity::Principal;

use super::Patient;
use super::finding::{Finding, Report};
use crate::config::Config;
use crate::credentials::Store;
use crate::link::{Dialer, Event, LinkError};
use crate::status_verb::AgentStatus;

const CHECK: &str = "topics";
const LIMIT: Duration = Duration::from_secs(20);
/// Whose topics are asked for to be refused.
const NEIGHBOUR: &str = "doctor-is-nobody";

pub(super) async fn look(patient: &Patient, config: &Config, can_ask: bool, report: &mut Report) {
    if let Some(running) = &patient.running {
        return report.add(of_running(running));
    }
    report.add(
        Finding::warning(
            "agent",
            "does not run, or is not the one of this configuration",
        )
        .next("systemctl start spokegate-agent; then journalctl -u spokegate-agent"),
    );
    if !can_ask {
        return report.add(Finding::skipped(
            CHECK,
            "the broker cannot be asked, see above",
        ));
    }
    let asked = tokio::time::timeout(LIMIT, ask(config)).await;
    report.add(match asked {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => Finding::fault(CHECK, format!("{error:#}"))
            .next("the broker's log has the reason, with this satellite's name"),
        Err(_) => Finding::fault(CHECK, "the broker does not answer in time")
            .next("is it another server, or overloaded? the broker's log has the reason"),
    });
}

fn of_running(running: &AgentStatus) -> Finding {
    match running.link.up {
        true => Finding::ok(
            CHECK,
            format!(
                "the running agent is {}: the broker took its subscription",
                running.link.text()
            ),
        ),
        false => Finding::fault(
            CHECK,
            format!("the running agent's link is {}", running.link.text()),
        )
        .next("the checks above say why; it dials again by itself, at least every 30 s"),
    }
}

async fn ask(config: &Config) -> anyhow::Result<Finding> {
    let store = Arc::new(Store::new(config.tls.clone()));
    let certificate: CertificateDer<'static> = store.certificate()?;
    let address = match Principal::from_certificate(&certificate, &config.trust_domain)? {
        Principal::Satellite(address) => address,
        Principal::Service(name) => anyhow::bail!("the certificate is that of the service {name}"),
    };
    let client_id = Principal::Satellite(address.clone()).client_id();
    let own = filter::satellite_down(&address);
    let dialer = Dialer::new(&config.broker, store, client_id, own.clone())?;
    let (_session, mut events) = dialer.dial()?;
    while !matches!(events.next().await?, Event::Ready) {}
    let neighbour: SatelliteId = NEIGHBOUR.parse()?;
    let foreign = filter::satellite_down(&Address {
        tenant: address.tenant,
        satellite: neighbour,
    });
    let admitted = match events.subscribes(&foreign).await {
        Ok(admitted) => admitted,
        // Our broker answers; others hang up.
        Err(LinkError::Connection(_)) => false,
        Err(error) => return Err(error.into()),
    };
    events.farewell().await;
    Ok(match admitted {
        false => Finding::ok(
            CHECK,
            format!("the broker admits this satellite to {own}, and refuses it {foreign}"),
        ),
        true => Finding::fault(
            CHECK,
            format!("the broker admits this satellite to {foreign}, which is another's"),
        )
        .next("tell the MSP at once: the broker does not keep satellites apart"),
    })
}
