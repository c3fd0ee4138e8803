//! The pictures of a report's folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::load::Loader;

/// The folder in a report's folder.
const FOLDER: &str = "pictures";
/// Most pictures of one report.
pub(crate) const PICTURES_MAX: usize = 64;
/// Most bytes of all its pictures.
pub(crate) const PICTURES_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Longest name.
const NAME_CHARS_MAX: usize = 64;
/// What a picture's file may end in.
const ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "gif"];

impl Loader<'_> {
    /// The pictures of a report, by their files' names without the ending.
    pub(super) fn pictures(&mut self, folder: &Path) -> BTreeMap<String, Arc<[u8]>> {
        let mut pictures = BTreeMap::new();
        let mut bytes_left = PICTURES_BYTES_MAX;
        for file in self.picture_files(&folder.join(FOLDER)) {
            let at = format!("{FOLDER}/{file}");
            let Some(name) = name(&file) else {
                self.fault(&at, format!(
                    "is not called like a picture: 1 to {NAME_CHARS_MAX} letters, digits, - and _ before .png, .jpg, .jpeg or .gif"
                ));
                continue;
            };
            if pictures.contains_key(name) {
                self.fault(&at, format!("is a second picture called \"{name}\""));
                continue;
            }
            let size = std::fs::metadata(folder.join(&at)).map_or(0, |about| about.len());
            if size > bytes_left {
                self.fault(
                    &at,
                    format!("with it the pictures are larger than {PICTURES_BYTES_MAX} bytes"),
                );
                continue;
            }
            bytes_left -= size;
            if let Some(bytes) = self.read(folder, &at) {
                pictures.insert(name.to_owned(), bytes.into());
            }
        }
        pictures
    }

    /// The names of the files in this folder, where it is there; those that begin with a dot are left alone.
    fn picture_files(&mut self, folder: &Path) -> Vec<String> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                self.fault(FOLDER, format!("cannot be read: {error}"));
                return Vec::new();
            }
        };
        let names = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        if names.len() > PICTURES_MAX {
            let count = names.len();
            self.fault(
                FOLDER,
                format!("at most {PICTURES_MAX} pictures, not {count}"),
            );
            names.clear();
        }
        names
    }
}

/// What a picture in this file is called.
fn name(file: &str) -> Option<&str> {
    let (name, ending) = file.rsplit_once('.')?;
    let is_picture = ENDINGS
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known));
    let fits = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let is_name =
        !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && name.chars().all(fits);
    (is_picture && is_name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_called_like_its_file() {
        let check = |file: &str, expected: Option<&str>| assert_eq!(name(file), expected, "{file}");
        check("logo.png", Some("logo"));
        check("site-plan_2.JPEG", Some("site-plan_2"));
        check("Müller.gif", Some("Müller"));
        check("logo.svg", None);
        check("logo", None);
        check(".png", None);
        check("a b.png", None);
        check("a.b.png", None);
        check(&format!("{}.png", "x".repeat(64)), Some(&"x".repeat(64)));
        check(&format!("{}.png", "x".repeat(65)), None);
    }
}
