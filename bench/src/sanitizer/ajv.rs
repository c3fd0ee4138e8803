//! The peer: JSON.parse, ajv, JSON.stringify, in a Node process of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;

use super::load::{Load, Size};

/// Where the peer's script and its modules are.
pub(super) struct Peer {
    folder: PathBuf,
    files: TempDir,
}

/// Microseconds of one message.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    pub(super) whole_us: f64,
    pub(super) alone_us: f64,
}

impl Peer {
    pub(super) fn new(folder: &Path, schemas: &Path) -> anyhow::Result<Self> {
        ensure!(
            folder.join("node_modules/ajv").is_dir(),
            "the peer's modules are not installed, hint: deploy/node-red/setup.sh bench/peer"
        );
        let files = tempfile::tempdir().context("make a folder for the peer's input")?;
        let Load { schema, .. } = Load::new(Size::Small, schemas)?;
        let table = json!({ "type": "array", "items": schema });
        std::fs::write(files.path().join("schema.json"), table.to_string())
            .context("write the peer's schema")?;
        Ok(Self {
            folder: folder.to_owned(),
            files,
        })
    }

    pub(super) fn measure(&self, load: &Load, stretch: Duration) -> anyhow::Result<Told> {
        let data = self.files.path().join("data.json");
        std::fs::write(&data, &load.json).context("write the peer's data")?;
        let output = Command::new("node")
            .arg("validate.js")
            .arg(self.files.path().join("schema.json"))
            .arg(&data)
            .arg(stretch.as_secs_f64().to_string())
            .current_dir(&self.folder)
            .output()
            .context("start node; hint: apt-get install nodejs npm")?;
        ensure!(
            output.status.success(),
            "the peer failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).context("read the peer's line")
    }
}
