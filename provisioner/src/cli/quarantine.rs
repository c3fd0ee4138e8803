//! `spokegate quarantine`: for the machine that keeps the private key, which need not be connected to anything.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use spokegate_identity::quarantine::{self, FILE_BYTES_MAX, Opened};
use spokegate_identity::sealed::OpeningKey;
use zeroize::Zeroizing;

use super::moment;
use crate::files::{Access, write_new, write_private};

/// The private key's file.
const KEY: &str = "quarantine.key";
/// The public key's file.
const PUBLIC_KEY: &str = "quarantine.pub";
/// Digits of a key and a line's end, and some room.
const KEY_BYTES_MAX: u64 = 128;
/// Bytes of a message that are shown as digits.
const SHOWN_BYTES: usize = 256;
/// Bytes on one line.
const LINE_BYTES: usize = 16;

#[derive(Debug, Subcommand)]
pub(super) enum QuarantineVerb {
    /// Makes the key pair: quarantine.key stays on this machine, quarantine.pub goes to the sanitizers
    Keygen {
        /// The folder that both are written to
        #[arg(long, value_name = "DIR")]
        directory: PathBuf,
    },
    /// Opens a file that was carried here from a sanitizer's quarantine
    Open {
        /// The file
        file: PathBuf,
        /// The file of the private key
        #[arg(long = "key", value_name = "FILE")]
        key_file: PathBuf,
        /// Writes the message as it came into a new file; it may hold anything, so look at it with care
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

impl QuarantineVerb {
    pub(super) fn run(self) -> anyhow::Result<String> {
        match self {
            Self::Keygen { directory } => keygen(&directory),
            Self::Open {
                file,
                key_file,
                output,
            } => open(&file, &key_file, output.as_deref()),
        }
    }
}

fn keygen(directory: &Path) -> anyhow::Result<String> {
    let key = OpeningKey::generate();
    let private = Zeroizing::new(format!("{}\n", key.to_stored().as_str()));
    let public = format!("{}\n", key.recipient());
    write_new(
        directory,
        &[
            (KEY, Access::OwnerReads, private.as_bytes()),
            (PUBLIC_KEY, Access::Everyone, public.as_bytes()),
        ],
    )?;
    Ok(format!(
        "public key {}\nwritten: {} (keep it secret, and on this machine alone)\n         {} (quarantine.recipient_file of the sanitizers)\n",
        key.recipient(),
        directory.join(KEY).display(),
        directory.join(PUBLIC_KEY).display()
    ))
}

fn open(path: &Path, key_file: &Path, output: Option<&Path>) -> anyhow::Result<String> {
    let key = read_key(key_file)?;
    let what = || format!("open {}", path.display());
    let mut file = Vec::new();
    let limit = FILE_BYTES_MAX as u64 + 1;
    std::fs::File::open(path)
        .and_then(|source| source.take(limit).read_to_end(&mut file))
        .with_context(what)?;
    if file.len() > FILE_BYTES_MAX {
        bail!("open {}: it is too large for a quarantine", path.display());
    }
    let opened = quarantine::open(&key, &file).with_context(what)?;
    let mut text = told(&opened);
    match output {
        Some(output) => {
            write_private(output, &opened.message)?;
            let _ = writeln!(text, "written    {}", output.display());
        }
        None => text.push_str(&digits(&opened.message)),
    }
    Ok(text)
}

fn read_key(path: &Path) -> anyhow::Result<OpeningKey> {
    let what = || format!("read the private key {}", path.display());
    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(path)
        .and_then(|file| file.take(KEY_BYTES_MAX).read_to_string(&mut text))
        .with_context(what)?;
    OpeningKey::from_stored(text.trim()).map_err(|_| {
        anyhow::anyhow!(
            "{} holds no private key of a quarantine, hint: `spokegate quarantine keygen` made it as {KEY}",
            path.display()
        )
    })
}

/// What is known of a message, line by line. Texts of the satellite's making are escaped.
fn told(opened: &Opened) -> String {
    let whole = &opened.whole;
    let plain = &whole.plain;
    let dataset = plain.dataset.as_ref().map(ToString::to_string);
    let mut text = String::new();
    for (name, value) in [
        ("id", plain.file.to_string()),
        ("satellite", format!("{}/{}", plain.tenant, plain.satellite)),
        ("came", moment(plain.at)),
        ("channel", plain.channel.escape_default().to_string()),
        ("dataset", dataset.unwrap_or_else(|| "-".to_owned())),
        ("reason", plain.reason.escape_default().to_string()),
        ("rule", whole.rule.escape_default().to_string()),
        ("place", whole.pointer.escape_default().to_string()),
        ("request", whole.id.map_or("-".into(), |id| id.to_string())),
        ("sha256", whole.sha256.escape_default().to_string()),
        ("bytes", plain.size_bytes.to_string()),
    ] {
        let _ = writeln!(text, "{name:<10} {value}");
    }
    let kept = opened.message.len();
    if kept as u64 != plain.size_bytes {
        let _ = writeln!(
            text,
            "warning    only the first {kept} bytes of the message were kept"
        );
    }
    if !opened.plain_is_true {
        text.push_str(
            "warning    the plain text of the file says otherwise: somebody altered it\n",
        );
    }
    text
}

/// The head of a message as hexadecimal digits and letters; nothing of it reaches the terminal as it is.
fn digits(message: &[u8]) -> String {
    let shown = message.get(..SHOWN_BYTES).unwrap_or(message);
    let mut text = String::new();
    for (number, line) in shown.chunks(LINE_BYTES).enumerate() {
        let letter = |byte: &u8| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        };
        let hexadecimal: String = line.iter().map(|byte| format!("{byte:02x} ")).collect();
        let letters: String = line.iter().map(letter).collect();
        let _ = writeln!(
            text,
            "{:08x}   {hexadecimal:<48} {letters}",
            number * LINE_BYTES
        );
    }
    if shown.len() < message.len() {
        let _ = writeln!(
            text,
            "and {} bytes more, hint: --output FILE writes all of it",
            message.len() - shown.len()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_as_digits_and_no_control_character_passes() {
        let message: Vec<u8> = (0..=255).chain(*b"more").collect();
        let text = digits(&message);
        assert!(
            text.chars()
                .all(|c| c == '\n' || c.is_ascii_graphic() || c == ' ')
        );
        assert!(text.starts_with(
            "00000000   00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ................\n"
        ));
        assert!(text.contains("48 49 4a") && text.contains("HIJ"), "{text}");
        assert!(text.ends_with("and 4 bytes more, hint: --output FILE writes all of it\n"));
        assert_eq!(digits(b""), "");
    }
}
