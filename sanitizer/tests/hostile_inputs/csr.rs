//! Signing requests.

use super::{ANY, Attack, Expected, REQUEST, Work};
use bytes::Bytes;
use spokegate_contract::Envelope;
use spokegate_contract::envelope::{Enrol, EnrolRequest};
use spokegate_contract::limits::CSR_BYTES_MAX;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/csr");
const ENROL: Work = Work {
    channel: "enrol",
    ..ANY
};

fn attack(name: String, csr: Vec<u8>, expected: Expected) -> Attack {
    let enrol = Enrol {
        id: REQUEST,
        csr: Bytes::from(csr),
        request: EnrolRequest::Renew {
            serial: Bytes::from_static(&[1]),
            signature: Bytes::from_static(&[0x30]),
        },
        peer: None,
    };
    Attack::of(format!("csr/{name}"), ENROL, enrol.encode(), expected)
}

pub(crate) fn requests(all: &mut Vec<Attack>) {
    let seed = |name: &str| std::fs::read(format!("{CORPUS}/{name}")).unwrap();
    let form = |rule: &str| Expected::Refused("form", format!("csr:{rule}"));
    for (rule, names) in [
        (
            "key",
            &[
                "rsa",
                "ed25519",
                "p384",
                "compressed-point",
                "explicit-curve",
            ][..],
        ),
        ("algorithm", &["sha512"]),
        ("signature", &["bad-signature", "changed-subject"]),
        (
            "der",
            &[
                "trailing",
                "cut",
                "indefinite",
                "long-form-length",
                "deep",
                "high-tag",
                "no-attributes",
                "version-1",
            ],
        ),
    ] {
        for name in names {
            all.push(attack((*name).to_owned(), seed(name), form(rule)));
        }
    }
    for good in ["good", "ca-and-foreign-san"] {
        all.push(attack(
            good.to_owned(),
            seed(good),
            Expected::Named("enrol"),
        ));
    }
    let good = seed("good");
    for end in (1..good.len()).step_by(17) {
        all.push(attack(
            format!("cut-at-{end}"),
            good[..end].to_vec(),
            form("der"),
        ));
    }
    for (name, bytes) in [
        ("zeros", vec![0; 1_000]),
        ("nested", vec![0x30; 2_000]),
        ("indefinite-nested", [0x30, 0x80].repeat(1_000)),
        ("length-2^32", vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
        ("length-of-126-bytes", vec![0x30, 0xfe]),
        ("json", br#"{"csr":1}"#.to_vec()),
        ("pem", b"-----BEGIN CERTIFICATE REQUEST-----".to_vec()),
    ] {
        all.push(attack(name.to_owned(), bytes, form("der")));
    }
    let envelope = || Expected::Refused("envelope", "form".into());
    all.push(attack("empty".to_owned(), Vec::new(), envelope()));
    all.push(attack(
        "too-long".to_owned(),
        vec![0x30; CSR_BYTES_MAX + 1],
        envelope(),
    ));
}
