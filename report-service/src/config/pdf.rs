//! PDF beside Word: `[pdf]`.

use std::path::PathBuf;

use serde::Deserialize;
use spokegate_confine::SandboxMode;
use spokegate_daemon::config::{Faults, Section};

/// How PDFs are made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PdfConfig {
    /// LibreOffice's `soffice`; empty, or not there: Word documents only.
    pub program: PathBuf,
    /// Poppler's `pdftoppm`, which makes pictures of pages; empty, or not there: no previews.
    pub pictures: PathBuf,
    /// Whether every layer of its confinement must hold.
    pub sandbox: SandboxMode,
    /// Memory that it may map, in MB.
    pub memory_mb: u32,
    /// Longest time, in seconds.
    pub limit_s: u32,
    /// Largest file that it may write, in MB.
    pub document_mb: u32,
    /// PDFs made at the same time; more wait.
    pub concurrent_max: u32,
    /// Rows of a table that are laid out together; longer tables are cut, with their header rows repeated.
    pub table_rows: u32,
}

impl Default for PdfConfig {
    /// As `defaults.toml` has it.
    fn default() -> Self {
        Self {
            program: "/usr/bin/soffice".into(),
            pictures: "/usr/bin/pdftoppm".into(),
            sandbox: SandboxMode::Require,
            memory_mb: 3_072,
            limit_s: 300,
            document_mb: 512,
            concurrent_max: 2,
            table_rows: 250,
        }
    }
}

impl Section for PdfConfig {
    fn validate(&self, faults: &mut Faults) {
        let bounds = [
            ("memory_mb", self.memory_mb, 512..=65_536),
            ("limit_s", self.limit_s, 5..=3_600),
            ("document_mb", self.document_mb, 1..=4_096),
            ("concurrent_max", self.concurrent_max, 1..=64),
            ("table_rows", self.table_rows, 10..=100_000),
        ];
        for (key, value, allowed) in bounds {
            faults.bounds(key, value, allowed);
        }
    }
}
