//! Real directories, started by the scripts of the tests.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, ensure};

/// A running directory; it goes when dropped.
#[derive(Debug)]
pub(super) struct Directory {
    script: PathBuf,
    environment: Vec<(String, String)>,
    values: HashMap<String, String>,
    _folder: tempfile::TempDir,
}

impl Directory {
    /// Runs a script of `tests/testbed` that starts one with so many people of the crowd.
    pub(super) fn start(repository: &Path, script: &str, crowd: usize) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("make a folder")?;
        let mut environment = vec![
            ("DIR".to_owned(), folder.path().display().to_string()),
            ("CROWD".to_owned(), crowd.to_string()),
        ];
        for port in ["PORT", "TLS_PORT", "GC_PORT"] {
            environment.push((port.to_owned(), super::process::free_port()?.to_string()));
        }
        let mut directory = Self {
            script: repository.join("tests/testbed").join(script),
            environment,
            values: HashMap::new(),
            _folder: folder,
        };
        let output = directory.run("start")?;
        ensure!(
            output.status.success(),
            "{script}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = std::fs::read_to_string(directory._folder.path().join("env"))
            .context("read what the script wrote")?;
        directory.values = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
            .collect();
        Ok(directory)
    }

    /// A value that the script wrote, such as `LDAPS_URL`.
    pub(super) fn get(&self, name: &str) -> anyhow::Result<&str> {
        let value = self.values.get(name);
        value
            .map(String::as_str)
            .with_context(|| format!("the directory has no {name}"))
    }

    /// Whom a person of the crowd binds as.
    pub(super) fn bind_name(&self, uid: &str) -> anyhow::Result<String> {
        Ok(match self.values.get("LDAP_UPN_SUFFIX") {
            Some(domain) => format!("{uid}@{domain}"),
            None => format!("uid={uid},ou=People,{}", self.get("LDAP_BASE")?),
        })
    }

    fn run(&self, verb: &str) -> anyhow::Result<Output> {
        Command::new(&self.script)
            .arg(verb)
            .envs(self.environment.clone())
            .output()
            .with_context(|| format!("run {}", self.script.display()))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = self.run("wipe");
    }
}
