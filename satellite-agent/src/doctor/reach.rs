//! Names, ports and the proxy.

use std::time::Duration;

use tokio::net::lookup_host;

use super::Patient;
use super::finding::{Finding, Report};
use crate::proxy::{DialError, Proxy, dial};

const NAME_LIMIT: Duration = Duration::from_secs(10);
const DIAL_LIMIT: Duration = Duration::from_secs(10);
/// Variables that other programs take their proxy from.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// What could be connected to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reached {
    pub(super) broker: bool,
    pub(super) door: bool,
}

pub(super) async fn look(patient: &Patient, report: &mut Report) -> Reached {
    let proxy = patient.proxy.as_ref();
    variables(proxy, report);
    let door = patient.door().map(|door| (door.host(), door.port()));
    names(patient.broker(), door, proxy, report).await;
    let mut reached = Reached::default();
    if let Some((host, port)) = patient.broker() {
        reached.broker = port_of("broker", (host, port), proxy, report).await;
    }
    if let Some(at) = door {
        reached.door = port_of("door", at, proxy, report).await;
        if !reached.door && patient.token.is_none() {
            report.soften("it is asked to join, and when a certificate has ended");
        }
    }
    reached
}

fn variables(proxy: Option<&Proxy>, report: &mut Report) {
    let set = VARIABLES
        .iter()
        .find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    match (set, proxy) {
        (_, Some(proxy)) => report.add(Finding::ok(
            "proxy",
            format!(
                "broker.proxy names {}, and it alone decides",
                proxy.address()
            ),
        )),
        (Some(name), None) => report.add(
            Finding::warning(
                "proxy",
                format!("{name} is set here; the agent does not look at it and dials directly"),
            )
            .next("where the way out leads through that proxy, set broker.proxy"),
        ),
        (None, None) => {}
    }
}

/// The names that this machine must look up: the proxy's, or those of broker and door.
async fn names(
    broker: Option<(&str, u16)>,
    door: Option<(&str, u16)>,
    proxy: Option<&Proxy>,
    report: &mut Report,
) {
    let mut hosts: Vec<&str> = match proxy {
        Some(proxy) => vec![proxy.address().host_and_port().0],
        None => broker.iter().chain(&door).map(|(host, _)| *host).collect(),
    };
    hosts.dedup();
    for host in hosts {
        report.add(name(host).await);
    }
}

async fn name(host: &str) -> Finding {
    const CHECK: &str = "name";
    if host.parse::<std::net::IpAddr>().is_ok() {
        return Finding::ok(CHECK, format!("{host} is an address; nothing to look up"));
    }
    let problem = match tokio::time::timeout(NAME_LIMIT, lookup_host((host, 0))).await {
        Ok(Ok(found)) => {
            let mut found: Vec<String> = found.map(|at| at.ip().to_string()).collect();
            found.dedup();
            if !found.is_empty() {
                return Finding::ok(CHECK, format!("{host} is {}", found.join(", ")));
            }
            "no address".to_owned()
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", NAME_LIMIT.as_secs()),
    };
    Finding::fault(CHECK, format!("{host} cannot be looked up: {problem}")).next(format!(
        "is the name right? then look at /etc/resolv.conf, and ask that server: getent hosts {host}"
    ))
}

async fn port_of(
    what: &'static str,
    (host, port): (&str, u16),
    proxy: Option<&Proxy>,
    report: &mut Report,
) -> bool {
    let way = proxy.map_or_else(String::new, |proxy| {
        format!(" through the proxy {}", proxy.address())
    });
    let at = format!("the {what} {host}:{port}");
    let dialled = tokio::time::timeout(DIAL_LIMIT, dial(host, port, proxy)).await;
    let finding = match dialled {
        Ok(Ok(_)) => {
            report.add(Finding::ok("port", format!("{at} can be reached{way}")));
            return true;
        }
        Ok(Err(error)) => refused(&at, &error),
        Err(_) => Finding::fault(
            "port",
            format!(
                "{at} does not answer within {} s{way}",
                DIAL_LIMIT.as_secs()
            ),
        )
        .next("a firewall drops it: allow TCP from this machine to that host and port"),
    };
    report.add(finding);
    false
}

fn refused(at: &str, error: &DialError) -> Finding {
    use std::io::ErrorKind;
    match error {
        DialError::Direct(error) => {
            let next = match error.kind() {
                ErrorKind::ConnectionRefused => {
                    "the host is there and the port is shut: is the address right, does the broker run, does a firewall refuse?"
                }
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                    "no way leads there: look at this machine's address and default route (ip route)"
                }
                _ => "is the address right, and does the firewall let it through?",
            };
            Finding::fault("port", format!("{at}: {error}")).next(next)
        }
        DialError::ProxyUnreachable { source, .. } => {
            Finding::fault("proxy", format!("{error}: {source}"))
                .next("is broker.proxy right, and does the firewall let this machine to it?")
        }
        error => {
            let text = error.to_string();
            let (what, hint) = text
                .split_once(", hint: ")
                .unwrap_or((&text, "look at the proxy's log"));
            Finding::fault("proxy", format!("{at}: {what}")).next(hint)
        }
    }
}
