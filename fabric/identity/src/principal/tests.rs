use proptest::prelude::*;
use rcgen::{CertificateParams, CustomExtension, KeyPair, SanType};

use super::*;

const GOOD: &str = "spiffe://spokegate.local/tenant/acme/satellite/hq";

#[test]
fn the_one_spelling_is_accepted() {
    check(GOOD, Ok("satellite acme/hq"));
    check(
        "spiffe://spokegate.local/tenant/11/satellite/a-b",
        Ok("satellite 11/a-b"),
    );
    check(
        "spiffe://spokegate.local/service/sanitizer",
        Ok("service sanitizer"),
    );
    check(
        "spiffe://spokegate.local/service/report-service",
        Ok("service report-service"),
    );
    check(
        "spiffe://spokegate.local/service/provisioner",
        Ok("service provisioner"),
    );
    let longest = format!(
        "spiffe://spokegate.local/tenant/{0}/satellite/{0}",
        "a".repeat(40)
    );
    check(&longest, Ok(&format!("satellite {0}/{0}", "a".repeat(40))));
}

#[test]
fn another_scheme_is_no_identity() {
    for uri in [
        "https://spokegate.local/tenant/acme/satellite/hq",
        "SPIFFE://spokegate.local/tenant/acme/satellite/hq",
        "",
    ] {
        check(uri, Err("identity-not-spiffe"));
    }
    check(
        "spiffe:/spokegate.local/tenant/acme/satellite/hq",
        Err("identity-not-spiffe"),
    );
    check(
        " spiffe://spokegate.local/tenant/acme/satellite/hq",
        Err("identity-not-spiffe"),
    );
}

#[test]
fn another_trust_domain_is_foreign() {
    for domain in [
        "evil.example",
        "Spokegate.local",
        "spokegate.local.",
        "spokegate.local.evil.example",
        "spokegate.loca",
        "xspokegate.local",
        "user@spokegate.local",
        "spokegate.local:443",
        "spokegate%2elocal",
        "",
    ] {
        check(
            &format!("spiffe://{domain}/tenant/acme/satellite/hq"),
            Err("identity-foreign"),
        );
    }
}

#[test]
fn who_joins_learns_the_installation_from_the_certificate() {
    let joined = |uri: &str| {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
        let found = Principal::joined(&certificate(params));
        found
            .map(|(domain, principal)| format!("{domain} {principal}"))
            .map_err(|error| error.reason())
    };
    assert_eq!(
        joined(GOOD),
        Ok("spokegate.local satellite acme/hq".to_owned())
    );
    let other = "spiffe://other.example/tenant/acme/satellite/hq";
    assert_eq!(
        joined(other),
        Ok("other.example satellite acme/hq".to_owned())
    );
    for (uri, reason) in [
        ("spiffe:///tenant/acme/satellite/hq", "identity-not-spiffe"),
        (
            "https://other.example/tenant/acme/satellite/hq",
            "identity-not-spiffe",
        ),
        (
            "spiffe://Other.example/tenant/acme/satellite/hq",
            "identity-not-spiffe",
        ),
        ("spiffe://other.example/tenant/acme", "identity-unknown"),
        ("spiffe://other.example", "identity-unknown"),
    ] {
        assert_eq!(joined(uri), Err(reason), "{uri}");
    }
}

