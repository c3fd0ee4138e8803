//! Distinguished names, compared as RFC 4514 means them and not as they happen to be written.

/// A parsed name: relative names from the entry upwards, each a sorted set of attribute and value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Dn(Vec<Vec<(String, String)>>);

impl Dn {
    /// Reads a name; `None` when it is none. The empty name reads as none: it would be everybody's.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut names = Vec::new();
        for name in split(text, &[',', ';'])? {
            let mut pairs = split(&name, &['+'])?
                .iter()
                .map(|pair| read_pair(pair))
                .collect::<Option<Vec<_>>>()?;
            pairs.sort();
            names.push(pairs);
        }
        Some(Self(names))
    }
}

/// Splits at separators that are not escaped; escapes stay as they are.
fn split(text: &str, separators: &[char]) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if separators.contains(&character) {
            parts.push(String::new());
            continue;
        }
        let part = parts.last_mut()?;
        part.push(character);
        if character == '\\' {
            part.push(characters.next()?);
        }
    }
    Some(parts)
}

fn read_pair(pair: &str) -> Option<(String, String)> {
    let (attribute, value) = pair.split_once('=')?;
    let attribute = attribute.trim().to_ascii_lowercase();
    let value = unescape(value)?;
    // Directory strings ignore case and treat runs of spaces as one (RFC 4518).
    let value = value
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase();
    if attribute.is_empty() || value.is_empty() {
        None
    } else {
        Some((attribute, value))
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        match tail {
            [high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digits = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
                rest = after;
            }
            [escaped, after @ ..] => {
                bytes.push(*escaped);
                rest = after;
            }
            [] => return None,
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_entry_in_other_letters_is_the_same() {
        let check = |left: &str, right: &str, same| {
            let (left_dn, right_dn) = (Dn::parse(left).unwrap(), Dn::parse(right).unwrap());
            assert_eq!(left_dn == right_dn, same, "{left} / {right}");
        };
        check("cn=Forms,ou=Groups,dc=x", "CN=forms, OU=groups, DC=X", true);
        check("cn=a\\2C b,dc=x", "cn=a\\, b,dc=x", true);
        check("cn=a (b),dc=x", "cn=a \\28b\\29,dc=x", true);
        check("cn=S\u{fc}d,dc=x", "cn=S\\C3\\BCd,dc=x", true);
        check("cn=a  b,dc=x", "cn=a b,dc=x", true);
        check("cn=a+uid=b,dc=x", "uid=b+cn=a,dc=x", true);
        check("cn=forms,ou=Groups,dc=x", "cn=forms,ou=Other,dc=x", false);
        check("cn=forms,dc=x", "cn=forms2,dc=x", false);
        check("cn=a\\,ou=b,dc=x", "cn=a,ou=b,dc=x", false);
        check("cn=a,dc=x", "cn=a,dc=x,dc=y", false);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "", "forms", "cn=", "=x", "cn=a,", ",cn=a", "cn=a\\", "cn=\\ff",
        ] {
            assert_eq!(Dn::parse(text), None, "{text:?}");
        }
    }
}
