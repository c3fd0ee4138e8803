use super::*;
use proptest::prelude::*;

#[track_caller]
fn check(text: &str, expected: Result<&[&str], SplitFault>) {
    let expected =
        expected.map(|rows| rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>());
    for piece_bytes in [1, 2, 3, 7, text.len().max(1)] {
        assert_eq!(
            split(text.as_bytes(), piece_bytes),
            expected,
            "{text:?} in pieces of {piece_bytes}"
        );
    }
}

#[test]
fn arrays_of_objects_and_what_is_not() {
    check("[]", Ok(&[]));
    check(" [ ] \n", Ok(&[]));
    check("[{}]", Ok(&["{}"]));
    check(
        "[{\"a\":1} , {\"b\":[{},{}]}]",
        Ok(&["{\"a\":1}", "{\"b\":[{},{}]}"]),
    );
    check(
        r#"[{"a":"]}\"{["},{"b":"\\"}]"#,
        Ok(&[r#"{"a":"]}\"{["}"#, r#"{"b":"\\"}"#]),
    );

    check("", Err(SplitFault::Empty));
    check("  ", Err(SplitFault::Empty));
    check("<!DOCTYPE html>", Err(SplitFault::Html));
    check("{\"a\":1}", Err(SplitFault::NotArray("an object")));
    check("null", Err(SplitFault::NotArray("null")));
    check("hello", Err(SplitFault::NotArray("not JSON")));
    check(
        "[1]",
        Err(SplitFault::NotObject {
            row: 1,
            kind: "a number",
        }),
    );
    check(
        "[{},[]]",
        Err(SplitFault::NotObject {
            row: 2,
            kind: "an array",
        }),
    );
    check(
        "[{},]",
        Err(SplitFault::NotObject {
            row: 2,
            kind: "not JSON",
        }),
    );
    check("[{} {}]", Err(SplitFault::Separator { row: 1, found: '{' }));
    check("[{}] []", Err(SplitFault::Trailing));
    check("[", Err(SplitFault::CutShort { row: 0 }));
    check("[{}", Err(SplitFault::CutShort { row: 1 }));
    check("[{},", Err(SplitFault::CutShort { row: 1 }));
    check("[{\"a\":\"", Err(SplitFault::CutShort { row: 0 }));
}

#[test]
fn a_row_may_be_long_but_not_longer() {
    let row = |bytes: usize| format!("[{{\"a\":\"{}\"}}]", "x".repeat(bytes - 8));
    for piece_bytes in [4_096, ROW_JSON_BYTES_MAX * 2] {
        assert_eq!(
            split(row(ROW_JSON_BYTES_MAX).as_bytes(), piece_bytes).map(|rows| rows.len()),
            Ok(1)
        );
        assert_eq!(
            split(row(ROW_JSON_BYTES_MAX + 1).as_bytes(), piece_bytes),
            Err(SplitFault::RowTooLong { row: 1 })
        );
    }
}

proptest! {
    #[test]
    fn rows_come_out_as_they_went_in(rows in proptest::collection::vec(json_object(), 0..8), piece_bytes in 1usize..40) {
        let text = serde_json::to_string_pretty(&rows).unwrap();
        let out = split(text.as_bytes(), piece_bytes).unwrap();
        let parsed: Vec<serde_json::Value> = out.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        prop_assert_eq!(parsed, rows);
    }

    #[test]
    fn how_it_is_cut_never_matters(text in "[\\[\\]{},\"\\\\a1 ]{0,40}", piece_bytes in 1usize..10) {
        prop_assert_eq!(split(text.as_bytes(), piece_bytes), split(text.as_bytes(), text.len().max(1)));
    }
}

fn json_object() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(serde_json::Value::from),
        "\\PC{0,8}|[\"\\\\{}\\[\\],]{0,6}".prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
    ];
    let nested = leaf.prop_recursive(2, 8, 3, |inner| {
        proptest::collection::vec(inner, 0..3).prop_map(Into::into)
    });
    proptest::collection::btree_map("[a-z\"{]{0,4}", nested, 0..4)
        .prop_map(|map| serde_json::Value::Object(map.into_iter().collect()))
}

fn split(text: &[u8], piece_bytes: usize) -> Result<Vec<String>, SplitFault> {
    let mut splitter = Splitter::default();
    let mut rows = Vec::new();
    for piece in text.chunks(piece_bytes) {
        splitter.feed(piece, |_, row| {
            rows.push(String::from_utf8(row.to_vec()).unwrap());
            Ok::<_, SplitFault>(())
        })?;
    }
    splitter.finish().map(|()| rows)
}
