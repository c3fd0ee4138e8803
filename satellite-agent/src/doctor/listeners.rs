//! What listens on this machine for others. Rules of a firewall cannot be seen without root, and nobody guesses at them here.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::finding::{Finding, Report};
use crate::config::Config;

const CHECK: &str = "doors";
/// `TCP_LISTEN` in `/proc/net/tcp` (`include/net/tcp_states.h`).
const LISTEN: &str = "0A";

pub(super) fn look(config: &Config, report: &mut Report) {
    let mut own: BTreeSet<u16> = config
        .source
        .iter()
        .filter_map(|source| source.local_url().ok()?.port_or_known_default())
        .collect();
    own.extend([config.push.listen.port(), config.ops.listen.port()]);
    own.extend(config.node_red.kept().map(|_| config.node_red.port));
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let texts: Vec<String> = tables
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .collect();
    if texts.is_empty() {
        return report.add(Finding::skipped(CHECK, "/proc/net/tcp cannot be read"));
    }
    let open: BTreeSet<SocketAddr> = texts.iter().flat_map(|text| outside(text)).collect();
    report.add(judge(&open, &own));
    report.add(Finding::skipped(
        "egress",
        "which ways out the firewall leaves cannot be seen from here; only those to the broker are needed",
    ));
}

fn judge(open: &BTreeSet<SocketAddr>, own: &BTreeSet<u16>) -> Finding {
    let told = |wanted: bool| {
        let some = open.iter().filter(|at| own.contains(&at.port()) == wanted);
        some.map(SocketAddr::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (ours, others) = (told(true), told(false));
    match (ours.is_empty(), others.is_empty()) {
        (false, _) => Finding::fault(CHECK, format!("others in the segment reach a port of the satellite: {ours}"))
            .next("let Node-RED and the agent listen on 127.0.0.1 only (SPOKEGATE_NODE_RED_HOST, push.listen, ops.listen)"),
        (true, true) => Finding::ok(CHECK, "nothing on this machine listens for others"),
        (true, false) => Finding::ok(CHECK, format!("no port of the satellite is open to others; other programs' are: {others}")),
    }
}

/// The listening sockets of a table that other machines may reach.
fn outside(table: &str) -> Vec<SocketAddr> {
    let listening = table.lines().skip(1).filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let local = words.next()?;
        let _remote = words.next()?;
        (words.next()? == LISTEN).then(|| address(local)).flatten()
    });
    listening
        .filter(|at| !at.ip().to_canonical().is_loopback())
        .collect()
}

/// `0100007F:1F90`: words of four bytes in the machine's order, which is little-endian on all that we build for.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = host.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_le_bytes)
    };
    let ip = match host.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0_u8; 16];
            for (at, four) in bytes.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";

    #[test]
    fn listeners_for_others_are_found() {
        let table = format!(
            "{HEAD}   0: 0100007F:1F55 00000000:0000 0A 0 0\n   1: 00000000:0016 00000000:0000 0A 0 0\n   2: 0A000002:0050 0A000003:9999 01 0 0\n"
        );
        let found = outside(&table);
        assert_eq!(found, ["0.0.0.0:22".parse::<SocketAddr>().unwrap()]);
        let six = format!(
            "{HEAD}   0: 00000000000000000000000001000000:1F55 00000000000000000000000000000000:0000 0A\n   1: 00000000000000000000000000000000:0758 00000000000000000000000000000000:0000 0A\n   2: 0000000000000000FFFF00000100007F:0758 00000000000000000000000000000000:0000 0A\n"
        );
        assert_eq!(outside(&six), ["[::]:1880".parse::<SocketAddr>().unwrap()]);
    }

    #[test]
    fn a_port_of_the_satellite_that_others_reach_is_a_fault() {
        let own = BTreeSet::from([1880, 8021]);
        let open = |text: &str| BTreeSet::from([text.parse::<SocketAddr>().unwrap()]);
        assert_eq!(judge(&BTreeSet::new(), &own).verdict, Verdict::Ok);
        assert_eq!(judge(&open("0.0.0.0:22"), &own).verdict, Verdict::Ok);
        assert_eq!(judge(&open("0.0.0.0:1880"), &own).verdict, Verdict::Fault);
    }
}
