//! What a template must not hold: macros, embedded programs, names that leave the package, document types.

use std::collections::HashSet;

use crate::error::TemplateError;

/// The next step for most refusals.
pub(super) const SAVE_AGAIN: &str =
    "make the template in Word and save it as \"Word Document (*.docx)\"";

/// Pieces of entry names, in lower case, and what they give away.
const ACTIVE_NAMES: &[(&str, &str)] = &[
    ("vbaproject", "macros"),
    ("vbadata", "macros"),
    ("activex/", "an ActiveX control"),
    ("oleobject", "an embedded OLE object"),
    ("customui/", "a ribbon of its own"),
    ("webextension", "a web add-in"),
];

/// Endings of entries that are programs, or documents of kinds that can hold some.
const ACTIVE_ENDINGS: &[&str] = &[
    "bat", "chm", "cmd", "com", "cpl", "dll", "docm", "dotm", "exe", "hta", "htm", "html", "inf",
    "iso", "jar", "js", "jse", "lnk", "mht", "mhtml", "msi", "one", "potm", "ppam", "pps", "pptm",
    "ps1", "py", "reg", "rtf", "scf", "scr", "sct", "sh", "swf", "url", "vb", "vbe", "vbs", "wsf",
    "xhtml", "xlam", "xlsb", "xlsm", "xltm",
];

/// Pieces of content types and of relationship types, in lower case.
const ACTIVE_TYPES: &[(&str, &str)] = &[
    ("macroenabled", "macros"),
    ("vbaproject", "macros"),
    ("activex", "an ActiveX control"),
    ("relationships/control", "an ActiveX control"),
    ("oleobject", "an embedded OLE object"),
    ("relationships/aFChunk", "an embedded foreign document"),
    ("relationships/subdocument", "a linked sub-document"),
    ("keymapcustomizations", "keys that start macros"),
    ("attachedtoolbars", "toolbars of its own"),
    ("ui/extensibility", "a ribbon of its own"),
    ("relationships/customui", "a ribbon of its own"),
    ("webextension", "a web add-in"),
    (
        "relationships/mailmerge",
        "a mail merge with its data source",
    ),
    (
        "relationships/recipientdata",
        "a mail merge with its data source",
    ),
    ("x-shockwave-flash", "a Flash film"),
];

/// Checks all entry names at once.
pub(super) fn names(names: &[String], repeated: bool) -> Result<(), TemplateError> {
    let mut seen = HashSet::new();
    for name in names {
        let lower = name.to_ascii_lowercase();
        let escapes = name.starts_with('/')
            || name.contains(['\\', ':', '\0'])
            || name
                .split('/')
                .any(|segment| segment == ".." || segment == ".");
        if escapes || name.is_empty() {
            return Err(refused(
                name,
                "an entry name that leaves the package",
                SAVE_AGAIN,
            ));
        }
        if let Some((_, what)) = ACTIVE_NAMES.iter().find(|(piece, _)| lower.contains(piece)) {
            return Err(refused(name, what, "remove it in Word and save again"));
        }
        let ending = lower.rsplit_once('.').map_or("", |(_, ending)| ending);
        if ACTIVE_ENDINGS.contains(&ending) {
            let what = format!("a .{ending} file, which can be a program");
            return Err(refused(name, &what, "remove it in Word and save again"));
        }
        if !seen.insert(lower) {
            return Err(refused(name, "the same entry twice", SAVE_AGAIN));
        }
    }
    if repeated {
        return Err(refused("zip directory", "the same entry twice", SAVE_AGAIN));
    }
    Ok(())
}

/// Checks one declared content type.
pub(super) fn content_type(kind: &str) -> Result<(), TemplateError> {
    active_type("[Content_Types].xml", kind)?;
    if kind.contains("wordprocessingml.template.main") {
        return Err(refused(
            "[Content_Types].xml",
            "a Word template type (.dotx)",
            SAVE_AGAIN,
        ));
    }
    Ok(())
}

/// Checks one content type or relationship type.
pub(super) fn active_type(entry: &str, kind: &str) -> Result<(), TemplateError> {
    let lower = kind.to_ascii_lowercase();
    let found = ACTIVE_TYPES
        .iter()
        .find(|(piece, _)| lower.contains(&piece.to_ascii_lowercase()));
    match found {
        Some((_, what)) => Err(refused(entry, what, "remove it in Word and save again")),
        None => Ok(()),
    }
}

/// Refuses a document type declaration in any encoding: they can read files and explode in size.
pub(super) fn document_type(entry: &str, bytes: &[u8]) -> Result<(), TemplateError> {
    const DECLARATION: &[u8] = b"<!DOCTYPE";
    let plain = |bytes: &[u8]| bytes.windows(DECLARATION.len()).any(|w| w == DECLARATION);
    // A UTF-16 part reads as UTF-8 once its zero bytes are gone.
    let found = if bytes.contains(&0) {
        plain(
            &bytes
                .iter()
                .copied()
                .filter(|&b| b != 0)
                .collect::<Vec<u8>>(),
        )
    } else {
        plain(bytes)
    };
    if found {
        return Err(refused(entry, "a document type declaration", SAVE_AGAIN));
    }
    Ok(())
}

pub(super) fn refused(entry: &str, what: &str, hint: &'static str) -> TemplateError {
    TemplateError::Refused {
        entry: entry.to_owned(),
        what: what.to_owned(),
        hint,
    }
}
