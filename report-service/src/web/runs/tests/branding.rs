//! Name, address, colour and logo: set, seen on pages and in documents, refused.

use super::*;
use crate::testing::word;

use base64::Engine as _;

/// A PNG file whose pixels are all there.
pub(super) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    let pixels: Vec<u8> = (0..width * height).map(|at| (at % 251) as u8).collect();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    drop(writer);
    file
}

/// A JPEG file of 16 by 16 pixels.
const JPEG: &str = "\
    /9j/4AAQSkZJRgABAQEASABIAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAx\
    NDQ0Hyc5PTgyPC4zNDL/2wBDAQkJCQwLDBgNDRgyIRwhMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIy\
    MjIyMjIyMjL/wAARCAAQABADASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUF\
    BAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVW\
    V1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi\
    4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAEC\
    AxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVm\
    Z2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq\
    8vP09fb3+Pn6/9oADAMBAAIRAxEAPwD3+ivj6itOQ9X+zP734f8ABP/Z\
    ";

fn jpeg() -> Vec<u8> {
    base64::engine::general_purpose::STANDARD
        .decode(JPEG)
        .unwrap()
}

/// One whose pixels are cut off in the middle.
fn half(file: Vec<u8>) -> Vec<u8> {
    file[..file.len() / 2].to_vec()
}

/// Fields, a logo, and what is said.
type Case<'a> = (&'a [(&'a str, &'a str)], Vec<u8>, &'a str);

