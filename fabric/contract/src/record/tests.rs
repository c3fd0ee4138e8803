use super::*;
use crate::envelope::CommandFault;
use crate::request_id::RequestId;
use proptest::prelude::*;
use serde_json::Value;

#[track_caller]
fn canonical(text: &str) {
    assert_eq!(check_canonical(text.as_bytes()), Ok(()), "{text}");
}

#[track_caller]
fn refused(text: &str, offset: usize) {
    assert_eq!(
        check_canonical(text.as_bytes()),
        Err(NotCanonical { offset }),
        "{text}"
    );
}

#[test]
fn one_form_for_each_value() {
    for text in [
        "null",
        "true",
        "false",
        "0",
        "-1",
        "9007199254740991",
        "0.5",
        "-0.1",
        "1e-7",
        "\"\"",
        "\"a\\n\\t\\\"\\\\\"",
        "\"Zoë 東京\"",
        "[]",
        "[1,[2,{}]]",
        "{}",
        "{\"a\":1,\"aa\":2,\"b\":3}",
    ] {
        canonical(text);
    }
    for (text, offset) in [
        ("", 0),
        (" 1", 0),
        ("1 ", 1),
        ("1,", 1),
        ("[1, 2]", 3),
        ("[1,]", 3),
        ("{\"b\":1,\"a\":2}", 10),
        ("{\"a\":1,\"a\":2}", 10),
        ("{\"a\":1,}", 7),
        ("{\"\\n\":1}", 5),
        ("-0", 0),
        ("01", 0),
        ("1.0", 0),
        ("1.50", 0),
        ("1E5", 1),
        ("1e5", 0),
        ("+1", 0),
        ("9007199254740992", 0),
        ("1e300", 0),
        ("NaN", 0),
        ("\"\\u0041\"", 2),
        ("\"\\/\"", 2),
        ("\"\\r\"", 2),
        ("\"a\nb\"", 2),
        ("\"\u{7f}\"", 1),
        ("\"\u{202e}\"", 1),
        ("\"open", 5),
        ("tru", 0),
    ] {
        refused(text, offset);
    }
    assert!(check_canonical(b"\"\xff\"").is_err());
}

#[test]
fn depth_is_bounded() {
    let nest = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    canonical(&nest(18));
    refused(&nest(19), 18);
    refused(&nest(1_000_000), 18);
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::String(text) => write_string(text, out),
        Value::Number(number) => write_number(number.as_f64().unwrap(), out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        other => out.extend_from_slice(other.to_string().as_bytes()),
    }
}

proptest! {
    #[test]
    fn written_leaves_are_canonical_and_read_back(
        texts in prop::collection::vec("[ -~äß東\n\t]{0,20}", 0..5),
        numbers in prop::collection::vec(-1e15f64..1e15, 0..5),
        small in prop::collection::vec(-1e-3f64..1e-3, 0..5),
    ) {
        let values = texts.into_iter().map(Value::from).chain(numbers.into_iter().chain(small).map(Value::from));
        let value = Value::Array(values.collect());
        let mut out = Vec::new();
        write(&value, &mut out);
        prop_assert_eq!(check_canonical(&out), Ok(()));
        let read: Value = serde_json::from_slice(&out).unwrap();
        for (a, b) in read.as_array().unwrap().iter().zip(value.as_array().unwrap()) {
            prop_assert!(a == b || a.as_f64() == b.as_f64());
        }
    }

    #[test]
    fn what_is_accepted_is_json(text in "[\\[\\]{}\",:0-9.e\\-a-b ]{0,24}") {
        if check_canonical(text.as_bytes()).is_ok() {
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
        }
    }
}

