//! The folder of dataset contracts, for verbs that need these alone and no service around them.

use std::path::{Path, PathBuf};

use spokegate_contract::Registry;
use spokegate_daemon::cli::ConfigArgs;
use toml::Table;

use crate::config::DEFAULTS;

/// The key that names it.
const KEY: &str = "schemas";
/// The same in the environment.
const VARIABLE: &str = "SPOKEGATE_REPORTS__SCHEMAS";
/// The file that is read where none is named.
const USUAL: &str = "/etc/spokegate/reports.toml";

/// The contracts of the folder that was named, or of the configuration's. Of a configuration nothing else is read, so
/// that it may be unfinished, or not there.
///
/// # Errors
/// When the folder holds no contracts that can be used.
pub(crate) fn open(named: Option<&Path>, files: &ConfigArgs) -> Result<Registry, String> {
    let folder = match named {
        Some(folder) => folder.to_owned(),
        None => configured(files)?,
    };
    Registry::open(&folder).map_err(|error| told(&folder, &error))
}

/// What is wrong with contracts, and how to name others.
pub(crate) fn told(folder: &Path, error: &dyn std::fmt::Display) -> String {
    let folder = folder.display();
    format!("{folder}: {error}\nhint: --schemas names the folder of dataset contracts")
}

fn configured(files: &ConfigArgs) -> Result<PathBuf, String> {
    let usual = PathBuf::from(USUAL);
    let file = files
        .config
        .clone()
        .or_else(|| usual.exists().then_some(usual));
    let text = match &file {
        Some(file) => std::fs::read_to_string(file).map_err(|error| told(file, &error))?,
        None => String::new(),
    };
    let variable = std::env::var(VARIABLE).ok();
    chosen(&files.set, variable, &text).map_err(|error| told(&file.unwrap_or_default(), &error))
}

/// The last flag, or the environment's, or the file's, or the default.
fn chosen(flags: &[String], variable: Option<String>, file: &str) -> Result<PathBuf, String> {
    let flag = flags.iter().rev().find_map(|flag| {
        let (key, value) = flag.split_once('=')?;
        (key.trim() == KEY).then(|| value.to_owned())
    });
    if let Some(folder) = flag.or(variable) {
        return Ok(folder.into());
    }
    let mut file: Table =
        toml::from_str(file).map_err(|error| format!("is not TOML: {}", error.message()))?;
    let mut defaults: Table = toml::from_str(DEFAULTS).expect("the defaults are TOML");
    match file.remove(KEY).or_else(|| defaults.remove(KEY)) {
        Some(toml::Value::String(folder)) => Ok(folder.into()),
        _ => Err(format!("`{KEY}` is no text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_found_without_the_rest_of_a_configuration() {
        let check = |flags: &[&str], variable: Option<&str>, file: &str, expected: &str| {
            let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
            let found = chosen(&flags, variable.map(str::to_owned), file).unwrap();
            assert_eq!(found, Path::new(expected), "{flags:?} {variable:?} {file}");
        };
        let file = "schemas = \"/f\"\nunknown = 1\n[forms]\nlisten = 7";
        check(&[], None, "", "/usr/share/spokegate/schemas");
        check(&[], None, "[forms]", "/usr/share/spokegate/schemas");
        check(&[], None, file, "/f");
        check(&[], Some("/e"), file, "/e");
        check(&["schemas=/a", "schemas=/b"], Some("/e"), file, "/b");
        check(&["reports=/a"], None, file, "/f");
    }

    #[test]
    fn what_names_no_folder_is_refused() {
        let check = |file: &str, expected: &str| {
            let fault = chosen(&[], None, file).unwrap_err();
            assert!(fault.contains(expected), "{fault}");
        };
        check("schemas = ", "is not TOML");
        check("schemas = 7", "`schemas` is no text");
    }
}
