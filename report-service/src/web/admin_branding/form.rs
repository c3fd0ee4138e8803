//! The form of a brand: what it shows, and what it says when it comes back.

use axum::body::Body;
use axum::http::HeaderMap;
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;

use super::super::errors::PageError;
use super::super::multipart;
use crate::branding::{
    ADDRESS_CHARS_MAX, ADDRESS_LINES_MAX, Brand, BrandWords, Branding, Colour, ColourFault,
    LOGO_BYTES_MAX, LOGO_PIXELS, Logo, NAME_CHARS_MAX, Whose,
};
use crate::library::Refused;
use crate::state::AppState;

/// Largest form, in bytes: the logo and what is around it.
pub(super) const FORM_BYTES_MAX: usize = LOGO_BYTES_MAX + 64 * 1024;

/// What the form shows.
pub(super) struct Fields {
    pub(super) csrf: String,
    pub(super) typed: BrandWords,
    /// What a customer has where it says nothing; the service's own form has nothing such.
    pub(super) service: Option<BrandWords>,
    /// Where the logo is, where there is one.
    pub(super) logo: Option<String>,
    /// How the colour looks.
    pub(super) sample: Option<Sample>,
}

impl Fields {
    /// The most characters of a name, the most characters and lines of an address, the most KB of a logo, and the pixels of
    /// its sides.
    pub(super) fn limits(&self) -> [u64; 6] {
        let sides = [*LOGO_PIXELS.start(), *LOGO_PIXELS.end()].map(u64::from);
        let [least, most] = sides;
        let texts = [NAME_CHARS_MAX, ADDRESS_CHARS_MAX, ADDRESS_LINES_MAX].map(|most| most as u64);
        let [name, address, lines] = texts;
        [
            name,
            address,
            lines,
            LOGO_BYTES_MAX as u64 >> 10,
            least,
            most,
        ]
    }
}

/// A colour as it looks on a page, with its contrast.
#[derive(Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) colour: Colour,
    /// True when it is the nearest to what was typed, which cannot be read.
    pub(super) nearest: bool,
}

impl Sample {
    /// Of what was typed; nothing where that is no colour.
    pub(super) fn of(typed: &str) -> Option<Self> {
        let colour: Colour = typed.trim().parse().ok()?;
        Some(match colour.readable() {
            Ok(colour) => Self {
                colour,
                nearest: false,
            },
            Err(ColourFault::Contrast { darker, .. }) => Self {
                colour: darker,
                nearest: true,
            },
            Err(ColourFault::Form) => return None,
        })
    }

    /// Its contrast with white, to one digit.
    pub(super) fn contrast(&self) -> String {
        // Rounded down: no figure says more than there is.
        format!("{:.1}", (self.colour.on_white() * 10.0).floor() / 10.0)
    }
}

/// What a form says; or what was typed, with what is wrong with it.
pub(super) async fn read(
    state: &AppState,
    whose: Whose<'_>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Result<Branding, (BrandWords, String)>, PageError> {
    let body = multipart::taken(body, FORM_BYTES_MAX).await?;
    let form = multipart::form_perhaps(headers, body, "logo").await?;
    let text = |name: &str| form.text(name).to_owned();
    let typed = BrandWords {
        name: text("name"),
        address: text("address"),
        colour: text("colour"),
    };
    let brand = match typed.read() {
        Ok(brand) => brand,
        Err(fault) => return Ok(Err((typed, fault.words))),
    };
    let logo = if form.text("no-logo") == "yes" {
        None
    } else if form.file.is_empty() {
        let present = state.store.branding(whose).await?;
        present.and_then(|present| present.logo)
    } else {
        match state.engine.library().logo(form.file.as_ref().into()).await {
            Ok(logo) => Some(logo),
            Err(Refused::File(words)) => return Ok(Err((typed, words))),
            Err(error) => return Err(PageError::internal(&anyhow::Error::new(error))),
        }
    };
    Ok(Ok(with_logo(brand, logo)))
}

/// A brand with this logo.
pub(crate) fn with_logo(brand: Brand, logo: Option<Logo>) -> Branding {
    let digest = |logo: &Logo| hex::encode(&Sha256::digest(&logo.file));
    Branding {
        brand: Brand {
            logo_sha256: logo.as_ref().map(digest).unwrap_or_default(),
            ..brand
        },
        logo,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_shows_the_colour_or_the_nearest_that_can_be_read() {
        let check = |typed: &str, expected: Option<(&str, bool, &str)>| {
            let found = Sample::of(typed);
            let found = found.map(|it| (it.colour.to_string(), it.nearest, it.contrast()));
            let expected = expected.map(|(colour, nearest, contrast)| {
                (colour.to_owned(), nearest, contrast.to_owned())
            });
            assert_eq!(found, expected, "{typed}");
        };
        check("", None);
        check("teal", None);
        check("#000000", Some(("#000000", false, "21.0")));
        check(" #0f6e66", Some(("#0f6e66", false, "6.1")));
        check("#777777", Some(("#6b6b6b", true, "5.3")));
    }
}
