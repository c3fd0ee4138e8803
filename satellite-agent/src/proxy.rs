//! The way out of the segment: direct, or through an HTTP proxy by CONNECT. TLS is ours from end to end either way.
//!
//! Only `[broker] proxy` and `join --proxy` name a proxy; no variable of the environment does.

use std::fmt;
use std::io;

use async_http_proxy::HttpError;
use spokegate_daemon::{Secret, SecretSource};
use tokio::net::TcpStream;
use url::Url;

/// Where HTTP proxies listen when their address has no port.
const USUAL_PORT: u16 = 80;

/// An HTTP proxy and how it is told who we are.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    at: ProxyAddress,
    credentials: Option<Credentials>,
}

/// `http://host:port`, and nothing else in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProxyAddress {
    host: String,
    port: u16,
}

#[derive(Clone, Debug)]
struct Credentials {
    user: String,
    password: Secret,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error(transparent)]
    Direct(io::Error),
    #[error("cannot reach the proxy {proxy}")]
    ProxyUnreachable {
        proxy: ProxyAddress,
        source: io::Error,
    },
    #[error("the proxy {proxy} {}", refusal(*.status))]
    ProxyRefuses { proxy: ProxyAddress, status: u16 },
    #[error("{proxy} does not answer as an HTTP proxy: {problem}")]
    NoProxy {
        proxy: ProxyAddress,
        problem: String,
    },
}

fn refusal(status: u16) -> String {
    match status {
        // Some say 401 to a wrong password.
        401 | 407 => "wants a user name and password, or does not take those it got, hint: put USER:PASSWORD into the file of broker.proxy_credentials_file (join: --proxy-credentials-file)".to_owned(),
        403 | 405 => format!("does not let this connection through (status {status}), hint: allow CONNECT to the broker's host and its ports there"),
        502..=504 => format!("cannot reach the other side (status {status}), hint: is the address right, and does the firewall let the proxy through?"),
        _ => format!("answers with status {status}"),
    }
}

impl std::str::FromStr for ProxyAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url: Url = text.parse().map_err(|_| "is no URL")?;
        match () {
            () if url.scheme() != "http" => return Err("is not an http:// address"),
            () if !url.username().is_empty() || url.password().is_some() => {
                return Err("holds a user name or password");
            }
            () if !matches!(url.path(), "" | "/") || url.query().is_some() => {
                return Err("has a path");
            }
            () => {}
        }
        let host = url.host_str().ok_or("names no host")?;
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(USUAL_PORT),
        })
    }
}

impl fmt::Display for ProxyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl ProxyAddress {
    /// Host and port, as they are dialled.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        (&self.host, self.port)
    }
}

impl Proxy {
    /// A proxy, with `USER:PASSWORD` from a file if it wants that.
    pub(crate) fn new(at: ProxyAddress, credentials: &SecretSource) -> anyhow::Result<Self> {
        let credentials = if credentials.is_empty() {
            None
        } else {
            let text = credentials.resolve()?;
            let (user, password) = text.expose().split_once(':').ok_or_else(|| {
                anyhow::anyhow!("the file holds no USER:PASSWORD, hint: write both in one line with a colon between")
            })?;
            Some(Credentials {
                user: user.to_owned(),
                password: Secret::new(password),
            })
        };
        Ok(Self { at, credentials })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &ProxyAddress {
        &self.at
    }

    /// User name and password, if the proxy wants them.
    pub(crate) fn credentials(&self) -> Option<(&str, &Secret)> {
        let known = self.credentials.as_ref()?;
        Some((&known.user, &known.password))
    }

    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        let to = (self.at.host.as_str(), self.at.port);
        let mut stream = TcpStream::connect(to)
            .await
            .map_err(|source| self.unreachable(source))?;
        let asked = match &self.credentials {
            None => async_http_proxy::http_connect_tokio(&mut stream, host, port).await,
            Some(Credentials { user, password }) => {
                let password = password.expose();
                async_http_proxy::http_connect_tokio_with_basic_auth(
                    &mut stream,
                    host,
                    port,
                    user,
                    password,
                )
                .await
            }
        };
        asked.map_err(|error| self.refused(&error))?;
        Ok(stream)
    }

    /// It could not be connected to.
    pub(crate) fn unreachable(&self, source: io::Error) -> DialError {
        DialError::ProxyUnreachable {
            proxy: self.at.clone(),
            source,
        }
    }

    /// It answered, and not with a way through.
    pub(crate) fn refused(&self, error: &HttpError) -> DialError {
        let proxy = self.at.clone();
        match error {
            HttpError::HttpCode200(status) => DialError::ProxyRefuses {
                proxy,
                status: *status,
            },
            error => DialError::NoProxy {
                proxy,
                problem: error.to_string(),
            },
        }
    }
}

/// A connection to `host`, through the proxy if there is one; then the proxy looks the name up.
pub(crate) async fn dial(
    host: &str,
    port: u16,
    proxy: Option<&Proxy>,
) -> Result<TcpStream, DialError> {
    match proxy {
        Some(proxy) => proxy.connect(host, port).await,
        None => TcpStream::connect((host, port))
            .await
            .map_err(DialError::Direct),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let read = text.parse::<ProxyAddress>().map(|at| at.to_string());
        assert_eq!(read, expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn an_address_is_a_host_and_a_port_and_holds_no_secret() {
        check("http://proxy.example:3128", Ok("proxy.example:3128"));
        check("http://10.0.0.1:8080/", Ok("10.0.0.1:8080"));
        check("http://proxy.example", Ok("proxy.example:80"));
        check(
            "https://proxy.example:3128",
            Err("is not an http:// address"),
        );
        check(
            "socks5://proxy.example:1080",
            Err("is not an http:// address"),
        );
        check("proxy.example", Err("is no URL"));
        check(
            "http://u:p@proxy.example",
            Err("holds a user name or password"),
        );
        check("http://proxy.example/path", Err("has a path"));
        check("http://proxy.example/?q", Err("has a path"));
    }

    #[test]
    fn what_a_proxy_refuses_says_what_to_do() {
        let told = |status| {
            let proxy = "http://p:1".parse().unwrap();
            DialError::ProxyRefuses { proxy, status }.to_string()
        };
        assert!(told(407).contains("p:1 wants a user name and password"));
        assert!(told(407).contains("hint: put USER:PASSWORD into the file"));
        assert_eq!(told(401), told(407));
        assert!(told(403).contains("hint: allow CONNECT"));
        assert!(told(503).contains("cannot reach the other side"));
        assert_eq!(told(500), "the proxy p:1 answers with status 500");
    }
}
