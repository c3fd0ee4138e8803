use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn a_join_is_read() {
    let asked = join(good_join().to_string().as_bytes()).unwrap();
    assert_eq!(asked.csr, Bytes::from_static(b"csr"));
    let token = "0123456789abcdef".to_owned();
    let proof = [0xab; 32];
    assert_eq!(asked.request, EnrolRequest::Join { token, proof });
    let again = join(good_join().to_string().as_bytes()).unwrap();
    assert_ne!(asked.id, again.id, "an id of our own each time");
}

#[test]
fn a_renewal_is_read() {
    let asked = renew(good_renew().to_string().as_bytes()).unwrap();
    assert_eq!(asked.id, RequestId::from_bytes([1; 16]));
    let (serial, signature) = (Bytes::from_static(b"\x40\x01"), Bytes::from_static(b"\x30"));
    assert_eq!(asked.request, EnrolRequest::Renew { serial, signature });
}

#[test]
fn other_forms_are_refused() {
    let with = |good: Value, key: &str, value: Value| {
        let mut body = good;
        body[key] = value;
        body.to_string()
    };
    let long = |bytes: usize| json!("ab".repeat(bytes));
    let csr = |bytes: usize| json!(STANDARD.encode(vec![1; bytes]));
    let join_with = |key: &str, value| with(good_join(), key, value);
    let renew_with = |key: &str, value| with(good_renew(), key, value);

    assert!(join(join_with("csr", csr(CSR_BYTES_MAX)).as_bytes()).is_ok());
    for body in [
        join_with("csr", csr(CSR_BYTES_MAX + 1)),
        join_with("csr", json!("")),
        join_with("csr", json!("Y3Ny\n")),
        join_with("csr", json!("Y3Nyx")),
        join_with("proof", long(31)),
        join_with("proof", long(33)),
        join_with("proof", json!("AB".repeat(32))),
        join_with("token", long(7)),
        join_with("token", long(9)),
        join_with("token", json!("0123456789ABCDEF")),
        join_with("token", json!(1)),
        join_with("token", Value::Null),
        join_with("peer", json!("192.0.2.1")),
        join_with("id", json!("01".repeat(16))),
        good_renew().to_string(),
        format!("{} {}", good_join(), good_join()),
        good_join()
            .to_string()
            .replace('{', "{\"token\":\"0123456789abcdef\","),
        "[]".to_owned(),
        String::new(),
    ] {
        assert_eq!(join(body.as_bytes()), Err(Malformed), "{body}");
    }
    assert_eq!(join(b"{\"token\":\"\xff\"}"), Err(Malformed));

    assert!(renew(renew_with("serial", long(20)).as_bytes()).is_ok());
    assert!(renew(renew_with("signature", long(80)).as_bytes()).is_ok());
    for body in [
        renew_with("serial", long(21)),
        renew_with("serial", json!("")),
        renew_with("serial", json!("4")),
        renew_with("signature", long(81)),
        renew_with("signature", json!("")),
        renew_with("id", long(15)),
        renew_with("id", json!("0A".repeat(16))),
        renew_with("token", json!("0123456789abcdef")),
        good_join().to_string(),
    ] {
        assert_eq!(renew(body.as_bytes()), Err(Malformed), "{body}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        prop_assert_eq!(join(&bytes), Err(Malformed));
        prop_assert_eq!(renew(&bytes), Err(Malformed));
    }

    #[test]
    fn what_was_meant_is_what_is_read(token in "[0-9a-f]{16}", proof: [u8; 32], csr in prop::collection::vec(any::<u8>(), 1..CSR_BYTES_MAX)) {
        let hex = hex::encode(&proof);
        let body = json!({ "token": token, "proof": hex, "csr": STANDARD.encode(&csr) });
        let asked = join(body.to_string().as_bytes()).unwrap();
        prop_assert_eq!(asked.csr.as_ref(), csr.as_slice());
        prop_assert_eq!(asked.request, EnrolRequest::Join { token, proof });
    }
}

fn good_join() -> Value {
    json!({ "token": "0123456789abcdef", "proof": "ab".repeat(32), "csr": "Y3Ny" })
}

fn good_renew() -> Value {
    json!({ "serial": "4001", "signature": "30", "id": "01".repeat(16), "csr": "Y3Ny" })
}
