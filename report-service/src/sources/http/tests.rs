use super::*;
use serde_json::json;

#[test]
fn a_value_stays_in_its_place() {
    let check = |value: Value, expected: Option<&str>| {
        let url = fill("https://psa.example.net/c/{id}/t?x={id}", &|_| {
            encoded(&value)
        });
        assert_eq!(url.ok().as_deref(), expected);
    };
    check(
        json!("acme"),
        Some("https://psa.example.net/c/acme/t?x=acme"),
    );
    check(json!(7), Some("https://psa.example.net/c/7/t?x=7"));
    check(
        json!("a/../b?c#d&e=f@g%"),
        Some(
            "https://psa.example.net/c/a%2F..%2Fb%3Fc%23d%26e%3Df%40g%25/t?x=a%2F..%2Fb%3Fc%23d%26e%3Df%40g%25",
        ),
    );
}

#[test]
fn no_value_changes_the_path() {
    let check = |template: &str, value: &str, refused: bool| {
        let url = fill(template, &|_| encoded(&json!(value))).unwrap();
        assert_eq!(
            leaves_its_path(&url),
            refused,
            "{template} {value:?}: {url}"
        );
    };
    for value in [
        ".",
        "..",
        "a/b",
        "../x",
        "a\\b",
        "..\\",
        "%2e%2e",
        "%2E.",
        "%252e%252e",
        "a%2fb",
        "a%5cb",
        "..;x",
        ";/../",
        "a\0b",
        "a\nb",
        "a%0ab",
        "%",
    ] {
        let refused = value != "%";
        check("https://a.example/c/{id}/t", value, refused);
        check("https://a.example/c/{id}", value, refused);
        check("https://a.example/c?x={id}", value, false);
    }
    // Two dots of two parameters, or of the template and one.
    check("https://a.example/c/{a}{b}/t", ".", true);
    check("https://a.example/c/.{a}/t", ".", true);
    for value in [
        "acme", "a.b", "...", "a..b", ".hidden", "100%", "a;b", "ü", "-", "",
    ] {
        check("https://a.example/c/{id}/t", value, false);
    }
}

#[test]
fn addresses_and_headers_are_checked_before_use() {
    let faults = |text: &str| {
        let file: HttpFile = toml::from_str(text).unwrap();
        let mut faults = Vec::new();
        file.faults(&mut faults);
        faults
    };
    for good in [
        "url = \"https://psa.example.net/c/{tenant}\"",
        "url = \"http://127.0.0.1:1880/x\"",
        "url = \"https://a/\"\n[headers]\nauthorization = \"Bearer secret:psa\"",
    ] {
        assert_eq!(faults(good), Vec::<String>::new(), "{good}");
    }
    for bad in [
        "url = \"http://psa.example.net/\"",
        "url = \"https://{tenant}.example.net/\"",
        "url = \"https://user:pw@example.net/\"",
        "url = \"file:///etc/passwd\"",
        "url = \"https://a/b/../c\"",
        "url = \"https://a/b/%2e%2E/c\"",
        "url = \"https://a/b%2Fc\"",
        "url = \"https://a/./{tenant}\"",
        "url = \"https://a/\"\nbody = {}",
        "url = \"https://a/\"\nnext = \"/n\"\npage = \"p\"",
        "url = \"https://a/\"\n[headers]\nauthorization = \"Bearer hunter2\"",
        "url = \"https://a/\"\n[headers]\n\"a b\" = \"x\"",
    ] {
        let told = faults(bad);
        assert_eq!(told.len(), 1, "{bad}: {told:?}");
        assert!(!told.concat().contains("hunter2"));
    }
}

#[test]
fn a_body_takes_values_and_no_text() {
    let body = json!({"customer": ":tenant", "plain": "x:tenant", "list": [":from", 1]});
    let params = json!({"tenant": "ac\"me", "from": null});
    let filled = filled(&body, params.as_object().unwrap());
    assert_eq!(
        filled,
        json!({"customer": "ac\"me", "plain": "x:tenant", "list": [null, 1]})
    );
}
