//! `schemas/envelopes.schema.json` and `schemas/asyncapi.yaml` against the code that writes the messages.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use spokegate_contract::envelope::{
    Ack, Admission, Command, CommandFault, CommandOutcome, CommandResult, Crl, Enrol, EnrolRequest,
    Hello, Parcel, Part, Presence, PullRequest, Push, Reply, SourceHealth, Status, Validity,
    Verdict,
};
use spokegate_contract::limits::{
    CERTIFICATE_BYTES_MAX, COMMAND_ARGS_BYTES_MAX, CRL_BYTES_MAX, CSR_BYTES_MAX, INTEGER_MAX,
    MESSAGE_BYTES_MAX, NOT_AFTER_S_MAX, PARCEL_PART_BYTES, PARCEL_PARTS_WANTED_MAX, RETRY_S_MAX,
    ROOTS_BYTES_MAX, SERIAL_BYTES_MAX, SIGNATURE_BYTES_MAX,
};
use spokegate_contract::{
    Address, Channel, Direction, Envelope, Failure, FailureClass, RequestId, Shape, Topic,
    Validator, Verb,
};

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

fn envelopes() -> Value {
    serde_json::from_slice(&fs::read(schemas().join("envelopes.schema.json")).unwrap()).unwrap()
}

/// A message as JSON, read by a decoder that is not ours.
fn as_json(message: &[u8]) -> Value {
    fn convert(value: ciborium::Value) -> Value {
        match value {
            ciborium::Value::Integer(number) => json!(u64::try_from(number).unwrap()),
            ciborium::Value::Text(text) => json!(text),
            ciborium::Value::Bool(value) => json!(value),
            ciborium::Value::Bytes(bytes) => json!("A".repeat(bytes.len().div_ceil(3) * 4)),
            ciborium::Value::Array(items) => items.into_iter().map(convert).collect(),
            ciborium::Value::Map(members) => Value::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (key.into_text().unwrap(), convert(value)))
                    .collect::<Map<_, _>>(),
            ),
            other => unreachable!("no envelope holds {other:?}"),
        }
    }
    convert(ciborium::from_reader(message).unwrap())
}

/// Each kind of message, at its smallest and its largest.
fn messages() -> Vec<(&'static str, Vec<u8>)> {
    [
        downward(),
        commands(),
        replies(),
        pushes(),
        reports(),
        enrolment(),
    ]
    .concat()
}

