//! Tables of contents: what stands in the document is of the time when the template was saved, so LibreOffice is told to
//! make them anew before it writes the PDF. Its command line has no word for that; a macro of the profile has. Macros of
//! documents stay off, and a document without such a table needs none.

use std::io;
use std::path::Path;

use super::split;

/// What LibreOffice is started with.
pub(super) const MACRO: &str = "macro:///Standard.Spokegate.ToPdf";

/// The files of the profile that hold the macro. The document is the `out.docx` of the folder that `HOME` names.
const FILES: [(&str, &str); 5] = [
    ("script.xlc", include_str!("contents/script.xlc")),
    ("dialog.xlc", include_str!("contents/dialog.xlc")),
    (
        "Standard/script.xlb",
        include_str!("contents/Standard/script.xlb"),
    ),
    (
        "Standard/dialog.xlb",
        include_str!("contents/Standard/dialog.xlb"),
    ),
    (
        "Standard/Spokegate.xba",
        include_str!("contents/Standard/Spokegate.xba"),
    ),
];

/// Puts the macro into a profile.
pub(super) fn write_macro(profile: &Path) -> io::Result<()> {
    let basic = profile.join("user/basic");
    std::fs::create_dir_all(basic.join("Standard"))?;
    FILES
        .iter()
        .try_for_each(|(name, content)| std::fs::write(basic.join(name), content))
}

/// Whether a document has a table of contents.
pub(super) fn has(document: &Path) -> io::Result<bool> {
    Ok(has_field(&split::open(document)?.1))
}

/// Whether markup has a field of that kind. The code of a field may be cut into several runs.
fn has_field(text: &str) -> bool {
    let (mut codes, mut at) = (String::new(), 0);
    while let Some(start) = text
        .get(at..)
        .and_then(|rest| rest.find('<'))
        .map(|found| at + found)
    {
        let Some((tag, end)) = split::tag(text, start) else {
            break;
        };
        match tag.name {
            "w:fldChar" => codes.push(' '),
            "w:fldSimple" if tag.opens => {
                // The values of its attributes, each behind a quote.
                codes.push_str(&tag.raw.replace(['"', '\''], " "));
            }
            "w:instrText" if tag.opens => {
                let code = text.get(end..).and_then(|rest| rest.split('<').next());
                codes.push_str(code.unwrap_or_default());
            }
            _ => {}
        }
        at = end;
    }
    codes
        .split_whitespace()
        .any(|word| word.eq_ignore_ascii_case("TOC"))
}

#[cfg(test)]
mod tests {
    use super::has_field;

    #[test]
    fn a_table_of_contents_is_known_by_its_field() {
        let check = |body: &str, expected| {
            let text = format!("<?xml ?><!-- TOC --><w:body>{body}</w:body>");
            assert_eq!(has_field(&text), expected, "{body}");
        };
        let code = |codes: &[&str]| -> String {
            let runs = codes.iter().map(|code| {
                format!("<w:r><w:instrText xml:space=\"preserve\">{code}</w:instrText></w:r>")
            });
            let end = "<w:r><w:fldChar w:fldCharType=\"begin\"/></w:r>";
            format!("{end}{}{end}", runs.collect::<String>())
        };
        check(&code(&[" TOC \\o &quot;1-3&quot;"]), true);
        check(&code(&["TOC"]), true);
        check(&code(&["toc \\h"]), true);
        check(&code(&[" T", "OC \\h"]), true);
        check(&(code(&["PAGE"]) + &code(&["TOC"])), true);
        check(
            "<w:fldSimple w:instr=\"TOC \\o\"><w:r/></w:fldSimple>",
            true,
        );
        check("<w:fldSimple w:instr=' TOC'/>", true);
        check("<w:t>TOC \\o</w:t>", false);
        check(&code(&["PAGEREF _Toc123 \\h"]), false);
        check(&code(&["REF TOC1"]), false);
        check(
            "<w:fldSimple w:instr=\"PAGE\"><w:r><w:t>TOC</w:t></w:r></w:fldSimple>",
            false,
        );
        check("", false);
    }
}
