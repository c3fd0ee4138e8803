//! Joining without a door: a request that an operator carries out, and a sealed bundle that comes back.

use std::path::Path;

use anyhow::{Context as _, bail};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use spokegate_daemon::{Clock, Secret};
use spokegate_identity::Pin;
use spokegate_identity::offline::{OfflineBundle, OfflineRequest};
use spokegate_identity::sealed::{OpeningKey, SEALED_BYTES_MAX};

use super::join::Place;
use crate::credentials::admit::admit;
use crate::credentials::store::{put_private, remove};
use crate::credentials::{Admitted, Expected, Issued};

/// What opens the bundle; kept until it came.
const SEAL_FILE: &str = "joining.seal.key";
/// The request, so that the bundle can be matched with it.
const REQUEST_FILE: &str = "joining.request.json";

/// Writes the request; a second time the same one.
pub(super) fn request(place: &Place, out: &Path) -> anyhow::Result<()> {
    let (kept, seal) = (
        place.directory.join(REQUEST_FILE),
        place.directory.join(SEAL_FILE),
    );
    if !(kept.exists() && seal.exists()) {
        let opening = OpeningKey::generate();
        let request = OfflineRequest::new(place.key()?.key(), opening.recipient())?;
        put_private(&seal, opening.to_stored().as_bytes())?;
        put_private(&kept, request.to_json().as_bytes())?;
    }
    // Through a new file: a link that somebody put there is replaced, and not followed.
    let request = std::fs::read(&kept).with_context(|| format!("read {}", kept.display()))?;
    put_private(out, &request).with_context(|| format!("write the request to {}", out.display()))
}

/// Opens and verifies a bundle, and puts it in force. Gives the broker's address beside it, if the bundle has one.
pub(super) fn import(
    place: &Place,
    bundle: &Path,
    pin: &Pin,
    clock: &Clock,
) -> anyhow::Result<(Admitted, Option<String>)> {
    let (kept, seal) = (
        place.directory.join(REQUEST_FILE),
        place.directory.join(SEAL_FILE),
    );
    let hint = "hint: this directory has made no request; run join --offline-request first";
    let request =
        std::fs::read(&kept).with_context(|| format!("read {}, {hint}", kept.display()))?;
    let request = OfflineRequest::from_json(&request).context("read this directory's request")?;
    let opening = OpeningKey::from_stored(Secret::read_file(&seal)?.expose())
        .with_context(|| format!("read {}", seal.display()))?;
    let sealed = read_bounded(bundle)?;
    let bundle = OfflineBundle::open(&sealed, &opening, &request.id, pin)
        .with_context(|| format!("open the bundle {}", bundle.display()))?;
    let roots = CertificateDer::pem_slice_iter(bundle.roots.as_bytes());
    let roots = roots.collect::<Result<Vec<_>, _>>()?;
    let fresh = place.key()?;
    let expected = Expected {
        key: &fresh.public_key(),
        trusted: pin.find(&roots).map_or(&[], std::slice::from_ref),
        who: None,
        now_ms: clock.now_ms(),
    };
    let issued = Issued {
        id: bundle.id,
        certificate: bundle.certificate,
        roots: bundle.roots.into_bytes(),
        signature: bundle.signature,
    };
    let admitted = admit(&expected, &issued)?;
    place.take_over(&fresh, &admitted)?;
    remove(&seal)?;
    remove(&kept)?;
    Ok((admitted, bundle.broker))
}

fn read_bounded(path: &Path) -> anyhow::Result<Vec<u8>> {
    use std::io::Read;
    let place = || format!("read the bundle {}", path.display());
    let file = std::fs::File::open(path).with_context(place)?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(SEALED_BYTES_MAX).unwrap_or(u64::MAX);
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .with_context(place)?;
    if bytes.len() > SEALED_BYTES_MAX {
        bail!("{} is too large for a bundle", path.display());
    }
    Ok(bytes)
}