#[test]
fn records_by_kind() {
    let read = |text: &str| -> Result<String, RecordError> {
        let flat: Flat<'_> = serde_json::from_str(text).unwrap();
        Record::try_from(flat).map(|record| format!("{:?}", record.content))
    };
    let reply = r#"{"at":1,"dataset":"devices","id":"00000000000000000000000000000001","kind":"reply","last":true,"rows":[{"a":1}],"satellite":"hq","sequence":0,"tenant":"acme","version":1}"#;
    canonical(reply);
    assert!(read(reply).unwrap().starts_with("Reply"));
    assert_eq!(
        read(&reply.replace(r#""last":true,"#, "")),
        Err(RecordError::Missing("last"))
    );
    assert_eq!(
        read(&reply.replace("\"reply\"", "\"rply\"")),
        Err(RecordError::Kind)
    );
    let failed = r#"{"at":1,"failure":{"class":"source-error","detail":"x"},"id":"00000000000000000000000000000001","kind":"reply","last":true,"satellite":"hq","tenant":"acme"}"#;
    assert!(read(failed).unwrap().starts_with("Failed"));
    let presence = r#"{"at":1,"kind":"presence","online":true,"satellite":"hq","tenant":"acme"}"#;
    assert!(read(presence).unwrap().starts_with("Presence"));
    let budget = r#"{"at":1,"ends_at":5,"kind":"budget","satellite":"hq","state":"suspended","tenant":"acme"}"#;
    assert!(read(budget).unwrap().starts_with("Budget"));
    assert_eq!(
        read(&budget.replace("suspended", "free")),
        Err(RecordError::Spelling("state"))
    );
    assert_eq!(
        read(&budget.replace(r#","ends_at":5"#, "")),
        Err(RecordError::Missing("ends_at"))
    );
    let refused = r#"{"at":1,"channel":"push","file":"0000000000001-00000000000000ab","kind":"quarantine","pointer":"","reason":"form","rule":"tag","satellite":"hq","sha256":"00","size_bytes":1,"tenant":"acme"}"#;
    assert!(read(refused).unwrap().starts_with("Quarantine"));
    for name in ["../../etc/passwd", "0000000000001-00000000000000AB"] {
        let other = refused.replace("0000000000001-00000000000000ab", name);
        assert!(serde_json::from_str::<Flat<'_>>(&other).is_err(), "{name}");
    }
    let status = r#"{"agent_version":"1","at":1,"kind":"status","node_red":"up","not_after":9,"not_before":2,"restart_due":4,"satellite":"hq","sent_at":1,"spool_bytes":5,"spool_messages":1,"spool_oldest":7,"tenant":"acme"}"#;
    canonical(status);
    assert!(read(status).unwrap().contains("not_after_s: 9"));
    let old = status
        .replace(r#""not_after":9,"not_before":2,"#, "")
        .replace(r#""restart_due":4,"#, "")
        .replace(r#","spool_oldest":7"#, "");
    assert!(read(&old).unwrap().contains("certificate: None"));
    assert_eq!(
        read(&status.replace(r#""not_before":2,"#, "")),
        Err(RecordError::Missing("not_before"))
    );
    assert_eq!(
        read(&status.replace(r#""not_before":2"#, r#""not_before":9"#)),
        Err(RecordError::Spelling("not_after"))
    );
    // Writing a flat record gives its canonical form back.
    for text in [reply, failed, presence, budget, refused, status] {
        let flat: Flat<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&flat).unwrap(), text);
    }
    assert!(
        serde_json::from_str::<Flat<'_>>(
            r#"{"at":1,"kind":"presence","satellite":"hq","tenant":"acme","x":1}"#
        )
        .is_err()
    );
}

const JOIN: &str = r#"{"at":1,"id":"00000000000000000000000000000001","kind":"enrol","peer":"192.0.2.7","proof":"PROOF","public_key":"KEY","request":"join","satellite":"door","tenant":"enrolment","token":"0123456789abcdef"}"#;
const RENEW: &str = r#"{"at":1,"id":"00000000000000000000000000000001","kind":"enrol","public_key":"KEY","request":"renew","satellite":"hq","serial":"0102","signature":"3045","tenant":"acme"}"#;

fn filled(text: &str) -> String {
    text.replace("PROOF", &"0f".repeat(32))
        .replace("KEY", &format!("04{}", "ab".repeat(64)))
}

fn enrolment(text: &str) -> Result<Claim<'_>, RecordError> {
    let flat: Flat<'_> = serde_json::from_str(text).unwrap();
    match Record::try_from(flat)?.content {
        Content::Enrol(enrolment) => {
            assert_eq!(enrolment.public_key[..2], [4, 0xab]);
            Ok(enrolment.claim)
        }
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn an_enrolment_says_by_what_right_and_in_one_spelling() {
    let (join, renew) = (filled(JOIN), filled(RENEW));
    assert_eq!(
        enrolment(&join),
        Ok(Claim::Join {
            token: "0123456789abcdef".into(),
            proof: [0x0f; 32]
        })
    );
    assert_eq!(
        enrolment(&renew),
        Ok(Claim::Renew {
            serial: vec![1, 2],
            signature: vec![0x30, 0x45]
        })
    );
    for text in [&join, &renew] {
        canonical(text);
        let flat: Flat<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&flat).unwrap(), **text);
    }
    let check = |text: &str, from: &str, to: &str, expected: RecordError| {
        assert!(text.contains(from), "{from}");
        assert_eq!(enrolment(&text.replace(from, to)), Err(expected), "{to}");
    };
    use RecordError::{Missing, Spelling};
    check(
        &join,
        r#""token":"0123456789abcdef""#,
        r#""token":"0123456789ABCDEF""#,
        Spelling("token"),
    );
    check(
        &join,
        r#""token":"0123456789abcdef""#,
        r#""version":1"#,
        Missing("token"),
    );
    for peer in ["192.0.2.07", "2001:DB8::1", "door", "192.0.2.7\\n2"] {
        check(&join, "192.0.2.7", peer, Spelling("peer"));
    }
    check(&join, "0f0f\"", "0f\"", Spelling("proof"));
    check(&join, "abab\"", "ab\"", Spelling("public_key"));
    check(&join, "abab\"", "abAB\"", Spelling("public_key"));
    check(&join, "\"join\"", "\"enter\"", Spelling("request"));
    check(&join, "\"join\"", "\"renew\"", Missing("serial"));
    check(
        &join,
        r#""satellite""#,
        r#""serial":"01","satellite""#,
        Spelling("request"),
    );
    check(&renew, "\"0102\"", "\"\"", Spelling("serial"));
    check(
        &renew,
        "\"0102\"",
        &format!("{:?}", "01".repeat(21)),
        Spelling("serial"),
    );
    check(
        &renew,
        "\"3045\"",
        &format!("{:?}", "30".repeat(81)),
        Spelling("signature"),
    );
    check(
        &renew,
        r#""tenant""#,
        r#""proof":"00","tenant""#,
        Spelling("request"),
    );
}

fn admission(text: &str) -> Result<(String, crate::envelope::Verdict), String> {
    let body: AdmissionBody = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let admission = body.admission().map_err(|error| error.to_string())?;
    assert_eq!(AdmissionBody::new(body.address(), &admission), body);
    Ok((body.address().to_string(), admission.verdict))
}

#[test]
fn admissions_of_the_second_hop() {
    use crate::envelope::Verdict;
    const TO: &str = r#""tenant":"acme","satellite":"hq","id":"00000000000000000000000000000001""#;
    let body = |rest: &str| admission(&format!("{{{TO},{rest}}}"));
    let issued = |certificate: &str, signature: &str| {
        body(&format!(
            r#""verdict":"issued","certificate":"{certificate}","roots":"PEM\n","signature":"{signature}""#
        ))
    };
    let expected = Verdict::Issued {
        certificate: bytes::Bytes::from_static(&[0]),
        roots: bytes::Bytes::from_static(b"PEM\n"),
        signature: bytes::Bytes::from_static(&[0x30]),
    };
    assert_eq!(issued("AA==", "30"), Ok(("acme/hq".into(), expected)));
    assert!(issued("AA", "30").unwrap_err().contains("certificate"));
    assert!(issued("", "30").unwrap_err().contains("certificate"));
    let long = "AAAA".repeat(1_366);
    assert!(issued(&long, "30").unwrap_err().contains("4096"));
    assert!(issued("AA==", "3").unwrap_err().contains("signature"));
    assert!(issued("AA==", "").unwrap_err().contains("signature"));
    let pending = |retry_s: u32| body(&format!(r#""verdict":"pending","retry_s":{retry_s}"#));
    assert_eq!(
        pending(10).map(|(_, verdict)| verdict),
        Ok(Verdict::Pending { retry_s: 10 })
    );
    assert!(pending(86_401).unwrap_err().contains("retry_s"));
    assert_eq!(
        body(r#""verdict":"refused""#).map(|(_, verdict)| verdict),
        Ok(Verdict::Refused)
    );
    for bad in [
        r#""verdict":"granted""#,
        r#""verdict":"refused","reason":"token-used""#,
        r#""verdict":"pending""#,
        r#""verdict":"refused","retry_s":1"#,
    ] {
        assert!(body(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_revocation_list_of_the_second_hop() {
    let list = CrlBody::new(&[1, 2, 3]);
    assert_eq!(serde_json::to_string(&list).unwrap(), r#"{"crl":"AQID"}"#);
    assert_eq!(list.envelope().unwrap().der.as_ref(), [1, 2, 3]);
    let most = crate::limits::CRL_BYTES_MAX;
    assert!(CrlBody::new(&vec![0; most]).envelope().is_ok());
    for bad in [
        CrlBody::new(&[]),
        CrlBody::new(&vec![0; most + 1]),
        CrlBody { crl: "?".into() },
    ] {
        assert_eq!(bad.envelope().unwrap_err().member, "crl");
    }
}

fn came(members: &str) -> Result<Came<'static>, RecordError> {
    let text = format!(
        r#"{{"at":1,{members},"id":"00000000000000000000000000000001","kind":"result","satellite":"hq","tenant":"acme"}}"#
    );
    let mut flat: Flat<'_> = serde_json::from_str(&text).unwrap();
    Came::of(&mut flat).map(Came::into_owned)
}

#[test]
fn what_came_of_a_command_has_the_members_of_its_state() {
    let mut bytes = [0; 16];
    bytes[15] = 1;
    let id = RequestId::from_bytes(bytes);
    let (from, count) = (4, 8);
    assert_eq!(
        came(r#""count":8,"first":4,"state":"wants""#),
        Ok(Came::Wants { id, from, count })
    );
    assert_eq!(
        came(r#""detail":"renewed","state":"done""#),
        Ok(Came::Done {
            id,
            detail: "renewed".into()
        })
    );
    for fault in CommandFault::ALL {
        let members = format!(
            r#""detail":"","reason":"{}","state":"failed""#,
            fault.as_str()
        );
        let detail = "".into();
        assert_eq!(came(&members), Ok(Came::Failed { id, fault, detail }));
    }
    let check = |members: &str, member| {
        assert_eq!(
            came(members),
            Err(RecordError::Spelling(member)),
            "{members}"
        );
    };
    check(r#""detail":"","reason":"tired","state":"failed""#, "reason");
    check(r#""count":0,"first":4,"state":"wants""#, "count");
    check(r#""count":9,"first":4,"state":"wants""#, "count");
    check(r#""count":8,"first":4294967296,"state":"wants""#, "first");
    check(r#""count":8,"first":4,"state":"done""#, "state");
    check(r#""detail":"","state":"wants""#, "state");
    check(r#""detail":"","state":"finished""#, "state");
}
