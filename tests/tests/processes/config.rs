//! The configuration files, as an operator writes them.

use std::net::SocketAddr;
use std::path::Path;

use spokegate_contract::{Address, TenantId};
use spokegate_demo::directory::{BASE, SERVICE_DN};
use spokegate_identity::TlsFiles;

use super::authority::TRUST_DOMAIN;
use super::users;

/// A path as a TOML string.
fn quoted(path: &Path) -> String {
    toml::Value::String(path.to_string_lossy().into_owned()).to_string()
}

/// `certificate`, `key` and `ca` of a section.
fn tls(files: &TlsFiles) -> String {
    format!(
        "certificate = {}\nkey = {}\nca = {}\n",
        quoted(&files.certificate),
        quoted(&files.key),
        quoted(&files.ca)
    )
}

pub(super) fn broker(listen: SocketAddr, files: &TlsFiles, list: &Path) -> String {
    format!(
        "trust_domain = \"{TRUST_DOMAIN}\"\n[tls]\ncertificate = {}\nkey = {}\nclient_ca = {}\n\
         [revocation]\ncrl_file = {}\n[[listener]]\nkind = \"mtls\"\naddress = \"{listen}\"\n",
        quoted(&files.certificate),
        quoted(&files.key),
        quoted(&files.ca),
        quoted(list),
    )
}

/// What a sanitizer stands between.
pub(super) struct Sanitizer<'a> {
    pub(super) tenants: &'a [TenantId],
    pub(super) schemas: &'a Path,
    pub(super) broker: SocketAddr,
    pub(super) listen: SocketAddr,
    pub(super) outer: &'a TlsFiles,
    pub(super) inner: &'a TlsFiles,
    pub(super) seal: &'a Path,
    pub(super) quarantine: &'a Path,
    pub(super) more: &'a str,
}

pub(super) fn sanitizer(about: &Sanitizer<'_>) -> String {
    let tenants: Vec<_> = about.tenants.iter().map(TenantId::as_str).collect();
    format!(
        "trust_domain = \"{TRUST_DOMAIN}\"\ntenants = {tenants:?}\nenrolment = false\nschemas = {schemas}\n\
         [broker]\naddress = \"{broker}\"\nserver_name = \"localhost\"\n[broker.tls]\n{outer}\
         [inner]\nlisten = \"{listen}\"\n[inner.tls]\n{inner}\
         [seal]\nkey_file = {seal}\n[quarantine]\ndirectory = {quarantine}\nrecipient_file = {recipient}\n{users}{more}",
        schemas = quoted(about.schemas),
        broker = about.broker,
        outer = tls(about.outer),
        listen = about.listen,
        inner = tls(about.inner),
        seal = quoted(about.seal),
        quarantine = quoted(about.quarantine),
        recipient = quoted(&about.quarantine.with_extension("pub")),
        users = users::section(),
        more = about.more,
    )
}

/// Where an agent stands.
pub(super) struct Agent<'a> {
    pub(super) broker: SocketAddr,
    pub(super) tls: &'a TlsFiles,
    pub(super) spool: &'a Path,
    pub(super) push: SocketAddr,
    pub(super) push_token: &'a Path,
    pub(super) source: SocketAddr,
    pub(super) source_token: &'a Path,
}

pub(super) fn agent(about: &Agent<'_>) -> String {
    format!(
        "trust_domain = \"{TRUST_DOMAIN}\"\n[broker]\naddress = \"{broker}\"\nserver_name = \"localhost\"\n[tls]\n{tls}\
         [spool]\npath = {spool}\n[status]\nevery_s = 5\n\
         [push]\nlisten = \"{push}\"\ntoken_file = {push_token}\n\
         [[source]]\ndataset = \"devices\"\nkind = \"http\"\nurl = \"http://{source}/spokegate/devices\"\ntoken_file = {source_token}\n\
         [[source]]\ndataset = \"backup-jobs\"\nkind = \"push\"\n",
        broker = about.broker,
        tls = tls(about.tls),
        spool = quoted(about.spool),
        push = about.push,
        push_token = quoted(about.push_token),
        source = about.source,
        source_token = quoted(about.source_token),
    )
}

/// What the report service is put between.
pub(super) struct Centre<'a> {
    pub(super) folder: &'a Path,
    pub(super) reports: &'a Path,
    pub(super) tenants: &'a [TenantId],
    pub(super) schemas: &'a Path,
    pub(super) web: &'a TlsFiles,
    pub(super) listen: (SocketAddr, SocketAddr),
    pub(super) directory: SocketAddr,
    pub(super) bind_password: &'a Path,
    pub(super) sanitizers: &'a [SocketAddr],
    pub(super) inner: &'a TlsFiles,
    pub(super) seal: &'a Path,
}

pub(super) fn centre(about: &Centre<'_>) -> String {
    let web = format!(
        "certificate = {}\nkey = {}\n",
        quoted(&about.web.certificate),
        quoted(&about.web.key)
    );
    let sanitizer = |addr: &SocketAddr| {
        format!(
            "[[sanitizer]]\nurl = \"https://localhost:{}\"\nseal_key_file = {}\n[sanitizer.tls]\n{}",
            addr.port(),
            quoted(about.seal),
            tls(about.inner)
        )
    };
    let tenant = |id: &TenantId| format!("[[tenant]]\nid = \"{id}\"\ntitle = \"Customer {id}\"\n");
    format!(
        "reports = {reports}\nschemas = {schemas}\nfiles = {files}\n\
         [forms]\nlisten = \"{forms}\"\n[forms.tls]\n{web}[admin]\nlisten = \"{admin}\"\n[admin.tls]\n{web}\
         [directory]\nurls = [\"ldaps://localhost:{directory}\"]\nca = {ca}\nbase = \"{BASE}\"\nbind_dn = \"{SERVICE_DN}\"\n\
         bind_password_file = {password}\n[roles]\nforms_groups = [\"forms-users\"]\nadmin_groups = [\"fabric-admins\"]\n\
         [store]\nurl = \"sqlite://{store}\"\n{sanitizers}{tenants}",
        reports = quoted(about.reports),
        schemas = quoted(about.schemas),
        files = quoted(&about.folder.join("files")),
        forms = about.listen.0,
        admin = about.listen.1,
        directory = about.directory.port(),
        ca = quoted(&about.web.ca),
        password = quoted(about.bind_password),
        store = about.folder.join("reports.db").display(),
        sanitizers = about.sanitizers.iter().map(sanitizer).collect::<String>(),
        tenants = about.tenants.iter().map(tenant).collect::<String>(),
    )
}

/// The address as it stands in rows and names of folders.
pub(super) fn name(address: &Address) -> String {
    format!("{}-{}", address.tenant, address.satellite)
}
