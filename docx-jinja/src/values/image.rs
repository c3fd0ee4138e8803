//! What a picture's first bytes say about it. Pixels are never decoded.

/// A picture's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// Graphics Interchange Format.
    Gif,
}

impl Format {
    /// The ending of file names.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Gif => "gif",
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
        }
    }
}

/// Why bytes cannot be a picture of a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// A drawing that can refer to files and addresses.
    #[error("an SVG drawing cannot stand in a document\nhint: save the picture as PNG")]
    Svg,
    /// None of the formats that every Word can show.
    #[error("the picture is neither PNG, JPEG nor GIF\nhint: save it as PNG or JPEG")]
    Unknown,
    /// The size in pixels could not be read.
    #[error("the picture is damaged: its size cannot be read\nhint: save it again")]
    Damaged,
    /// A bound was passed.
    #[error("the picture has {bytes} bytes, over the limit of {limit}\nhint: make it smaller")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
}

/// A picture's format and size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Image {
    pub(crate) format: Format,
    pub(crate) pixels: (u32, u32),
    /// Pixels per inch, across and down, when the file says so.
    pub(crate) density: Option<(f64, f64)>,
}

/// Densities that make sense; others are mistakes of the program that wrote the file.
const DENSITY: std::ops::RangeInclusive<f64> = 20.0..=2_400.0;

/// Reads what a picture says about itself.
pub(crate) fn read(bytes: &[u8]) -> Result<Image, PictureError> {
    let (format, found) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        (Format::Png, png(bytes))
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        (Format::Jpeg, jpeg(bytes))
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        (Format::Gif, gif(bytes))
    } else if is_svg(bytes) {
        return Err(PictureError::Svg);
    } else {
        return Err(PictureError::Unknown);
    };
    let (pixels, density) = found.ok_or(PictureError::Damaged)?;
    if pixels.0 == 0 || pixels.1 == 0 {
        return Err(PictureError::Damaged);
    }
    let density = density.filter(|(x, y)| DENSITY.contains(x) && DENSITY.contains(y));
    Ok(Image {
        format,
        pixels,
        density,
    })
}

type Found = ((u32, u32), Option<(f64, f64)>);

/// A number of `N` bytes, most significant first.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(N)?)?;
    Some(
        bytes
            .iter()
            .fold(0, |sum, &byte| sum << 8 | u32::from(byte)),
    )
}

/// PNG, §11.2.2 IHDR and §11.3.5.3 pHYs.
fn png(bytes: &[u8]) -> Option<Found> {
    let pixels = (number::<4>(bytes, 16)?, number::<4>(bytes, 20)?);
    if bytes.get(12..16)? != b"IHDR" {
        return None;
    }
    let mut at = 8;
    while let (Some(length), Some(kind)) = (number::<4>(bytes, at), bytes.get(at + 4..at + 8)) {
        match kind {
            b"pHYs" if bytes.get(at + 16) == Some(&1) => {
                let metre = |at| Some(f64::from(number::<4>(bytes, at)?) * 0.025_4);
                return Some((pixels, Some((metre(at + 8)?, metre(at + 12)?))));
            }
            b"IDAT" | b"IEND" => break,
            _ => at = at.checked_add(length as usize)?.checked_add(12)?,
        }
    }
    Some((pixels, None))
}

/// JPEG: ITU-T T.81, annex B; JFIF's density.
fn jpeg(bytes: &[u8]) -> Option<Found> {
    let mut density = None;
    let mut at = 2;
    loop {
        if bytes.get(at)? != &0xff {
            return None;
        }
        let marker = *bytes.get(at + 1)?;
        if marker == 0xff {
            at += 1;
            continue;
        }
        let length = number::<2>(bytes, at + 2)? as usize;
        match marker {
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let (down, across) = (number::<2>(bytes, at + 5)?, number::<2>(bytes, at + 7)?);
                return Some(((across, down), density));
            }
            0xd8 | 0x01 | 0xd0..=0xd7 => {
                at += 2;
                continue;
            }
            0xd9 | 0xda => return None,
            0xe0 if bytes.get(at + 4..at + 9) == Some(b"JFIF\0") => {
                let unit = match bytes.get(at + 11)? {
                    1 => Some(1.0),
                    2 => Some(2.54),
                    _ => None,
                };
                let (x, y) = (number::<2>(bytes, at + 12)?, number::<2>(bytes, at + 14)?);
                density = unit.map(|unit| (f64::from(x) * unit, f64::from(y) * unit));
            }
            _ => {}
        }
        at = at.checked_add(2)?.checked_add(length.max(2))?;
    }
}

/// GIF89a, §18.
fn gif(bytes: &[u8]) -> Option<Found> {
    let number = |at: usize| {
        let pair = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(u32::from(u16::from_le_bytes(pair)))
    };
    Some(((number(6)?, number(8)?), None))
}

fn is_svg(bytes: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(1_024)]);
    start
        .trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with('<')
        && start.contains("<svg")
}

#[cfg(test)]
mod tests;