#[test]
fn another_path_is_unknown() {
    for path in [
        "",
        "/",
        "/tenant/acme",
        "/tenant/acme/satellite",
        "/tenant/acme/satellite/",
        "/tenant//satellite/hq",
        "/tenant/acme/satellite/hq/",
        "/tenant/acme/satellite/hq/extra",
        "//tenant/acme/satellite/hq",
        "/tenant/acme//satellite/hq",
        "/./tenant/acme/satellite/hq",
        "/tenant/x/../acme/satellite/hq",
        "/Tenant/acme/satellite/hq",
        "/tenant/Acme/satellite/hq",
        "/tenant/acme/satellite/HQ",
        "/tenant/ac%6de/satellite/hq",
        "/tenant/acme%2fsatellite/hq",
        "/tenant/acme/satellite/hq?x=1",
        "/tenant/acme/satellite/hq?",
        "/tenant/acme/satellite/hq#x",
        "/tenant/acme/satellite/hq#",
        "/tenant/+/satellite/hq",
        "/tenant/#/satellite/hq",
        "/tenant/acme/satellite/-hq",
        "/tenant/acme/satellite/h",
        "/tenant/acme/satellite/hq\n",
        "/tenants/acme/satellite/hq",
        "/tenant/acme/service/hq",
        "/satellite/hq/tenant/acme",
        "/service",
        "/service/",
        "/service/sanitizer/",
        "/service/sanitizer2",
        "/service/sanitize",
        "/service/Sanitizer",
        "/service/report_service",
        "/service/report-service/x",
        "/service/broker",
        "/service/provisioner/",
        "/service/provisione",
        "/service/door",
        "/services/sanitizer",
    ] {
        check(
            &format!("spiffe://spokegate.local{path}"),
            Err("identity-unknown"),
        );
    }
    let too_long = format!(
        "spiffe://spokegate.local/tenant/{}/satellite/hq",
        "a".repeat(41)
    );
    check(&too_long, Err("identity-unknown"));
}

#[test]
fn a_tenant_cannot_take_the_name_of_a_service() {
    check(
        "spiffe://spokegate.local/tenant/sanitizer/satellite/hq",
        Err("identity-reserved"),
    );
    check(
        "spiffe://spokegate.local/tenant/enrolment/satellite/door",
        Err("identity-reserved"),
    );
    check(
        "spiffe://spokegate.local/tenant/acme/satellite/door",
        Ok("satellite acme/door"),
    );
    check(
        "spiffe://spokegate.local/tenant/sanitizers/satellite/hq",
        Ok("satellite sanitizers/hq"),
    );
    check(
        "spiffe://spokegate.local/tenant/acme/satellite/sanitizer",
        Ok("satellite acme/sanitizer"),
    );
}

#[test]
fn a_certificate_has_one_name_and_it_is_a_uri() {
    let uri = || SanType::URI(GOOD.try_into().unwrap());
    let dns = || SanType::DnsName("spokegate.local".try_into().unwrap());
    let ip = || SanType::IpAddress("127.0.0.1".parse().unwrap());
    let mail = || SanType::Rfc822Name(GOOD.try_into().unwrap());
    check_names(vec![uri()], Ok("satellite acme/hq"));
    check_names(vec![], Err("identity-count"));
    check_names(vec![uri(), uri()], Err("identity-count"));
    check_names(
        vec![
            uri(),
            SanType::URI(
                "spiffe://spokegate.local/service/sanitizer"
                    .try_into()
                    .unwrap(),
            ),
        ],
        Err("identity-count"),
    );
    check_names(vec![uri(), dns()], Err("identity-count"));
    check_names(vec![dns(), uri()], Err("identity-count"));
    for other in [dns(), ip(), mail()] {
        check_names(vec![other], Err("identity-not-uri"));
    }
}

#[test]
fn a_name_elsewhere_in_the_certificate_counts_for_nothing() {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, GOOD);
    check_certificate(params, Err("identity-count"));
}

#[test]
fn two_name_extensions_are_refused() {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(GOOD.try_into().unwrap())];
    let uri = b"spiffe://spokegate.local/tenant/globex/satellite/hq";
    let mut names = vec![0x30, uri.len() as u8 + 2, 0x86, uri.len() as u8];
    names.extend_from_slice(uri);
    params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 17], names)];
    check_certificate(params, Err("certificate-unreadable"));
}

#[test]
fn what_is_no_single_certificate_is_unreadable() {
    let der = certificate(CertificateParams::default());
    let mut followed = der.clone();
    followed.push(0);
    for bytes in [
        &followed[..],
        &der[..der.len() - 1],
        b"",
        b"-----BEGIN CERTIFICATE-----",
    ] {
        assert_eq!(
            reason(Principal::from_certificate(bytes, &domain())),
            Err("certificate-unreadable".to_owned())
        );
    }
}

