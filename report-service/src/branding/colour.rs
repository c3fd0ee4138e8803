//! The one colour of a brand, and what pages make of it. Every pair of text and ground keeps the contrast that WCAG 2.2
//! asks for at level AA (success criterion 1.4.3).

use std::fmt;
use std::str::FromStr;

/// Least contrast of text.
const CONTRAST_MIN: f64 = 4.5;
/// The grounds of the pages by day and by night, of which text stands on the last one worst.
const DAY_GROUND: Colour = Colour([0xf4, 0xf6, 0xf5]);
const NIGHT_CARD: Colour = Colour([0x1b, 0x22, 0x21]);
const WHITE: Colour = Colour([0xff; 3]);
const BLACK: Colour = Colour([0; 3]);
/// Text on the colour by night.
const NIGHT_TEXT: Colour = Colour([0x0b, 0x0f, 0x0e]);
/// Steps in which a colour is made darker or lighter.
const STEP: f64 = 0.05;

/// A colour: red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour([u8; 3]);

/// Why a text is no colour that can be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ColourFault {
    /// It is not written like one.
    #[error("A colour is written as # and six hexadecimal digits, such as #0f6e66.")]
    Form,
    /// White text on it, or itself as text, cannot be read.
    #[error(
        "The colour {colour} has a contrast of {contrast:.1} to 1 with the pages' ground, and text needs at least 4.5 to 1 \
         (WCAG 2.2 AA). Choose a darker one, such as {darker}."
    )]
    Contrast {
        /// The colour.
        colour: Colour,
        /// What it has.
        contrast: f64,
        /// The nearest that will do.
        darker: Colour,
    },
}

impl FromStr for Colour {
    type Err = ColourFault;

