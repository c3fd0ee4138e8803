use super::*;

const LIFE: Validity = Validity {
    not_before_ms: 1_000,
    not_after_ms: 2_000,
};

#[test]
fn a_plan_says_who_and_what_for() {
    let plan = CertificatePlan::satellite(&address("acme", "hq"), &domain(), LIFE).unwrap();
    assert_eq!(
        plan.to_string(),
        "client spiffe://spokegate.local/tenant/acme/satellite/hq"
    );
    assert_eq!(
        (plan.common_name.as_deref(), plan.usage),
        (Some("acme.hq"), Usage::Client)
    );
    let plan = CertificatePlan::service(ServiceName::Sanitizer, &domain(), LIFE).unwrap();
    assert_eq!(
        plan.to_string(),
        "client spiffe://spokegate.local/service/sanitizer"
    );
    let names: Vec<HostName> = ["broker.test", "127.0.0.1", "::1"]
        .map(|name| name.parse().unwrap())
        .into();
    let plan = CertificatePlan::server(&names, LIFE).unwrap();
    assert_eq!(plan.to_string(), "server broker.test, 127.0.0.1, ::1");
    assert_eq!((plan.identity(), plan.usage), (None, Usage::Server));
}

#[test]
fn what_cannot_be_is_refused() {
    let reserved = CertificatePlan::satellite(&address("sanitizer", "hq"), &domain(), LIFE);
    assert_eq!(
        reserved,
        Err(PlanError::ReservedTenant("sanitizer".to_owned()))
    );
    assert_eq!(CertificatePlan::server(&[], LIFE), Err(PlanError::NoName));
    let empty = Validity::between(5, 5);
    assert_eq!(
        CertificatePlan::satellite(&address("acme", "hq"), &domain(), empty),
        Err(PlanError::EmptyLife)
    );
}

#[test]
fn a_common_name_that_is_too_long_is_left_out() {
    let (long, fits) = ("a".repeat(40), "b".repeat(23));
    let name = |satellite: &str| {
        CertificatePlan::satellite(&address(&long, satellite), &domain(), LIFE)
            .unwrap()
            .common_name
    };
    assert_eq!(name(&fits), Some(format!("{long}.{fits}")));
    assert_eq!(name(&"b".repeat(24)), None);
}

#[test]
fn host_names_are_plain() {
    for text in [
        "broker",
        "broker.msp.example",
        "a-1.b",
        "10.0.0.1",
        "fe80::1",
        "xn--bcher-kva.example",
    ] {
        check(text, true);
    }
    for text in [
        "",
        ".",
        "a..b",
        "*.msp.example",
        "Broker",
        "a_b",
        "-a",
        "a-",
        "a b",
        "a.",
        "1.2.3",
        "256.0.0.1",
        "a:80",
    ] {
        check(text, false);
    }
    check(&"a".repeat(64), false);
    check(&["a".repeat(63).as_str(); 4].join("."), false);
}

#[test]
fn days_count_from_now_and_begin_a_little_before() {
    let validity = Validity::days(1_000_000, 1);
    assert_eq!(validity, Validity::between(700_000, 87_400_000));
}

#[track_caller]
fn check(text: &str, allowed: bool) {
    assert_eq!(text.parse::<HostName>().is_ok(), allowed, "{text:?}");
}

fn address(tenant: &str, satellite: &str) -> Address {
    Address::new(tenant.parse().unwrap(), satellite.parse().unwrap())
}

fn domain() -> TrustDomain {
    "spokegate.local".parse().unwrap()
}
