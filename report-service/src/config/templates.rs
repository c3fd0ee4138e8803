//! What people may upload as templates: `[templates]`.

use serde::Deserialize;
use spokegate_daemon::config::{Faults, Section};

/// The bounds of the library of templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct TemplatesConfig {
    /// Largest upload, in MB.
    pub upload_mb: u32,
    /// Most versions of one report; removed ones do not count.
    pub versions_max: u32,
}

impl TemplatesConfig {
    /// Largest upload with its form, in bytes.
    #[must_use]
    pub fn upload_bytes(&self) -> usize {
        self.upload_mb as usize * 1024 * 1024
    }
}

impl Default for TemplatesConfig {
    /// As `defaults.toml` has it.
    fn default() -> Self {
        Self {
            upload_mb: 16,
            versions_max: 50,
        }
    }
}

impl Section for TemplatesConfig {
    fn validate(&self, faults: &mut Faults) {
        faults.bounds("upload_mb", self.upload_mb, 1..=32);
        faults.bounds("versions_max", self.versions_max, 1..=1_000);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, DEFAULTS, TemplatesConfig};
    use spokegate_daemon::config::Layered;

    #[test]
    fn allowed_and_refused() {
        // Everything else that is missing is told as well.
        let check = |key: &str, refused: bool| {
            let layers = Layered::<Config>::new("REPORTS", DEFAULTS).no_environment();
            let told = layers.flag(format!("templates.{key}")).load().unwrap_err();
            assert_eq!(
                told.to_string().contains("templates."),
                refused,
                "{key}: {told}"
            );
        };
        for (key, refused) in [
            ("upload_mb=1", false),
            ("upload_mb=32", false),
            ("upload_mb=0", true),
            ("upload_mb=33", true),
            ("versions_max=1000", false),
            ("versions_max=0", true),
            ("versions_max=1001", true),
            ("upload=1", true),
        ] {
            check(key, refused);
        }
        assert_eq!(TemplatesConfig::default().upload_bytes(), 16 << 20);
    }
}