    fn from_str(text: &str) -> Result<Self, ColourFault> {
        let digits = text.strip_prefix('#').filter(|digits| {
            digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let [_, red, green, blue] = number.ok_or(ColourFault::Form)?.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Colour {
    /// The same where text in it, and white text on it, can be read.
    ///
    /// # Errors
    /// When its contrast is too low, with the nearest that will do.
    pub fn readable(self) -> Result<Self, ColourFault> {
        let contrast = self.contrast(DAY_GROUND);
        if contrast >= CONTRAST_MIN {
            return Ok(self);
        }
        let darker = self.until(BLACK, |colour| colour.contrast(DAY_GROUND) >= CONTRAST_MIN);
        Err(ColourFault::Contrast {
            colour: self,
            contrast,
            darker,
        })
    }

    /// Its six digits.
    #[must_use]
    pub fn digits(self) -> String {
        self.to_string().split_off(1)
    }

    /// The style sheet of the pages for people in this colour, by day and by night.
    #[must_use]
    pub fn style_sheet(self) -> String {
        let rule = |shades: Shades| {
            let Shades {
                accent,
                strong,
                soft,
                on_accent,
            } = shades;
            format!(
                ".site-forms {{ --accent: {accent}; --accent-strong: {strong}; --accent-soft: {soft}; --on-accent: {on_accent}; }}\n"
            )
        };
        let (day, night) = (rule(self.by_day()), rule(self.by_night()));
        format!("{day}@media (prefers-color-scheme: dark) {{\n  {night}}}\n")
    }

    /// The style sheet of a page that shows how the colour looks: white on it, and itself on white.
    #[must_use]
    pub fn sample_sheet(self) -> String {
        format!(
            ".colour-on {{ background: {self}; color: {WHITE}; }}\n.colour-text {{ background: {WHITE}; color: {self}; }}\n"
        )
    }

    /// Its contrast with white, from 1 to 21.
    #[must_use]
    pub fn on_white(self) -> f64 {
        self.contrast(WHITE)
    }

    fn by_day(self) -> Shades {
        let soft = self.mixed(WHITE, 0.88);
        let can_be_read = |colour: Self| colour.contrast(soft) >= CONTRAST_MIN;
        Shades {
            accent: self,
            strong: self.mixed(BLACK, 0.25).until(BLACK, can_be_read),
            soft,
            on_accent: WHITE,
        }
    }

    fn by_night(self) -> Shades {
        let on_card = |colour: Self| colour.contrast(NIGHT_CARD) >= CONTRAST_MIN + 0.5;
        let accent = self.until(WHITE, on_card);
        let soft = accent.mixed(NIGHT_CARD, 0.85);
        let can_be_read = |colour: Self| colour.contrast(soft) >= CONTRAST_MIN;
        Shades {
            accent,
            strong: accent.mixed(WHITE, 0.3).until(WHITE, can_be_read),
            soft,
            on_accent: NIGHT_TEXT,
        }
    }

    /// Nearer to another one, step by step, until it will do.
    fn until(self, end: Self, will_do: impl Fn(Self) -> bool) -> Self {
        let mut share = 0.0;
        let mut colour = self;
        while !will_do(colour) && share < 1.0 {
            share += STEP;
            colour = self.mixed(end, share);
        }
        colour
    }

    /// With this share of another one.
    fn mixed(self, other: Self, share: f64) -> Self {
        let share = share.clamp(0.0, 1.0);
        let mut mixed = self.0;
        for (own, other) in mixed.iter_mut().zip(other.0) {
            let value = f64::from(*own) * (1.0 - share) + f64::from(other) * share;
            *own = rounded(value);
        }
        Self(mixed)
    }

    /// The contrast ratio of two colours, from 1 to 21, as WCAG defines it.
    fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// Relative luminance, from 0 to 1, as WCAG defines it.
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.040_45 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

/// What a page's style has of a colour.
struct Shades {
    accent: Colour,
    strong: Colour,
    soft: Colour,
    on_accent: Colour,
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is within the bounds of a byte"
)]
fn rounded(value: f64) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        text.parse().unwrap()
    }

    #[test]
    fn a_colour_is_written_in_one_way() {
        for good in ["#000000", "#0f6e66", "#FFFFFF"] {
            assert_eq!(colour(good).to_string(), good.to_lowercase());
        }
        for bad in [
            "", "#", "0f6e66", "#0f6e6", "#0f6e666", "#0f6e6g", "#+12345", "red", "#é12345",
        ] {
            assert_eq!(bad.parse::<Colour>(), Err(ColourFault::Form), "{bad}");
        }
    }

    #[test]
    fn contrast_is_what_the_standard_says() {
        let check = |one: &str, other: &str, expected: f64| {
            let found = colour(one).contrast(colour(other));
            assert!((found - expected).abs() < 0.01, "{one} {other}: {found}");
        };
        check("#000000", "#ffffff", 21.0);
        check("#ffffff", "#ffffff", 1.0);
        // The grey that is known as the lightest that will do on white.
        check("#767676", "#ffffff", 4.54);
        check("#777777", "#ffffff", 4.48);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_can() {
        for good in ["#0f6e66", "#000000", "#5b3fa8", "#a11b1b"] {
            assert_eq!(colour(good).readable(), Ok(colour(good)));
        }
        for bad in ["#ffdd00", "#ffffff", "#5cc8ba", "#777777"] {
            let fault = colour(bad).readable().unwrap_err();
            let ColourFault::Contrast { darker, .. } = &fault else {
                panic!("{fault}");
            };
            assert_eq!(darker.readable(), Ok(*darker), "{bad}");
            let told = fault.to_string();
            assert!(told.contains(bad) && told.contains("4.5 to 1"), "{told}");
        }
    }

    #[test]
    fn whatever_is_accepted_can_be_read_by_day_and_by_night() {
        let steps = || (0..=255_u8).step_by(17);
        let mut accepted = 0;
        for red in steps() {
            for green in steps() {
                for blue in steps() {
                    let Ok(colour) = Colour([red, green, blue]).readable() else {
                        continue;
                    };
                    accepted += 1;
                    for (shades, ground) in [
                        (colour.by_day(), DAY_GROUND),
                        (colour.by_night(), NIGHT_CARD),
                    ] {
                        for (text, on) in [
                            (shades.accent, ground),
                            (shades.strong, ground),
                            (shades.strong, shades.soft),
                            (shades.on_accent, shades.accent),
                            (shades.on_accent, shades.strong),
                        ] {
                            let contrast = text.contrast(on);
                            assert!(
                                contrast >= CONTRAST_MIN,
                                "{colour}: {text} on {on}: {contrast}"
                            );
                        }
                    }
                }
            }
        }
        assert!(accepted > 1_000, "{accepted}");
    }
}
