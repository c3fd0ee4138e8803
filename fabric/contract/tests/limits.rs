//! Every limit of the wire, at one less, at itself and at one more; and none that no table names.
#![expect(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a test fails by panicking; one table"
)]

use bytes::Bytes;
use spokegate_contract::envelope::{
    Admission, Command, CommandOutcome, CommandResult, Crl, Enrol, EnrolRequest, Hello, Parcel,
    Part, PullRequest, Push, Reply, Status, Validity, Verdict,
};
use spokegate_contract::limits::*;
use spokegate_contract::record::{AdmissionBody, CommandBody, CrlBody, ParcelBody};
use spokegate_contract::{
    Envelope, Failure, FailureClass, RequestId, SatelliteId, Shape, TenantId, Verb, cbor, text,
};
use std::collections::BTreeSet;

const ID: RequestId = RequestId::from_bytes([1; 16]);

/// Limits that hold where a message is made, counted or answered: there is no parser that refuses one more.
const ELSEWHERE: [(&str, &str); 23] = [
    ("ADMISSIONS_MAX", "sanitizer/src/ingest/calls/enrolment.rs"),
    ("CHUNK_BYTES_TARGET", "satellite-agent/src/"),
    ("CHUNK_ROWS_MAX", "sanitizer/src/worker/judge.rs"),
    ("CLOCK_SKEW_MS_MAX", "sanitizer/src/ingest/"),
    ("COMMANDS_MAX", "sanitizer/src/ingest/calls/commands.rs"),
    ("COMMAND_LIFE_MS_MAX", "provisioner/src/office/"),
    ("CREDIT_CHUNKS", "sanitizer/src/ingest/"),
    (
        "FLOW_SET_BYTES_MAX",
        "fabric/contract/src/parcel_index/tests.rs",
    ),
    ("DEADLINE_MS_MAX", "sanitizer/src/ingest/"),
    ("LEASE_MS_MAX", "sanitizer/src/ingest/leases.rs"),
    ("PACKET_BYTES_MAX", "broker/src/"),
    ("PARCEL_BYTES_MAX", "provisioner/src/office/"),
    (
        "PARCEL_FILES_MAX",
        "fabric/contract/src/parcel_index/tests.rs",
    ),
    (
        "PARCEL_INDEX_BYTES_MAX",
        "fabric/contract/src/parcel_index/tests.rs",
    ),
    ("PULL_BYTES_MAX", "sanitizer/src/ingest/"),
    ("PULL_CHUNKS_MAX", "sanitizer/src/ingest/"),
    ("PULL_ROWS_MAX", "report-service/src/"),
    ("PUBLIC_KEY_BYTES", "sanitizer/src/csr.rs"),
    ("SECRETS_MAX", "satellite-agent/src/secrets.rs"),
    ("SECRET_BYTES_MAX", "fabric/identity/src/secret.rs"),
    (
        "SECRET_NAME_BYTES_MAX",
        "fabric/contract/src/secret_name.rs",
    ),
    ("STRING_BYTES_MAX", "sanitizer/src/contracts/"),
    ("TOPIC_BYTES_MAX", "fabric/contract/src/topic/tests.rs"),
];
/// Limits of bodies, at which the sanitizer's tests of attacks send the decoder one less, the limit and one more.
const OF_BODIES: [&str; 10] = [
    "ARRAY_ITEMS_MAX",
    "CHUNK_ROWS_MAX",
    "DEPTH_MAX",
    "JSON_FACTOR_MAX",
    "KEY_BYTES_MAX",
    "MAP_ENTRIES_MAX",
    "NODES_MAX",
    "POINTER_BYTES_MAX",
    "STRING_BYTES_HARD_MAX",
    "STRING_BYTES_MAX",
];

/// Takes a size; says whether it passes.
type Passes = Box<dyn Fn(usize) -> bool>;

fn read<T: Envelope>(message: &T) -> bool {
    T::decode(&message.encode().into()).is_ok()
}

fn bytes(length: usize) -> Bytes {
    vec![0x30; length].into()
}

fn enrol(csr: usize, request: EnrolRequest, peer: Option<String>) -> bool {
    let csr = bytes(csr);
    read(&Enrol {
        id: ID,
        csr,
        request,
        peer,
    })
}

fn renew(serial: usize, signature: usize) -> EnrolRequest {
    EnrolRequest::Renew {
        serial: bytes(serial),
        signature: bytes(signature),
    }
}

