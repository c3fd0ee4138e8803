use super::*;

fn check(format: Format, input: &[u8], expected: Result<(), (&str, &str)>) {
    let schema =
        json!({"type": "object", "properties": {"a": {}, "é": {}}, "additionalProperties": false});
    let contract = Contract::compile(&schema).unwrap();
    let verdict = judge(&contract, format, input).map_err(|refused| match refused {
        Refused::Rule(refusal) => (refusal.pointer, refusal.rule.to_string()),
        Refused::Unreadable(reason) => panic!("{reason}"),
    });
    let expected = expected.map_err(|(pointer, rule)| (pointer.to_owned(), rule.to_owned()));
    assert_eq!(verdict, expected, "{}", String::from_utf8_lossy(input));
}

#[test]
fn json_is_taken_strictly() {
    for (input, expected) in [
        (&br#"{"a":[1,2.5,null,true,"x"]}"#[..], Ok(())),
        (br#" { "a" : 1.0 } "#, Ok(())),
        (b"{\"a\":1,\"a\":2}", Err(("", "duplicate-key"))),
        (
            b"{\"a\":[{\"b\":1,\"b\":1}]}",
            Err(("/a/0", "duplicate-key")),
        ),
        (b"{\"a\":1}{}", Err(("", "trailing-bytes"))),
        (b"{\"a\":", Err(("", "truncated"))),
        (b"{\"a\":NaN}", Err(("", "syntax"))),
        (b"{\"a\":1e400}", Err(("", "syntax"))),
        (b"{\"a\":9007199254740992}", Err(("/a", "number-range"))),
        (b"{\"a\":18446744073709551616}", Err(("/a", "number-range"))),
        (b"{\"a\":\"\\u0000\"}", Err(("/a", "character"))),
        (b"{\"a\":\"\\u202e\"}", Err(("/a", "character"))),
        (
            "{\"a\":\"e\u{301}\"}".as_bytes(),
            Err(("/a", "not-normalized")),
        ),
        ("{\"e\u{301}\":1}".as_bytes(), Err(("", "not-normalized"))),
        (b"\xef\xbb\xbf{}", Err(("", "syntax"))),
        (b"{\"b\":1}", Err(("", "contract:additionalProperties"))),
        (b"[]", Err(("", "contract:type"))),
    ] {
        check(Format::Json, input, expected);
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(16), "]".repeat(16));
    let place = format!("/a{}", "/0".repeat(15));
    check(Format::Json, deep.as_bytes(), Err((&place, "depth")));
}

#[test]
fn cbor_is_taken_as_a_worker_takes_it() {
    check(Format::Cbor, b"\xa1\x61a\x01", Ok(()));
    check(
        Format::Cbor,
        b"\xa1\x61b\x01",
        Err(("", "contract:additionalProperties")),
    );
    check(Format::Cbor, b"\xbf\xff", Err(("", "indefinite-length")));
}

#[test]
fn the_form_is_told_by_the_suffix_unless_it_is_given() {
    let args = |format| CheckArgs {
        contract: PathBuf::new(),
        format,
        inputs: Vec::new(),
    };
    for (path, expected) in [
        ("row.json", Format::Json),
        ("row.JSON", Format::Json),
        ("row.cbor", Format::Cbor),
        ("row.json.cbor", Format::Cbor),
        ("json", Format::Cbor),
        ("-", Format::Cbor),
    ] {
        let path = Path::new(path);
        assert_eq!(args(None).format_of(path), expected, "{}", path.display());
        for given in [Format::Cbor, Format::Json] {
            assert_eq!(args(Some(given)).format_of(path), given);
        }
    }
}
