//! Configurations of the service.

use spokegate_daemon::config::Layered;

use crate::config::{Config, DEFAULTS};

/// Everything that is required.
pub(crate) const GOOD: &str = r#"
[forms.tls]
certificate = "web.crt"
key = "web.key"
[admin.tls]
certificate = "web.crt"
key = "web.key"
[directory]
urls = ["ldaps://dc1.corp.test"]
ca = "ca.crt"
base = "dc=corp,dc=test"
bind_dn = "cn=svc,dc=corp,dc=test"
bind_password_file = "bind.secret"
[roles]
forms_groups = ["reports-users"]
admin_groups = ["reports-admins"]
"#;

/// The configuration, or all its faults.
pub(crate) fn load(text: &str) -> Result<Config, String> {
    let layers = Layered::new("reports", DEFAULTS)
        .no_environment()
        .text("reports.toml", text);
    layers.load().map_err(|faults| faults.to_string())
}
