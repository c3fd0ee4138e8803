//! Request forgery: an act must come from one of our own pages, by two independent signs.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use spokegate_contract::hex;
use subtle::ConstantTimeEq as _;

/// What the browser says about where a request comes from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Provenance<'a> {
    /// The `Origin` header.
    pub origin: Option<&'a str>,
    /// The `Sec-Fetch-Site` header.
    pub fetch_site: Option<&'a str>,
}

/// Why an act was taken for a forgery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forgery {
    /// The page that sent it lives elsewhere.
    #[error("foreign-origin")]
    ForeignOrigin,
    /// The browser says it does not come from this site.
    #[error("cross-site")]
    CrossSite,
    /// Neither header says where it comes from.
    #[error("origin-unknown")]
    OriginUnknown,
    /// The form's token is missing or belongs to another session.
    #[error("bad-form-token")]
    BadToken,
}

/// Accepts an act whose headers say that it comes from `own_origin` (`https://host[:port]`).
///
/// # Errors
/// The first sign that it does not.
pub fn check_origin(provenance: Provenance<'_>, own_origin: &str) -> Result<(), Forgery> {
    match provenance.fetch_site {
        Some("same-origin") | None => {}
        Some(_) => return Err(Forgery::CrossSite),
    }
    match provenance.origin {
        Some(origin) if origin.eq_ignore_ascii_case(own_origin) => Ok(()),
        Some(_) => Err(Forgery::ForeignOrigin),
        None if provenance.fetch_site.is_some() => Ok(()),
        None => Err(Forgery::OriginUnknown),
    }
}

/// The token for forms, derived from the secret in the cookie. It tells nothing about that secret.
#[must_use]
pub fn token_for(cookie_secret: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(cookie_secret.as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(b"spokegate form token 1");
    hex::encode(&mac.finalize().into_bytes())
}

/// Accepts the token that a form brought.
///
/// # Errors
/// When it is missing or another.
pub fn check_token(cookie_secret: &str, given: Option<&str>) -> Result<(), Forgery> {
    let expected = token_for(cookie_secret);
    let same = given.is_some_and(|given| bool::from(given.as_bytes().ct_eq(expected.as_bytes())));
    if same && !cookie_secret.is_empty() {
        Ok(())
    } else {
        Err(Forgery::BadToken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_must_come_from_our_own_pages() {
        let check = |origin, fetch_site, expected| {
            let provenance = Provenance { origin, fetch_site };
            assert_eq!(
                check_origin(provenance, "https://reports.test:8443"),
                expected,
                "{provenance:?}"
            );
        };
        let own = Some("https://reports.test:8443");
        check(own, Some("same-origin"), Ok(()));
        check(own, None, Ok(()));
        check(Some("https://Reports.Test:8443"), None, Ok(()));
        check(None, Some("same-origin"), Ok(()));
        check(None, None, Err(Forgery::OriginUnknown));
        check(own, Some("cross-site"), Err(Forgery::CrossSite));
        check(own, Some("same-site"), Err(Forgery::CrossSite));
        check(own, Some("none"), Err(Forgery::CrossSite));
        check(own, Some(""), Err(Forgery::CrossSite));
        for foreign in [
            "null",
            "",
            "http://reports.test:8443",
            "https://reports.test",
            "https://reports.test:84430",
            "https://reports.test:8443.evil.test",
            "https://evil.test",
            "https://reports.test:8443/",
        ] {
            check(
                Some(foreign),
                Some("same-origin"),
                Err(Forgery::ForeignOrigin),
            );
            check(Some(foreign), None, Err(Forgery::ForeignOrigin));
        }
    }

    #[test]
    fn a_form_token_belongs_to_one_session() {
        let token = token_for("session one");
        assert_eq!(check_token("session one", Some(&token)), Ok(()));
        assert_eq!(
            check_token("session two", Some(&token)),
            Err(Forgery::BadToken)
        );
        assert_eq!(check_token("session one", Some("")), Err(Forgery::BadToken));
        assert_eq!(check_token("session one", None), Err(Forgery::BadToken));
        assert_eq!(
            check_token("", Some(&token_for(""))),
            Err(Forgery::BadToken)
        );
        assert!(!token.contains("session"));
    }
}
