//! NATS 2.9 with JetStream: one server, or one file for each node of a cluster and one with the rights for all.

use std::fmt::Write as _;

use spokegate_contract::Grants;
use spokegate_contract::limits::PACKET_BYTES_MAX;

use super::{Cluster, File, Site};

const RIGHTS: &str = "spokegate-rights.conf";
/// Where the server itself hands a session its messages of QoS 1. It subscribes with the client's rights, and refuses
/// this subject to the client; only NATS's own protocol could ask for it, which these users may not speak.
const INBOXES: &str = "$MQTT.sub.*";
/// Copies of each message in a cluster: one node may be lost.
const REPLICAS: usize = 3;

pub(super) fn render(site: &Site) -> Vec<File> {
    let mut files = vec![File {
        name: RIGHTS.to_owned(),
        text: rights(site),
    }];
    match &site.cluster {
        None => files.push(File {
            name: "nats-server.conf".to_owned(),
            text: configuration(site, "spokegate", 1, ""),
        }),
        Some(cluster) => files.extend(cluster.nodes.iter().map(|(name, address)| File {
            name: format!("{name}.conf"),
            text: configuration(
                site,
                name,
                cluster.nodes.len().min(REPLICAS),
                &links(cluster, address),
            ),
        })),
    }
    files
}

fn configuration(site: &Site, name: &str, replicas: usize, links: &str) -> String {
    let tls = format!(
        "tls {{
    cert_file: \"{certificate}\"
    key_file: \"{key}\"
    ca_file: \"{ca}\"
    verify_and_map: true
    timeout: 10
  }}",
        certificate = site.certificate.display(),
        key = site.key.display(),
        ca = site.ca.display(),
    );
    format!(
        "\
# Rendered by: spokegate broker-config nats. For nats-server 2.9 with JetStream.
# After a change: render again, then SIGHUP; sessions of parties that are no longer listed end at once.
server_name: {name}
include ./{RIGHTS}

# NATS's own protocol, for nobody: on loopback, on any port, and by certificate as well.
listen: \"127.0.0.1:-1\"
{tls}

max_payload: {PACKET_BYTES_MAX}
max_connections: {connections}

mqtt {{
  listen: \"{listen}\"
  {tls}
  # Messages in flight to a client; longer than a slow reader needs, so that nothing is sent twice for haste.
  max_ack_pending: {inflight}
  ack_wait: \"60s\"
  stream_replicas: {replicas}
  consumer_replicas: {replicas}
  consumer_memory_storage: true
}}

jetstream {{
  store_dir: \"/var/lib/nats/{name}\"
  max_memory_store: 268435456
  max_file_store: 4294967296
}}
{links}",
        connections = site.connections_max(),
        listen = site.listen,
        inflight = site.inflight(),
    )
}

fn links(cluster: &Cluster, own: &str) -> String {
    let routes: Vec<String> = cluster
        .nodes
        .iter()
        .map(|(_, address)| format!("    \"nats-route://{address}\""))
        .collect();
    format!(
        "
# Whoever gets in here is above all rights, so nodes show each other certificates of an authority of their own.
cluster {{
  name: spokegate
  listen: \"{own}\"
  tls {{
    cert_file: \"{certificate}\"
    key_file: \"{key}\"
    ca_file: \"{ca}\"
    timeout: 10
  }}
  routes: [
{routes}
  ]
}}
",
        certificate = cluster.certificate.display(),
        key = cluster.key.display(),
        ca = cluster.ca.display(),
        routes = routes.join("\n"),
    )
}

fn rights(site: &Site) -> String {
    let mut text = "\
# Rendered by: spokegate broker-config nats. What is not listed is refused. A certificate's URI is the user.
authorization {
  users: [
"
    .to_owned();
    let sanitizer = site
        .parties
        .tenants()
        .map(|tenant| Grants::sanitizer(&tenant))
        .fold((Vec::new(), Vec::new()), |mut all, grants| {
            all.0.extend(grants.publish);
            all.1.extend(grants.subscribe);
            all
        });
    user(&mut text, &site.sanitizer_id(), &sanitizer.0, &sanitizer.1);
    for address in site.addresses() {
        let grants = Grants::satellite(&address);
        user(
            &mut text,
            &site.spiffe_id(&address),
            &grants.publish,
            &grants.subscribe,
        );
    }
    text.push_str("  ]\n}\n");
    text
}

fn user(text: &mut String, name: &str, publish: &[String], subscribe: &[String]) {
    let _ = writeln!(
        text,
        "    {{\n      user: \"{name}\"\n      allowed_connection_types: [\"MQTT\"]\n      permissions {{\n        publish {{ allow: [\n{}        ] }}\n        subscribe {{ allow: [\n{}        ] }}\n      }}\n    }}",
        lines(publish.iter().map(|filter| subject(filter))),
        lines(
            subscribe
                .iter()
                .flat_map(|filter| received(filter))
                .chain([INBOXES.to_owned()])
        ),
    );
}

fn lines(subjects: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for subject in subjects {
        let _ = writeln!(text, "          \"{subject}\"");
    }
    text
}

/// A filter as NATS writes it.
fn subject(filter: &str) -> String {
    filter.replace('/', ".").replace('+', "*").replace('#', ">")
}

/// What MQTT's `#` needs: `a/#` matches `a` as well, which is a subscription of its own in NATS.
fn received(filter: &str) -> Vec<String> {
    let whole = subject(filter);
    match whole.strip_suffix(".>") {
        Some(parent) => vec![parent.to_owned(), whole],
        None => vec![whole],
    }
}
