//! An authority, a broker with a door, a centre, and the agent's executable.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use bytes::Bytes;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, RevokedCertParams,
    SanType, SerialNumber, SignatureAlgorithm,
};
use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS, TlsConfiguration, Transport};
use rustls::pki_types::CertificateDer;
use spokegate_agent::{Config, DEFAULTS};
use spokegate_broker::{Broker, BrokerConfig, ListenerKind};
use spokegate_contract::envelope::{Admission, Enrol, EnrolRequest, Status, Validity, Verdict};
use spokegate_contract::limits::PACKET_BYTES_MAX;
use spokegate_contract::{Address, Channel, Envelope, RequestId, Topic, filter};
use spokegate_daemon::config::Layered;
use spokegate_daemon::{Clock, Context, Tasks};
use spokegate_identity::proof::{self, JoinProofKey};
use spokegate_identity::{
    JoinSecret, JoinToken, JoinTokenId, Pin, PublicKey, SigningKey, TlsFiles, client_config,
};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::sync::mpsc;

const BINARY: &str = env!("CARGO_BIN_EXE_spokegate-agent");
const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const HQ: &str = "spiffe://spokegate.local/tenant/acme/satellite/hq";
pub(crate) const HOUR_MS: u64 = 3_600_000;
pub(crate) const DAY_MS: u64 = 24 * HOUR_MS;

/// The fabric's authority, as the centre has it.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) signing: SigningKey,
    pub(crate) root: CertificateDer<'static>,
    pub(crate) root_pem: String,
}

/// A key of which only the public half is known.
struct Point(PublicKey);

