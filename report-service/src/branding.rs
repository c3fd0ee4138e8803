//! Name, postal address, colour and logo of the service's pages and documents, and of a customer's documents.

mod colour;
mod of_run;
mod words;

pub use colour::{Colour, ColourFault};
pub use of_run::RunBrand;
pub(crate) use words::{ADDRESS_CHARS_MAX, ADDRESS_LINES_MAX, BrandWords};

use std::sync::Arc;

use spokegate_contract::TenantId;

/// Longest name, in characters.
pub(crate) const NAME_CHARS_MAX: usize = 60;
/// Largest logo, in bytes.
pub(crate) const LOGO_BYTES_MAX: usize = 512 * 1024;
/// Pixels of each side of a logo.
pub(crate) const LOGO_PIXELS: std::ops::RangeInclusive<u32> = 16..=2_000;
/// What templates call the logo.
pub(crate) const LOGO_NAME: &str = "brand-logo";
/// What templates call the service's own logo, whosever the other one is.
pub(crate) const SERVICE_LOGO_NAME: &str = "service-logo";

/// Whose brand it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    /// The whole service's.
    Service,
    /// A customer's own.
    Tenant(&'a TenantId),
}

impl Whose<'_> {
    /// Its scope in the store.
    #[must_use]
    pub fn scope(&self) -> &str {
        match self {
            Self::Service => "",
            Self::Tenant(id) => id.as_str(),
        }
    }
}

/// A brand, without the bytes of its logo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brand {
    /// What the service is called; empty for the product's name.
    pub name: String,
    /// The postal address in lines; empty without one.
    pub address: String,
    /// Its colour; nothing for the product's.
    pub colour: Option<Colour>,
    /// SHA-256 of its logo in hexadecimal; empty without one.
    pub logo_sha256: String,
}

impl Brand {
    /// The same, with what another one has wherever this one has nothing.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        let either = |own: String, other: &String| match own.is_empty() {
            true => other.clone(),
            false => own,
        };
        Self {
            name: either(self.name, &other.name),
            address: either(self.address, &other.address),
            colour: self.colour.or(other.colour),
            logo_sha256: either(self.logo_sha256, &other.logo_sha256),
        }
    }
}

/// A logo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// `image/png` or `image/jpeg`.
    pub media_type: String,
    /// The file.
    pub file: Arc<[u8]>,
}

/// A brand with the file of its logo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Branding {
    /// What there is to read.
    pub brand: Brand,
    /// The picture.
    pub logo: Option<Logo>,
}

/// Whether a picture can be a logo.
///
/// # Errors
/// Why not, in words.
pub fn fits(media_type: &str, width: u32, height: u32) -> Result<(), String> {
    if !["image/png", "image/jpeg"].contains(&media_type) {
        return Err("The logo must be a PNG or JPEG file.".into());
    }
    if !(LOGO_PIXELS.contains(&width) && LOGO_PIXELS.contains(&height)) {
        return Err(format!(
            "The logo has {width} by {height} pixels; each side must have {} to {}.",
            LOGO_PIXELS.start(),
            LOGO_PIXELS.end()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_logo_is_a_png_or_jpeg_of_a_sensible_size() {
        let check = |kind: &str, width, height, expected: bool| {
            assert_eq!(
                fits(kind, width, height).is_ok(),
                expected,
                "{kind} {width}x{height}"
            );
        };
        check("image/png", 16, 2_000, true);
        check("image/jpeg", 300, 80, true);
        check("image/gif", 300, 80, false);
        check("image/png", 15, 80, false);
        check("image/png", 80, 15, false);
        check("image/png", 2_001, 80, false);
        check("image/jpeg", 80, 60_000, false);
        check("image/svg+xml", 80, 80, false);
    }
}
