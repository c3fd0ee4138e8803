//! Which kind of file a run makes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A Word document, or a PDF made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// `.docx`
    #[serde(rename = "docx")]
    Word,
    /// `.pdf`
    #[serde(rename = "pdf")]
    Pdf,
}

impl Format {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Word, Self::Pdf];

    /// The ending of its files, and its name in forms.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Word => "docx",
            Self::Pdf => "pdf",
        }
    }

    /// What people call it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Word => "Word document",
            Self::Pdf => "PDF",
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
}

/// What a run is to end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Formats {
    /// A Word document.
    #[default]
    #[serde(rename = "docx")]
    Word,
    /// A PDF.
    #[serde(rename = "pdf")]
    Pdf,
    /// A Word document, and a PDF of it.
    #[serde(rename = "both")]
    Both,
}

impl Formats {
    /// The word in forms and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Word => "docx",
            Self::Pdf => "pdf",
            Self::Both => "both",
        }
    }

    /// Whether such a file is among them.
    #[must_use]
    pub fn has(self, format: Format) -> bool {
        match self {
            Self::Word => format == Format::Word,
            Self::Pdf => format == Format::Pdf,
            Self::Both => true,
        }
    }

    /// The first of them: what a download is when it does not say.
    #[must_use]
    pub fn first(self) -> Format {
        match self {
            Self::Word | Self::Both => Format::Word,
            Self::Pdf => Format::Pdf,
        }
    }
}

/// A word that names no files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("files are \"docx\", \"pdf\" or \"both\"")]
pub struct NoFormats;

impl FromStr for Formats {
    type Err = NoFormats;

    fn from_str(text: &str) -> Result<Self, NoFormats> {
        let mut all = [Self::Word, Self::Pdf, Self::Both].into_iter();
        all.find(|formats| formats.as_str() == text)
            .ok_or(NoFormats)
    }
}

impl fmt::Display for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A finished file of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// Its kind.
    pub format: Format,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
    /// The same of the file that was made, where somebody edited it afterwards; empty otherwise.
    #[serde(default)]
    pub made: String,
}
