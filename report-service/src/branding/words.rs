//! What people and programs say a brand is, before it is one.

use super::{Brand, Colour, NAME_CHARS_MAX};

/// Longest postal address, in characters and in lines.
pub(crate) const ADDRESS_CHARS_MAX: usize = 300;
/// See [`ADDRESS_CHARS_MAX`].
pub(crate) const ADDRESS_LINES_MAX: usize = 8;

/// Name, address and colour as they were typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BrandWords {
    /// On one line.
    pub(crate) name: String,
    /// On several.
    pub(crate) address: String,
    /// `#` and six hexadecimal digits.
    pub(crate) colour: String,
}

/// What is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BrandFault {
    /// `name`, `address` or `colour`.
    pub(crate) place: &'static str,
    /// In a sentence or two.
    pub(crate) words: String,
}

impl From<&Brand> for BrandWords {
    fn from(brand: &Brand) -> Self {
        Self {
            name: brand.name.clone(),
            address: brand.address.clone(),
            colour: brand
                .colour
                .map(|colour| colour.to_string())
                .unwrap_or_default(),
        }
    }
}

impl BrandWords {
    /// The brand that they say, still without a logo.
    ///
    /// # Errors
    /// For the first of them that cannot be so.
    pub(crate) fn read(&self) -> Result<Brand, BrandFault> {
        Ok(Brand {
            name: name(&self.name)?,
            address: address(&self.address)?,
            colour: colour(&self.colour)?,
            logo_sha256: String::new(),
        })
    }
}

fn name(typed: &str) -> Result<String, BrandFault> {
    let name = typed.trim();
    if name.chars().count() > NAME_CHARS_MAX || name.contains(is_hidden) {
        return Err(BrandFault {
            place: "name",
            words: format!("The name has at most {NAME_CHARS_MAX} characters on one line."),
        });
    }
    Ok(name.to_owned())
}

fn address(typed: &str) -> Result<String, BrandFault> {
    let lines: Vec<&str> = typed.trim().lines().map(str::trim_end).collect();
    let address = lines.join("\n");
    let is_long = address.chars().count() > ADDRESS_CHARS_MAX || lines.len() > ADDRESS_LINES_MAX;
    if is_long || lines.iter().any(|line| line.contains(is_hidden)) {
        return Err(BrandFault {
            place: "address",
            words: format!(
                "The address has at most {ADDRESS_LINES_MAX} lines and {ADDRESS_CHARS_MAX} characters."
            ),
        });
    }
    Ok(address)
}

fn colour(typed: &str) -> Result<Option<Colour>, BrandFault> {
    let read = match typed.trim() {
        "" => return Ok(None),
        text => text.parse().and_then(Colour::readable),
    };
    read.map(Some).map_err(|fault| BrandFault {
        place: "colour",
        words: fault.to_string(),
    })
}

/// True for what nobody sees, and for what turns the direction of the text around it.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str, address: &str, colour: &str) -> BrandWords {
        BrandWords {
            name: name.into(),
            address: address.into(),
            colour: colour.into(),
        }
    }

    #[test]
    fn what_is_typed_becomes_a_brand() {
        let check = |typed: BrandWords, expected: BrandWords| {
            let brand = typed.read().unwrap();
            assert_eq!(BrandWords::from(&brand), expected, "{typed:?}");
        };
        check(words("", "", ""), words("", "", ""));
        check(
            words("  Müller & Co ", "", " "),
            words("Müller & Co", "", ""),
        );
        check(
            words("", " 1 Quay  \r\nHarbour Town\r\n\r\n", ""),
            words("", "1 Quay\nHarbour Town", ""),
        );
        check(words("", "", "#0F6E66"), words("", "", "#0f6e66"));
        let (name, address) = ("x".repeat(60), "yy\n".repeat(8));
        check(words(&name, &address, ""), words(&name, address.trim(), ""));
        let long = "é".repeat(300);
        check(words("", &long, ""), words("", &long, ""));
    }

    #[test]
    fn what_cannot_be_a_brand_is_refused_where_it_is() {
        let check = |typed: BrandWords, place: &str, expected: &str| {
            let fault = typed.read().unwrap_err();
            assert_eq!(fault.place, place, "{typed:?}");
            assert!(fault.words.contains(expected), "{fault:?}");
        };
        check(words(&"x".repeat(61), "", ""), "name", "at most 60");
        check(words("a\nb", "", ""), "name", "on one line");
        check(words("a\u{202e}b", "", ""), "name", "on one line");
        check(
            words("", &"y\n".repeat(9), ""),
            "address",
            "at most 8 lines",
        );
        check(words("", &"é".repeat(301), ""), "address", "300 characters");
        check(words("", "1 Quay\u{7}", ""), "address", "at most 8 lines");
        check(words("", "1 Quay\tTown", ""), "address", "at most 8 lines");
        check(words("", "", "teal"), "colour", "six hexadecimal");
        check(words("", "", "#ffdd00"), "colour", "4.5 to 1");
    }
}
