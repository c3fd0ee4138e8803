//! Envelopes: every member wrong, missing, doubled, out of order; every channel with junk.

use super::super::cbor::{array, head, hex, map, sized, text};
use super::super::wire::{Members, bytes};
use super::{ANY, Attack, Expected, REQUEST, Work, good};
use Expected::{Accepted, Named};
use bytes::Bytes;
use spokegate_contract::envelope::{Hello, Part, Presence, Push, Reply, SourceHealth, Status};
use spokegate_contract::limits::{
    CHUNK_BYTES_MAX, FAILURE_TEXT_BYTES_MAX, HELLO_DATASETS_MAX, MESSAGE_BYTES_MAX,
    VERSION_TEXT_BYTES_MAX,
};
use spokegate_contract::{Envelope, Failure, FailureClass, Shape};

fn refused(rule: &str) -> Expected {
    Expected::Refused("envelope", rule.to_owned())
}

fn on(channel: &'static str) -> Work {
    Work { channel, ..ANY }
}

/// What goes wrong in the envelope of any channel.
fn common(all: &mut Vec<Attack>, work: &Work, right: &Members) {
    let mut add = |name: String, payload: Vec<u8>, rule: &str| {
        let name = format!("envelope/{} {name}", work.channel);
        all.push(Attack::of(name, work.clone(), payload, refused(rule)));
    };
    let names = right.names();
    for (at, name) in names.iter().enumerate() {
        add(
            format!("without {name}"),
            right.without(name).encode(),
            "form",
        );
        add(
            format!("{name} is null"),
            right.with(name, hex("f6")).encode(),
            "form",
        );
        add(
            format!("{name} is tagged"),
            right.with(name, hex("c000")).encode(),
            "form",
        );
        add(
            format!("{name} is an array"),
            right.with(name, hex("8100")).encode(),
            "form",
        );
        add(
            format!("{name} is an indefinite text"),
            right.with(name, hex("7f6161ff")).encode(),
            "form",
        );
        let again = right.inserted(at + 1, name, hex("00")).encode();
        add(format!("{name} twice"), again, "form");
        if at > 0 {
            add(
                format!("{name} before its time"),
                right.swapped(at - 1, at).encode(),
                "form",
            );
        }
    }
    for (version, rule) in [(0, "version"), (2, "version"), (u64::MAX, "version")] {
        add(
            format!("version {version}"),
            right.with("v", head(0, version)).encode(),
            rule,
        );
    }
    add(
        "version in two bytes".into(),
        right.with("v", sized(0, 24, 1)).encode(),
        "form",
    );
    add(
        "version negative".into(),
        right.with("v", head(1, 0)).encode(),
        "form",
    );
    for name in ["a", "zz", "unknown_member"] {
        let at = names.partition_point(|known| (known.len(), known.as_str()) < (name.len(), name));
        add(
            format!("with {name}"),
            right.inserted(at, name, hex("00")).encode(),
            "form",
        );
    }
    let payload = right.encode();
    add(
        "self-described".into(),
        [hex("d9d9f7"), payload.clone()].concat(),
        "form",
    );
    add(
        "in an array".into(),
        array(std::slice::from_ref(&payload)),
        "form",
    );
    add("in bytes".into(), bytes(&payload), "form");
    let longer = [sized(5, 24, names.len() as u64), payload[1..].to_vec()].concat();
    add("head in two bytes".into(), longer, "form");
    let endless = [vec![0xbf], payload[1..].to_vec(), vec![0xff]].concat();
    add("indefinite".into(), endless, "form");
    for (name, junk) in [
        ("empty", Vec::new()),
        ("map", hex("a0")),
        ("break", hex("ff")),
        ("zeros", vec![0; 2_000]),
        ("json", br#"{"v":1}"#.to_vec()),
        ("map-of-2^64-1", head(5, u64::MAX)),
        ("nested-100000", vec![0x81; 100_000]),
    ] {
        add(format!("junk {name}"), junk, "form");
    }
    let large = vec![0; MESSAGE_BYTES_MAX + 1];
    add("larger than a message".into(), large, "size");
}

pub(crate) fn replies(all: &mut Vec<Attack>) {
    let right = Members::of_reply();
    all.push(Attack::of(
        "envelope/reply right".into(),
        ANY,
        right.encode(),
        Accepted,
    ));
    common(all, &ANY, &right);
    let mut add = |name: &str, members: &Members, expected: Expected| {
        all.push(Attack::of(
            format!("envelope/reply {name}"),
            ANY,
            members.encode(),
            expected,
        ));
    };
    let id = REQUEST.to_string();
    for (name, id) in [
        ("upper case", "0A".repeat(16)),
        ("short", id[1..].to_owned()),
        ("long", format!("{id}0")),
        ("hyphens", "01010101-0101-0101-0101-010101010".to_owned()),
        ("no digits", "g".repeat(32)),
        ("empty", String::new()),
    ] {
        add(
            &format!("id {name}"),
            &right.with("id", text(&id)),
            refused("form"),
        );
    }
    for (name, sequence) in [
        ("2^32", head(0, 1 << 32)),
        ("2^64-1", head(0, u64::MAX)),
        ("negative", head(1, 0)),
        ("float", hex("f93e00")),
    ] {
        add(
            &format!("sequence {name}"),
            &right.with("sequence", sequence),
            refused("form"),
        );
    }
    for shape in ["table", "Rows", "", "rows\n", "documents"] {
        add(
            &format!("shape {shape:?}"),
            &right.with("shape", text(shape)),
            refused("form"),
        );
    }
    let document = right.with("shape", text("document"));
    add(
        "document for a table",
        &document,
        Expected::Refused("contract", "shape".into()),
    );
    let over = bytes(&vec![0; CHUNK_BYTES_MAX + 1]);
    add(
        "body over the limit",
        &right.with("body", over),
        refused("form"),
    );
    add(
        "body of text",
        &right.with("body", text("x")),
        refused("form"),
    );
    for length in [0, 31, 33] {
        let last = right.inserted(3, "last", bytes(&vec![0; length]));
        add(&format!("digest of {length}"), &last, refused("form"));
    }
    add(
        "digest of 32",
        &right.inserted(3, "last", bytes(&[0; 32])),
        Accepted,
    );
    let failure = Members::new(&[
        ("v", head(0, 1)),
        ("id", text(&id)),
        ("class", text("offline")),
        ("detail", text("no\u{202e} link\n")),
        ("sequence", head(0, 0)),
    ]);
    add("failure", &failure, Named("reply"));
    add(
        "failure unknown",
        &failure.with("class", text("nuclear")),
        refused("form"),
    );
    let long = text(&"x".repeat(FAILURE_TEXT_BYTES_MAX + 1));
    add(
        "failure too long",
        &failure.with("detail", long),
        refused("form"),
    );
    let both = failure.inserted(2, "body", bytes(&[0x80]));
    add("failure and body", &both, refused("form"));
    for (name, dataset, version) in [("dataset", "payroll", 1), ("version", "any", 2)] {
        let work = Work {
            dataset,
            version,
            ..ANY
        };
        let unknown = Expected::Refused("contract", "unknown-dataset".into());
        all.push(Attack::of(
            format!("envelope/unknown {name}"),
            work,
            good().payload,
            unknown,
        ));
    }
}

pub(crate) fn other_channels(all: &mut Vec<Attack>) {
    let push = Members::of_push();
    all.push(Attack::of(
        "envelope/push right".into(),
        on("push"),
        push.encode(),
        Accepted,
    ));
    common(all, &on("push"), &push);
    for (member, value) in [
        ("epoch", head(0, 1 << 53)),
        ("captured", head(0, 1 << 53)),
        ("sequence", head(0, 1 << 53)),
        ("version", head(0, 1 << 16)),
    ] {
        let payload = push.with(member, value).encode();
        all.push(Attack::of(
            format!("envelope/push {member} too large"),
            on("push"),
            payload,
            refused("form"),
        ));
    }
    let hello = |version: usize, count: usize| Hello {
        agent_version: "x".repeat(version),
        at_ms: 1,
        epoch: 1,
        last_sequence: 1,
        acked_sequence: 1,
        datasets: vec![("any".parse().unwrap(), 1); count],
    };
    let mut hellos = |name: &str, hello: &Hello, expected: Expected| {
        all.push(Attack::of(
            format!("envelope/hello {name}"),
            on("hello"),
            hello.encode(),
            expected,
        ));
    };
    hellos(
        "right",
        &hello(VERSION_TEXT_BYTES_MAX, HELLO_DATASETS_MAX),
        Named("hello"),
    );
    hellos(
        "too many datasets",
        &hello(1, HELLO_DATASETS_MAX + 1),
        refused("form"),
    );
    hellos(
        "version too long",
        &hello(VERSION_TEXT_BYTES_MAX + 1, 1),
        refused("form"),
    );
    let rude = Hello {
        agent_version: "1\n\u{202e}2\u{7}".into(),
        ..hello(1, 1)
    };
    hellos("with control characters", &rude, refused("agent-version"));
    let hello_of = |dataset: &str| {
        Members::new(&[
            ("v", head(0, 1)),
            ("at", head(0, 1)),
            ("acked", head(0, 1)),
            ("agent", text("1")),
            ("epoch", head(0, 1)),
            (
                "datasets",
                array(&[map(&[
                    (text("id"), text(dataset)),
                    (text("version"), head(0, 1)),
                ])]),
            ),
            ("sequence", head(0, 1)),
        ])
    };
    common(all, &on("hello"), &hello_of("any"));
    for dataset in ["../any", "Any", "a", "any\0", "-any", ""] {
        let payload = hello_of(dataset).encode();
        let expected = refused("id");
        all.push(Attack::of(
            format!("envelope/hello dataset {dataset:?}"),
            on("hello"),
            payload,
            expected,
        ));
    }
    let status = Status {
        agent_version: "1".into(),
        at_ms: 1,
        spool_messages: 0,
        spool_bytes: 0,
        spool_oldest_ms: None,
        restart_due_ms: None,
        node_red: SourceHealth::Up,
        certificate: None,
    };
    all.push(Attack::of(
        "envelope/status right".into(),
        on("status"),
        status.encode(),
        Named("status"),
    ));
    let presence = Presence {
        online: true,
        at_ms: 1,
    };
    all.push(Attack::of(
        "envelope/presence right".into(),
        on("presence"),
        presence.encode(),
        Named("presence"),
    ));
    let wrong_channel: [(&str, Vec<u8>); 4] = [
        ("status", presence.encode()),
        ("presence", status.encode()),
        ("reply", push.encode()),
        ("result", push.encode()),
    ];
    for (channel, payload) in wrong_channel {
        let channel = ["status", "presence", "reply", "result"]
            .into_iter()
            .find(|known| *known == channel)
            .unwrap();
        all.push(Attack::of(
            format!("envelope/{channel} of another channel"),
            on(channel),
            payload,
            refused("form"),
        ));
    }
    for channel in ["", "pull", "Reply", "../reply", "admission", "quarantine"] {
        let name = format!("envelope/channel {channel:?}");
        all.push(Attack::of(
            name,
            on(channel),
            good().payload,
            refused("channel"),
        ));
    }
    let failed = Reply {
        id: REQUEST,
        sequence: 0,
        captured_at_ms: None,
        part: Part::Failure(Failure::new(FailureClass::Timeout, "late")),
    };
    all.push(Attack::of(
        "envelope/reply failure right".into(),
        ANY,
        failed.encode(),
        Named("reply"),
    ));
    let pushed = Push {
        epoch: 1,
        sequence: 1,
        version: 1,
        captured_at_ms: 1,
        shape: Shape::Document,
        body: Bytes::from_static(b"\xa0"),
    };
    let shape = Expected::Refused("contract", "shape".into());
    all.push(Attack::of(
        "envelope/push of another shape".into(),
        on("push"),
        pushed.encode(),
        shape,
    ));
}
