//! A customer's segment: the agent's process, and the flow that it asks for data.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use spokegate_contract::Address;
use spokegate_daemon::{Context, Secret};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::authority::Certificates;
use super::config;
use super::process::Process;
use spokegate_tests::free_port;

/// Rows after which the flow takes a breath.
const ROWS_AT_ONCE: u32 = 250;

/// One satellite.
pub(super) struct Segment {
    pub(super) agent: Process,
    pub(super) push_url: String,
    pub(super) push_token: Secret,
}

impl Segment {
    pub(super) async fn prepare(
        address: &Address,
        root: &Path,
        (broker, breath): (SocketAddr, Duration),
        certificates: &Certificates,
        context: &Context,
    ) -> Self {
        let name = config::name(address);
        let place = format!("segments/{name}");
        let folder = root.join(&place);
        std::fs::create_dir_all(&folder).unwrap();
        let (push_token, source_token) = (folder.join("push.token"), folder.join("source.token"));
        let secret = write_secret(&push_token);
        let source = Source {
            name: name.clone(),
            token: write_secret(&source_token),
            breath,
        };
        let (push, source) = (free_port(), source.serve(context).await);
        let text = config::agent(&config::Agent {
            broker,
            tls: &certificates.satellite(address).await,
            spool: &folder.join("spool"),
            push,
            push_token: &push_token,
            source,
            source_token: &source_token,
        });
        Self {
            agent: Process::new(&format!("agent {name}"), "agent", (root, &place), &text),
            push_url: format!("http://{push}/v1/push/backup-jobs"),
            push_token: secret,
        }
    }
}

/// A flow with an `http in` node: it answers a pull of `devices` with as many rows as are asked for, slowly when they
/// are many. Each row tells whose it is and which pull it answers.
pub(crate) struct Source {
    name: String,
    token: Secret,
    breath: Duration,
}

impl Source {
    /// One row of an answer, as JSON.
    fn row(name: &str, limit: u32, index: u32) -> String {
        format!(
            r#"{{"hostname":"{name}-{index:05}","kind":"server","os":"Debian GNU/Linux","os_version":"12.{}","ip":"10.{}.{}.{}","last_seen":"2026-11-20T02:41:07Z","online":{},"owner":"pull of {limit}"}}"#,
            index % 10,
            limit % 250,
            index / 250 % 250,
            index % 250,
            index.is_multiple_of(3),
        )
    }

    /// What the report of [`super::Installation`] prints of that row.
    pub(crate) fn line(name: &str, limit: u32, index: u32) -> String {
        format!(
            "{name}-{index:05} 12.{} 10.{}.{}.{} {} pull of {limit}",
            index % 10,
            limit % 250,
            index / 250 % 250,
            index % 250,
            if index.is_multiple_of(3) {
                "True"
            } else {
                "False"
            },
        )
    }

    async fn serve(self, context: &Context) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (tasks, source) = (context.tasks.clone(), std::sync::Arc::new(self));
        let accept = async move {
            while let Ok((stream, _)) = listener.accept().await {
                let source = std::sync::Arc::clone(&source);
                // An agent that dies leaves its connection broken: that is the test.
                let answer = async move { source.answer(stream).await.unwrap_or_default() };
                tasks.spawn_watched("answer of a flow", answer, |_| ());
            }
        };
        context
            .tasks
            .spawn_watched("flow", accept, |failure| panic!("{failure}"));
        addr
    }

    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            if stream.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let request = String::from_utf8_lossy(&request).into_owned();
        let bearer = format!("authorization: Bearer {}", self.token.expose());
        let admitted = request.lines().any(|l| l.eq_ignore_ascii_case(&bearer));
        let limit = request
            .split_once("limit=")
            .and_then(|(_, rest)| rest.split([' ', '&']).next()?.parse().ok());
        let (true, Some(limit)) = (admitted, limit) else {
            let head =
                "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            return stream.write_all(head.as_bytes()).await;
        };
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await?;
        for first in (0..limit).step_by(ROWS_AT_ONCE as usize) {
            let last = limit.min(first + ROWS_AT_ONCE);
            let rows: Vec<_> = (first..last)
                .map(|i| Self::row(&self.name, limit, i))
                .collect();
            let start = if first == 0 { "[" } else { "," };
            let end = if last == limit { "]" } else { "" };
            let part = format!("{start}{}{end}", rows.join(","));
            let chunk = format!("{:x}\r\n{part}\r\n", part.len());
            stream.write_all(chunk.as_bytes()).await?;
            tokio::time::sleep(self.breath).await;
        }
        stream.write_all(b"0\r\n\r\n").await?;
        stream.shutdown().await
    }
}

/// Makes a secret of 64 hexadecimal digits in a file that only its owner may read.
pub(super) fn write_secret(path: &Path) -> Secret {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let key = rcgen::KeyPair::generate().unwrap().serialize_der();
    let text: String = key[key.len() - 32..]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.unwrap().write_all(text.as_bytes()).unwrap();
    Secret::new(text)
}
