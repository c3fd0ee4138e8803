//! What additions must know of the template's package, read when it is asked for.

use std::collections::HashSet;
use std::sync::OnceLock;

use crate::package::{Package, Part};
use crate::xml::{self, Kind};

use super::relationships;
use super::styles::Styles;

/// The page's width between margins when a template does not say, in twentieths of a point: A4 with 2.5 cm.
const TEXT_WIDTH: u32 = 9_070;

/// The template's package, seen by additions.
#[derive(Debug)]
pub(crate) struct Original {
    package: Package,
    /// Entry names in lower case.
    names: HashSet<String>,
    main: String,
    drawing_id: u32,
    text_width: u32,
    styles: OnceLock<Styles>,
}

impl Original {
    pub(crate) fn new(package: Package, parts: &[Part]) -> Self {
        let main = parts.iter().find(|part| part.is_main);
        let names = package.names().into_iter();
        let ids = parts.iter().map(|part| highest_id(&part.xml));
        Self {
            names: names.map(|name| name.to_ascii_lowercase()).collect(),
            main: main.map_or_else(String::new, |part| part.entry.clone()),
            drawing_id: ids.max().unwrap_or(0),
            text_width: main
                .and_then(|part| text_width(&part.xml))
                .unwrap_or(TEXT_WIDTH),
            package,
            styles: OnceLock::new(),
        }
    }

    /// The package, to be copied from.
    pub(crate) fn package(&self) -> Package {
        self.package.clone()
    }

    /// The entry of the main document.
    pub(crate) fn main(&self) -> &str {
        &self.main
    }

    /// True for an entry name, in lower case, that is taken.
    pub(crate) fn has(&self, lower: &str) -> bool {
        self.names.contains(lower)
    }

    /// The highest number of a drawing or bookmark in the template.
    pub(crate) fn drawing_id(&self) -> u32 {
        self.drawing_id
    }

    /// The width between the margins of the last section's page, in twentieths of a point.
    pub(crate) fn text_width(&self) -> u32 {
        self.text_width
    }

    /// An entry of the template, inflated.
    pub(crate) fn bytes(&self, entry: &str) -> Option<Vec<u8>> {
        self.package.clone().read(entry)
    }

    /// An entry of the template as text.
    pub(crate) fn text(&self, entry: &str) -> Option<String> {
        String::from_utf8(self.bytes(entry)?).ok()
    }

    /// The entry that the main document is related to by this word of the type's end: `styles`, `numbering`.
    pub(crate) fn related(&self, kind: &str) -> Option<String> {
        relationships::target(&self.main, &self.relationships(&self.main)?, kind)
    }

    /// The template's styles.
    pub(crate) fn styles(&self) -> &Styles {
        self.styles.get_or_init(|| {
            let text = self.related("styles").and_then(|entry| self.text(&entry));
            Styles::read(text.as_deref().unwrap_or_default())
        })
    }

    /// The relationships part of an entry.
    pub(crate) fn relationships(&self, part: &str) -> Option<String> {
        self.text(&relationships::entry_of(part))
    }
}

/// The highest number among drawings and bookmarks.
fn highest_id(text: &str) -> u32 {
    let number = |(element, name): (&str, &str)| {
        let tags = text.match_indices(element).filter_map(|(at, _)| {
            let rest = &text[at..];
            xml::attribute(&rest[..rest.find('>')?], name)?.parse().ok()
        });
        tags.max().unwrap_or(0)
    };
    let elements = [("<wp:docPr ", "id"), ("<w:bookmarkStart ", "w:id")];
    elements.into_iter().map(number).max().unwrap_or(0)
}

fn text_width(text: &str) -> Option<u32> {
    let section = &text[text.rfind("<w:sectPr")?..];
    let number = |element: &str, name: &str| -> Option<u32> {
        let rest = &section[section.find(element)?..];
        xml::attribute(&rest[..rest.find('>')?], name)?.parse().ok()
    };
    let page = number("<w:pgSz", "w:w")?;
    let margins = number("<w:pgMar", "w:left")? + number("<w:pgMar", "w:right")?;
    page.checked_sub(margins).filter(|&width| width > 0)
}

/// Adds children at the end of a document's root element; they are given the root's prefix (`ct:` or nothing).
pub(super) fn append(text: &str, children: impl FnOnce(&str, &mut String)) -> String {
    let tokens = xml::tokenize(text).unwrap_or_default();
    let root = tokens
        .iter()
        .find(|token| matches!(token.kind, Kind::Open | Kind::Empty));
    let Some(root) = root else {
        return text.to_owned();
    };
    let prefix = root.name.find(':').map_or("", |at| &root.name[..=at]);
    let mut out = String::with_capacity(text.len() + 256);
    if root.kind == Kind::Empty {
        let (before, after) = text.split_once(root.raw).unwrap_or((text, ""));
        out.push_str(before);
        out.push_str(root.raw.trim_end_matches("/>"));
        out.push('>');
        children(prefix, &mut out);
        out.push_str(&format!("</{}>{after}", root.name));
    } else {
        let at = text.rfind("</").unwrap_or(text.len());
        out.push_str(&text[..at]);
        children(prefix, &mut out);
        out.push_str(&text[at..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{append, highest_id, text_width};

    #[test]
    fn children_are_added_to_the_root_with_its_prefix() {
        let check = |text: &str, expected: &str| {
            let got = append(text, |prefix, out| out.push_str(&format!("<{prefix}b/>")));
            assert_eq!(got, expected);
        };
        check("<?xml?>\n<a><c/></a>\n", "<?xml?>\n<a><c/><b/></a>\n");
        check("<x:a y='1' />", "<x:a y='1' ><x:b/></x:a>");
        check("<x:a></x:a>", "<x:a><x:b/></x:a>");
        check("", "");
    }

    #[test]
    fn ids_and_widths_are_read() {
        let text = "<wp:docPr id=\"4\" name=\"x\"/><wp:docPr name='y' id='12'/><w:bookmarkStart w:id=\"7\"/>";
        assert_eq!(highest_id(text), 12);
        assert_eq!(highest_id("<w:p/>"), 0);
        let section = |page: u32| {
            format!(
                "<w:sectPr><w:pgSz w:w=\"{page}\" w:h=\"9\"/><w:pgMar w:top=\"1\" w:right=\"1000\" w:left=\"1500\"/></w:sectPr>"
            )
        };
        assert_eq!(text_width(&section(11_906)), Some(9_406));
        assert_eq!(text_width(&section(2_000)), None);
        assert_eq!(text_width("<w:p/>"), None);
    }
}
