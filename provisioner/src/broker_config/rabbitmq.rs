//! RabbitMQ 3.10 with its MQTT plug-in: server file, plug-ins, and definitions with a user for each party.

use spokegate_contract::limits::{ID_BYTES_MAX, PACKET_BYTES_MAX};
use spokegate_contract::{Address, Grants};

use super::{File, SANITIZER, Site, client_id};

const DEFINITIONS: &str = "definitions.json";
const VHOST: &str = "spokegate";
const EXCHANGE: &str = "amq.topic";

/// Without this, the plug-in reads a user `a:b` as the user `b` of the host `a`; a URI has a colon.
const ADVANCED: &str = "\
%% Rendered by: spokegate broker-config rabbitmq.
[{rabbitmq_mqtt, [{ignore_colons_in_username, true}]}].
";

pub(super) fn render(site: &Site) -> Vec<File> {
    vec![
        File {
            name: "rabbitmq.conf".to_owned(),
            text: configuration(site),
        },
        File {
            name: "advanced.config".to_owned(),
            text: ADVANCED.to_owned(),
        },
        File {
            name: "enabled_plugins".to_owned(),
            text: "[rabbitmq_mqtt].\n".to_owned(),
        },
        File {
            name: DEFINITIONS.to_owned(),
            text: definitions(site),
        },
    ]
}

fn configuration(site: &Site) -> String {
    format!(
        "\
# Rendered by: spokegate broker-config rabbitmq. For RabbitMQ 3.10 with the MQTT plug-in.
# After a change: render again, then rabbitmqctl import_definitions {definitions}

# AMQP itself is for nobody.
listeners.tcp = none
load_definitions = {definitions}

mqtt.listeners.tcp = none
mqtt.listeners.ssl.1 = {listen}
mqtt.allow_anonymous = false
mqtt.vhost = {VHOST}
mqtt.exchange = {EXCHANGE}
mqtt.prefetch = {inflight}
mqtt.subscription_ttl = 60000
# The wire uses no retained messages, so none are kept.
mqtt.retained_message_store = rabbit_mqtt_retained_msg_store_noop

# Only certificates of the fabric's authority; the certificate's URI is the user.
mqtt.ssl_cert_login = true
ssl_cert_login_from = subject_alternative_name
ssl_cert_login_san_type = uri
ssl_cert_login_san_index = 0
ssl_options.cacertfile = {ca}
ssl_options.certfile = {certificate}
ssl_options.keyfile = {key}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
ssl_options.versions.1 = tlsv1.3
ssl_options.versions.2 = tlsv1.2

max_message_size = {PACKET_BYTES_MAX}
",
        definitions = site.place(DEFINITIONS),
        listen = site.listen,
        inflight = site.inflight(),
        ca = site.ca.display(),
        certificate = site.certificate.display(),
        key = site.key.display(),
    )
}

/// One party as RabbitMQ sees it.
struct User {
    name: String,
    queues: String,
    write: String,
    read: String,
}

fn definitions(site: &Site) -> String {
    let users: Vec<User> = std::iter::once(sanitizer(site))
        .chain(site.addresses().map(|address| satellite(site, &address)))
        .collect();
    let all = |entry: fn(&User) -> serde_json::Value| users.iter().map(entry).collect::<Vec<_>>();
    let definitions = serde_json::json!({
        "rabbit_version": "3.10.8",
        "vhosts": [{"name": VHOST}],
        "users": all(|user| serde_json::json!({
            "name": user.name,
            // No password: the certificate is the only way in.
            "password_hash": "",
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": [],
        })),
        "permissions": all(|user| serde_json::json!({
            "user": user.name,
            "vhost": VHOST,
            "configure": format!("^{}\\z", user.queues),
            "write": format!("^({}|amq\\.topic)\\z", user.queues),
            "read": format!("^({}|amq\\.topic)\\z", user.queues),
        })),
        "topic_permissions": all(|user| serde_json::json!({
            "user": user.name,
            "vhost": VHOST,
            "exchange": EXCHANGE,
            "write": user.write,
            "read": user.read,
        })),
    });
    format!("{definitions:#}\n")
}

fn satellite(site: &Site, address: &Address) -> User {
    let grants = Grants::satellite(address);
    User {
        name: site.spiffe_id(address),
        queues: queues(&client_id(address)),
        write: any_of(grants.publish.iter().map(|filter| published(filter))),
        read: any_of(grants.subscribe.iter().map(|filter| subscribed(filter))),
    }
}

fn sanitizer(site: &Site) -> User {
    let grants: Vec<Grants> = site
        .parties
        .tenants()
        .map(|tenant| Grants::sanitizer(&tenant))
        .collect();
    let publish = grants.iter().flat_map(|grants| &grants.publish);
    let subscribe = grants.iter().flat_map(|grants| &grants.subscribe);
    User {
        name: site.sanitizer_id(),
        queues: queues(SANITIZER.as_str()),
        write: any_of(publish.map(|filter| published(filter))),
        read: any_of(subscribe.map(|filter| subscribed(filter))),
    }
}

/// The queues that the plug-in makes for a client id: nobody takes another's messages by taking its name.
fn queues(client_id: &str) -> String {
    format!("mqtt-subscription-{}qos[01]", literal(client_id))
}

/// `\z` rather than `$`, which a line feed at the end would pass.
fn any_of(patterns: impl Iterator<Item = String>) -> String {
    format!("^({})\\z", patterns.collect::<Vec<_>>().join("|"))
}

/// Topics that a filter of the grants matches, as routing keys: a free level is an id.
fn published(filter: &str) -> String {
    let id = format!(
        "[a-z0-9][a-z0-9-]{{0,{}}}[a-z0-9]",
        ID_BYTES_MAX.saturating_sub(2)
    );
    levels(filter, &id)
}

/// Filters within a filter of the grants, as binding keys: `*` and `#` below the fixed part are the holder's own.
fn subscribed(filter: &str) -> String {
    match filter.strip_suffix("/#") {
        Some(parent) => format!("{}\\.[a-z0-9.*#-]+", levels(parent, "\\*")),
        None => levels(filter, "\\*"),
    }
}

fn levels(filter: &str, free: &str) -> String {
    let levels: Vec<String> = filter
        .split('/')
        .map(|level| {
            if level == "+" {
                free.to_owned()
            } else {
                literal(level)
            }
        })
        .collect();
    levels.join("\\.")
}

/// Ids and channels hold letters, digits and `-`; the dot of a client id is the only sign that means something.
fn literal(text: &str) -> String {
    text.replace('.', "\\.")
}
