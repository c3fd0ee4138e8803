//! Text classes: which texts `x-text` lets in, beyond what no text may hold.

/// A class that `x-text` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextClass {
    /// Printable ASCII without spaces.
    Ident,
    /// One line of any script.
    Line,
    /// Lines with LF and TAB.
    Block,
    /// A line that no spreadsheet takes for a formula.
    Cell,
    /// Base64.
    OpaqueBase64,
}

impl TextClass {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ident" => Self::Ident,
            "line" => Self::Line,
            "block" => Self::Block,
            "cell" => Self::Cell,
            "opaque-b64" => Self::OpaqueBase64,
            _ => return None,
        })
    }

    pub(super) fn allows(self, text: &str) -> bool {
        let is_line = !text.contains(['\n', '\t']);
        match self {
            Self::Block => true,
            Self::Line => is_line,
            Self::Ident => text.bytes().all(|byte| byte.is_ascii_graphic()),
            Self::Cell => is_line && !leads_formula(text),
            Self::OpaqueBase64 => text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte)),
        }
    }
}

/// Whether a spreadsheet may take the text for a formula (OWASP ASVS 1.2.10).
fn leads_formula(text: &str) -> bool {
    let mut characters = text.chars();
    match characters.next() {
        Some('=' | '@' | '＝' | '＠' | '＋' | '－') => true,
        Some('+' | '-') => !characters.next().is_some_and(|next| next.is_ascii_digit()),
        _ => false,
    }
}
