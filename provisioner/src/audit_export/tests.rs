use spokegate_identity::SigningKey;
use spokegate_identity::proof::audit_root;

use super::*;

fn key() -> SigningKey {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    SigningKey::from_pem(&pair.serialize_pem()).unwrap()
}

/// Two chains, the first signed after its second of three entries.
fn export(key: &SigningKey) -> Vec<String> {
    let mut lines = Vec::new();
    for (chain, entries) in [("run1", 3_u64), ("run2", 1)] {
        let mut previous = chain::START;
        for sequence in 1..=entries {
            let hash = chain::hash(&previous, sequence, sequence, &["a.b", "form", "x", "1"]);
            let mut line = serde_json::json!({
                "chain": chain, "sequence": sequence, "at": sequence, "action": "a.b", "reason": "form", "subject": "x",
                "count": 1, "previous": hex::encode(&previous), "hash": hex::encode(&hash),
            });
            if (chain, sequence) == ("run1", 2) {
                let at_ms = 9;
                let end = AuditEnd {
                    sequence,
                    at_ms,
                    hash,
                };
                line["signed_at"] = at_ms.into();
                line["signature"] = hex::encode(&audit_root(key, &end).unwrap()).into();
            }
            lines.push(format!("{line}\n"));
            previous = hash;
        }
    }
    lines
}

fn found(lines: &[String], key: Option<&PublicKey>) -> Result<Whole, String> {
    verify(lines.concat().as_bytes(), key).map_err(|fault| fault.to_string())
}

#[test]
fn a_whole_export_holds_and_says_what_nobody_signed() {
    let key = key();
    let lines = export(&key);
    let whole = Whole {
        chains: 2,
        entries: 4,
        signatures: 1,
        unsigned: 2,
        cut: 0,
    };
    assert_eq!(found(&lines, Some(&key.public_key())), Ok(whole));
    assert_eq!(found(&lines, None), Ok(whole));
    assert!(found(&[], None).unwrap_err().contains("no record"));
    // The oldest entries were pruned.
    let (entries, cut) = (3, 1);
    let pruned = Whole {
        entries,
        cut,
        ..whole
    };
    assert_eq!(found(&lines[1..], Some(&key.public_key())), Ok(pruned));
}

#[test]
fn any_change_is_named_by_its_line() {
    let key = key();
    let check = |change: &dyn Fn(&mut Vec<String>), expected: &str| {
        let mut lines = export(&key);
        change(&mut lines);
        let fault = found(&lines, Some(&key.public_key())).unwrap_err();
        assert!(fault.contains(expected), "{fault}");
    };
    let put = |at: usize, from: &'static str, to: &'static str| {
        move |lines: &mut Vec<String>| lines[at] = lines[at].replace(from, to)
    };
    check(
        &put(1, "\"x\"", "\"y\""),
        "line 2: entry 2 of chain run1 was changed",
    );
    check(&put(2, "\"count\":1", "\"count\":2"), "line 3: entry 3");
    check(&put(0, "\"at\":1", "\"at\":2"), "line 1: entry 1");
    check(
        &|lines| drop(lines.remove(1)),
        "line 2: entry 3 of chain run1",
    );
    check(&|lines| lines.swap(0, 1), "line 2: entry 1 of chain run1");
    check(
        &put(1, "\"signed_at\":9", "\"signed_at\":8"),
        "the signature on entry 2",
    );
    check(&put(0, "\"chain\"", "\"cain\""), "line 1 is no entry");
    check(&|lines| lines[3] = " ".repeat(20_000), "line 4 is no entry");
    check(&put(3, "run2", "a\\u001b[2J"), "line 4 is no entry");
    let other = self::key().public_key();
    let fault = found(&export(&key), Some(&other)).unwrap_err();
    assert!(fault.contains("not one of this key"), "{fault}");
}

#[test]
fn a_long_end_that_nobody_signed_does_not_hold() {
    let key = key().public_key();
    let chain = |count: u64| {
        let mut previous = chain::START;
        let line = |sequence: u64| {
            let hash = chain::hash(&previous, sequence, 1, &["a.b", "", "x", "1"]);
            let line = serde_json::json!({
                "chain": "run1", "sequence": sequence, "at": 1, "action": "a.b", "reason": "", "subject": "x",
                "count": 1, "previous": hex::encode(&previous), "hash": hex::encode(&hash),
            });
            previous = hash;
            format!("{line}\n")
        };
        (1..=count).map(line).collect::<Vec<_>>()
    };
    assert_eq!(found(&chain(1_000), Some(&key)).unwrap().unsigned, 1_000);
    assert_eq!(found(&chain(1_001), None).unwrap().unsigned, 1_001);
    let fault = found(&chain(1_001), Some(&key)).unwrap_err();
    assert!(fault.contains("bear no signature"), "{fault}");
}

#[test]
fn nobody_without_the_key_makes_a_new_end() {
    let (own, forger) = (key(), key());
    let fault = found(&export(&forger), Some(&own.public_key())).unwrap_err();
    assert!(fault.contains("signature"), "{fault}");
}
