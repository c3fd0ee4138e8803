use proptest::prelude::*;

use super::*;

#[test]
fn a_token_has_the_documented_form() {
    let token = token("door.example:8443");
    let secret = "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM";
    let pin = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let text = format!("spokegate-join1.0102030405060708.{secret}.{pin}.ZG9vci5leGFtcGxlOjg0NDM");
    assert_eq!(token.to_string(), text);
    assert_eq!(text.parse(), Ok(token.clone()));
    let shown = format!("{token:?}");
    assert!(shown.contains("secret: [redacted]"), "{shown}");
    assert!(
        !shown.contains(secret) && !shown.contains("3, 3"),
        "{shown}"
    );
}

#[test]
fn other_texts_are_refused_with_the_part_at_fault() {
    let good = token("door.example:8443").to_string();
    let part = |at: usize, with: &str| {
        let mut parts: Vec<_> = good.split('.').collect();
        parts[at] = with;
        parts.join(".")
    };
    let check = |text: &str, expected| {
        assert_eq!(text.parse::<JoinToken>(), Err(expected), "{text:?}");
    };
    let parts: Vec<_> = good.split('.').collect();
    check("", JoinTokenError::Form);
    check(&part(0, "spokegate-join2"), JoinTokenError::Form);
    check(&parts[..4].join("."), JoinTokenError::Form);
    check(&format!("{good}.x"), JoinTokenError::Form);
    check(&format!(" {good}"), JoinTokenError::Form);
    check(&part(1, "010203040506070"), JoinTokenError::Id);
    check(&part(1, "010203040506070A"), JoinTokenError::Id);
    check(&part(2, &parts[2][1..]), JoinTokenError::Secret);
    check(&part(2, &format!("{}A", parts[2])), JoinTokenError::Secret);
    check(
        &part(2, &parts[2].replace('w', "+")),
        JoinTokenError::Secret,
    );
    // The last character has two bits to spare, which must be zero.
    check(
        &part(2, &format!("{}N", &parts[2][..42])),
        JoinTokenError::Secret,
    );
    check(&part(3, &parts[3][1..]), JoinTokenError::Pin);
    check(&part(4, ""), JoinTokenError::Door);
    check(&part(4, "ZG9vcg"), JoinTokenError::Door);
    check(&format!("{good}\n"), JoinTokenError::Door);
    check(&part(4, &"A".repeat(400)), JoinTokenError::Form);
}

#[test]
fn doors_name_a_host_and_a_port() {
    for (text, host, port) in [
        ("door.example:8443", "door.example", 8443),
        ("192.0.2.1:1", "192.0.2.1", 1),
        ("[2001:db8::1]:65535", "2001:db8::1", 65_535),
        ("localhost:443", "localhost", 443),
    ] {
        let door: Door = text.parse().unwrap();
        assert_eq!((door.host(), door.port()), (host, port));
        assert_eq!(door.to_string(), text);
        assert_eq!(door.server_name().to_str(), host);
    }
    for text in [
        "",
        "door.example",
        "door.example:",
        ":8443",
        "door.example:0",
        "door.example:+1",
        "door.example:65536",
        "door.example: 8443",
        "2001:db8::1:8443",
        "[door.example]:8443",
        "[192.0.2.1]:8443",
        "[]:8443",
        "https://door.example:8443",
        "door.example/x:8443",
        "door example:8443",
        "user@door.example:8443",
        &format!("{}:8443", "a.".repeat(150)),
    ] {
        assert_eq!(text.parse::<Door>(), Err(JoinTokenError::Door), "{text:?}");
    }
}

#[test]
fn what_is_generated_does_not_repeat() {
    assert_ne!(JoinTokenId::generate(), JoinTokenId::generate());
    assert_ne!(JoinSecret::generate(), JoinSecret::generate());
}

proptest! {
    #[test]
    fn tokens_round_trip(id in any::<[u8; 8]>(), secret in any::<[u8; 32]>(), pin in any::<[u8; 32]>(), host in "[a-z][a-z0-9-]{0,20}[a-z](\\.[a-z]{2,20}){0,4}", port in 1..=u16::MAX) {
        let token = JoinToken {
            id: JoinTokenId(id),
            secret: JoinSecret::from_bytes(secret),
            pin: Pin::of(&pin),
            door: format!("{host}:{port}").parse().unwrap(),
        };
        prop_assert_eq!(token.to_string().parse(), Ok(token));
    }

    #[test]
    fn what_is_read_has_one_spelling(text in "spokegate-join1(\\.[a-zA-Z0-9_+=/:-]{0,70}){3,5}") {
        if let Ok(token) = text.parse::<JoinToken>() {
            prop_assert_eq!(token.to_string(), text);
        }
    }

    #[test]
    fn one_changed_character_is_another_token_or_none(at in 0..200_usize, with in "[ -~]") {
        let good = token("door.example:8443");
        let mut text = good.to_string();
        let at = at % text.len();
        if text[at..=at] != with {
            text.replace_range(at..=at, &with);
            prop_assert_ne!(text.parse(), Ok(good));
        }
    }
}

fn token(door: &str) -> JoinToken {
    JoinToken {
        id: "0102030405060708".parse().unwrap(),
        secret: JoinSecret::from_bytes([3; 32]),
        pin: Pin::of(b""),
        door: door.parse().unwrap(),
    }
}
