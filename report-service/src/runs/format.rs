//! Which kind of file a run makes.

/// A Word document, or a PDF made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `.docx`
    Word,
    /// `.pdf`
    Pdf,
}

impl Format {
    /// The ending of its files, and its name in forms.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Word => "docx",
            Self::Pdf => "pdf",
        }
    }

    /// What browsers are told.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Word => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Pdf => "application/pdf",
        }
    }

    /// The format of a file's name.
    #[must_use]
    pub fn of(file_name: &str) -> Self {
        if file_name.ends_with(".pdf") {
            Self::Pdf
        } else {
            Self::Word
        }
    }
}
