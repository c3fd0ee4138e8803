//! A satellite made of rumqttc, which answers as a test tells it.

use bytes::Bytes;
use rumqttc::{
    AsyncClient, Event, MqttOptions, NetworkOptions, Packet, QoS, TlsConfiguration, Transport,
};
use rustls::ClientConfig;
use spokegate_contract::envelope::{Ack, Admission, Crl, Part, PullRequest, Reply};
use spokegate_contract::{Address, Channel, Envelope, Topic, cbor, filter};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// What the centre says to a satellite.
#[derive(Debug)]
pub enum Down {
    Pull(PullRequest),
    Ack(Ack),
    Admission(Admission),
    Crl(Crl),
}

pub struct Agent {
    pub address: Address,
    client: AsyncClient,
    pub down: mpsc::Receiver<Down>,
}

impl Agent {
    /// Connects and returns once subscribed.
    pub async fn connect(
        broker: SocketAddr,
        tls: Arc<ClientConfig>,
        tenant: &str,
        satellite: &str,
    ) -> Agent {
        let address = Address::new(tenant.parse().unwrap(), satellite.parse().unwrap());
        let mut options =
            MqttOptions::new(format!("{tenant}.{satellite}"), "localhost", broker.port());
        options.set_keep_alive(Duration::from_secs(30));
        options.set_max_packet_size(131_072, 131_072);
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
        let (client, mut events) = AsyncClient::new(options, 512);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        events.set_network_options(network);
        client
            .try_subscribe(filter::satellite_down(&address), QoS::AtLeastOnce)
            .unwrap();
        let (sender, down) = mpsc::channel(512);
        let (ready, when_ready) = tokio::sync::oneshot::channel();
        let mut ready = Some(ready);
        #[expect(clippy::disallowed_methods, reason = "the test's own satellite")]
        tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        ready.take().unwrap().send(()).unwrap()
                    }
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let topic = Topic::parse(&publish.topic).unwrap();
                        let said = match topic.channel {
                            Channel::Pull(_) => {
                                Down::Pull(PullRequest::decode(&publish.payload).unwrap())
                            }
                            Channel::Ack => Down::Ack(Ack::decode(&publish.payload).unwrap()),
                            Channel::Admission => {
                                Down::Admission(Admission::decode(&publish.payload).unwrap())
                            }
                            Channel::Crl => Down::Crl(Crl::decode(&publish.payload).unwrap()),
                            other => panic!("{other:?}"),
                        };
                        let _ = sender.send(said).await;
                    }
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        });
        tokio::time::timeout(Duration::from_secs(10), when_ready)
            .await
            .unwrap()
            .unwrap();
        Agent {
            address,
            client,
            down,
        }
    }

    pub async fn next_pull(&mut self) -> PullRequest {
        loop {
            if let Down::Pull(pull) = self.next_down().await {
                return pull;
            }
        }
    }

    pub async fn next_ack(&mut self) -> Ack {
        loop {
            if let Down::Ack(ack) = self.next_down().await {
                return ack;
            }
        }
    }

    pub async fn next_admission(&mut self) -> Admission {
        loop {
            if let Down::Admission(admission) = self.next_down().await {
                return admission;
            }
        }
    }

    pub async fn next_crl(&mut self) -> Crl {
        loop {
            if let Down::Crl(list) = self.next_down().await {
                return list;
            }
        }
    }

    async fn next_down(&mut self) -> Down {
        tokio::time::timeout(Duration::from_secs(10), self.down.recv())
            .await
            .expect("a message in time")
            .unwrap()
    }

    pub async fn publish(&self, channel: Channel, payload: Vec<u8>) {
        let topic = Topic::new(self.address.clone(), channel).to_string();
        self.client
            .publish(topic, QoS::AtLeastOnce, false, payload)
            .await
            .unwrap();
    }

    pub async fn reply(&self, reply: &Reply) {
        self.publish(Channel::Reply, reply.encode()).await;
    }

    /// Answers a pull whole, in chunks, with the right digest.
    pub async fn answer(&self, pull: &PullRequest, chunks: &[serde_json::Value]) {
        let bodies: Vec<Bytes> = chunks.iter().map(body).collect();
        let digest = ring::digest::digest(&ring::digest::SHA256, &bodies.concat());
        let count = bodies.len();
        for (index, body) in bodies.into_iter().enumerate() {
            let last = (index + 1 == count).then(|| digest.as_ref().try_into().unwrap());
            let sequence = u32::try_from(index).unwrap();
            self.reply(&Reply {
                id: pull.id,
                sequence,
                captured_at_ms: None,
                part: Part::Rows { body, last },
            })
            .await;
        }
    }
}

pub fn body(value: &serde_json::Value) -> Bytes {
    let mut out = Vec::new();
    cbor::from_json(value, &mut out).unwrap();
    out.into()
}

impl Agent {
    pub async fn disconnect(&self) {
        self.client.disconnect().await.unwrap();
    }
}
