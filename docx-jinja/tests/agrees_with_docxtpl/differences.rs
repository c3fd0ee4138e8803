//! Where our documents differ from docxtpl's on purpose, and why.

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Formatting only: text, structure and PDF text are the same.
    Looks,
    /// Formatting, and with it the numbers of lists that the PDF shows.
    Numbers,
    /// Text or structure.
    Text,
    /// docxtpl makes no document; its error is pinned.
    TheirsFails,
}

/// A difference that is meant.
pub(crate) struct Difference {
    /// The template.
    pub(crate) name: &'static str,
    pub(crate) reach: Reach,
    /// Stands in a line of ours, and in none of docxtpl's.
    pub(crate) ours: &'static str,
    /// Stands in a line of docxtpl's, or in its error.
    pub(crate) theirs: &'static str,
    /// Why ours is as it is.
    pub(crate) why: &'static str,
}

/// All of them.
pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        name: "value null",
        reach: Reach::Text,
        ours: "p \"[]\"",
        theirs: "p \"[None]\"",
        why: "a value that is null prints nothing; docxtpl prints Python's word for it",
    },
    Difference {
        name: "split with text behind it",
        reach: Reach::Looks,
        ours: "[<color val=C00000>] \" behind\"",
        theirs: " behind\"",
        why: "text behind a tag keeps its own look; docxtpl gives it the look of the tag",
    },
    Difference {
        name: "python-docx: looks",
        reach: Reach::Looks,
        ours: "[<u val=single>] \" in \"",
        theirs: "\"Köln in \"",
        why: "text behind a tag keeps its own look; docxtpl gives it the look of the tag",
    },
    Difference {
        name: "python-docx: lists",
        reach: Reach::Numbers,
        ours: "<numPr<ilvl val=0>",
        theirs: "<pStyle val=ListNumber>>",
        why: "a numbered list inside a loop begins anew in each round; docxtpl goes on counting",
    },
    Difference {
        name: "macro",
        reach: Reach::Text,
        ours: "[x & y TB]",
        theirs: "[x &amp; y TB]",
        why: "an ampersand inside a tag is one character; docxtpl escapes it twice",
    },
    Difference {
        name: "filters of text",
        reach: Reach::Text,
        ours: "a&b",
        theirs: "a&amp;b",
        why: "an ampersand inside a tag is one character; docxtpl escapes it twice",
    },
    Difference {
        name: "table without rows",
        reach: Reach::Text,
        ours: "tbl",
        theirs: "After",
        why: "a table that ends up without rows gets one, since Word does not open it otherwise",
    },
    Difference {
        name: "cell condition",
        reach: Reach::Looks,
        ours: "<gridCol w=2000><gridCol w=2000><gridCol w=2000>",
        theirs: "<gridCol w=3333>",
        why: "columns keep the widths that the template draws; docxtpl evens them out",
    },
    Difference {
        name: "endnote",
        reach: Reach::Text,
        ours: "Acme",
        theirs: "{{ customer.name }}",
        why: "endnotes are filled; docxtpl leaves them",
    },
    Difference {
        name: "core properties",
        reach: Reach::Text,
        ours: "keywords: Aug, Sep, Oct",
        theirs: "keywords: {{",
        why: "all core properties are filled; docxtpl leaves some",
    },
    Difference {
        name: "python-docx: properties",
        reach: Reach::Text,
        ours: "subject: Acme & S",
        theirs: "subject: Acme &amp; S",
        why: "properties are escaped once; docxtpl escapes them twice",
    },
    Difference {
        name: "rich text",
        reach: Reach::Looks,
        ours: "<b><bCs>",
        theirs: "[<b>]",
        why: "bold and italics hold for scripts such as Hebrew too",
    },
    Difference {
        name: "rich text in a table",
        reach: Reach::Looks,
        ours: "<b><bCs>",
        theirs: "[<b>]",
        why: "bold and italics hold for scripts such as Hebrew too",
    },
    Difference {
        name: "rich text in a look",
        reach: Reach::Looks,
        ours: "<rStyle val=Strong><sz val=28>",
        theirs: "[<rStyle val=Strong>]",
        why: "rich text begins with the look of its place; docxtpl drops it, and that of the text behind",
    },
    Difference {
        name: "page break of a value",
        reach: Reach::Text,
        ours: "before\\u{c}after",
        theirs: "p \"before\"",
        why: "a page break stays in its paragraph, whose look goes on; docxtpl cuts it in three",
    },
    Difference {
        name: "columns merged",
        reach: Reach::Looks,
        ours: "<tcW type=dxa w=6000>",
        theirs: "<tcW type=dxa w=2000>",
        why: "a cell over several columns is as wide as they are",
    },
    Difference {
        name: "hyperlink",
        reach: Reach::Looks,
        ours: "[<rStyle val=Hyperlink>] \"our page\"",
        theirs: "[] \"our page\"",
        why: "a link looks like one, in the template's style for links; docxtpl leaves that to the host",
    },
];
