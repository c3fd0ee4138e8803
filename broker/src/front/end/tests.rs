//! The audit's lines, each as it is written, in a golden file: whoever is called at night reads these.

use std::io::Write;
use std::sync::{Arc, Mutex};

use spokegate_contract::Address;

use super::*;
use crate::packet::DecodeError;

const GOLDEN: &str = "src/front/end/audit.golden.txt";

#[test]
fn every_refusal_is_one_line_that_reads_alone() {
    let guest = guest();
    let known = Caller {
        principal: Some(&guest.principal),
        ..Caller::at(guest.peer)
    };
    let mut text = String::new();
    for end in all_ends() {
        let line = capture("audit=info", || match moment(&end) {
            Moment::Unknown => end.refuse(&Caller::at(guest.peer)),
            Moment::Known => end.refuse(&known),
            Moment::Session => end.conclude(&guest, 1_500),
        });
        let lines = usize::from(end.is_denial() || moment(&end) == Moment::Session);
        assert_eq!(line.lines().count(), lines, "{end:?}");
        assert!(!line.contains("192.0.2.7"), "{end:?}");
        text.push_str(&line);
    }
    for denial in Denial::ALL {
        let (what, hint) = subscription_advice(denial.name());
        assert!(!what.is_empty() && hint.is_some(), "{denial:?}");
    }
    golden(&text);
}

#[test]
fn an_address_is_written_only_where_the_audit_is_kept_at_debug() {
    let caller = Caller::at("192.0.2.7:5000".parse().unwrap());
    let refuse = || End::Rate.refuse(&caller);
    assert!(!capture("audit=info", refuse).contains("192.0.2.7"));
    assert!(!capture("info,audit=warn", refuse).contains("192.0.2.7"));
    assert!(capture("audit=debug", refuse).contains("peer=192.0.2.7:5000"));
}

#[test]
fn a_foreign_identity_is_shown_and_cannot_write_a_second_line() {
    let uri = "spiffe://evil\nINFO audit: connected/tenant/acme/satellite/hq";
    let end = End::Nobody(IdentityError::ForeignTrustDomain(uri.to_owned()));
    let line = capture("audit=info", || {
        end.refuse(&Caller::at("192.0.2.7:5000".parse().unwrap()));
    });
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(
        line.contains("spiffe://evil") && line.contains("identity-foreign"),
        "{line}"
    );
}

#[test]
fn reasons_are_told_apart() {
    let mut reasons: Vec<_> = all_ends().iter().map(End::reason).collect();
    let all = reasons.len();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), all);
}

/// When a connection ends like this.
#[derive(Debug, PartialEq, Eq)]
enum Moment {
    /// Before the certificate was verified.
    Unknown,
    /// Before there was a session.
    Known,
    Session,
}

fn moment(end: &End) -> Moment {
    match end {
        End::Handshake(_) | End::Nobody(_) | End::Late | End::Crowded | End::Rate => {
            Moment::Unknown
        }
        End::Full | End::PrincipalRate => Moment::Known,
        End::Denied(
            Denial::Version
            | Denial::ClientId
            | Denial::Service
            | Denial::Will
            | Denial::PersistentSession
            | Denial::Credentials
            | Denial::KeepAlive,
            _,
        ) => Moment::Known,
        _ => Moment::Session,
    }
}

fn all_ends() -> Vec<End> {
    let mut ends = vec![
        End::Closed,
        End::Lost,
        End::Replaced,
        End::Stopping,
        End::Disconnected,
        End::Revoked,
        End::Expired,
        End::Silent,
        End::Slow,
        End::RouterGone,
        End::Malformed(DecodeError::Kind(9)),
        End::OutOfPlace,
        End::Stubborn,
        End::Nobody(IdentityError::ForeignTrustDomain(
            "spiffe://other.local/tenant/acme/satellite/hq".to_owned(),
        )),
        End::Nobody(IdentityError::NameCount(2)),
        End::Late,
        End::Crowded,
        End::Rate,
        End::PrincipalRate,
        End::Full,
    ];
    let topic = || "sg/1/globex/hq/up/reply".to_owned();
    ends.extend(Denial::ALL.map(|denial| End::Denied(denial, topic())));
    ends.extend(
        Cause::ALL.map(|cause| End::Handshake(Box::new(Failure::of(cause, "the library's words")))),
    );
    ends
}

fn guest() -> Guest {
    let address = Address::new("acme".parse().unwrap(), "hq".parse().unwrap());
    let peer = "192.0.2.7:5000".parse().unwrap();
    let principal = "spiffe://spokegate.local/tenant/acme/satellite/hq".to_owned();
    Guest::new(Session::Satellite(address), principal, None, peer, 0)
}

/// Compares with the golden file, or writes it.
fn golden(text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == expected,
        "broker/{GOLDEN} differs; UPDATE_GOLDEN=1 cargo test -p spokegate-broker --lib rewrites it:\n{text}"
    );
}

/// What `act` logs under a filter, without time stamps.
fn capture(filter: &str, act: impl FnOnce()) -> String {
    let sink = Sink::default();
    let writer = sink.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .without_time()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, act);
    let text = String::from_utf8(crate::lock(&sink.0).clone()).unwrap();
    text.lines()
        .fold(String::new(), |text, line| text + line.trim_start() + "\n")
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        crate::lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
