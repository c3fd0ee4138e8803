//! EMQX 5: one configuration file and one list of rights; written from its documentation.

use std::fmt::Write as _;

use spokegate_contract::Grants;
use spokegate_contract::limits::PACKET_BYTES_MAX;

use super::{File, SANITIZER, Site, client_id};

const RIGHTS: &str = "acl.conf";

pub(super) fn render(site: &Site) -> Vec<File> {
    vec![
        File {
            name: "emqx.conf".to_owned(),
            text: configuration(site),
        },
        File {
            name: RIGHTS.to_owned(),
            text: rights(site),
        },
    ]
}

fn configuration(site: &Site) -> String {
    format!(
        "\
## Rendered by: spokegate broker-config emqx. For EMQX 5, from its documentation; not run against EMQX.

listeners.tcp.default.enable = false
listeners.ws.default.enable = false
listeners.wss.default.enable = false
listeners.ssl.default {{
  bind = \"{listen}\"
  max_connections = {connections}
  ssl_options {{
    cacertfile = \"{ca}\"
    certfile = \"{certificate}\"
    keyfile = \"{key}\"
    verify = verify_peer
    fail_if_no_peer_cert = true
    versions = [\"tlsv1.3\", \"tlsv1.2\"]
  }}
}}

## The common name is user name and client id, whatever the client says.
mqtt {{
  peer_cert_as_username = cn
  peer_cert_as_clientid = cn
  max_packet_size = {PACKET_BYTES_MAX}
  max_qos_allowed = 1
  retain_available = false
  shared_subscription = false
  exclusive_subscription = false
  max_topic_levels = 8
  strict_mode = true
  session_expiry_interval = 60s
}}
retainer.enable = false
delayed.enable = false

authentication = []
authorization {{
  no_match = deny
  deny_action = disconnect
  sources = [{{type = file, enable = true, path = \"{rights}\"}}]
}}
",
        listen = site.listen,
        connections = site.connections_max(),
        ca = site.ca.display(),
        certificate = site.certificate.display(),
        key = site.key.display(),
        rights = site.place(RIGHTS),
    )
}

fn rights(site: &Site) -> String {
    let mut text = "%% Rendered by: spokegate broker-config emqx.\n".to_owned();
    for tenant in site.parties.tenants() {
        rules(&mut text, SANITIZER.as_str(), &Grants::sanitizer(&tenant));
    }
    for address in site.addresses() {
        rules(
            &mut text,
            &client_id(&address),
            &Grants::satellite(&address),
        );
    }
    text.push_str("{deny, all}.\n");
    text
}

fn rules(text: &mut String, user: &str, grants: &Grants) {
    let ways = [
        ("publish", "", "", &grants.publish),
        // A filter is granted as it stands, not what it would match: `eq`.
        ("subscribe", "{eq, ", "}", &grants.subscribe),
    ];
    for (action, open, close, filters) in ways {
        let topics: Vec<String> = filters
            .iter()
            .map(|filter| format!("{open}\"{filter}\"{close}"))
            .collect();
        let topics = topics.join(", ");
        let _ = writeln!(
            text,
            "{{allow, {{username, \"{user}\"}}, {action}, [{topics}]}}."
        );
    }
}