impl PublicKeyData for Point {
    fn der_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_identifier_method = KeyIdMethod::Sha256;
        let certificate = params.self_signed(&key).unwrap();
        Self {
            signing: SigningKey::from_pkcs8(&key.serialize_der()).unwrap(),
            root: certificate.der().clone(),
            root_pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn pin(&self) -> Pin {
        Pin::of(&self.root)
    }

    /// A certificate for a key, DER and PEM.
    pub(crate) fn certify(
        &self,
        name: SanType,
        key: &PublicKey,
        (from_ms, to_ms): (u64, u64),
    ) -> rcgen::Certificate {
        let moment = |ms: u64| OffsetDateTime::from_unix_timestamp((ms / 1_000) as i64).unwrap();
        let mut params = CertificateParams::default();
        (params.not_before, params.not_after) = (moment(from_ms), moment(to_ms));
        params.extended_key_usages = vec![match &name {
            SanType::URI(_) => ExtendedKeyUsagePurpose::ClientAuth,
            _ => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        params.subject_alt_names = vec![name];
        params.use_authority_key_identifier_extension = true;
        params.signed_by(&Point(*key), &self.issuer).unwrap()
    }

    /// What the centre says to a request that it grants.
    pub(crate) fn admit(&self, enrol: &Enrol, life: (u64, u64)) -> Verdict {
        self.admit_signed_by(&self.signing, enrol, life)
    }

    pub(crate) fn admit_signed_by(
        &self,
        signing: &SigningKey,
        enrol: &Enrol,
        life: (u64, u64),
    ) -> Verdict {
        let certificate = self.certify(uri(HQ), &asked_key(enrol), life);
        let certificate = certificate.der().to_vec();
        let roots = self.root_pem.as_bytes();
        let signature = proof::admission(signing, &enrol.id, &certificate, roots).unwrap();
        Verdict::Issued {
            certificate: certificate.into(),
            roots: roots.to_vec().into(),
            signature: signature.into(),
        }
    }

    /// A satellite's or service's files, made the old way.
    pub(crate) fn write(&self, directory: &Path, name: SanType, life: (u64, u64)) -> TlsFiles {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let key = PublicKey::from_bytes(pair.public_key_raw()).unwrap();
        let files = TlsFiles::in_directory(directory);
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(&files.certificate, self.certify(name, &key, life).pem()).unwrap();
        write_private(&files.key, &pair.serialize_pem());
        std::fs::write(&files.ca, &self.root_pem).unwrap();
        files
    }

    /// A revocation list in PEM of one certificate.
    pub(crate) fn list(&self, serial: &[u8]) -> String {
        let now = OffsetDateTime::now_utc();
        let params = CertificateRevocationListParams {
            this_update: now,
            next_update: now + time::Duration::days(7),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from_slice(serial),
                revocation_time: now,
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

/// Everything but the agent and the centre.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) authority: Authority,
    pub(crate) secret: JoinSecret,
    pub(crate) token_id: JoinTokenId,
    pub(crate) broker: Option<Broker>,
    port: u16,
    pub(crate) door: SocketAddr,
    tasks: Tasks,
}

impl World {
    pub(crate) async fn new() -> Self {
        let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
        let host = SanType::IpAddress("127.0.0.1".parse().unwrap());
        authority.write(&folder.path().join("broker"), host, week());
        let sanitizer = uri("spiffe://spokegate.local/service/sanitizer");
        authority.write(&folder.path().join("sanitizer"), sanitizer, week());
        let mut world = Self {
            folder,
            authority,
            secret: JoinSecret::generate(),
            token_id: JoinTokenId::generate(),
            broker: None,
            port: 0,
            door: "127.0.0.1:0".parse().unwrap(),
            tasks: Tasks::new(),
        };
        world.start_broker().await;
        world
    }

    pub(crate) async fn start_broker(&mut self) {
        let folder = self.folder.path().display();
        let text = format!(
            "[tls]\ncertificate = '{folder}/broker/certificate.pem'\nkey = '{folder}/broker/key.pem'\nclient_ca = '{folder}/broker/ca.pem'\n\
             [[listener]]\nkind = \"mtls\"\naddress = \"127.0.0.1:{}\"\n\
             [[listener]]\nkind = \"enrolment\"\naddress = \"{}\"\n\
             [revocation]\ncrl_file = '{folder}/crl.pem'\n",
            self.port, self.door
        );
        let config: BrokerConfig = Layered::new("broker", spokegate_broker::DEFAULTS)
            .text("broker.toml", &text)
            .no_environment()
            .load()
            .unwrap();
        let broker = Broker::bind(config, &Context::new()).await.unwrap();
        self.port = broker.addr().port();
        self.door = broker.address_of(ListenerKind::Enrolment).unwrap();
        self.broker = Some(broker);
    }

    pub(crate) async fn stop_broker(&mut self) {
        self.broker.take().unwrap().shutdown().await;
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.folder.path().join("agent")
    }

    /// The token, with the address of a door.
    pub(crate) fn token_at(&self, door: SocketAddr) -> JoinToken {
        JoinToken {
            id: self.token_id,
            secret: self.secret.clone(),
            pin: self.authority.pin(),
            door: door.to_string().parse().unwrap(),
        }
    }

    /// Writes a token to its file.
    pub(crate) fn token_file(&self, token: &JoinToken) -> String {
        let path = self.folder.path().join("token");
        write_private(&path, &format!("{token}\n"));
        path.display().to_string()
    }

    /// `join` with a token; the exit code, standard output and standard error.
    pub(crate) async fn join(&self, token: &JoinToken) -> Told {
        self.join_for(token, 30).await
    }

    /// The same, waiting for so many minutes.
    pub(crate) async fn join_for(&self, token: &JoinToken, wait_min: u32) -> Told {
        let (file, directory) = (self.token_file(token), self.directory());
        let (directory, wait_min) = (directory.display().to_string(), wait_min.to_string());
        let arguments = [
            "join",
            "--token-file",
            &file,
            "--directory",
            &directory,
            "--wait-min",
            &wait_min,
        ];
        run(arguments.map(str::to_owned).to_vec()).await
    }

    /// The configuration of an agent with the files of `directory`.
    pub(crate) fn agent_toml(&self, extra: &str) -> String {
        let (directory, folder) = (self.directory(), self.folder.path().display());
        let directory = directory.display();
        format!(
            "[broker]\naddress = \"127.0.0.1:{}\"\n\
             [tls]\ncertificate = '{directory}/certificate.pem'\nkey = '{directory}/key.pem'\nca = '{directory}/ca.pem'\n\
             [spool]\npath = '{folder}/spool'\n[ops]\nlisten = \"127.0.0.1:0\"\n{extra}",
            self.port
        )
    }

    pub(crate) fn agent_config(&self, extra: &str) -> Config {
        let layered = Layered::new("agent", DEFAULTS).text("agent.toml", &self.agent_toml(extra));
        layered.no_environment().load().unwrap()
    }

    /// The sanitizer's session into a tenant's cell.
    pub(crate) async fn centre(&self, tenant: &str) -> Centre {
        Centre::connect(self, tenant).await
    }
}

/// The centre, as the fabric sees it.
pub(crate) struct Centre {
    client: AsyncClient,
    inbox: mpsc::Receiver<(Topic, Bytes)>,
    tasks: Tasks,
}

impl Drop for Centre {
    fn drop(&mut self) {
        self.tasks.hard().cancel();
    }
}

impl Centre {
    async fn connect(world: &World, tenant: &str) -> Self {
        let mut options = MqttOptions::new(format!("sanitizer.{tenant}"), "127.0.0.1", world.port);
        let files = TlsFiles::in_directory(&world.folder.path().join("sanitizer"));
        options
            .set_transport(Transport::Tls(TlsConfiguration::Rustls(
                client_config(&files).unwrap(),
            )))
            .set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
        let (client, mut event_loop) = AsyncClient::new(options, 1_000);
        let (outbox, inbox) = mpsc::channel(1_000);
        let (subscribed, ready) = tokio::sync::oneshot::channel();
        let (mut subscribed, subscriber) = (Some(subscribed), client.clone());
        let filter = filter::tenant_up(&tenant.parse().unwrap()).to_string();
        let tasks = world.tasks.child();
        tasks.spawn("centre", async move {
            loop {
                match event_loop.poll().await {
                    Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                        subscriber.try_subscribe(&filter, QoS::AtLeastOnce).unwrap();
                    }
                    Ok(Event::Incoming(Incoming::SubAck(_))) => {
                        subscribed.take().map(|ready| ready.send(()));
                    }
                    Ok(Event::Incoming(Incoming::Publish(publish))) => {
                        let topic = Topic::parse(&publish.topic).unwrap();
                        if outbox.try_send((topic, publish.payload)).is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
        tokio::time::timeout(PATIENCE, ready)
            .await
            .unwrap()
            .unwrap();
        Self {
            client,
            inbox,
            tasks,
        }
    }

    /// The next message of a channel.
    pub(crate) async fn next(&mut self, channel: Channel) -> (Topic, Bytes) {
        let found = async {
            loop {
                let (topic, payload) = self.inbox.recv().await.expect("the centre runs");
                if topic.channel == channel {
                    return (topic, payload);
                }
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .expect("the message comes")
    }

    /// What the next heartbeat says of the certificate.
    pub(crate) async fn certificate(&mut self) -> Validity {
        let (_, payload) = self.next(Channel::Status).await;
        let status = Status::decode(&payload).unwrap();
        status.certificate.expect("this agent says it")
    }

    /// The next request for a certificate.
    pub(crate) async fn request(&mut self) -> (Address, Enrol) {
        let (topic, payload) = self.next(Channel::Enrol).await;
        (topic.address, Enrol::decode(&payload).unwrap())
    }

    pub(crate) async fn answer(&self, to: &Address, id: RequestId, verdict: Verdict) {
        let topic = Topic::new(to.clone(), Channel::Admission).to_string();
        let payload = Admission { id, verdict }.encode();
        self.client
            .publish(topic, QoS::AtLeastOnce, false, payload)
            .await
            .unwrap();
    }

    /// Grants the next join of the world's token, as the registry would.
    pub(crate) async fn grant(&mut self, world: &World) -> Enrol {
        let (from, enrol) = self.request().await;
        assert!(from.is_door());
        assert!(proves(world, &enrol), "the token's proof");
        let verdict = world.authority.admit(&enrol, week());
        self.answer(&from, enrol.id, verdict).await;
        enrol
    }

    /// Whether nothing of a channel comes for a while.
    pub(crate) async fn is_quiet(&mut self, channel: Channel) -> bool {
        let wait = async {
            while let Some((topic, _)) = self.inbox.recv().await {
                if topic.channel == channel {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(1), wait)
            .await
            .is_err()
    }
}

/// The exit code, standard output and standard error of a program.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the agent's executable to its end.
pub(crate) async fn run(arguments: Vec<String>) -> Told {
    run_with(arguments, "").await
}

/// The same with a standard input.
pub(crate) async fn run_with(arguments: Vec<String>, input: &str) -> Told {
    use tokio::io::AsyncWriteExt;
    let mut child = tokio::process::Command::new(BINARY)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // A program that does not read is no fault.
    let _ = child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .await;
    let ended = tokio::time::timeout(PATIENCE, child.wait_with_output());
    told(ended.await.expect("it ends").unwrap())
}

fn told(output: Output) -> Told {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Told {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// Whether a join proves the world's token.
pub(crate) fn proves(world: &World, enrol: &Enrol) -> bool {
    let EnrolRequest::Join { token, proof } = &enrol.request else {
        panic!("a join")
    };
    let key = JoinProofKey::of(&world.secret);
    *token == world.token_id.to_string()
        && proof::verify_join(&key, &asked_key(enrol), proof).is_ok()
}

/// The key of a signing request, which is all that counts in it.
pub(crate) fn asked_key(enrol: &Enrol) -> PublicKey {
    use x509_parser::prelude::{FromDer, X509CertificationRequest};
    let (rest, csr) = X509CertificationRequest::from_der(&enrol.csr).unwrap();
    assert!(rest.is_empty());
    let key = &csr.certification_request_info.subject_pki;
    PublicKey::from_bytes(&key.subject_public_key.data).unwrap()
}

pub(crate) fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

pub(crate) fn now_ms() -> u64 {
    Clock::system().now_ms()
}

/// Seven days, begun five minutes ago.
pub(crate) fn week() -> (u64, u64) {
    (now_ms() - 300_000, now_ms() + 7 * DAY_MS)
}

pub(crate) fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