#[test]
fn client_ids_are_fixed_and_differ() {
    let satellite = Principal::from_spiffe_id(GOOD, &domain()).unwrap();
    assert_eq!(satellite.client_id(), "acme.hq");
    assert_eq!(
        sanitizer_client_id(&"acme".parse().unwrap()),
        "sanitizer.acme"
    );
    assert_eq!(
        Principal::Service(ServiceName::ReportService).client_id(),
        "report-service"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_identity_survives_its_certificate(principal in any_principal(), domain in any_domain()) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(principal.spiffe_id(&domain).try_into().unwrap())];
        prop_assert_eq!(Principal::from_certificate(&certificate(params), &domain), Ok(principal));
    }
}

proptest! {
    #[test]
    fn what_is_accepted_is_the_spelling_we_write(tail in "[a-z0-9/%?#.A-Z-]{0,60}") {
        for uri in [format!("spiffe://spokegate.local/{tail}"), format!("spiffe://spokegate.local/tenant/{tail}")] {
            if let Ok(principal) = Principal::from_spiffe_id(&uri, &domain()) {
                prop_assert_eq!(principal.spiffe_id(&domain()), uri);
            }
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Principal::from_certificate(&bytes, &domain()).is_err());
    }

    #[test]
    fn a_changed_certificate_never_panics(at in 0usize..400, byte: u8) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(GOOD.try_into().unwrap())];
        let mut der = CERTIFICATE.get_or_init(|| certificate(params)).clone();
        let at = at % der.len();
        der[at] = byte;
        let _ = Principal::from_certificate(&der, &domain());
    }
}

static CERTIFICATE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();

fn any_principal() -> impl Strategy<Value = Principal> {
    let id = "[a-z0-9][a-z0-9-]{0,38}[a-z0-9]";
    let satellite = (id, id)
        .prop_filter("reserved", |(tenant, _)| {
            tenant != "sanitizer" && tenant != "enrolment"
        })
        .prop_map(|(tenant, satellite)| {
            Principal::Satellite(Address::new(
                tenant.parse().unwrap(),
                satellite.parse().unwrap(),
            ))
        });
    let service = prop_oneof![
        Just(ServiceName::Sanitizer),
        Just(ServiceName::ReportService),
        Just(ServiceName::Provisioner)
    ];
    prop_oneof![4 => satellite, 1 => service.prop_map(Principal::Service)]
}

fn any_domain() -> impl Strategy<Value = TrustDomain> {
    "[a-z0-9]([a-z0-9._-]{0,60}[a-z0-9])?".prop_map(|text| text.parse().unwrap())
}

/// The same verdict from the URI alone and from a certificate that carries it.
#[track_caller]
fn check(uri: &str, expected: Result<&str, &str>) {
    let expected = expected.map(str::to_owned).map_err(str::to_owned);
    assert_eq!(
        reason(Principal::from_spiffe_id(uri, &domain())),
        expected,
        "{uri:?}"
    );
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    assert_eq!(
        reason(Principal::from_certificate(&certificate(params), &domain())),
        expected,
        "{uri:?}"
    );
}

#[track_caller]
fn check_names(names: Vec<SanType>, expected: Result<&str, &str>) {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    check_certificate(params, expected);
}

#[track_caller]
fn check_certificate(params: CertificateParams, expected: Result<&str, &str>) {
    let expected = expected.map(str::to_owned).map_err(str::to_owned);
    assert_eq!(
        reason(Principal::from_certificate(&certificate(params), &domain())),
        expected
    );
}

fn certificate(params: CertificateParams) -> Vec<u8> {
    params
        .self_signed(&KeyPair::generate().unwrap())
        .unwrap()
        .der()
        .to_vec()
}

fn reason(result: Result<Principal, IdentityError>) -> Result<String, String> {
    result
        .map(|principal| principal.to_string())
        .map_err(|error| error.reason().to_owned())
}

fn domain() -> TrustDomain {
    "spokegate.local".parse().unwrap()
}
