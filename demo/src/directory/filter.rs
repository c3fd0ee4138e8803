//! Search filters (RFC 4511 §4.5.1.7). What is not understood matches nothing.

use ldap3_proto::LdapFilter;
use ldap3_proto::proto::LdapSubstringFilter;

use super::entry::{Entry, normal};

/// True when the entry is what the filter describes.
pub(super) fn matches(filter: &LdapFilter, entry: &Entry) -> bool {
    match filter {
        LdapFilter::And(parts) => parts.iter().all(|part| matches(part, entry)),
        LdapFilter::Or(parts) => parts.iter().any(|part| matches(part, entry)),
        LdapFilter::Not(part) => !matches(part, entry),
        LdapFilter::Present(name) => !entry.values(name).is_empty(),
        LdapFilter::Equality(name, value) => {
            let wanted = normal(value);
            entry.values(name).iter().any(|own| normal(own) == wanted)
        }
        LdapFilter::Substring(name, pattern) => {
            entry.values(name).iter().any(|own| contains(pattern, own))
        }
        LdapFilter::GreaterOrEqual(..)
        | LdapFilter::LessOrEqual(..)
        | LdapFilter::Approx(..)
        | LdapFilter::Extensible(_) => false,
    }
}

fn contains(pattern: &LdapSubstringFilter, value: &str) -> bool {
    let value = normal(value);
    let Some(mut rest) =
        value.strip_prefix(&normal(pattern.initial.as_deref().unwrap_or_default()))
    else {
        return false;
    };
    for part in &pattern.any {
        match rest.split_once(&normal(part)) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(&normal(pattern.final_.as_deref().unwrap_or_default()))
}