fn issued(certificate: usize, roots: usize, signature: usize) -> bool {
    let verdict = Verdict::Issued {
        certificate: bytes(certificate),
        roots: bytes(roots),
        signature: bytes(signature),
    };
    let body = AdmissionBody::new("acme/hq".parse_address(), &Admission { id: ID, verdict });
    // The second hop and the first have the same limits.
    let admitted = body.admission().is_ok_and(|admission| read(&admission));
    assert_eq!(admitted, body.admission().is_ok());
    admitted
}

trait ParseAddress {
    fn parse_address(&self) -> spokegate_contract::Address;
}

impl ParseAddress for str {
    fn parse_address(&self) -> spokegate_contract::Address {
        let (tenant, satellite) = self.split_once('/').unwrap();
        spokegate_contract::Address::new(tenant.parse().unwrap(), satellite.parse().unwrap())
    }
}

/// The second hop and the first have the same limits.
fn command(args: usize, signature: usize, number: u64) -> bool {
    let command = Command {
        id: ID,
        args: bytes(args),
        number,
        expires_ms: 1,
        signature: bytes(signature),
    };
    let body = CommandBody::new("acme/hq".parse_address(), Verb::Renew, &command);
    assert_eq!(body.command().is_ok(), read(&command));
    read(&command)
}

fn parcel(body: usize) -> bool {
    let parcel = Parcel {
        body: bytes(body),
        index: 0,
        digest: [1; 32],
    };
    let body = ParcelBody::new("acme/hq".parse_address(), &parcel);
    assert_eq!(body.parcel().is_ok(), read(&parcel));
    read(&parcel)
}

fn result(outcome: CommandOutcome) -> bool {
    read(&CommandResult {
        id: ID,
        number: 1,
        outcome,
    })
}

fn reply(body: usize, detail: usize) -> bool {
    let part = if detail == 0 {
        Part::Rows {
            body: bytes(body),
            last: None,
        }
    } else {
        Part::Failure(Failure {
            class: FailureClass::Offline,
            detail: "x".repeat(detail),
        })
    };
    read(&Reply {
        id: ID,
        sequence: 0,
        captured_at_ms: None,
        part,
    })
}

fn hello(version: usize, datasets: usize, at_ms: u64) -> bool {
    read(&Hello {
        agent_version: "1".repeat(version),
        at_ms,
        epoch: 1,
        last_sequence: 1,
        acked_sequence: 1,
        datasets: vec![("any".parse().unwrap(), 1); datasets],
    })
}

