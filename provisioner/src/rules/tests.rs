//! Every allowed case and the twin that is refused.

use super::*;

const NOW: u64 = 1_000_000_000_000;
const MINUTE: u64 = 60_000;
const DAY: u64 = 86_400_000;

fn token() -> Token {
    Token {
        proof_holds: true,
        expires_at_ms: NOW + 30 * MINUTE,
        approval: false,
        voided: false,
        suspended: false,
        used: None,
        certificate: false,
        request: None,
    }
}

fn facts(token: Token) -> Join {
    Join {
        through_door: true,
        token: Some(token),
        approval: false,
        requests_open: 0,
    }
}

/// A new token, changed.
#[track_caller]
fn check_join(change: impl FnOnce(&mut Token), expected: Decision) {
    let mut token = token();
    change(&mut token);
    assert_eq!(join(&facts(token), NOW), expected, "{token:?}");
}

fn used(token: &mut Token) {
    token.used = Some(By::ThisKey);
    token.certificate = true;
}

#[test]
fn a_token_lets_one_key_join_while_it_lives() {
    let issue = Decision::Issue(Ground::Token);
    let refuse = Decision::Refuse;
    check_join(|_| {}, issue);
    check_join(|token| token.expires_at_ms = NOW, issue);
    check_join(
        |token| token.expires_at_ms = NOW - 1,
        refuse(Refusal::TokenExpired),
    );
    check_join(
        |token| token.proof_holds = false,
        refuse(Refusal::ProofWrong),
    );
    check_join(
        |token| token.suspended = true,
        refuse(Refusal::TenantSuspended),
    );
    check_join(
        |token| token.voided = true,
        refuse(Refusal::SatelliteRevoked),
    );
    check_join(
        |token| token.used = Some(By::AnotherKey),
        refuse(Refusal::TokenUsed),
    );
    let unknown = Join {
        token: None,
        ..facts(token())
    };
    assert_eq!(join(&unknown, NOW), refuse(Refusal::TokenUnknown));
}

#[test]
fn a_satellites_own_topic_is_no_way_to_join() {
    for known in [None, Some(token())] {
        let facts = Join {
            through_door: false,
            token: known,
            ..facts(token())
        };
        assert_eq!(join(&facts, NOW), Decision::Refuse(Refusal::NotThroughDoor));
    }
}

#[test]
fn a_lost_answer_is_given_again_to_the_same_key_within_the_tokens_life() {
    let refuse = Decision::Refuse;
    check_join(used, Decision::Again(Ground::Token));
    let change = |further: fn(&mut Token)| {
        move |token: &mut Token| {
            used(token);
            further(token);
        }
    };
    check_join(
        change(|token| token.expires_at_ms = NOW - 1),
        refuse(Refusal::TokenExpired),
    );
    check_join(
        change(|token| token.used = Some(By::AnotherKey)),
        refuse(Refusal::TokenUsed),
    );
    check_join(
        change(|token| token.proof_holds = false),
        refuse(Refusal::ProofWrong),
    );
    check_join(
        change(|token| token.voided = true),
        refuse(Refusal::SatelliteRevoked),
    );
    check_join(
        change(|token| token.suspended = true),
        refuse(Refusal::TenantSuspended),
    );
}

#[test]
fn a_guess_never_learns_more_than_that_it_was_wrong() {
    let wrong = |change: fn(&mut Token)| {
        move |token: &mut Token| {
            token.proof_holds = false;
            change(token);
        }
    };
    let expected = Decision::Refuse(Refusal::ProofWrong);
    check_join(wrong(|token| token.suspended = true), expected);
    check_join(wrong(|token| token.voided = true), expected);
    check_join(wrong(|token| token.expires_at_ms = 0), expected);
    check_join(wrong(|token| token.used = Some(By::AnotherKey)), expected);
    check_join(
        wrong(|token| token.request = Some((Request::Rejected, NOW))),
        expected,
    );
}

#[test]
fn approval_is_awaited_given_or_denied() {
    let with = |state, asked_at_ms| {
        move |token: &mut Token| {
            token.approval = true;
            token.used = Some(By::ThisKey);
            token.request = Some((state, asked_at_ms));
        }
    };
    check_join(|token| token.approval = true, Decision::File);
    check_join(with(Request::Waiting, NOW), Decision::Wait);
    let approved = Decision::Issue(Ground::Approval);
    check_join(with(Request::Approved, NOW), approved);
    check_join(
        with(Request::Rejected, NOW),
        Decision::Refuse(Refusal::RequestRejected),
    );
    // Somebody may take days to decide, and the token's life is over by then.
    let late = |state, days: u64| {
        move |token: &mut Token| {
            with(state, NOW - days * DAY)(token);
            token.expires_at_ms = NOW - days * DAY + MINUTE;
        }
    };
    check_join(late(Request::Approved, 7), approved);
    check_join(late(Request::Waiting, 7), Decision::Wait);
    let expired = Decision::Refuse(Refusal::TokenExpired);
    check_join(late(Request::Approved, 8), expired);
    check_join(late(Request::Waiting, 8), expired);
    check_join(
        |token| {
            late(Request::Approved, 2)(token);
            token.certificate = true;
        },
        Decision::Again(Ground::Approval),
    );
    check_join(
        |token| {
            with(Request::Approved, NOW)(token);
            token.suspended = true;
        },
        Decision::Refuse(Refusal::TenantSuspended),
    );
}

