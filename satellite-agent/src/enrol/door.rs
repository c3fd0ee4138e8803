//! The enrolment door as a client sees it: one HTTPS request, strict in what it reads.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use serde::Deserialize;
use serde_json::Value;
use spokegate_contract::{RequestId, hex};
use spokegate_identity::Door;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::credentials::Issued;
use crate::fault;
use crate::proxy::{self, DialError, Proxy};

/// Bytes of an answer: certificate and roots have 20 KiB at most.
const ANSWER_BYTES_MAX: usize = 65_536;
/// Time for TCP and TLS.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);
/// Time for the answer; the door waits for 30 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(45);
/// Longest pause that a door may ask for: a day.
const RETRY_S_MAX: u32 = 86_400;

/// A door and how it is trusted.
pub(crate) struct DoorClient {
    pub(crate) door: Door,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) proxy: Option<Proxy>,
}

/// What the door said, and the certificates that it showed.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) verdict: DoorVerdict,
    pub(crate) chain: Vec<CertificateDer<'static>>,
}

/// What the door said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DoorVerdict {
    /// A certificate, which nobody has verified yet.
    Issued(Issued),
    /// Somebody has to approve the request first.
    Pending { retry_s: u32 },
    /// The door or the centre cannot answer now.
    Busy { retry_s: u32 },
    /// No; why is nobody's business here.
    Refused,
}

/// Why the door said nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DoorError {
    #[error(
        "cannot reach the enrolment door {door}, hint: is the address right, and does the firewall let it through?"
    )]
    Unreachable { door: Door, source: DialError },
    #[error("the enrolment door {door} is not trusted: {why}")]
    Untrusted { door: Door, why: String },
    #[error("the enrolment door {0} does not answer in time")]
    Late(Door),
    /// It may have been served: asking again gets the same certificate.
    #[error("the connection to the enrolment door {0} broke")]
    Broken(Door),
    #[error("the answer of the enrolment door {0} cannot be understood: {1}")]
    Answer(Door, String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuedBody {
    certificate: String,
    roots: String,
    signature: String,
    id: RequestId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LaterBody {
    #[serde(default, rename = "error")]
    _error: Option<String>,
    retry_s: u32,
}

impl DoorClient {
    /// Posts a request and reads the answer.
    pub(crate) async fn post(
        &self,
        path: &str,
        body: &Value,
        now_ms: u64,
    ) -> Result<Heard, DoorError> {
        let connecting = tokio::time::timeout(CONNECT_LIMIT, self.connect(now_ms));
        let stream = connecting
            .await
            .unwrap_or_else(|_| Err(DoorError::Late(self.door.clone())))?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let chain = chain
            .iter()
            .map(|der| der.clone().into_owned())
            .collect::<Vec<_>>();
        let talk = tokio::time::timeout(ANSWER_LIMIT, self.talk(stream, path, body));
        let (status, body) = talk
            .await
            .unwrap_or_else(|_| Err(DoorError::Late(self.door.clone())))?;
        let verdict =
            read(status, &body).map_err(|why| DoorError::Answer(self.door.clone(), why))?;
        Ok(Heard { verdict, chain })
    }

    async fn connect(&self, now_ms: u64) -> Result<TlsStream<TcpStream>, DoorError> {
        let unreachable = |source| DoorError::Unreachable {
            door: self.door.clone(),
            source,
        };
        let (host, port) = (self.door.host(), self.door.port());
        let tcp = proxy::dial(host, port, self.proxy.as_ref())
            .await
            .map_err(unreachable)?;
        TlsConnector::from(Arc::clone(&self.tls))
            .connect(self.door.server_name(), tcp)
            .await
            .map_err(|error| match fault::tls(&error) {
                Some(tls) => DoorError::Untrusted {
                    door: self.door.clone(),
                    why: fault::untrusted(tls, now_ms),
                },
                None => unreachable(DialError::Direct(error)),
            })
    }

    async fn talk(
        &self,
        stream: TlsStream<TcpStream>,
        path: &str,
        body: &Value,
    ) -> Result<(u16, Bytes), DoorError> {
        let broken = || DoorError::Broken(self.door.clone());
        let request = Request::post(path)
            .header("host", self.door.to_string())
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|_| broken())?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_| broken())?;
        let exchange = async {
            let answer = sender.send_request(request).await.ok()?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
            Some((status, body.collect().await.ok()?.to_bytes()))
        };
        tokio::pin!(exchange, connection);
        let answered = tokio::select! {
            answered = &mut exchange => answered,
            _ended = &mut connection => exchange.await,
        };
        answered.ok_or_else(broken)
    }
}

/// Reads an answer; pure.
fn read(status: u16, body: &[u8]) -> Result<DoorVerdict, String> {
    let later = || {
        let body: LaterBody = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        Ok::<_, String>(body.retry_s.clamp(1, RETRY_S_MAX))
    };
    match status {
        200 => issued(body).map(DoorVerdict::Issued),
        202 => Ok(DoorVerdict::Pending { retry_s: later()? }),
        403 => Ok(DoorVerdict::Refused),
        429 | 503 => Ok(DoorVerdict::Busy {
            retry_s: later().unwrap_or(5),
        }),
        other => Err(format!("status {other}")),
    }
}

fn issued(body: &[u8]) -> Result<Issued, String> {
    let body: IssuedBody = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let certificate = STANDARD.decode(&body.certificate);
    Ok(Issued {
        id: body.id,
        certificate: certificate.map_err(|error| format!("certificate: {error}"))?,
        roots: body.roots.into_bytes(),
        signature: hex::decode(&body.signature).ok_or("signature: no hexadecimal digits")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_read_strictly() {
        let id = RequestId::from_bytes([1; 16]);
        let good = json!({ "certificate": "MAA=", "roots": "PEM", "signature": "0aff", "id": id.to_string() });
        let issued = Issued {
            id,
            certificate: vec![0x30, 0],
            roots: b"PEM".to_vec(),
            signature: vec![0x0a, 0xff],
        };
        check(200, &good.to_string(), Ok(DoorVerdict::Issued(issued)));
        for (key, value) in [
            ("certificate", json!("MAA")),
            ("signature", json!("0AFF")),
            ("signature", json!("0af")),
            ("signature", json!("+1+1")),
            ("id", json!("1")),
            ("more", json!(1)),
            ("roots", json!(null)),
        ] {
            let mut bad = good.clone();
            bad[key] = value;
            assert!(read(200, bad.to_string().as_bytes()).is_err(), "{bad}");
        }
        check(
            202,
            "{\"retry_s\":7}",
            Ok(DoorVerdict::Pending { retry_s: 7 }),
        );
        check(
            202,
            "{\"retry_s\":0}",
            Ok(DoorVerdict::Pending { retry_s: 1 }),
        );
        check(
            202,
            "{\"retry_s\":4000000000}",
            Ok(DoorVerdict::Pending { retry_s: 86_400 }),
        );
        assert!(read(202, b"{}").is_err());
        check(403, "anything", Ok(DoorVerdict::Refused));
        let busy = "{\"error\":\"unavailable\",\"retry_s\":9}";
        check(503, busy, Ok(DoorVerdict::Busy { retry_s: 9 }));
        check(429, "<html>", Ok(DoorVerdict::Busy { retry_s: 5 }));
        for status in [301, 400, 404, 500] {
            check(status, "", Err(format!("status {status}")));
        }
    }

    #[track_caller]
    fn check(status: u16, body: &str, expected: Result<DoorVerdict, String>) {
        assert_eq!(read(status, body.as_bytes()), expected);
    }
}
