//! The brand in a proof: what was kept is what the run was made with; whether it is still so is told.

use crate::branding::{Brand, RunBrand};
use crate::render::{Kept, Values};
use crate::store::Store;
use crate::store::runs::RunRow;

use super::{Verdict, member};

/// Holds the kept brand against the run's digest, and tells whether the brand was changed since. Runs of older releases
/// have no digest of it.
pub(super) async fn check(run: &RunRow, store: &Store, kept: &Kept, verdict: &mut Verdict) {
    if run.brand_sha256.is_empty() {
        return;
    }
    let found = kept_brand(kept).map(|brand| brand.sha256());
    verdict.note(
        found.as_ref() == Some(&run.brand_sha256),
        "the kept brand is the one that the run was made with",
        format!(
            "the kept brand has the digest {}, the run {}",
            found.as_deref().unwrap_or("of none"),
            run.brand_sha256
        ),
    );
    match store.run_brand(&run.tenants).await {
        Ok(now) if now.sha256() == run.brand_sha256 => {
            verdict.note(true, "the brand is the same today", "");
        }
        Ok(_) => verdict.note(
            true,
            "the brand was changed since; the document has name, address, colour and logo as they were",
            "",
        ),
        Err(error) => {
            tracing::error!(%error, "a brand could not be looked up");
            verdict.note(false, "", "the brand of today could not be looked up");
        }
    }
}

fn kept_brand(kept: &Kept) -> Option<RunBrand> {
    let values = member(kept.values()?, "brand")?;
    let service = member(values, "service")?;
    Some(RunBrand {
        shown: read(values, kept)?,
        service: read(service, kept)?,
    })
}

/// The logo's digest is that of the picture itself.
fn read(values: &Values, kept: &Kept) -> Option<Brand> {
    let text = |name: &str| match member(values, name) {
        Some(Values::Plain(value)) => value.as_str().map(ToOwned::to_owned),
        _ => None,
    };
    let logo = text("logo")?;
    let logo_sha256 = match logo.as_str() {
        "" => String::new(),
        name => kept.picture_sha256(name).ok().flatten()?,
    };
    Some(Brand {
        name: text("name")?,
        address: text("address")?,
        colour: text("colour")?.parse().ok(),
        logo_sha256,
    })
}