#[test]
fn an_installation_may_want_approval_for_every_join() {
    let every = |requests_open| Join {
        approval: true,
        requests_open,
        ..facts(token())
    };
    assert_eq!(join(&every(0), NOW), Decision::File);
    assert_eq!(join(&every(REQUESTS_OPEN_MAX - 1), NOW), Decision::File);
    assert_eq!(
        join(&every(REQUESTS_OPEN_MAX), NOW),
        Decision::Refuse(Refusal::RequestsFull)
    );
}

fn certificate() -> Certificate {
    Certificate {
        address_fits: true,
        signature_holds: true,
        revoked: false,
        suspended: false,
        not_after_ms: NOW + 3 * DAY,
        key_is_new: true,
        renewed: false,
        issued_of_late: 1,
    }
}

/// A good certificate, changed.
#[track_caller]
fn check_renewal(change: impl FnOnce(&mut Certificate), expected: Decision) {
    let mut certificate = certificate();
    change(&mut certificate);
    let facts = Renewal {
        certificate: Some(certificate),
        grace_ms: 30 * DAY,
    };
    assert_eq!(renewal(&facts, NOW), expected, "{certificate:?}");
}

#[test]
fn a_good_certificate_gets_a_successor() {
    let refuse = Decision::Refuse;
    let issue = Decision::Issue(Ground::Certificate);
    check_renewal(|_| {}, issue);
    check_renewal(|certificate| certificate.not_after_ms = NOW, issue);
    check_renewal(
        |certificate| certificate.address_fits = false,
        refuse(Refusal::ForeignAddress),
    );
    check_renewal(
        |certificate| certificate.signature_holds = false,
        refuse(Refusal::SignatureWrong),
    );
    check_renewal(
        |certificate| certificate.revoked = true,
        refuse(Refusal::CertificateRevoked),
    );
    check_renewal(
        |certificate| certificate.suspended = true,
        refuse(Refusal::TenantSuspended),
    );
    check_renewal(
        |certificate| certificate.key_is_new = false,
        refuse(Refusal::KeyNotNew),
    );
    check_renewal(
        |certificate| certificate.issued_of_late = ISSUED_PER_DAY_MAX - 1,
        issue,
    );
    check_renewal(
        |certificate| certificate.issued_of_late = ISSUED_PER_DAY_MAX,
        refuse(Refusal::TooMany),
    );
    let unknown = Renewal {
        certificate: None,
        grace_ms: 30 * DAY,
    };
    assert_eq!(renewal(&unknown, NOW), refuse(Refusal::SerialUnknown));
}

#[test]
fn an_ended_certificate_has_its_grace() {
    let ended =
        |by_ms: u64| move |certificate: &mut Certificate| certificate.not_after_ms = NOW - by_ms;
    let grace = Decision::Issue(Ground::Grace);
    check_renewal(ended(1), grace);
    check_renewal(ended(30 * DAY), grace);
    check_renewal(ended(30 * DAY + 1), Decision::Refuse(Refusal::GraceOver));
    // What is revoked has none.
    check_renewal(
        |certificate| {
            ended(1)(certificate);
            certificate.revoked = true;
        },
        Decision::Refuse(Refusal::CertificateRevoked),
    );
}

#[test]
fn a_lost_successor_is_handed_out_again() {
    let renewed = |further: fn(&mut Certificate)| {
        move |certificate: &mut Certificate| {
            certificate.renewed = true;
            further(certificate);
        }
    };
    check_renewal(renewed(|_| {}), Decision::Again(Ground::Certificate));
    check_renewal(
        renewed(|certificate| certificate.issued_of_late = ISSUED_PER_DAY_MAX),
        Decision::Again(Ground::Certificate),
    );
    check_renewal(
        renewed(|certificate| certificate.not_after_ms = NOW - 1),
        Decision::Again(Ground::Grace),
    );
    check_renewal(
        renewed(|certificate| certificate.revoked = true),
        Decision::Refuse(Refusal::CertificateRevoked),
    );
    check_renewal(
        renewed(|certificate| certificate.signature_holds = false),
        Decision::Refuse(Refusal::SignatureWrong),
    );
}

