//! The promise: in one batch each customer's document carries that customer's own name, address and logo, and the service's
//! where the customer has none.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Cursor, Read as _, Write as _};
use std::time::Duration;

use spokegate_demo::client::{Browser, Page};
use spokegate_demo::{Fabric, Options, SourceChoice};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

const PATIENCE: Duration = Duration::from_secs(300);
const REPORT: &str = "/reports/customer-overview";
const LIBRARY: &str = "/templates/customer-overview";
/// What the documents say, a line a paragraph.
const LETTER: &str = "{%p if brand.logo %}\n{{ brand.logo|image }}\n{%p endif %}\n\
     From {{ brand.name }}, {{ brand.address }}; by {{ brand.service.name }}; about {{ tenants[0].id }}";

/// A logo whose width tells it from others.
fn logo(width: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, 40);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    let pixels = vec![120; width as usize * 40];
    writer.write_image_data(&pixels).unwrap();
    drop(writer);
    file
}

/// A Word file with these paragraphs.
fn word(paragraphs: &str) -> Vec<u8> {
    const NAMES: &str = "http://schemas.openxmlformats.org";
    let kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";
    let paragraph = |line: &str| format!("<w:p><w:r><w:t>{line}</w:t></w:r></w:p>");
    let body: String = paragraphs.lines().map(paragraph).collect();
    let types = format!(
        "<Types xmlns=\"{NAMES}/package/2006/content-types\"><Default Extension=\"rels\" \
         ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Override PartName=\"/word/document.xml\" ContentType=\"{kind}\"/></Types>"
    );
    let relationships = format!(
        "<Relationships xmlns=\"{NAMES}/package/2006/relationships\"><Relationship Id=\"rId1\" \
         Type=\"{NAMES}/officeDocument/2006/relationships/officeDocument\" Target=\"word/document.xml\"/></Relationships>"
    );
    let document = format!(
        "<w:document xmlns:w=\"{NAMES}/wordprocessingml/2006/main\"><w:body>{body}</w:body></w:document>"
    );
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, text) in [
        ("[Content_Types].xml", types),
        ("_rels/.rels", relationships),
        ("word/document.xml", document),
    ] {
        writer
            .start_file(path, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Sets a brand on its page, which then shows it.
async fn set(carol: &mut Browser, path: &str, fields: &[(&str, &str)], logo: &[u8]) {
    let page = carol.get(path).await.unwrap();
    let set = carol.upload(&page, path, fields, ("logo", logo)).await;
    let set = set.unwrap();
    assert_eq!((set.status(), set.path()), (200, path), "{}", set.text());
}

/// Makes the letter the report's template.
async fn letter(carol: &mut Browser) {
    let page = carol.get(LIBRARY).await.unwrap();
    let file = word(LETTER);
    let action = format!("{LIBRARY}/upload");
    let uploaded = carol
        .upload(&page, &action, &[("note", "Letter")], ("template", &file))
        .await
        .unwrap();
    assert_eq!(
        uploaded.path(),
        format!("{LIBRARY}/1"),
        "{}",
        uploaded.text()
    );
    let action = format!("{LIBRARY}/1/activate");
    let active = carol.submit(&uploaded, &action, &[]).await.unwrap();
    assert_eq!(active.status(), 200, "{}", active.text());
}

/// Orders a document for each customer; gives the batch's page once all have ended.
async fn batch(alice: &mut Browser) -> Page {
    let form = alice.get(REPORT).await.unwrap();
    let fields = [
        ("title", "Letter"),
        ("audience", "technical"),
        ("for-all", "yes"),
        ("as-many", "each"),
    ];
    let mut page = alice.submit(&form, REPORT, &fields).await.unwrap();
    let place = page.path().to_owned();
    assert!(place.starts_with("/batches/"), "{}", page.text());
    let over = async {
        while !page.text().contains("Download all") {
            tokio::time::sleep(Duration::from_millis(500)).await;
            page = alice.get(&place).await.unwrap();
        }
        page
    };
    tokio::time::timeout(PATIENCE, over).await.unwrap()
}

/// The words and the pictures of each document in an archive.
fn documents(archive: &[u8]) -> Vec<(String, Vec<Vec<u8>>)> {
    let mut found = Vec::new();
    for (name, file) in parts(archive) {
        if !name.ends_with(".docx") {
            continue;
        }
        let of_document = parts(&file);
        let is_picture = |(name, _): &&(String, Vec<u8>)| name.starts_with("word/media/");
        let pictures = of_document.iter().filter(is_picture);
        let pictures = pictures.map(|(_, file)| file.clone()).collect();
        let main = of_document
            .iter()
            .find(|(name, _)| name == "word/document.xml");
        let xml = String::from_utf8(main.unwrap().1.clone()).unwrap();
        found.push((xml, pictures));
    }
    found
}

fn parts(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(file)).unwrap();
    let mut parts = Vec::new();
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).unwrap();
        parts.push((part.name().unwrap().into_owned(), bytes));
    }
    parts
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_of_one_batch_carry_each_their_customers_name_and_logo() {
    let options = Options {
        source: SourceChoice::BuiltIn,
        ..Options::sample().unwrap()
    };
    let fabric = Fabric::start(options).await.unwrap();
    let mut carol = fabric.admin_browser().unwrap();
    carol.sign_in("carol", fabric.password()).await.unwrap();
    let service = [("name", "Northwind IT"), ("address", "1 Quay")];
    set(&mut carol, "/branding", &service, &logo(60)).await;
    let acme = [("name", "Acme Dental"), ("address", "2 Hill")];
    set(&mut carol, "/customers/acme/brand", &acme, &logo(80)).await;
    let globex = [("name", "Globex")];
    set(&mut carol, "/customers/globex/brand", &globex, &logo(100)).await;
    letter(&mut carol).await;

    let mut alice = fabric.browser().unwrap();
    alice.sign_in("alice", fabric.password()).await.unwrap();
    let check = async |alice: &mut Browser, expected: [(&str, Vec<u8>); 2]| {
        let page = batch(alice).await;
        assert!(page.text().contains("2 done"), "{}", page.text());
        let path = format!("{}/download", page.path());
        let archive = alice.get(&path).await.unwrap();
        let documents = documents(archive.bytes());
        assert_eq!(documents.len(), 2);
        for (words, picture) in expected {
            let own = documents.iter().find(|(xml, _)| xml.contains(words));
            let own = own.unwrap_or_else(|| panic!("{words} is in none of {documents:?}"));
            assert_eq!(own.1, [picture], "{words}");
        }
    };
    let of_acme = "From Acme Dental, 2 Hill; by Northwind IT; about acme";
    let of_globex = "From Globex, 1 Quay; by Northwind IT; about globex";
    check(&mut alice, [(of_acme, logo(80)), (of_globex, logo(100))]).await;
    // Without a brand of its own a customer has the service's, and the other one keeps its own.
    let page = carol.get("/customers/globex/brand").await.unwrap();
    let removed = carol
        .submit(&page, "/customers/globex/brand/remove", &[])
        .await;
    assert_eq!(removed.unwrap().path(), "/branding");
    let of_globex = "From Northwind IT, 1 Quay; by Northwind IT; about globex";
    check(&mut alice, [(of_acme, logo(80)), (of_globex, logo(60))]).await;
    fabric.shutdown().await;
}