/// What a limit is called, what it is, and what obeys it.
fn parsers() -> Vec<(&'static str, usize, Passes)> {
    let proof = |token: usize| EnrolRequest::Join {
        token: "0".repeat(token),
        proof: [0; 32],
    };
    vec![
        (
            "ID_BYTES_MAX",
            ID_BYTES_MAX,
            Box::new(|n| "a".repeat(n).parse::<TenantId>().is_ok()),
        ),
        (
            "CHUNK_BYTES_MAX",
            CHUNK_BYTES_MAX,
            Box::new(|n| reply(n, 0)),
        ),
        (
            "CHUNK_BYTES_MAX",
            CHUNK_BYTES_MAX,
            Box::new(|n| {
                let body = bytes(n);
                read(&Push {
                    epoch: 1,
                    sequence: 1,
                    version: 1,
                    captured_at_ms: 1,
                    shape: Shape::Rows,
                    body,
                })
            }),
        ),
        (
            "FAILURE_TEXT_BYTES_MAX",
            FAILURE_TEXT_BYTES_MAX,
            Box::new(|n| reply(0, n)),
        ),
        (
            "HELLO_DATASETS_MAX",
            HELLO_DATASETS_MAX,
            Box::new(|n| hello(1, n, 1)),
        ),
        (
            "VERSION_TEXT_BYTES_MAX",
            VERSION_TEXT_BYTES_MAX,
            Box::new(|n| hello(n, 1, 1)),
        ),
        (
            "CSR_BYTES_MAX",
            CSR_BYTES_MAX,
            Box::new(|n| enrol(n, renew(1, 1), None)),
        ),
        (
            "SERIAL_BYTES_MAX",
            SERIAL_BYTES_MAX,
            Box::new(|n| enrol(1, renew(n, 1), None)),
        ),
        (
            "SIGNATURE_BYTES_MAX",
            SIGNATURE_BYTES_MAX,
            Box::new(|n| enrol(1, renew(1, n), None)),
        ),
        (
            "SIGNATURE_BYTES_MAX",
            SIGNATURE_BYTES_MAX,
            Box::new(|n| issued(1, 1, n)),
        ),
        (
            "CERTIFICATE_BYTES_MAX",
            CERTIFICATE_BYTES_MAX,
            Box::new(|n| issued(n, 1, 1)),
        ),
        (
            "ROOTS_BYTES_MAX",
            ROOTS_BYTES_MAX,
            Box::new(|n| issued(1, n, 1)),
        ),
        (
            "CRL_BYTES_MAX",
            CRL_BYTES_MAX,
            Box::new(|n| read(&Crl { der: bytes(n) })),
        ),
        (
            "CRL_BYTES_MAX",
            CRL_BYTES_MAX,
            Box::new(|n| CrlBody::new(&bytes(n)).envelope().is_ok()),
        ),
        (
            "COMMAND_ARGS_BYTES_MAX",
            COMMAND_ARGS_BYTES_MAX,
            Box::new(|n| command(n, 1, 1)),
        ),
        (
            "SIGNATURE_BYTES_MAX",
            SIGNATURE_BYTES_MAX,
            Box::new(|n| command(1, n, 1)),
        ),
        (
            "INTEGER_MAX",
            usize::try_from(INTEGER_MAX).unwrap(),
            Box::new(|n| command(1, 1, n as u64)),
        ),
        ("PARCEL_PART_BYTES", PARCEL_PART_BYTES, Box::new(parcel)),
        (
            "PARCEL_PARTS_WANTED_MAX",
            PARCEL_PARTS_WANTED_MAX as usize,
            Box::new(|n| {
                let count = u32::try_from(n).unwrap();
                result(CommandOutcome::Wants { from: 0, count })
            }),
        ),
        (
            "FAILURE_TEXT_BYTES_MAX",
            FAILURE_TEXT_BYTES_MAX,
            Box::new(|n| {
                let detail = "x".repeat(n);
                result(CommandOutcome::Done { detail })
            }),
        ),
        (
            "RETRY_S_MAX",
            RETRY_S_MAX as usize,
            Box::new(|n| {
                let verdict = Verdict::Pending {
                    retry_s: u32::try_from(n).unwrap(),
                };
                read(&Admission { id: ID, verdict })
            }),
        ),
        (
            "NOT_AFTER_S_MAX",
            usize::try_from(NOT_AFTER_S_MAX).unwrap(),
            Box::new(|n| Validity::new(1, n as u64).is_some()),
        ),
        (
            "PARAMS_BYTES_MAX",
            PARAMS_BYTES_MAX,
            Box::new(|n| {
                let params = bytes(n);
                read(&PullRequest {
                    id: ID,
                    version: 1,
                    params,
                    deadline_ms: 1,
                    credit: 1,
                })
            }),
        ),
        (
            "INTEGER_MAX",
            usize::try_from(INTEGER_MAX).unwrap(),
            Box::new(|n| hello(1, 1, n as u64)),
        ),
        (
            "INTEGER_MAX",
            usize::try_from(INTEGER_MAX).unwrap(),
            Box::new(|n| encodes(n.into())),
        ),
        (
            "DEPTH_MAX",
            DEPTH_MAX,
            Box::new(|n| {
                encodes((0..n).fold(1.into(), |inner, _| serde_json::Value::Array(vec![inner])))
            }),
        ),
        (
            "STRING_BYTES_HARD_MAX",
            STRING_BYTES_HARD_MAX,
            Box::new(|n| encodes("x".repeat(n).into())),
        ),
        (
            "KEY_BYTES_MAX",
            KEY_BYTES_MAX,
            Box::new(|n| encodes(serde_json::json!({ "k".repeat(n): 1 }))),
        ),
        (
            "MAP_ENTRIES_MAX",
            MAP_ENTRIES_MAX,
            Box::new(|n| {
                encodes(
                    (0..n)
                        .map(|number| (number.to_string(), 1.into()))
                        .collect::<serde_json::Map<_, _>>()
                        .into(),
                )
            }),
        ),
        (
            "ARRAY_ITEMS_MAX",
            ARRAY_ITEMS_MAX,
            Box::new(|n| encodes(vec![1; n].into())),
        ),
        (
            "TOKEN_ID_DIGITS",
            TOKEN_ID_DIGITS,
            Box::new(move |n| n < TOKEN_ID_DIGITS || enrol(1, proof(n), None)),
        ),
    ]
}

