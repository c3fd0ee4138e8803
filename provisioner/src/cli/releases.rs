//! `spokegate release`: versions of the agent. Key and signature are for a machine that need not be connected to anything.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use sha2::{Digest as _, Sha256};
use spokegate_contract::limits::PARCEL_BYTES_MAX;
use spokegate_identity::SigningKey;
use spokegate_identity::release::{
    Architecture, RELEASE_BYTES_MAX, Release, ReleaseKeys, SignedRelease, Version,
};
use zeroize::Zeroizing;

use super::{Directory, moment, wait_for};
use crate::files::{Access, write_new, write_private};

/// The private key's file.
const KEY: &str = "release.key";
/// The public key's file.
const PUBLIC_KEYS: &str = "release.keys";
/// A key in PEM, or eight public ones with a comment each.
const KEY_BYTES_MAX: u64 = 4_096;
/// How an executable begins, and where in it stands what machine it is for.
const ELF: &[u8] = b"\x7fELF";
const MACHINE_AT: usize = 18;

#[derive(Debug, Subcommand)]
pub(super) enum ReleaseVerb {
    /// Makes the key pair: release.key stays on a machine that is not connected, release.keys goes to the satellites
    Keygen {
        /// The folder that both are written to
        #[arg(long, value_name = "DIR")]
        directory: PathBuf,
    },
    /// Signs a built agent, on the machine that keeps the key
    Sign {
        /// The executable: spokegate-agent-amd64 or spokegate-agent-arm64
        program: PathBuf,
        /// Which version it is
        #[arg(long)]
        version: Version,
        /// The file of the private key
        #[arg(long = "key", value_name = "FILE")]
        key_file: PathBuf,
        /// A new file for the signed release
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Takes a signed agent in, so that satellites can be told to run it
    Add {
        #[command(flatten)]
        directory: Directory,
        /// The executable
        program: PathBuf,
        /// What `sign` wrote for it
        #[arg(long, value_name = "FILE")]
        release: PathBuf,
        /// The file of the release keys, as the satellites have it
        #[arg(long, value_name = "FILE")]
        release_keys: PathBuf,
    },
    /// Lists the versions that satellites can be told to run, newest first
    List {
        #[command(flatten)]
        directory: Directory,
    },
}

impl ReleaseVerb {
    pub(super) fn run(self, now_ms: u64) -> anyhow::Result<String> {
        match self {
            Self::Keygen { directory } => keygen(&directory),
            Self::Sign {
                program,
                version,
                key_file,
                output,
            } => sign(&program, version, &key_file, &output),
            Self::Add {
                directory,
                program,
                release,
                release_keys,
            } => add(&directory, &program, (&release, &release_keys), now_ms),
            Self::List { directory } => list(&directory),
        }
    }
}

fn keygen(directory: &Path) -> anyhow::Result<String> {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("make a key")?;
    let private = Zeroizing::new(pair.serialize_pem());
    let key = SigningKey::from_pem(&private)?.public_key();
    let public =
        format!("# Releases of the agent are signed with the key of one of these lines.\n{key}\n");
    write_new(
        directory,
        &[
            (KEY, Access::OwnerReads, private.as_bytes()),
            (PUBLIC_KEYS, Access::Everyone, public.as_bytes()),
        ],
    )?;
    Ok(format!(
        "release key {}\nwritten: {} (keep it secret, and on this machine alone)\n         {} (beside install.sh, or /etc/spokegate/{PUBLIC_KEYS} of the satellites)\n",
        key.fingerprint(),
        directory.join(KEY).display(),
        directory.join(PUBLIC_KEYS).display()
    ))
}

fn sign(program: &Path, version: Version, key: &Path, output: &Path) -> anyhow::Result<String> {
    let pem = Zeroizing::new(read(key, KEY_BYTES_MAX)?);
    let key = SigningKey::from_pem(&pem)
        .with_context(|| format!("read the release key {}", key.display()))?;
    let (architecture, digest, bytes) = examine(program)?;
    let release = Release {
        version,
        architecture,
        digest,
        bytes,
    };
    let text = release.sign(&key)?.to_json() + "\n";
    write_private(output, text.as_bytes()).context("keep the signed release")?;
    Ok(format!(
        "signed {version} for {architecture}, {bytes} bytes, in {}\n",
        output.display()
    ))
}

/// What an executable is for, its SHA-256 and its length.
fn examine(program: &Path) -> anyhow::Result<(Architecture, [u8; 32], u64)> {
    let what = || format!("read the agent {}", program.display());
    let mut bytes = Vec::new();
    File::open(program)
        .and_then(|file| file.take(PARCEL_BYTES_MAX + 1).read_to_end(&mut bytes))
        .with_context(what)?;
    if bytes.len() as u64 > PARCEL_BYTES_MAX {
        bail!(
            "{} has more than {PARCEL_BYTES_MAX} bytes, the most that goes to a satellite",
            program.display()
        );
    }
    let machine = bytes.get(MACHINE_AT..MACHINE_AT + 2);
    let architecture = match machine.filter(|_| bytes.starts_with(ELF)) {
        Some([62, 0]) => Architecture::Amd64,
        Some([183, 0]) => Architecture::Arm64,
        _ => bail!(
            "{} is no Linux program for amd64 or arm64, hint: `make satellite-packages` builds both",
            program.display()
        ),
    };
    Ok((
        architecture,
        Sha256::digest(&bytes).into(),
        bytes.len() as u64,
    ))
}

fn add(
    directory: &Directory,
    program: &Path,
    (release, keys): (&Path, &Path),
    now_ms: u64,
) -> anyhow::Result<String> {
    let signed =
        SignedRelease::from_json(read(release, RELEASE_BYTES_MAX as u64)?.trim().as_bytes())
            .with_context(|| format!("read {}", release.display()))?;
    let keys: ReleaseKeys = read(keys, KEY_BYTES_MAX)?
        .parse()
        .with_context(|| format!("read {}", keys.display()))?;
    wait_for(async {
        let office = directory.open().await?;
        office
            .add_release((&signed, &keys), program, now_ms)
            .await
            .with_context(|| format!("take {} in", program.display()))?;
        office.close().await;
        Ok(format!(
            "{} for {} can be given to satellites: spokegate satellite update --version {0}\n",
            signed.version(),
            signed.architecture()
        ))
    })
}

fn list(directory: &Directory) -> anyhow::Result<String> {
    wait_for(async {
        let releases = directory.open().await?.registry().releases().await?;
        let mut text = String::new();
        for release in &releases {
            let (version, machine) = (release.signed.version(), release.signed.architecture());
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{version}  {machine}  added {}",
                moment(release.added_at_ms)
            );
        }
        Ok(text)
    })
}

fn read(path: &Path, bytes_max: u64) -> anyhow::Result<String> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(bytes_max).read_to_string(&mut text))
        .with_context(|| format!("read {}", path.display()))?;
    Ok(text)
}
