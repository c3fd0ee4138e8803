use super::*;
use spokegate_identity::SigningKey;
use spokegate_identity::proof::audit_root;

/// What a sanitizer would send.
struct Sender {
    previous: chain::Hash,
    sequence: u64,
}

impl Sender {
    fn begin(name: &'static str) -> (Self, AuditEntry<'static>) {
        let mut sender = Self {
            previous: chain::START,
            sequence: 0,
        };
        let first = sender.next("audit.begin", name);
        (sender, first)
    }

    fn next(&mut self, action: &'static str, subject: &'static str) -> AuditEntry<'static> {
        self.sequence += 1;
        let mut entry = AuditEntry {
            sequence: self.sequence,
            action: action.into(),
            reason: "form".into(),
            subject: subject.into(),
            count: 1,
            hash: chain::START,
        };
        let at_ms = self.sequence;
        entry.hash = chain::hash(&self.previous, self.sequence, at_ms, &entry.fields("1"));
        self.previous = entry.hash;
        entry
    }
}

fn fits(chain: &mut Chain, entry: &AuditEntry<'_>) -> Option<bool> {
    let taken = chain.entry(entry, entry.sequence);
    taken.map(|taken| taken.fits)
}

#[test]
fn entries_in_order_fit_and_repeats_are_left_out() {
    let mut chain = Chain::default();
    let (mut sender, first) = Sender::begin("run1");
    let second = sender.next("message.refuse", "acme/hq");
    assert_eq!(fits(&mut chain, &first), Some(true));
    assert_eq!(fits(&mut chain, &first), None);
    assert_eq!(fits(&mut chain, &second), Some(true));
    assert_eq!(fits(&mut chain, &second), None);
    // Another run of the sanitizer.
    let (mut sender, first) = Sender::begin("run2");
    assert_eq!(fits(&mut chain, &first), Some(true));
    assert_eq!(
        fits(&mut chain, &sender.next("stage.end", "ingest")),
        Some(true)
    );
    assert_eq!(chain.name, "run2");
}

#[test]
fn a_change_a_gap_and_a_foreign_chain_are_kept_but_do_not_fit() {
    let (mut sender, first) = Sender::begin("run1");
    let (second, third) = (sender.next("a.b", "x"), sender.next("c.d", "y"));
    let fourth = sender.next("e.f", "z");
    let mut chain = Chain::default();
    assert_eq!(fits(&mut chain, &first), Some(true));
    let mut changed = second.clone();
    changed.subject = "w".into();
    assert_eq!(fits(&mut chain, &changed), Some(false));
    // What was signed over stays provable from there on.
    assert_eq!(fits(&mut chain, &third), Some(true));

    let mut chain = Chain::default();
    assert_eq!(fits(&mut chain, &first), Some(true));
    assert_eq!(fits(&mut chain, &third), Some(false));
    assert_eq!(fits(&mut chain, &fourth), Some(true));

    let mut chain = Chain::default();
    assert_eq!(fits(&mut chain, &third), Some(false));
    assert_eq!(chain.name, NO_BEGINNING);
    assert_eq!(fits(&mut chain, &fourth), Some(true));
}

#[test]
fn a_walk_goes_on_after_a_restart_of_the_centre() {
    let (mut sender, first) = Sender::begin("run1");
    let second = sender.next("a.b", "x");
    let mut chain = Chain::after(ChainEnd {
        chain: "run1".into(),
        sequence: 1,
        hash: first.hash.to_vec(),
    });
    assert_eq!(fits(&mut chain, &first), None);
    assert_eq!(fits(&mut chain, &second), Some(true));
}

#[test]
fn a_signature_holds_over_the_end_that_was_walked_and_by_the_known_key_only() {
    let key = || {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        SigningKey::from_pem(&pair.serialize_pem()).unwrap()
    };
    let (own, other) = (key(), key());
    let (mut sender, first) = Sender::begin("run1");
    let mut chain = Chain::default();
    fits(&mut chain, &first);
    let second = sender.next("a.b", "x");
    fits(&mut chain, &second);
    let root = |key: &SigningKey, sequence, hash| AuditRoot {
        sequence,
        hash,
        signature: audit_root(
            key,
            &AuditEnd {
                sequence,
                at_ms: 9,
                hash,
            },
        )
        .unwrap(),
    };
    let check = |root: &AuditRoot, at_ms, known: Option<&PublicKey>, expected| {
        let taken = chain.root(root, at_ms, known);
        assert_eq!(taken.map(|taken| taken.holds), expected);
    };
    let public = own.public_key();
    let good = root(&own, 2, second.hash);
    check(&good, 9, Some(&public), Some(Some(true)));
    check(&good, 9, None, Some(None));
    check(&good, 10, Some(&public), Some(Some(false)));
    check(
        &root(&other, 2, second.hash),
        9,
        Some(&public),
        Some(Some(false)),
    );
    check(
        &root(&own, 2, first.hash),
        9,
        Some(&public),
        Some(Some(false)),
    );
    check(
        &root(&own, 3, second.hash),
        9,
        Some(&public),
        Some(Some(false)),
    );
    check(&root(&own, 1, first.hash), 9, Some(&public), None);
}
