//! The text of a document, to see that two engines made the same.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use zip::ZipArchive;

/// What the main text shows, without blanks.
pub(super) fn of(document: &Path) -> anyhow::Result<String> {
    let file = File::open(document).with_context(|| format!("open {}", document.display()))?;
    let mut archive = ZipArchive::new(file).context("read the package")?;
    let mut xml = String::new();
    let mut part = archive
        .by_name("word/document.xml")
        .context("find the text")?;
    part.read_to_string(&mut xml).context("read the text")?;
    Ok(shown(&xml))
}

fn shown(xml: &str) -> String {
    let pieces = xml.split("<w:t").skip(1);
    let texts = pieces.filter(|piece| piece.starts_with(['>', ' ']));
    let texts = texts.filter_map(|piece| {
        let (_, rest) = piece.split_once('>')?;
        rest.split('<').next()
    });
    let text: String = texts
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace())
        .collect();
    let decoded = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&gt;", ">"),
        ("&lt;", "<"),
        ("&amp;", "&"),
    ];
    decoded
        .iter()
        .fold(text, |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn text_is_what_stands_in_text_elements() {
        let xml = "<w:tbl><w:p><w:r><w:t xml:space=\"preserve\">a &amp; </w:t><w:tab/><w:t>&lt;b&#39;</w:t></w:r></w:p>";
        assert_eq!(shown(xml), "a&<b'");
    }
}