impl Browser<'_> {
    async fn brand(&self, fields: &[(&str, &str)], logo: &[u8]) -> Response {
        self.brand_at("/branding", fields, logo).await
    }

    pub(super) async fn brand_at(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        logo: &[u8],
    ) -> Response {
        let token = csrf::token_for(&self.token);
        let part = |name: &str, value: &str| {
            format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let mut body = part("csrf", &token);
        fields
            .iter()
            .for_each(|(name, value)| body.push_str(&part(name, value)));
        body.push_str(
            "--b\r\ncontent-disposition: form-data; name=\"logo\"; filename=\"x.png\"\r\n\r\n",
        );
        let body = [body.as_bytes(), logo, b"\r\n--b--\r\n"].concat();
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::ORIGIN, "https://localhost")
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
        self.ask(request, Body::from(body)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_the_name_the_colour_and_the_logo_that_were_set() {
    let bench = Bench::new().await;
    let carol = bench.browser("carol", Site::Admin).await;
    let alice = bench.browser("alice", Site::Forms).await;
    let fields = [("name", "Müller & Co"), ("colour", "#7a1f5c")];
    let set = carol.brand(&fields, &png(300, 80)).await;
    assert_eq!(set.status(), StatusCode::SEE_OTHER, "{}", text(set).await);
    let (_, page) = alice.get("/").await;
    for expected in [
        "<span>Müller &#38; Co</span>",
        "/branding/colour.css?v=7a1f5c",
        "/branding/logo?v=",
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    let (_, style) = alice.get("/branding/colour.css?v=7a1f5c").await;
    assert!(style.contains("--accent: #7a1f5c;"), "{style}");
    assert_eq!(alice.bytes("/branding/logo").await, png(300, 80));
    let (_, page) = carol.get("/branding").await;
    assert!(
        page.contains("Müller &#38; Co Administration") && page.contains("value=\"#7a1f5c\""),
        "{page}"
    );
    assert!(
        page.contains("at most 512 KB; each side has 16 to 2000 pixels"),
        "{page}"
    );
    // Whoever comes to sign in sees whose service it is.
    let stranger = Browser {
        token: String::new(),
        ..bench.browser("nobody", Site::Forms).await
    };
    let (_, page) = stranger.get("/sign-in").await;
    for expected in [
        "<span>Müller &#38; Co</span>",
        "/branding/colour.css?v=7a1f5c",
        "/branding/logo?v=",
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    assert_eq!(stranger.bytes("/branding/logo").await, png(300, 80));
    let answer = carol.brand(&fields, &jpeg()).await;
    assert_eq!(
        answer.status(),
        StatusCode::SEE_OTHER,
        "{}",
        text(answer).await
    );
    carol.brand(&fields, &png(300, 80)).await;
    // Without a file the logo stays; it goes when it is asked to.
    carol.brand(&[("name", "Müller")], b"").await;
    assert_eq!(alice.bytes("/branding/logo").await, png(300, 80));
    carol.brand(&[("no-logo", "yes")], b"").await;
    assert_eq!(alice.get("/branding/logo").await.0, StatusCode::NOT_FOUND);
    let (_, page) = alice.get("/").await;
    assert!(
        page.contains("Spokegate Reports") && !page.contains("colour.css"),
        "{page}"
    );
    let store = &bench.service.state().store;
    let records = store.audit_page(None, 100).await.unwrap();
    let acts = records.iter().filter(|it| it.action == "branding.set");
    assert_eq!(acts.count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_or_shown_is_refused_and_changes_nothing() {
    let bench = Bench::new().await;
    let carol = bench.browser("carol", Site::Admin).await;
    let long = "x".repeat(61);
    let cases: [Case<'_>; 9] = [
        (&[("colour", "#ffdd00")], Vec::new(), "at least 4.5 to 1"),
        (
            &[("colour", "yellow")],
            Vec::new(),
            "six hexadecimal digits",
        ),
        (&[("name", &long)], Vec::new(), "at most 60 characters"),
        (&[], png(8, 8), "each side must have 16 to 2000"),
        (&[], half(png(300, 80)), "cannot be drawn"),
        (&[], half(jpeg()), "cannot be drawn"),
        (&[], b"<svg xmlns='x'/>".to_vec(), "SVG drawing"),
        (&[], b"GIF89a\x20\0\x20\0\0\0\0".to_vec(), "PNG or JPEG"),
        (&[], vec![0; 512 * 1024 + 1], "larger than 512 KB"),
    ];
    for (fields, logo, expected) in cases {
        let answer = carol.brand(fields, &logo).await;
        assert_eq!(
            answer.status(),
            StatusCode::UNPROCESSABLE_ENTITY,
            "{expected}"
        );
        let page = text(answer).await;
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    let large = carol.brand(&[], &vec![0; 1 << 20]).await;
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let plain = carol.post("/branding", &[("name", "Plain")]).await;
    assert_eq!(
        plain.status(),
        StatusCode::BAD_REQUEST,
        "no form with a file"
    );
    let store = &bench.service.state().store;
    assert_eq!(
        store.brand().await.unwrap(),
        crate::branding::Brand::default()
    );
    // It is an administrator's page: the other listener has none.
    let alice = bench.browser("alice", Site::Forms).await;
    assert_eq!(alice.get("/branding").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_have_the_name_of_the_brand() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let carol = bench.browser("carol", Site::Admin).await;
    let alice = bench.browser("alice", Site::Forms).await;
    let fields = [("name", "Müller IT"), ("colour", "#7a1f5c")];
    carol.brand(&fields, &png(300, 80)).await;
    let token = csrf::token_for(&carol.token);
    let here = "/templates/customer-overview";
    let template = word(&[
        "Made by {{ brand.name }} in {{ brand.colour }}",
        "{{ 'brand-logo'|image }}",
    ]);
    let path = format!("{here}/upload");
    carol.upload_as("template", &path, &token, &template).await;
    let active = carol.post(&format!("{here}/1/activate"), &[]).await;
    assert_eq!(active.status(), StatusCode::SEE_OTHER);
    let place = alice.start().await;
    bench.answer(0).await;
    let ended = alice.json(&format!("{place}?wait_ms=30000")).await;
    assert_eq!(ended["state"], "done", "{ended}");
    let made = alice.bytes(&format!("{place}/download")).await;
    let mut made = zip::ZipArchive::new(std::io::Cursor::new(made)).unwrap();
    assert!(
        made.file_names()
            .any(|name| name.unwrap().starts_with("word/media/"))
    );
    let mut part = made.by_name("word/document.xml").unwrap();
    let mut xml = String::new();
    std::io::Read::read_to_string(&mut part, &mut xml).unwrap();
    assert!(xml.contains("Made by Müller IT in #7a1f5c"), "{xml}");
    // The logo is a part of what the document was made of, and the proof knows it.
    carol.brand(&[("no-logo", "yes")], b"").await;
    let proof = text(alice.post(&format!("{place}/proof"), &[]).await).await;
    assert!(proof.contains(">holds<"), "{proof}");
    // Without a logo the template that asks for it by name makes no document, and says so.
    let told = async |expected: bool| {
        carol.post("/health/look", &[]).await;
        let words = "their active template cannot be used";
        while carol.get("/health").await.1.contains(words) != expected {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    let patience = std::time::Duration::from_secs(120);
    tokio::time::timeout(patience, told(true)).await.unwrap();
    let (_, page) = carol.get(here).await;
    assert!(
        page.contains("no longer fits") && page.contains("brand-logo"),
        "{page}"
    );
    carol.brand(&fields, &png(300, 80)).await;
    tokio::time::timeout(patience, told(false)).await.unwrap();
}