#[test]
fn every_refusal_has_a_word_of_its_own() {
    let words: std::collections::BTreeSet<_> = Refusal::ALL
        .iter()
        .map(|refusal| refusal.reason())
        .collect();
    assert_eq!(words.len(), Refusal::ALL.len());
    assert!(words.iter().all(|word| {
        word.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    }));
}

/// Every join that there can be: nothing but a refusal without door, token, proof, an admitted tenant and a live token of
/// this key.
#[test]
fn no_combination_of_facts_lets_a_join_past_a_missing_right() {
    const BOTH: [bool; 2] = [false, true];
    let requests = [Request::Waiting, Request::Approved, Request::Rejected]
        .into_iter()
        .flat_map(|state| [Some((state, NOW)), Some((state, NOW - 8 * DAY))])
        .chain([None]);
    let requests: Vec<_> = requests.collect();
    let (mut refused, mut granted) = (0, 0);
    for case in 0..1_u32 << 9 {
        let bit = |at: u32| BOTH[(case >> at & 1) as usize];
        for used in [None, Some(By::ThisKey), Some(By::AnotherKey)] {
            for request in &requests {
                let token = Token {
                    proof_holds: bit(0),
                    expires_at_ms: if bit(1) { NOW } else { NOW - 1 },
                    approval: bit(2),
                    voided: bit(3),
                    suspended: bit(4),
                    used,
                    certificate: bit(5),
                    request: *request,
                };
                let facts = Join {
                    through_door: bit(6),
                    token: Some(token),
                    approval: bit(7),
                    requests_open: if bit(8) { REQUESTS_OPEN_MAX } else { 0 },
                };
                let asked = request.is_some_and(|(_, asked_at_ms)| asked_at_ms == NOW);
                let alive = bit(1) || asked;
                let right = facts.through_door
                    && token.proof_holds
                    && !token.voided
                    && !token.suspended
                    && used != Some(By::AnotherKey)
                    && alive;
                let decision = join(&facts, NOW);
                let approved = matches!(request, Some((Request::Approved, _)));
                if matches!(decision, Decision::Issue(_)) {
                    let needed = token.approval || facts.approval || request.is_some();
                    assert!(!needed || approved, "{facts:?}");
                }
                match decision {
                    Decision::Refuse(_) => refused += 1,
                    granted_somehow => {
                        assert!(right, "{granted_somehow:?}: {facts:?}");
                        granted += 1;
                    }
                }
            }
        }
    }
    assert_eq!(refused + granted, 512 * 3 * 7);
    assert!(granted > 100, "{granted}");
}

/// Every renewal that there can be.
#[test]
fn no_combination_of_facts_lets_a_renewal_past_a_missing_right() {
    let (mut refused, mut granted) = (0, 0);
    for case in 0..1_u32 << 7 {
        let bit = |at: u32| case >> at & 1 == 1;
        for ended_before_ms in [0, 1, 30 * DAY, 30 * DAY + 1] {
            let certificate = Certificate {
                address_fits: bit(0),
                signature_holds: bit(1),
                revoked: bit(2),
                suspended: bit(3),
                not_after_ms: NOW - ended_before_ms,
                key_is_new: bit(4),
                renewed: bit(5),
                issued_of_late: if bit(6) { ISSUED_PER_DAY_MAX } else { 0 },
            };
            let facts = Renewal {
                certificate: Some(certificate),
                grace_ms: 30 * DAY,
            };
            let right = certificate.address_fits
                && certificate.signature_holds
                && !certificate.revoked
                && !certificate.suspended
                && certificate.key_is_new
                && ended_before_ms <= 30 * DAY
                && (certificate.renewed || !bit(6));
            let decision = renewal(&facts, NOW);
            let is_refused = matches!(decision, Decision::Refuse(_));
            assert_eq!(is_refused, !right, "{decision:?}: {certificate:?}");
            if is_refused {
                refused += 1;
            } else {
                granted += 1;
            }
        }
    }
    assert_eq!((refused, granted), (128 * 4 - 9, 9));
}

#[test]
fn a_key_that_was_revoked_is_certified_by_no_way() {
    let refuse = Decision::Refuse;
    let refused = refuse(Refusal::KeyRevoked);
    for decision in [
        Decision::Issue(Ground::Token),
        Decision::Issue(Ground::Grace),
        Decision::Again(Ground::Approval),
        Decision::File,
        Decision::Wait,
    ] {
        assert_eq!(about_key(decision, true), refused, "{decision:?}");
        assert_eq!(about_key(decision, false), decision);
    }
    let unknown = refuse(Refusal::TokenUnknown);
    assert_eq!(about_key(unknown, true), unknown, "the first reason stands");
}
