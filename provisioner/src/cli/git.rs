//! A file of a Git repository, by the installed `git`: nothing is checked out, nothing of the repository is run.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use spokegate_contract::limits::{FLOW_SET_BYTES_MAX, PARCEL_BYTES_MAX};

/// What is never done, whatever a repository or an address says.
const NEVER: [&str; 6] = [
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "protocol.ext.allow=never",
    "-c",
    "core.fsmonitor=false",
];
/// The folder of packages, beside the flows.
const MODULES: &str = "modules";
/// How their names end.
const PACKAGE: &str = ".tgz";
/// How repositories may be reached.
const PROTOCOLS: &str = "file:https:ssh";

/// What a commit has.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) content: Vec<u8>,
    /// Packages beside the file, with their paths.
    pub(super) packages: Vec<(String, Vec<u8>)>,
    /// The commit's id.
    pub(super) commit: String,
}

/// Fetches one commit and reads one file of it, and the packages in the folder `modules` beside that.
pub(super) fn show(repository: &str, reference: Option<&str>, path: &str) -> anyhow::Result<Found> {
    let reference = reference.unwrap_or("HEAD");
    for (what, text) in [
        ("repository", repository),
        ("ref", reference),
        ("path", path),
    ] {
        if text.is_empty() || text.starts_with('-') || text.contains(['\0', '\n']) {
            bail!("{text:?} is no {what}");
        }
    }
    let scratch = tempfile::tempdir().context("make a folder to fetch to")?;
    let folder = scratch.path();
    run(folder, &["init", "--quiet", "--bare", "."])?;
    let there = Path::new(repository);
    // Git takes what looks like no address for a folder, as seen from its own.
    let absolute = there.canonicalize().ok();
    let from = absolute
        .as_deref()
        .and_then(Path::to_str)
        .unwrap_or(repository);
    run(
        folder,
        &[
            "fetch",
            "--quiet",
            "--no-tags",
            "--depth=1",
            "--",
            from,
            reference,
        ],
    )
    .with_context(|| format!("fetch {reference} of {repository}"))?;
    let commit = run(folder, &["rev-parse", "--verify", "FETCH_HEAD^{commit}"])?;
    let commit = String::from_utf8(commit)?.trim().to_owned();
    let object = format!("{commit}:{path}");
    let content = run(folder, &["cat-file", "blob", &object])
        .with_context(|| format!("read {path} of {repository} at {commit}"))?;
    let packages = packages(folder, &commit, path)
        .with_context(|| format!("read {MODULES} of {repository} at {commit}"))?;
    Ok(Found {
        content,
        packages,
        commit,
    })
}

/// The packages beside a file.
fn packages(folder: &Path, commit: &str, path: &str) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let beside = match path.rsplit_once('/') {
        Some((beside, _)) => format!("{beside}/{MODULES}/"),
        None => format!("{MODULES}/"),
    };
    let listing = ["ls-tree", "-z", "--name-only", commit, "--", &beside];
    let listed = String::from_utf8(run(folder, &listing)?)?;
    let mut found = Vec::new();
    let mut room = PARCEL_BYTES_MAX;
    for name in listed.split('\0').filter(|name| name.ends_with(PACKAGE)) {
        let object = format!("{commit}:{name}");
        let packed = run_at_most(folder, &["cat-file", "blob", &object], room)?;
        room = room.saturating_sub(packed.len() as u64);
        found.push((name.to_owned(), packed));
    }
    Ok(found)
}

/// What git printed, cut past the most that a flow set may have.
fn run(folder: &Path, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
    run_at_most(folder, arguments, FLOW_SET_BYTES_MAX)
}

/// What git printed, cut past the most.
fn run_at_most(folder: &Path, arguments: &[&str], most: u64) -> anyhow::Result<Vec<u8>> {
    let mut child = Command::new("git")
        .args(NEVER)
        .args(arguments)
        .current_dir(folder)
        .env("GIT_ALLOW_PROTOCOL", PROTOCOLS)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .context("start git, hint: apt-get install git")?;
    let mut printed = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        let mut limited = pipe.take(most.saturating_add(1));
        limited
            .read_to_end(&mut printed)
            .context("read what git prints")?;
    }
    // One that still prints ends by the closed pipe; what it printed is too long then, which is told.
    let status = child.wait().context("wait for git")?;
    if !status.success() && printed.len() as u64 <= most {
        bail!(
            "git {} ended with {status}",
            arguments.first().unwrap_or(&"")
        );
    }
    Ok(printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str]| {
            let who = [
                "-c",
                "user.name=Alice Moreau",
                "-c",
                "user.email=alice@example.com",
            ];
            let status = Command::new("git")
                .args(who)
                .args(arguments)
                .current_dir(folder.path())
                .status();
            assert!(status.unwrap().success(), "{arguments:?}");
        };
        git(&["init", "--quiet", "--initial-branch=main", "."]);
        std::fs::write(folder.path().join("flows.json"), "[1]").unwrap();
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", "one"]);
        git(&["tag", "v1"]);
        std::fs::create_dir(folder.path().join("office")).unwrap();
        std::fs::write(folder.path().join("office/flows.json"), "[2]").unwrap();
        std::fs::create_dir(folder.path().join("office/modules")).unwrap();
        for name in ["x-1.0.0.tgz", "notes.txt"] {
            std::fs::write(folder.path().join("office/modules").join(name), name).unwrap();
        }
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", "two"]);
        folder
    }

    #[test]
    fn a_file_is_read_as_a_commit_has_it() {
        let folder = repository();
        let place = folder.path().to_str().unwrap();
        // What is not committed does not count.
        std::fs::write(folder.path().join("flows.json"), "[9]").unwrap();
        let newest = show(place, None, "flows.json").unwrap();
        assert_eq!(newest.content, b"[1]");
        assert_eq!(newest.commit.len(), 40);
        assert_eq!(
            show(place, None, "office/flows.json").unwrap().content,
            b"[2]"
        );
        let office = show(place, None, "office/flows.json").unwrap().packages;
        let name = "office/modules/x-1.0.0.tgz".to_owned();
        assert_eq!(office, [(name, b"x-1.0.0.tgz".to_vec())]);
        assert_eq!(newest.packages, []);
        let tagged = show(place, Some("v1"), "flows.json").unwrap();
        assert_ne!(tagged.commit, newest.commit);
        assert!(show(place, Some("v1"), "office/flows.json").is_err());
        assert!(show(place, Some("none"), "flows.json").is_err());
        assert!(show(place, None, "../flows.json").is_err());
    }

    #[test]
    fn what_could_be_an_option_or_a_command_is_refused() {
        let folder = repository();
        let place = folder.path().to_str().unwrap();
        let marker = folder.path().join("ran");
        let run = format!("ext::sh -c touch%20{}", marker.display());
        for (repository, reference, path) in [
            ("--upload-pack=touch", None, "flows.json"),
            (place, Some("--upload-pack=touch"), "flows.json"),
            (place, None, "--batch"),
            (run.as_str(), None, "flows.json"),
            ("http://localhost:9/x", None, "flows.json"),
        ] {
            assert!(show(repository, reference, path).is_err(), "{repository}");
        }
        assert!(!marker.exists());
    }
}
