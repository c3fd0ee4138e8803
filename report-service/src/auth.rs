//! Who may do what: sign-in, roles, sessions, throttling and request forgery. The decisions are pure functions;
//! `sign_in` and `session` join them to the directory and the store.

pub mod break_glass;
pub mod confirm;
pub mod csrf;
pub mod explain;
pub mod people;
pub mod rights;
pub mod roles;
pub mod scope;
pub mod second_factor;
pub mod session;
pub mod sign_in;
pub mod throttle;
pub mod tokens;
pub mod totp;

/// One of the two listeners. Being let in at one says nothing about the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Site {
    /// Where staff choose reports.
    Forms,
    /// Where administrators look after the service.
    Admin,
}

impl Site {
    /// The word stored and logged.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forms => "forms",
            Self::Admin => "admin",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Forms, Self::Admin]
            .into_iter()
            .find(|site| site.as_str() == text)
    }

    /// The session cookie. Browsers share cookies between the ports of one host, hence one name per site.
    #[must_use]
    pub fn cookie(self) -> &'static str {
        match self {
            Self::Forms => "__Host-spokegate-forms",
            Self::Admin => "__Host-spokegate-admin",
        }
    }

    /// The cookie of a sign-in that waits for its code.
    #[must_use]
    pub fn half_cookie(self) -> &'static str {
        match self {
            Self::Forms => "__Host-spokegate-forms-code",
            Self::Admin => "__Host-spokegate-admin-code",
        }
    }
}
