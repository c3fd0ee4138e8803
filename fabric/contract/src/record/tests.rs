use super::*;
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
    // Writing a flat record gives its canonical form back.
    for text in [reply, failed, presence] {
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
