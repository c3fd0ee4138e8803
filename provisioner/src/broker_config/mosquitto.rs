//! Eclipse Mosquitto 2.0: one configuration file and one list of rights.

use std::fmt::Write as _;

use spokegate_contract::Grants;
use spokegate_contract::limits::PACKET_BYTES_MAX;

use super::{File, SANITIZER, Site, client_id};

const RIGHTS: &str = "spokegate.acl";

pub(super) fn render(site: &Site) -> Vec<File> {
    vec![
        File {
            name: "mosquitto.conf".to_owned(),
            text: configuration(site),
        },
        File {
            name: RIGHTS.to_owned(),
            text: rights(site),
        },
    ]
}

fn configuration(site: &Site) -> String {
    let crl = match &site.crl {
        Some(crl) => format!("crlfile {}\n", crl.display()),
        None => String::new(),
    };
    format!(
        "\
# Rendered by: spokegate broker-config mosquitto. For Mosquitto 2.0.
# After a change, also of the crlfile: SIGHUP.

# Nothing of a session is kept: agents send again what the centre has not acknowledged.
persistence false
persistent_client_expiration 1h
sys_interval 0
max_inflight_messages {inflight}
max_queued_messages {queued}
max_queued_bytes 16777216
max_packet_size {PACKET_BYTES_MAX}
max_keepalive 300
set_tcp_nodelay true
per_listener_settings true

listener {port} {ip}
protocol mqtt
max_connections {connections}

# Only certificates of the fabric's authority; the common name is user name and client id, whatever the client says.
cafile {ca}
certfile {certificate}
keyfile {key}
{crl}tls_version tlsv1.2
require_certificate true
use_identity_as_username true
use_username_as_clientid true
allow_anonymous false
allow_zero_length_clientid false
acl_file {rights}

# The wire uses neither.
max_qos 1
retain_available false
",
        port = site.listen.port(),
        inflight = site.inflight(),
        queued = site.inflight().saturating_mul(2),
        ip = site.listen.ip(),
        connections = site.connections_max(),
        ca = site.ca.display(),
        certificate = site.certificate.display(),
        key = site.key.display(),
        rights = site.place(RIGHTS),
    )
}

fn rights(site: &Site) -> String {
    let mut text =
        "# Rendered by: spokegate broker-config mosquitto. What is not listed is refused.\n"
            .to_owned();
    user(&mut text, SANITIZER.as_str());
    for tenant in site.parties.tenants() {
        topics(&mut text, &Grants::sanitizer(&tenant));
    }
    for address in site.addresses() {
        user(&mut text, &client_id(&address));
        topics(&mut text, &Grants::satellite(&address));
    }
    text
}

fn user(text: &mut String, name: &str) {
    let _ = writeln!(text, "\nuser {name}");
}

fn topics(text: &mut String, grants: &Grants) {
    for filter in &grants.publish {
        let _ = writeln!(text, "topic write {filter}");
    }
    for filter in &grants.subscribe {
        let _ = writeln!(text, "topic read {filter}");
    }
}
