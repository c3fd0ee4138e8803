//! Finds tags in the joined text of a paragraph.

mod scan;

pub(crate) use scan::scan;

/// What the braces mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TagKind {
    /// `{{ }}`
    Variable,
    /// `{% %}`
    Statement,
    /// `{# #}`, and the marks of `{% raw %}`.
    Comment,
}

/// The element that a tag stands for instead of its place in the text: `{%tr %}` and its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lift {
    Run,
    Paragraph,
    Cell,
    Row,
}

impl Lift {
    /// The element's name in WordprocessingML.
    pub(crate) fn element(self) -> &'static str {
        match self {
            Self::Run => "w:r",
            Self::Paragraph => "w:p",
            Self::Cell => "w:tc",
            Self::Row => "w:tr",
        }
    }

    /// The element's name for people.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Paragraph => "paragraph",
            Self::Cell => "table cell",
            Self::Row => "table row",
        }
    }
}

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    /// Where it begins and ends in the raw joined text.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: TagKind,
    pub(crate) lift: Option<Lift>,
    /// What stands between the braces: decoded, quotes made straight, trimmed.
    pub(crate) body: String,
    /// `{%-` and `-%}`.
    pub(crate) trim: (bool, bool),
}

impl Tag {
    /// The tag as its author sees it.
    pub(crate) fn shown(&self) -> String {
        let lift = match self.lift {
            Some(Lift::Run) => "r",
            Some(Lift::Paragraph) => "p",
            Some(Lift::Cell) => "tc",
            Some(Lift::Row) => "tr",
            None => "",
        };
        let (open, close) = match self.kind {
            TagKind::Variable => ("{{", "}}"),
            TagKind::Statement => ("{%", "%}"),
            TagKind::Comment => ("{#", "#}"),
        };
        format!("{open}{lift} {} {close}", self.body)
    }

    /// The statement's first word.
    pub(crate) fn keyword(&self) -> &str {
        let end = self
            .body
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        &self.body[..end.unwrap_or(self.body.len())]
    }

    /// What follows the first word.
    pub(crate) fn rest(&self) -> &str {
        self.body[self.keyword().len()..].trim()
    }
}

/// A tag that begins and never ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unclosed {
    /// What the text shows from there on, shortened.
    pub(crate) shown: String,
    /// The tags before it.
    pub(crate) before: Vec<Tag>,
}

#[cfg(test)]
mod tests;