type Sample = (&'static str, Vec<u8>);

const ID: [u8; 16] = [7; 16];
const BODY: Bytes = Bytes::from_static(&[0x80]);

fn downward() -> Vec<Sample> {
    let id = RequestId::from_bytes(ID);
    let request = PullRequest {
        id,
        version: 1,
        params: Bytes::from_static(&[0xa0]),
        deadline_ms: u64::MAX,
        credit: 8,
    };
    let stored = Ack::Push {
        epoch: u64::MAX,
        sequence: u64::MAX,
    };
    let credit = Ack::Credit {
        id,
        chunks: u32::MAX,
    };
    vec![
        ("pull", request.encode()),
        ("ack", stored.encode()),
        ("ack", credit.encode()),
        ("ack", Ack::Cancel { id }.encode()),
    ]
}

fn commands() -> Vec<Sample> {
    let id = RequestId::from_bytes(ID);
    let filled = |bytes: usize| Bytes::from(vec![1; bytes]);
    let mut all = Vec::new();
    for (args, number, signature) in [
        (1, 1, 1),
        (COMMAND_ARGS_BYTES_MAX, INTEGER_MAX, SIGNATURE_BYTES_MAX),
    ] {
        let command = Command {
            id,
            args: filled(args),
            number,
            expires_ms: number,
            signature: filled(signature),
        };
        all.push(("command", command.encode()));
        let result = |outcome| {
            let result = CommandResult {
                id,
                number,
                outcome,
            };
            ("result", result.encode())
        };
        let (from, count) = (u32::MAX, PARCEL_PARTS_WANTED_MAX);
        all.push(result(CommandOutcome::Wants { from, count }));
        all.push(result(CommandOutcome::done(&"x".repeat(500))));
        all.extend(CommandFault::ALL.map(|fault| result(CommandOutcome::failed(fault, ""))));
    }
    for bytes in [1, PARCEL_PART_BYTES] {
        let parcel = Parcel {
            body: filled(bytes),
            index: u32::MAX,
            digest: [9; 32],
        };
        all.push(("parcel", parcel.encode()));
    }
    all
}

fn replies() -> Vec<Sample> {
    let id = RequestId::from_bytes(ID);
    let data = [
        Part::Rows {
            body: BODY,
            last: None,
        },
        Part::Rows {
            body: BODY,
            last: Some([9; 32]),
        },
        Part::Document { body: BODY },
    ];
    let failures =
        FailureClass::ALL.map(|class| Part::Failure(Failure::new(class, &"x".repeat(500))));
    data.into_iter()
        .chain(failures)
        .map(|part| {
            (
                "reply",
                Reply {
                    id,
                    sequence: u32::MAX,
                    captured_at_ms: Some(INTEGER_MAX),
                    part,
                }
                .encode(),
            )
        })
        .collect()
}

fn pushes() -> Vec<Sample> {
    let push = |shape| Push {
        epoch: INTEGER_MAX,
        sequence: INTEGER_MAX,
        version: u16::MAX,
        captured_at_ms: 0,
        shape,
        body: BODY,
    };
    [Shape::Rows, Shape::Document]
        .map(|shape| ("push", push(shape).encode()))
        .to_vec()
}

fn enrolment() -> Vec<Sample> {
    let id = RequestId::from_bytes(ID);
    let filled = |bytes: usize| Bytes::from(vec![1; bytes]);
    let enrol = |size: &dyn Fn(usize) -> Bytes, peer: Option<&str>| {
        let join = EnrolRequest::Join {
            token: "0123456789abcdef".into(),
            proof: [1; 32],
        };
        let renew = EnrolRequest::Renew {
            serial: size(SERIAL_BYTES_MAX),
            signature: size(SIGNATURE_BYTES_MAX),
        };
        [join, renew].map(|request| {
            let csr = size(CSR_BYTES_MAX);
            let peer = peer.map(str::to_owned);
            let message = Enrol {
                id,
                csr,
                request,
                peer,
            };
            ("enrol", message.encode())
        })
    };
    let least = |_: usize| filled(1);
    let mut all = [enrol(&least, None), enrol(&filled, Some("192.0.2.7"))].concat();
    for size in [&least as &dyn Fn(usize) -> Bytes, &filled] {
        let issued = Verdict::Issued {
            certificate: size(CERTIFICATE_BYTES_MAX),
            roots: size(ROOTS_BYTES_MAX),
            signature: size(SIGNATURE_BYTES_MAX),
        };
        let retry_s = RETRY_S_MAX;
        for verdict in [issued, Verdict::Pending { retry_s }, Verdict::Refused] {
            all.push(("admission", Admission { id, verdict }.encode()));
        }
        let der = size(CRL_BYTES_MAX);
        all.push(("crl", Crl { der }.encode()));
    }
    all
}

fn reports() -> Vec<Sample> {
    let hello = |datasets| Hello {
        agent_version: "0.1.0".into(),
        at_ms: INTEGER_MAX,
        epoch: INTEGER_MAX,
        last_sequence: INTEGER_MAX,
        acked_sequence: 0,
        datasets,
    };
    let status = |node_red, is_old: bool| Status {
        agent_version: "0.1.0".into(),
        at_ms: 0,
        spool_messages: INTEGER_MAX,
        spool_bytes: INTEGER_MAX,
        spool_oldest_ms: (!is_old).then_some(INTEGER_MAX),
        node_red,
        restart_due_ms: (!is_old).then_some(INTEGER_MAX),
        certificate: Validity::new(0, NOT_AFTER_S_MAX).filter(|_| !is_old),
    };
    let mut all = vec![
        ("hello", hello(vec![]).encode()),
        (
            "hello",
            hello(vec![("devices".parse().unwrap(), 1); 64]).encode(),
        ),
        (
            "presence",
            Presence {
                online: true,
                at_ms: 0,
            }
            .encode(),
        ),
    ];
    for is_old in [true, false] {
        all.extend(SourceHealth::ALL.map(|health| ("status", status(health, is_old).encode())));
    }
    all
}

#[test]
fn every_message_satisfies_its_schema_and_no_member_may_go_or_come() {
    let document = envelopes();
    for (name, message) in messages() {
        let mut schema = document["$defs"][name].clone();
        schema["$schema"] = document["$schema"].clone();
        let validator = Validator::new(&schema).unwrap();
        let value = as_json(&message);
        assert_eq!(validator.check(&value), Ok(()), "{name}: {value}");
        for key in value.as_object().unwrap().keys() {
            let mut less = value.clone();
            less.as_object_mut().unwrap().remove(key);
            // A last chunk without its digest is an inner chunk.
            let is_inner_chunk = name == "reply" && key == "last";
            // Only the enrolment door names a peer.
            let is_satellites = name == "enrol" && key == "peer";
            // Nothing waits in the spool.
            let is_empty = name == "status" && key == "spool_oldest";
            // Its Node-RED has what is kept.
            let is_not_due = name == "status" && key == "restart_due";
            // The source was asked just now.
            let is_fresh = name == "reply" && key == "captured";
            assert_eq!(
                validator.is_valid(&less),
                is_inner_chunk || is_satellites || is_empty || is_not_due || is_fresh,
                "{name} without {key}"
            );
        }
        let mut more = value.clone();
        more["stranger"] = json!(1);
        assert!(!validator.is_valid(&more), "{name} with a stranger");
    }
}

fn channels() -> Vec<Channel> {
    let dataset = "dataset".parse::<spokegate_contract::DatasetId>().unwrap();
    let mut all = vec![
        Channel::Pull(dataset.clone()),
        Channel::Ack,
        Channel::Parcel,
        Channel::Reply,
        Channel::Push(dataset),
        Channel::Hello,
        Channel::Status,
        Channel::Enrol,
        Channel::Admission,
        Channel::Crl,
        Channel::Presence,
        Channel::Result,
    ];
    all.extend(Verb::ALL.map(Channel::Command));
    all
}

/// The topic with its variable levels in braces, as AsyncAPI writes an address.
fn address(channel: &Channel) -> String {
    let sample = Address::new("tenant".parse().unwrap(), "satellite".parse().unwrap());
    let topic = Topic::new(sample, channel.clone()).to_string();
    topic
        .replace("/tenant/satellite/", "/{tenant}/{satellite}/")
        .replace("/dataset", "/{dataset}")
}

#[test]
fn asyncapi_document_is_what_the_code_speaks() {
    let document = envelopes();
    let mut channels_doc = Map::new();
    let mut operations = Map::new();
    for channel in channels() {
        let name = match &channel {
            Channel::Command(verb) => format!("command-{}", verb.as_str()),
            other => other.as_str().to_owned(),
        };
        let address = address(&channel);
        let mut parameters = Map::new();
        for level in ["tenant", "satellite", "dataset"] {
            if address.contains(&format!("{{{level}}}")) {
                parameters.insert(
                    level.into(),
                    json!({"$ref": format!("#/components/parameters/{level}")}),
                );
            }
        }
        let mut entry = json!({"address": address, "parameters": parameters});
        let envelope = channel.as_str();
        assert!(
            document["$defs"].get(envelope).is_some(),
            "{envelope} has no schema"
        );
        entry["messages"] = json!({envelope: {
            "contentType": "application/cbor",
            "payload": {"$ref": format!("envelopes.schema.json#/$defs/{envelope}")},
        }});
        // As AsyncAPI has it, the document speaks for the satellite.
        let action = match channel.direction() {
            Direction::Up => "send",
            Direction::Down => "receive",
        };
        operations.insert(
            name.clone(),
            json!({"action": action, "channel": {"$ref": format!("#/channels/{name}")}, "bindings": {"mqtt": {"qos": 1, "retain": false}}}),
        );
        channels_doc.insert(name, entry);
    }
    let level = |description: &str| json!({"description": format!("{description}: [a-z0-9][a-z0-9-]{{0,38}}[a-z0-9]")});
    let generated = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Spokegate fabric",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!("Topics and messages between a satellite and the centre, MQTT 3.1.1, payloads of at most {MESSAGE_BYTES_MAX} bytes. The broker publishes presence itself; crl exists for enrolment/door alone, the broker's enrolment door."),
        },
        "channels": channels_doc,
        "operations": operations,
        "components": {"parameters": {
            "tenant": level("A customer"),
            "satellite": level("One agent of the customer"),
            "dataset": level("A dataset"),
        }},
    });
    let path = schemas().join("asyncapi.yaml");
    let text = format!(
        "# Generated from the code that speaks it: `make golden`.\n{}",
        yaml(&generated, 0)
    );
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "schemas/asyncapi.yaml is out of date: run `make golden`"
    );
}

/// The document as YAML: keys and nesting in block style, texts in JSON's quotes, which YAML 1.2 reads alike.
fn yaml(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) if !members.is_empty() => members
            .iter()
            .map(|(key, value)| {
                let plain = key
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"$_-".contains(&b));
                let key = if plain {
                    key.clone()
                } else {
                    json!(key).to_string()
                };
                let nests = value.as_object().is_some_and(|inner| !inner.is_empty());
                let (gap, depth) = if nests { ("\n", depth + 1) } else { (" ", 0) };
                format!("{indent}{key}:{gap}{}", yaml(value, depth))
            })
            .collect::<String>(),
        // Empty objects, arrays and scalars are JSON.
        scalar => format!("{scalar}\n"),
    }
}

#[test]
fn yaml_of_a_document() {
    let value = json!({"a": {"b/c": "x: \"y\"\n", "d": 1}, "e": true, "f": {"g": {"h": []}}});
    let expected = "a:\n  \"b/c\": \"x: \\\"y\\\"\\n\"\n  d: 1\ne: true\nf:\n  g:\n    h: []\n";
    assert_eq!(yaml(&value, 0), expected);
}
