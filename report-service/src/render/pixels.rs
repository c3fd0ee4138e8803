//! The pixels of a picture. What says that it is one may still be cut off or crafted; decoding it tells, and is done in the
//! confined process alone.

use std::io::Cursor;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::branding::LOGO_PIXELS;

/// Most memory that the decoder of a PNG file takes for itself, in bytes.
const PNG_BYTES_MAX: usize = 32 << 20;

/// Whether a picture can be drawn. One of another kind or size than a logo's is not decoded: it is refused elsewhere.
///
/// # Errors
/// Why it cannot.
pub(super) fn decode(
    media_type: &str,
    (width, height): (u32, u32),
    file: &[u8],
) -> Result<(), String> {
    if !(LOGO_PIXELS.contains(&width) && LOGO_PIXELS.contains(&height)) {
        return Ok(());
    }
    let decoded = match media_type {
        "image/png" => png(file).map_err(|error| error.to_string()),
        "image/jpeg" => jpeg(file),
        _ => Ok(()),
    };
    decoded.map_err(|why| {
        format!("it cannot be drawn: {why}\nhint: open it in a picture program, and save it again as PNG")
    })
}

fn png(file: &[u8]) -> Result<(), png::DecodingError> {
    let limits = png::Limits {
        bytes: PNG_BYTES_MAX,
    };
    let mut reader = png::Decoder::new_with_limits(Cursor::new(file), limits).read_info()?;
    let size = reader.output_buffer_size();
    let size = size.ok_or(png::DecodingError::LimitsExceeded)?;
    reader.next_frame(&mut vec![0; size])?;
    reader.finish()
}

fn jpeg(file: &[u8]) -> Result<(), String> {
    let side = usize::try_from(*LOGO_PIXELS.end()).unwrap_or(usize::MAX);
    let options = DecoderOptions::default()
        .set_max_width(side)
        .set_max_height(side)
        .set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder
        .decode()
        .map(drop)
        .map_err(|error| format!("{error:?}"))
}
