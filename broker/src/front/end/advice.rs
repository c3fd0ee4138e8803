//! What a refusal means and what an operator can do about it, in words.

use super::super::handshake::Cause;
use super::End;
use crate::policy::Denial;

/// What was refused.
pub(super) fn what(end: &End) -> String {
    let text = match end {
        End::Denied(denial, _) => return denial.to_string(),
        End::Nobody(error) => return super::told(&error.to_string()),
        End::Handshake(failure) => cause(failure.cause()),
        End::Revoked => "the certificate was revoked",
        End::Expired => "the certificate's time is over",
        End::Slow => "the client takes or acknowledges its messages too slowly",
        End::Malformed(_) => "the client sent what is no packet of MQTT 3.1.1 within the limits",
        End::OutOfPlace => "a packet that has no place there: no CONNECT at first, or a second one",
        End::Stubborn => "too many subscriptions were refused",
        End::Late => "the handshake and CONNECT took too long",
        End::Crowded => "it made room for newer connections before it said who it is",
        End::Rate => "the address connects too often",
        End::PrincipalRate => "the principal connects too often",
        End::Full => "no more sessions fit",
        End::Closed | End::Lost | End::Replaced | End::Stopping | End::Disconnected => "it is over",
        End::Silent => "nothing came for one and a half keep-alives",
        End::RouterGone => "the tenant's router ended",
    };
    text.to_owned()
}

/// What to do, where there is something.
pub(super) fn hint(end: &End) -> Option<&'static str> {
    match end {
        End::Denied(denial, _) => policy(*denial),
        End::Nobody(_) => Some(
            "is the certificate from this installation? `spokegate-broker explain --cert FILE` says whom it names",
        ),
        End::Handshake(failure) => remedy(failure.cause()),
        End::Revoked => Some("the satellite needs a new join token, once it may come back"),
        End::Expired => Some("the agent renews by itself; look at its log, or join it anew"),
        End::Slow => Some("look at the client's load and line; limits.write_ms is its time"),
        End::Malformed(_) | End::OutOfPlace => {
            Some("only MQTT 3.1.1 clients belong here; is it an agent?")
        }
        End::Stubborn => {
            Some("the client asks again and again for what it may not have; is it an agent?")
        }
        End::Late => Some(
            "a slow line, or a connection held open for nothing; limits.handshake_ms is its time",
        ),
        End::Crowded => Some("many connections wait at once; limits.pending_max bounds them"),
        End::Rate => {
            Some("many clients behind one address? see limits.connections_per_address_per_s")
        }
        End::PrincipalRate => {
            Some("two clients with one certificate? see limits.connections_per_principal_per_s")
        }
        End::Full => Some("see limits.connections_max, connections_per_tenant_max and tenants_max"),
        _ => None,
    }
}

/// What a refused subscription means and what to do.
pub(in crate::front) fn subscription(reason: &str) -> (String, Option<&'static str>) {
    match Denial::ALL
        .into_iter()
        .find(|denial| denial.name() == reason)
    {
        Some(denial) => (denial.to_string(), policy(denial)),
        None => (
            "the session holds as many filters as it may".to_owned(),
            None,
        ),
    }
}

fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Revoked => "the certificate is revoked",
        Cause::Expired => "the certificate's time is over",
        Cause::NotYetValid => "the certificate's time has not come",
        Cause::Foreign => "none of the roots vouches for the certificate",
        Cause::Purpose => "the certificate is not made for clients",
        Cause::Invalid => "the certificate is not valid",
        Cause::NoCertificate => "no certificate was shown",
        Cause::NotTls => "what came is no TLS",
        Cause::Incompatible => "no version or method of TLS in common",
        Cause::Alert => "the client refused this broker's certificate or ended the handshake",
        Cause::Lost => "it closed during the handshake",
        Cause::Other => "the TLS handshake failed",
    }
}

fn remedy(cause: Cause) -> Option<&'static str> {
    match cause {
        Cause::Revoked => Some("the satellite needs a new join token, once it may come back"),
        Cause::Expired => {
            Some("the agent renews at the enrolment door; look at its log, or join it anew")
        }
        Cause::NotYetValid => Some("compare the clocks of this machine and of the provisioner's"),
        Cause::Foreign => Some(
            "a certificate of another authority; after a change of CA tls.client_ca needs both roots",
        ),
        Cause::Purpose | Cause::Invalid => Some("issue the certificate with `spokegate`"),
        Cause::NoCertificate => {
            Some("satellites connect with their certificate; new ones join at the enrolment door")
        }
        Cause::NotTls => Some("is a plain MQTT client or a port scan at work?"),
        Cause::Incompatible => Some("TLS 1.2 and 1.3 are spoken here"),
        Cause::Alert => Some(
            "does the client have this installation's root, and dial a name in tls.certificate?",
        ),
        Cause::Lost | Cause::Other => None,
    }
}

fn policy(denial: Denial) -> Option<&'static str> {
    match denial {
        Denial::OtherTenant | Denial::OtherSatellite => {
            Some("it reaches for what is not its own; look at that segment")
        }
        Denial::ClientId => Some(
            "the client id is TENANT.SATELLITE as in the certificate; is a second copy of it set up by hand?",
        ),
        Denial::Service => Some("only satellites and the sanitizer connect here"),
        Denial::Grammar | Denial::Direction | Denial::Presence | Denial::Filter | Denial::Door => {
            Some("`spokegate-broker explain` tells what this certificate may do")
        }
        Denial::Version
        | Denial::Will
        | Denial::PersistentSession
        | Denial::Credentials
        | Denial::KeepAlive
        | Denial::QosZero
        | Denial::QosTwo
        | Denial::Retain
        | Denial::Name => Some("the client is no agent of this version; is it meant to be here?"),
    }
}
