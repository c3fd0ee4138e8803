//! A broker with everybody connected: the victims, those who must hear what is rightful, and one who hears all.

use std::net::SocketAddr;
use std::time::Duration;

use spokegate_provisioner::broker_config::Kind;

use super::cases::PARTIES;
use super::pki::{Certificate, Pki};
use super::wire::{Answer, Connect, Link};

/// A broker that takes longer to admit the first client has failed.
const ADMITS: Duration = Duration::from_secs(60);
/// Longer than any suite keeps a victim waiting.
const KEEP_ALIVE_S: u16 = 300;

/// A running broker, of whatever make.
pub(crate) struct Broker {
    pub(crate) name: &'static str,
    /// None: our own.
    pub(crate) kind: Option<Kind>,
    pub(crate) addr: SocketAddr,
    /// Client id and certificate of one who may receive everything.
    pub(crate) observer: Option<(String, Certificate)>,
    /// What the sanitizer's sessions are called, with the tenants that each serves.
    pub(crate) sanitizers: Vec<(String, Vec<&'static str>)>,
    /// Time in which a message that was let through would have come.
    pub(crate) settle: Duration,
}

/// Somebody who is connected.
pub(crate) struct Party {
    pub(crate) client_id: String,
    certificate: Certificate,
    filters: Vec<String>,
    pub(crate) link: Link,
}

pub(crate) struct Scene {
    pub(crate) broker: Broker,
    pub(crate) pki: Pki,
    /// The attacker's own certificate.
    pub(crate) own: Certificate,
    /// Satellites that listen, but for the attacker.
    pub(crate) victims: Vec<Party>,
    pub(crate) sanitizers: Vec<Party>,
    pub(crate) observer: Option<Party>,
    counter: u32,
}

impl Scene {
    pub(crate) async fn set(broker: Broker, pki: Pki) -> Self {
        let own = pki.satellite("acme", "hq");
        broker.admits(&pki, &own).await;
        let sanitizer = pki.sanitizer();
        let mut sanitizers = Vec::new();
        for (client_id, tenants) in &broker.sanitizers {
            let filters = tenants.iter().map(|tenant| format!("sg/1/{tenant}/+/up/#"));
            let (filters, certificate) = (filters.collect(), sanitizer.clone());
            sanitizers.push(Party::join(&broker, &pki, client_id, certificate, filters).await);
        }
        let mut victims = Vec::new();
        for (tenant, satellite) in PARTIES.into_iter().filter(|party| *party != ("acme", "hq")) {
            let certificate = pki.satellite(tenant, satellite);
            let filters = vec![format!("sg/1/{tenant}/{satellite}/down/#")];
            let client_id = format!("{tenant}.{satellite}");
            victims.push(Party::join(&broker, &pki, &client_id, certificate, filters).await);
        }
        let observer = match broker.observer.clone() {
            Some((client_id, certificate)) => {
                let filters = vec!["#".to_owned()];
                Some(Party::join(&broker, &pki, &client_id, certificate, filters).await)
            }
            None => None,
        };
        Self {
            broker,
            pki,
            own,
            victims,
            sanitizers,
            observer,
            counter: 0,
        }
    }

    /// A text that was never sent before.
    pub(crate) fn fresh(&mut self, what: &str) -> Vec<u8> {
        self.counter += 1;
        format!("{what}-{}", self.counter).into_bytes()
    }

