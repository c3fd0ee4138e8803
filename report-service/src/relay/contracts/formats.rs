//! Formats that the validator's own code reads more loosely than the standards do.

use std::error::Error;
use std::net::{Ipv4Addr, Ipv6Addr};

use boon::Format;
use serde_json::Value;

/// Longest host name, and its longest label (RFC 1035 §2.3.4).
const HOST_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;
/// Longest part before the `@` (RFC 5321 §4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;
/// Characters of an atom beside letters and digits (RFC 5322 §3.2.3).
const ATOM: &str = "!#$%&'*+-/=?^_`{|}~";

/// The checks that take the place of the validator's own.
pub(super) fn own() -> [Format; 2] {
    [
        Format {
            name: "hostname",
            func: |value| holds(value, is_hostname),
        },
        Format {
            name: "email",
            func: |value| holds(value, is_email),
        },
    ]
}

fn holds(value: &Value, check: fn(&str) -> bool) -> Result<(), Box<dyn Error>> {
    match value {
        Value::String(text) if !check(text) => Err("text of another form".into()),
        _ => Ok(()),
    }
}

/// Labels of letters, digits and inner hyphens. Two hyphens in the third place stand for `xn--` alone (RFC 5891 §4.2.3.1);
/// what follows those is not decoded here.
fn is_hostname(text: &str) -> bool {
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        let reserved = bytes.get(2..4) == Some(b"--");
        (1..=LABEL_BYTES_MAX).contains(&bytes.len())
            && bytes
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || *b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
            && (!reserved || label.starts_with("xn--"))
    };
    text.len() <= HOST_BYTES_MAX && text.split('.').all(is_label)
}

/// A mailbox of RFC 5321 §4.1.2 in ASCII.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let is_atom = |atom: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || ATOM.contains(c);
        !atom.is_empty() && atom.chars().all(known)
    };
    let quoted = local
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let is_local = match quoted {
        Some(inner) => inner
            .chars()
            .all(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')),
        None => local.split('.').all(is_atom),
    };
    let literal = domain
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let is_domain = match literal {
        Some(literal) => match literal.strip_prefix("IPv6:") {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => literal.parse::<Ipv4Addr>().is_ok(),
        },
        None => is_hostname(domain),
    };
    local.len() <= LOCAL_BYTES_MAX && is_local && is_domain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(is_valid: fn(&str) -> bool, allowed: &[&str], refused: &[&str]) {
        for text in allowed {
            assert!(is_valid(text), "{text:?}");
        }
        for text in refused {
            assert!(!is_valid(text), "{text:?}");
        }
    }

    #[test]
    fn host_names() {
        let longest = format!("{}.a", "a".repeat(63));
        let allowed = [
            "a",
            "srv-01.example.net",
            "1.2.3",
            "xn--bcher-kva.example",
            &longest,
        ];
        let refused = [
            "",
            "a.",
            ".a",
            "a..b",
            "-a",
            "a-",
            "a_b",
            "é",
            "ab--c",
            &longest[1..].repeat(4),
        ];
        check(is_hostname, &allowed, &refused);
        check(is_hostname, &[], &[&format!("a{longest}"), "a b", "a\n"]);
    }

    #[test]
    fn mail_addresses() {
        let allowed = [
            "a@b",
            "a.b+c@example.net",
            "\"a b\"@example.net",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
        ];
        let refused = [
            "@b",
            "a@",
            "a",
            "a..b@c",
            ".a@b",
            "a b@c",
            "é@b",
            "a@b.",
            "a@[1.2]",
            "\"a\"b\"@c",
            "a@b@c",
        ];
        check(is_email, &allowed, &refused);
    }

    #[test]
    fn what_is_no_text_has_no_format() {
        for format in own() {
            assert!((format.func)(&Value::Null).is_ok(), "{}", format.name);
        }
    }
}
