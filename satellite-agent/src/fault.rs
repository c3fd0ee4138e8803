//! What a failed connection means, in words for the person who can mend it. Pure.

use std::error::Error;
use std::io::ErrorKind;

use rustls::{AlertDescription, CertificateError, Error as TlsError};
use spokegate_identity::PinError;

use crate::credentials::{Life, told};

/// What rustls said somewhere within an error.
pub(crate) fn tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    within(error, |error| error.downcast_ref::<TlsError>())
}

/// Why the other side's certificate is not trusted.
pub(crate) fn untrusted(error: &TlsError, now_ms: u64) -> String {
    if let Some(pin) = PinError::within(error) {
        return pin.to_string();
    }
    let clock = |life: &str, at_ms: u64| {
        format!(
            "its certificate {life} {} and this machine's clock says {}, hint: is the clock right?",
            told(at_ms),
            told(now_ms)
        )
    };
    match error {
        TlsError::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before, ..
        }) => clock("is valid from", not_before.as_secs().saturating_mul(1_000)),
        TlsError::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
            clock("was valid until", not_after.as_secs().saturating_mul(1_000))
        }
        other => other.to_string(),
    }
}

/// Why the broker does not take our certificate; none when it is about something else. Before the
/// broker's CONNACK a broken connection counts as a refusal too: with TLS 1.3 our side has finished
/// its handshake when the broker's verdict comes, and writing then may break first.
pub(crate) fn refused(
    error: &(dyn Error + 'static),
    life: Option<&Life>,
    now_ms: u64,
) -> Option<String> {
    match tls(error) {
        Some(TlsError::AlertReceived(alert)) => alerted(*alert, life, now_ms),
        Some(_) => None,
        None => within(error, hung_up).map(|()| {
            "the broker hung up before it answered, as it does when a certificate is revoked or has expired".to_owned()
        }),
    }
}

fn alerted(alert: AlertDescription, life: Option<&Life>, now_ms: u64) -> Option<String> {
    match alert {
        AlertDescription::CertificateRevoked => {
            Some("it is revoked, or its customer is suspended, hint: ask the MSP: one that is revoked needs a new join token, one on hold comes back by itself".to_owned())
        }
        AlertDescription::CertificateExpired => Some(match life {
            Some(life) if now_ms < life.not_after_ms => format!(
                "the broker takes it for expired; it is valid from {} until {} and this machine's clock says {}, hint: is the clock right, here and at the broker?",
                told(life.not_before_ms),
                told(life.not_after_ms),
                told(now_ms)
            ),
            Some(life) => format!(
                "it has expired at {}; this machine's clock says {}",
                told(life.not_after_ms),
                told(now_ms)
            ),
            None => "it has expired".to_owned(),
        }),
        AlertDescription::UnknownCA => {
            Some("the broker does not know the authority that issued it".to_owned())
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateRequired
        | AlertDescription::AccessDenied => Some(format!("the broker says {alert:?}")),
        _ => None,
    }
}

fn hung_up(error: &(dyn Error + 'static)) -> Option<()> {
    let kind = error.downcast_ref::<std::io::Error>()?.kind();
    matches!(
        kind,
        ErrorKind::BrokenPipe
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::UnexpectedEof
    )
    .then_some(())
}

/// The first of an error and what is behind it, of which `find` makes something.
fn within<'a, T>(
    error: &'a (dyn Error + 'static),
    find: impl Fn(&'a (dyn Error + 'static)) -> Option<T>,
) -> Option<T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = find(error) {
            return Some(found);
        }
        // An io::Error hides what it wraps from `source`.
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::time::Duration;

    use rustls::OtherError;
    use rustls::pki_types::UnixTime;
    use spokegate_identity::{Pin, Serial};

    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    #[test]
    fn a_refused_certificate_reads_so_by_alert_and_by_a_broken_pipe() {
        let alert = |alert| io::Error::other(TlsError::AlertReceived(alert));
        check(
            &alert(AlertDescription::CertificateRevoked),
            Some("it is revoked"),
        );
        check(
            &alert(AlertDescription::UnknownCA),
            Some("does not know the authority"),
        );
        check(
            &alert(AlertDescription::BadCertificate),
            Some("BadCertificate"),
        );
        check(&alert(AlertDescription::InternalError), None);
        for kind in [
            ErrorKind::BrokenPipe,
            ErrorKind::ConnectionReset,
            ErrorKind::UnexpectedEof,
        ] {
            check(&kind.into(), Some("hung up before it answered"));
        }
        for kind in [ErrorKind::ConnectionRefused, ErrorKind::TimedOut] {
            check(&kind.into(), None);
        }
        let theirs = CertificateError::UnknownIssuer;
        check(
            &io::Error::other(TlsError::InvalidCertificate(theirs)),
            None,
        );
    }

    #[test]
    fn an_expired_certificate_that_is_none_by_our_clock_is_told_with_both_times() {
        let alert = io::Error::other(TlsError::AlertReceived(
            AlertDescription::CertificateExpired,
        ));
        let life = |not_after_ms| Life {
            serial: Serial::new(&[1]),
            not_before_ms: NOW_MS - 1_000_000,
            not_after_ms,
        };
        let told = refused(&alert, Some(&life(NOW_MS + 60_000)), NOW_MS).unwrap();
        assert_eq!(
            told,
            "the broker takes it for expired; it is valid from 2027-01-15T07:43:20Z until 2027-01-15T08:01:00Z and this machine's clock says 2027-01-15T08:00:00Z, hint: is the clock right, here and at the broker?"
        );
        let told = refused(&alert, Some(&life(NOW_MS - 60_000)), NOW_MS).unwrap();
        assert_eq!(
            told,
            "it has expired at 2027-01-15T07:59:00Z; this machine's clock says 2027-01-15T08:00:00Z"
        );
    }

    #[test]
    fn a_server_outside_its_time_is_told_with_both_times() {
        let moment = |ms| UnixTime::since_unix_epoch(Duration::from_millis(ms));
        let told = |error| untrusted(&TlsError::InvalidCertificate(error), NOW_MS);
        let early = CertificateError::NotValidYetContext {
            time: moment(NOW_MS),
            not_before: moment(NOW_MS + 60_000),
        };
        assert_eq!(
            told(early),
            "its certificate is valid from 2027-01-15T08:01:00Z and this machine's clock says 2027-01-15T08:00:00Z, hint: is the clock right?"
        );
        let over = CertificateError::ExpiredContext {
            time: moment(NOW_MS),
            not_after: moment(NOW_MS - 60_000),
        };
        assert!(told(over).starts_with("its certificate was valid until 2027-01-15T07:59:00Z"));
        let pin = PinError::NotPresented {
            pin: Pin::of(b""),
            presented: 2,
        };
        let pin = CertificateError::Other(OtherError(Arc::new(pin)));
        assert!(
            told(pin).starts_with("the server shows 2 certificates and none is the pinned root")
        );
        assert!(told(CertificateError::UnknownIssuer).contains("UnknownIssuer"));
    }

    #[track_caller]
    fn check(error: &io::Error, expected: Option<&str>) {
        let told = refused(error, None, NOW_MS);
        assert_eq!(told.is_some(), expected.is_some(), "{told:?}");
        assert!(
            told.unwrap_or_default()
                .contains(expected.unwrap_or_default())
        );
    }
}