    /// A connection of the attacker's, as it is meant.
    pub(crate) async fn attacker(&self) -> Link {
        let mut last = Answer::Closed;
        // A broker may still be busy with the end of the one before.
        for _ in 0..20 {
            if let Ok(mut link) = self.dial(Some(&self.own)).await {
                last = link.connect(&Connect::new("acme.hq")).await;
                if let Answer::Yes(_) = last {
                    return link;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!(
            "{}: the attacker's own rightful connection is refused: {last:?}",
            self.broker.name
        )
    }

    pub(crate) async fn dial(&self, certificate: Option<&Certificate>) -> std::io::Result<Link> {
        Link::open(self.broker.addr, self.pki.client(certificate)).await
    }

    /// The session that speaks to a tenant's satellites and hears them.
    pub(crate) fn sanitizer_of(&mut self, tenant: &str) -> &mut Link {
        let serves = |(_, tenants): &(String, Vec<&str>)| tenants.contains(&tenant);
        let index = self.broker.sanitizers.iter().position(serves).unwrap();
        &mut self.sanitizers[index].link
    }

    /// Whoever would notice that something was delivered.
    fn witnesses(&mut self) -> impl Iterator<Item = &mut Party> {
        let parties = self.victims.iter_mut().chain(&mut self.sanitizers);
        parties.chain(&mut self.observer)
    }

    /// Forgets what was heard up to here.
    pub(crate) fn forget(&mut self) {
        self.witnesses()
            .for_each(|party| party.link.received.clear());
    }

    /// Who has received something with this payload, each after a round trip.
    pub(crate) async fn who_received(&mut self, payload: &[u8]) -> Vec<String> {
        for party in self.witnesses() {
            party.link.ping().await;
        }
        let heard = |party: &&mut Party| {
            let mut messages = party.link.received.iter();
            messages.any(|message| message.payload == payload)
        };
        self.witnesses()
            .filter(heard)
            .map(|party| party.client_id.clone())
            .collect()
    }

    /// Waits until those who must hear the attacker's own status have heard this one.
    pub(crate) async fn hears(&mut self, payload: &[u8]) -> bool {
        let mut heard = self.sanitizer_of("acme").until(payload).await;
        if let Some(observer) = &mut self.observer {
            heard &= observer.link.until(payload).await;
        }
        heard
    }

    /// Those who were cut off; they are connected again.
    pub(crate) async fn cut_off(&mut self) -> Vec<String> {
        let mut cut = Vec::new();
        let Self {
            broker,
            pki,
            victims,
            sanitizers,
            observer,
            ..
        } = self;
        for party in victims.iter_mut().chain(sanitizers).chain(observer) {
            if !party.link.ping().await {
                cut.push(party.client_id.clone());
                let (certificate, filters) = (party.certificate.clone(), party.filters.clone());
                *party = Party::join(broker, pki, &party.client_id, certificate, filters).await;
            }
        }
        cut
    }
}

impl Broker {
    async fn admits(&self, pki: &Pki, own: &Certificate) {
        let end = tokio::time::Instant::now() + ADMITS;
        loop {
            if let Ok(mut link) = Link::open(self.addr, pki.client(Some(own))).await {
                let granted = link.connect(&Connect::new("acme.hq")).await == Answer::Yes(0)
                    && link.subscribe(b"sg/1/acme/hq/down/#", 1).await == Answer::Yes(1)
                    && link.deliver("sg/1/acme/hq/up/status", b"").await;
                if granted {
                    link.farewell().await;
                    return;
                }
            }
            assert!(
                tokio::time::Instant::now() < end,
                "{} admits nobody",
                self.name
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Party {
    async fn join(
        broker: &Broker,
        pki: &Pki,
        client_id: &str,
        certificate: Certificate,
        filters: Vec<String>,
    ) -> Self {
        let mut link = Link::open(broker.addr, pki.client(Some(&certificate)))
            .await
            .unwrap();
        let connect = Connect {
            keep_alive_s: KEEP_ALIVE_S,
            ..Connect::new(client_id)
        };
        assert_eq!(link.connect(&connect).await, Answer::Yes(0), "{client_id}");
        for filter in &filters {
            let answer = link.subscribe(filter.as_bytes(), 1).await;
            assert_eq!(answer, Answer::Yes(1), "{client_id} {filter}");
        }
        Self {
            client_id: client_id.to_owned(),
            certificate,
            filters,
            link,
        }
    }
}
