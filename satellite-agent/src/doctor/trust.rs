//! TLS: whether broker and door are who they should be, whether the broker takes our certificate, and what time the door has.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use spokegate_identity::{anonymous_client_config, client_config, expecting, pinned_client_config};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Patient;
use super::clock::Dates;
use super::finding::{Finding, Report};
use super::reach::Reached;
use crate::config::Config;
use crate::credentials::{Life, Store};
use crate::fault;
use crate::proxy::dial;

const CHECK: &str = "trust";
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(15);
/// How long the broker has to refuse our certificate: in TLS 1.3 our side of the handshake is over before it has looked.
const VERDICT_LIMIT: Duration = Duration::from_millis(1_500);
const HEAD_BYTES_MAX: u64 = 8_192;

/// Looks at broker and door, as far as they were reached; gives the door's time and ours.
pub(super) async fn look(
    patient: &Patient,
    reached: &Reached,
    report: &mut Report,
) -> Option<Dates> {
    if let (Some(config), true) = (&patient.config, reached.broker) {
        report.add(broker(patient, config).await);
    }
    if !reached.door {
        return None;
    }
    let (finding, dates) = door(patient).await;
    report.add(finding);
    dates
}

async fn broker(patient: &Patient, config: &Config) -> Finding {
    let files = &config.tls;
    if Store::new(files.clone()).certificate().is_err() {
        return Finding::skipped(CHECK, "the broker: there is no certificate yet to show it");
    }
    let Some((host, port)) = patient.broker() else {
        return Finding::skipped(CHECK, "the broker: it has no address");
    };
    let name = config.broker.server_name.as_deref();
    let tls = client_config(files).and_then(|base| match name.filter(|name| *name != host) {
        Some(name) => expecting(&base, files, name),
        None => Ok(base),
    });
    let tls = match tls {
        Ok(tls) => tls,
        Err(error) => {
            return Finding::fault(CHECK, error.to_string()).next("spokegate-agent check-config");
        }
    };
    let mut stream = match handshake(patient, (host, port), tls).await {
        Ok(stream) => stream,
        Err(error) => return refused(patient, "the broker", &error),
    };
    let mut byte = [0_u8; 1];
    let heard = tokio::time::timeout(VERDICT_LIMIT, stream.read(&mut byte)).await;
    let gone = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    match heard {
        // It waits for our first word: it has taken the certificate.
        Err(_) | Ok(Ok(1..)) => Finding::ok(
            CHECK,
            "the broker is the right one and takes this satellite's certificate",
        ),
        Ok(Ok(0)) => refused(patient, "the broker", &gone),
        Ok(Err(error)) => refused(patient, "the broker", &error),
    }
}

async fn door(patient: &Patient) -> (Finding, Option<Dates>) {
    let Some(door) = patient.door() else {
        return (Finding::skipped(CHECK, "the door: it has no address"), None);
    };
    let tls = match (&patient.token, &patient.config) {
        (Some(token), _) => pinned_client_config(token.pin),
        (None, Some(config)) => match anonymous_client_config(&config.tls.ca) {
            Ok(tls) => tls,
            Err(_) => {
                let what = "the door: there are no roots yet to know it by";
                let skipped = Finding::skipped(CHECK, what);
                return (
                    skipped.next("before joining: spokegate-agent doctor --token-file FILE"),
                    None,
                );
            }
        },
        (None, None) => return (Finding::skipped(CHECK, "the door"), None),
    };
    let asked_ms = patient.clock.now_ms();
    match handshake(patient, (door.host(), door.port()), tls).await {
        Ok(stream) => {
            let told = date(stream, door.to_string()).await;
            let dates = told.map(|theirs_ms| Dates {
                theirs_ms,
                asked_ms,
                heard_ms: patient.clock.now_ms(),
            });
            (Finding::ok(CHECK, "the door is the right one"), dates)
        }
        Err(error) => (refused(patient, "the door", &error), None),
    }
}

async fn handshake(
    patient: &Patient,
    (host, port): (&str, u16),
    tls: Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
    let shake = async {
        let tcp = dial(host, port, patient.proxy.as_ref())
            .await
            .map_err(std::io::Error::other)?;
        TlsConnector::from(tls).connect(name, tcp).await
    };
    tokio::time::timeout(HANDSHAKE_LIMIT, shake)
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

/// The `Date` of an answer to a request that asks for nothing.
async fn date(mut stream: TlsStream<TcpStream>, host: String) -> Option<u64> {
    let talk = async {
        let request = format!("HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut head = Vec::new();
        // An end without close_notify still leaves what was read.
        let _ = (&mut stream)
            .take(HEAD_BYTES_MAX)
            .read_to_end(&mut head)
            .await;
        super::clock::date_of(&String::from_utf8_lossy(&head))
    };
    tokio::time::timeout(HANDSHAKE_LIMIT, talk).await.ok()?
}

fn refused(patient: &Patient, who: &str, error: &std::io::Error) -> Finding {
    let now_ms = patient.clock.now_ms();
    let life = patient.config.as_ref().and_then(|config| {
        let certificate = Store::new(config.tls.clone()).certificate().ok()?;
        Life::of(&certificate).ok()
    });
    if let Some(error @ rustls::Error::InvalidCertificate(_)) = fault::tls(error) {
        let why = fault::untrusted(error, now_ms);
        let (why, hint) = why.split_once(", hint: ").unwrap_or((
            &why,
            "something between here and there answers in its place, or it has a certificate of another authority or name: ask the MSP",
        ));
        return Finding::fault(CHECK, format!("{who} is not trusted: {why}")).next(hint);
    }
    if let Some(why) = fault::refused(error, life.as_ref(), now_ms) {
        let (why, hint) = why.split_once(", hint: ").unwrap_or((
            &why,
            "spokegate-agent renew tells its life; the MSP sees whether it is revoked; then join again with a new token",
        ));
        return Finding::fault(
            CHECK,
            format!("{who} refuses this satellite's certificate: {why}"),
        )
        .next(hint);
    }
    Finding::fault(CHECK, format!("no TLS with {who}: {error}"))
        .next("something between here and there takes the connection apart: exempt it from inspection there")
}
