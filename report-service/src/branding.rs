//! Name, colour and logo of the service's pages and documents.

mod colour;

pub use colour::{Colour, ColourFault};

use std::sync::Arc;

/// Longest name, in characters.
pub(crate) const NAME_CHARS_MAX: usize = 60;
/// Largest logo, in bytes.
pub(crate) const LOGO_BYTES_MAX: usize = 512 * 1024;
/// Pixels of each side of a logo.
pub(crate) const LOGO_PIXELS: std::ops::RangeInclusive<u32> = 16..=2_000;
/// What templates call the logo.
pub(crate) const LOGO_NAME: &str = "brand-logo";

/// What pages need to know at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brand {
    /// What the service is called; empty for the product's name.
    pub name: String,
    /// Its colour; nothing for the product's.
    pub colour: Option<Colour>,
    /// SHA-256 of its logo in hexadecimal; empty without one.
    pub logo_sha256: String,
}

/// A logo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// `image/png` or `image/jpeg`.
    pub media_type: String,
    /// The file.
    pub file: Arc<[u8]>,
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