fn encodes(value: serde_json::Value) -> bool {
    cbor::from_json(&value, &mut Vec::new()).is_ok()
}

#[test]
fn every_limit_holds_at_one_more_and_not_at_itself_or_one_less() {
    for (name, limit, passes) in parsers() {
        assert!(passes(limit - 1), "{name} - 1 = {}", limit - 1);
        assert!(passes(limit), "{name} = {limit}");
        assert!(!passes(limit + 1), "{name} + 1 = {}", limit + 1);
    }
}

#[test]
fn what_has_a_least_or_an_exact_length() {
    for (length, expected) in [
        (ID_BYTES_MIN - 1, false),
        (ID_BYTES_MIN, true),
        (ID_BYTES_MIN + 1, true),
    ] {
        assert_eq!(
            "a".repeat(length).parse::<SatelliteId>().is_ok(),
            expected,
            "{length}"
        );
    }
    for (digits, expected) in [(TOKEN_ID_DIGITS - 1, false), (TOKEN_ID_DIGITS, true)] {
        let token = "0".repeat(digits);
        let request = EnrolRequest::Join {
            token,
            proof: [0; 32],
        };
        assert_eq!(enrol(1, request, None), expected, "{digits}");
    }
    for (length, expected) in [(0, false), (1, true)] {
        assert_eq!(enrol(length, renew(1, 1), None), expected);
        assert_eq!(enrol(1, renew(length, 1), None), expected);
        assert_eq!(read(&Crl { der: bytes(length) }), expected);
    }
    // The longest spelling of an address fits, and is not the one spelling.
    let longest = "0000:0000:0000:0000:0000:ffff:255.255.255.255";
    assert_eq!(longest.len(), PEER_TEXT_BYTES_MAX);
    let one_spelling = longest.parse::<std::net::IpAddr>().unwrap().to_string();
    assert!(enrol(1, renew(1, 1), Some(one_spelling)));
    assert!(!enrol(1, renew(1, 1), Some(longest.to_owned())));
    // A message as large as may be, and one byte more.
    let status = Status {
        agent_version: "1".into(),
        at_ms: 1,
        spool_messages: 1,
        spool_bytes: 1,
        spool_oldest_ms: None,
        restart_due_ms: None,
        node_red: spokegate_contract::envelope::SourceHealth::Up,
        certificate: None,
    };
    let payload = |length: usize| {
        let mut payload = status.encode();
        payload.resize(length, 0);
        Status::decode(&payload.into()).unwrap_err().to_string()
    };
    assert_eq!(payload(MESSAGE_BYTES_MAX - 1), payload(MESSAGE_BYTES_MAX));
    assert_ne!(payload(MESSAGE_BYTES_MAX + 1), payload(MESSAGE_BYTES_MAX));
    assert_eq!(
        text::one_line(&"x".repeat(1_000), POINTER_BYTES_MAX).len(),
        POINTER_BYTES_MAX
    );
}

/// Every constant of `limits.rs` is in a table above or in the sanitizer's, and where it is said to hold it is used.
#[test]
fn no_limit_is_without_its_test() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let source = std::fs::read_to_string(root.join("fabric/contract/src/limits.rs")).unwrap();
    let all: BTreeSet<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split(':').next())
        .collect();
    let here = parsers().into_iter().map(|(name, ..)| name);
    let exact = ["ID_BYTES_MIN", "MESSAGE_BYTES_MAX", "PEER_TEXT_BYTES_MAX"];
    let named: BTreeSet<&str> = here
        .chain(exact)
        .chain(OF_BODIES)
        .chain(ELSEWHERE.map(|(name, _)| name))
        .collect();
    let missing: Vec<_> = all.difference(&named).collect();
    assert!(missing.is_empty(), "limits without a test: {missing:?}");
    for (name, place) in ELSEWHERE {
        assert!(uses(&root.join(place), name), "{place} does not use {name}");
    }
    let attacks = root.join("sanitizer/tests");
    let decoder = root.join("sanitizer/src/body/decode/tests.rs");
    for name in OF_BODIES {
        assert!(
            uses(&attacks, name) || uses(&decoder, name),
            "no attack at {name}"
        );
    }
}

fn uses(path: &std::path::Path, name: &str) -> bool {
    if path.is_dir() {
        let mut entries = std::fs::read_dir(path).unwrap();
        return entries.any(|entry| uses(&entry.unwrap().path(), name));
    }
    std::fs::read_to_string(path).is_ok_and(|text| text.contains(name))
}
