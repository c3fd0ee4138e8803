use super::{Format, Image, PictureError, read};

fn png(width: u32, height: u32, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let header: &[u8] = &[&size[..], &[8, 2, 0, 0, 0]].concat();
    for (kind, data) in [(b"IHDR", header)].iter().chain(chunks) {
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(*kind);
        bytes.extend(*data);
        bytes.extend([0; 4]);
    }
    bytes
}

/// Format, pixels, and pixels per inch.
type Seen = (Format, (u32, u32), Option<u32>);

fn check(bytes: &[u8], expected: Result<Seen, PictureError>) {
    let rounded = |image: Image| {
        let density = image.density.map(|(x, _)| x.round() as u32);
        (image.format, image.pixels, density)
    };
    assert_eq!(read(bytes).map(rounded), expected, "{bytes:?}");
}

#[test]
fn sizes_are_read_from_the_first_bytes() {
    check(
        &png(640, 480, &[(b"IDAT", b"")]),
        Ok((Format::Png, (640, 480), None)),
    );
    let metre = [
        &11_811_u32.to_be_bytes()[..],
        &11_811_u32.to_be_bytes(),
        &[1],
    ]
    .concat();
    check(
        &png(
            3,
            5,
            &[(b"gAMA", &[0; 4]), (b"pHYs", &metre), (b"IDAT", b"")],
        ),
        Ok((Format::Png, (3, 5), Some(300))),
    );
    let unitless = [&metre[..8], &[0]].concat();
    check(
        &png(3, 5, &[(b"pHYs", &unitless)]),
        Ok((Format::Png, (3, 5), None)),
    );
    check(
        b"GIF89a\x40\x01\xf0\x00\0\0\0",
        Ok((Format::Gif, (320, 240), None)),
    );
    let jfif = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x02\x01\0\x96\0\x96\0\0\xff\xdb\0\x04\0\0\xff\xc2\0\x11\x08\0\x64\0\xc8\x03";
    check(jfif, Ok((Format::Jpeg, (200, 100), Some(150))));
    let bare = b"\xff\xd8\xff\xff\xe1\0\x04ab\xff\xc0\0\x11\x08\0\x02\0\x03\x03";
    check(bare, Ok((Format::Jpeg, (3, 2), None)));
}

#[test]
fn what_is_no_picture_is_refused() {
    check(b"<?xml version='1.0'?>\n<svg/>", Err(PictureError::Svg));
    check(b"\xef\xbb\xbf <svg>", Err(PictureError::Svg));
    check(b"<html>", Err(PictureError::Unknown));
    check(b"BM\0\0", Err(PictureError::Unknown));
    check(b"", Err(PictureError::Unknown));
    check(&png(0, 4, &[]), Err(PictureError::Damaged));
    check(b"\x89PNG\r\n\x1a\n\0\0", Err(PictureError::Damaged));
    check(b"GIF89a\x01", Err(PictureError::Damaged));
    check(b"\xff\xd8\xff\xda\0\x02", Err(PictureError::Damaged));
    check(b"\xff\xd8\xff\xe0\0\0", Err(PictureError::Damaged));
}

#[test]
fn no_bytes_make_it_panic() {
    use proptest::prelude::*;
    let starts: Vec<&[u8]> = vec![b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b""];
    let bytes = (
        prop::sample::select(starts),
        prop::collection::vec(any::<u8>(), 0..80),
    );
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let run = runner.run(&bytes, |(start, rest)| {
        if let Ok(image) = read(&[start, &rest].concat()) {
            prop_assert!(image.pixels.0 > 0 && image.pixels.1 > 0);
        }
        Ok(())
    });
    run.expect("reading never fails");
}
