use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256};

use super::*;

#[test]
fn a_request_is_read_as_it_was_written_and_no_other_way() {
    let request = OfflineRequest::new(&key().0, OpeningKey::generate().recipient()).unwrap();
    let json = request.to_json();
    assert_eq!(
        OfflineRequest::from_json(json.as_bytes()),
        Ok(request.clone())
    );
    let check = |from: &str, to: &str, expected| {
        let altered = json.replacen(from, to, 1);
        assert_ne!(altered, json, "{from}");
        let got = OfflineRequest::from_json(altered.as_bytes());
        assert_eq!(got, Err(expected), "{from}");
    };
    check("\"version\": 1", "\"version\": 2", OfflineError::Form);
    check(
        "\"version\": 1",
        "\"version\": 1, \"more\": 1",
        OfflineError::Form,
    );
    check("}", "", OfflineError::Form);
    check("}", "} {}", OfflineError::Form);
    let other = key().0.public_key().to_string();
    let (ours, seal) = (request.public_key.to_string(), request.seal_key.to_string());
    check(&ours, &other, OfflineError::RequestSignature);
    let other = OpeningKey::generate().recipient().to_string();
    check(&seal, &other, OfflineError::RequestSignature);
    let (id, other) = (request.id.to_string(), RequestId::random().to_string());
    check(&id, &other, OfflineError::RequestSignature);
    check(
        "\"signature\": \"",
        "\"signature\": \"00",
        OfflineError::RequestSignature,
    );
    check(
        "\"signature\": \"",
        "\"signature\": \"0",
        OfflineError::Form,
    );
    let long = format!("{json}{}", " ".repeat(REQUEST_BYTES_MAX));
    let got = OfflineRequest::from_json(long.as_bytes());
    assert_eq!(got, Err(OfflineError::Form));
}

#[test]
fn a_bundle_opens_for_its_request_and_the_pinned_root_only() {
    let bed = Bed::new();
    let bundle = bed.bundle();
    let sealed = bundle.seal(&bed.request).unwrap();
    let open =
        |key: &OpeningKey, id: &RequestId, pin: &Pin| OfflineBundle::open(&sealed, key, id, pin);
    let (id, pin) = (bed.request.id, bed.pin);
    assert_eq!(open(&bed.opening, &id, &pin), Ok(bundle));
    let other = OpeningKey::generate();
    assert_eq!(open(&other, &id, &pin), Err(OfflineError::Sealed));
    let other = RequestId::random();
    assert_eq!(
        open(&bed.opening, &other, &pin),
        Err(OfflineError::OtherRequest)
    );
    let other = Pin::of(b"another root");
    assert_eq!(open(&bed.opening, &id, &other), Err(OfflineError::Pin));
}

#[test]
fn a_bundle_that_the_root_did_not_sign_is_refused() {
    let bed = Bed::new();
    let check = |alter: &dyn Fn(&mut OfflineBundle), expected| {
        let mut bundle = bed.bundle();
        alter(&mut bundle);
        let sealed = bundle.seal(&bed.request).unwrap();
        let got = OfflineBundle::open(&sealed, &bed.opening, &bed.request.id, &bed.pin);
        assert_eq!(got.err(), expected);
    };
    let signature = OfflineError::Signature;
    check(&|bundle| bundle.broker = None, None);
    check(&|bundle| bundle.certificate.push(0), Some(signature));
    check(&|bundle| bundle.roots.push('\n'), Some(signature));
    check(&|bundle| bundle.signature.clear(), Some(signature));
    check(
        &|bundle| bundle.roots = Bed::new().root,
        Some(OfflineError::Pin),
    );
    check(&|bundle| bundle.roots.clear(), Some(OfflineError::Pin));
    // A forger who has our root's certificate, which is public, but not its key.
    let (forger, _) = key();
    check(
        &|bundle| {
            let what = (bundle.certificate.clone(), bundle.roots.clone());
            bundle.signature =
                proof::admission(&forger, &bundle.id, &what.0, what.1.as_bytes()).unwrap();
        },
        Some(signature),
    );
}

struct Bed {
    authority: SigningKey,
    root: String,
    pin: Pin,
    opening: OpeningKey,
    request: OfflineRequest,
}

impl Bed {
    fn new() -> Self {
        let (authority, pair) = key();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let root = params.self_signed(&pair).unwrap();
        let opening = OpeningKey::generate();
        Self {
            authority,
            pin: Pin::of(root.der()),
            root: root.pem(),
            request: OfflineRequest::new(&key().0, opening.recipient()).unwrap(),
            opening,
        }
    }

    fn bundle(&self) -> OfflineBundle {
        let (id, certificate) = (self.request.id, b"certificate".to_vec());
        let roots = self.root.as_bytes();
        OfflineBundle {
            id,
            signature: proof::admission(&self.authority, &id, &certificate, roots).unwrap(),
            certificate,
            roots: self.root.clone(),
            broker: Some("broker.example:8883".to_owned()),
        }
    }
}

fn key() -> (SigningKey, KeyPair) {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    (SigningKey::from_pkcs8(&pair.serialize_der()).unwrap(), pair)
}
