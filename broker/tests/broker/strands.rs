//! The threads that serve sessions, as a running broker has them.

use std::collections::BTreeMap;
use std::process::Command;

use super::executable::{config, metrics, start};
use crate::support::{Authority, Client, Connect, SOON};
use tempfile::TempDir;

const LISTENER: &str = "[[listener]]\nkind = \"mtls\"\naddress = \"127.0.0.1:0\"\n\
    [limits]\nconnections_per_address_burst = 1000\n[log]\nformat = \"json\"\n";

/// Sessions by strand.
fn on_strands(file: &str) -> BTreeMap<String, usize> {
    let told = metrics(file);
    let lines = told.lines().filter_map(|line| {
        let rest = line.strip_prefix("spokegate_broker_strand_sessions{strand=\"")?;
        let (strand, sessions) = rest.split_once("\"} ")?;
        Some((strand.to_owned(), sessions.parse().unwrap()))
    });
    lines.collect()
}

#[tokio::test]
async fn sessions_of_one_tenant_are_on_one_strand_and_tenants_are_spread_evenly() {
    let authority = Authority::new("fabric");
    let files = TempDir::new().unwrap();
    authority.server().write(files.path());
    let file = config(files.path(), LISTENER);
    let (mut child, _log, address) = start(&file);
    let enter = async |certificate, id: String| {
        let tls = authority.client(Some(&certificate));
        let mut client = Client::dial(address, tls).await.unwrap();
        assert_eq!(client.connect(&Connect::new(&id)).await, Some(0), "{id}");
        client
    };
    let mut kept = Vec::new();
    for number in 0..3 {
        let satellite = format!("s{number}");
        let certificate = authority.satellite("acme", &satellite);
        kept.push(enter(certificate, format!("acme.{satellite}")).await);
    }
    kept.push(enter(authority.service("sanitizer"), "sanitizer.acme".to_owned()).await);
    let strands = on_strands(&file);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    assert_eq!(strands.len(), processors, "{strands:?}");
    let mut counts: Vec<_> = strands.values().copied().collect();
    counts.sort_unstable();
    let (most, others) = counts.split_last().unwrap();
    assert!(
        *most == 4 && others.iter().all(|it| *it == 0),
        "{strands:?}"
    );
    // With acme three tenants on each.
    for number in 1..processors * 3 {
        let tenant = format!("tenant-{number}");
        let certificate = authority.satellite(&tenant, "hq");
        kept.push(enter(certificate, format!("{tenant}.hq")).await);
    }
    let mut counts: Vec<_> = on_strands(&file).into_values().collect();
    counts.sort_unstable();
    let (most, others) = counts.split_last().unwrap();
    assert!(*most == 6 && others.iter().all(|it| *it == 3), "{counts:?}");
    let pid = child.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(killed.unwrap().success());
    for client in &mut kept {
        assert!(
            tokio::time::timeout(SOON, client.is_closed())
                .await
                .unwrap()
        );
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
