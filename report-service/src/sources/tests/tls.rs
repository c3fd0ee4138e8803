//! Databases over a network: their certificate is checked, and what is wrong with it is told.

use std::path::Path;

use super::sql::types;
use super::*;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::json;
use spokegate_sources::servers::mariadb::MariaDb;
use spokegate_sources::servers::postgres::TlsServer;
use sqlx::Row as _;

/// This machine by a name that is none of those for which TLS is not asked.
const HOST: &str = "LOCALHOST";

/// Writes `<name>.ca`, and `<name>.crt` with `<name>.key` signed by it for that host.
fn authority(folder: &Path, name: &str, host: &str) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let root = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let write = |ending: &str, text: String| {
        let path = folder.join(format!("{name}.{ending}"));
        std::fs::write(&path, text).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, private).unwrap();
    };
    write("ca", root.pem());
    write("crt", certificate.pem());
    write("key", key.serialize_pem());
}

/// `right` for this machine, `named` for another one, and `other`, which signed neither.
fn authorities(folder: &Path) {
    authority(folder, "right", "localhost");
    authority(folder, "named", "db.example.net");
    authority(folder, "other", "localhost");
}

/// What a source of that kind says to a server: with its CA, and with another one.
async fn holds(bed: &Bed, kind: &str, (right, named): (u16, u16), login: &str, query: &str) {
    let define = |port: u16, ca: &str| {
        let ca = bed.folder.path().join(format!("{ca}.ca"));
        format!(
            "[{kind}]\nhost = \"{HOST}\"\nport = {port}\n{login}\nca = {ca:?}\nquery = \"{query}\"\n"
        )
    };
    let expected = match kind {
        "postgresql" => "true",
        _ => "TLSv1.3",
    };
    types(bed, &define(right, "right"), json!({ "number": expected })).await;
    let refused = async |port: u16, ca: &str, hint: &str| {
        bed.define("refused", &define(port, ca));
        let said = bed.rows("refused", json!({})).await.unwrap_err();
        assert!(
            said.starts_with(&format!("offline: {HOST}:{port}")),
            "{said}"
        );
        assert!(
            said.contains("certificate") && said.contains(hint),
            "{said}"
        );
    };
    refused(right, "other", "hint: `ca` in the source's file").await;
    refused(named, "named", "hint: `host` in the source's file").await;
}

#[tokio::test]
async fn postgresql() {
    let bed = Bed::new().await;
    let folder = bed.folder.path();
    authorities(folder);
    let server = |name: &str| {
        let file = |ending: &str| folder.join(format!("{name}.{ending}"));
        TlsServer::start(&file("crt"), &file("key"), crate::testing::free_port())
    };
    let (right, named) = (server("right"), server("named"));
    let login = "database = \"postgres\"\nuser = \"tests\"";
    let query = "SELECT ssl::text AS number FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let ports = (right.port, named.port);
    holds(&bed, "postgresql", ports, login, query).await;
    // The service's own store there.
    let url = |port: u16, ca: &str| {
        let ca = folder.join(format!("{ca}.ca"));
        format!(
            "postgres://tests@{HOST}:{port}/postgres?sslmode=verify-full&sslrootcert={}",
            ca.display()
        )
    };
    let store = crate::store::Store::open(&url(right.port, "right")).await;
    let row = sqlx::query(query).fetch_one(store.unwrap().pool()).await;
    assert_eq!(row.unwrap().get::<String, _>("number"), "true");
    for (port, ca, expected) in [
        (right.port, "other", "UnknownIssuer"),
        (named.port, "named", "not valid for name"),
    ] {
        let refused = crate::store::Store::open(&url(port, ca)).await;
        let said = format!("{:#}", refused.err().unwrap());
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn mariadb() {
    let bed = Bed::new().await;
    let folder = bed.folder.path();
    authorities(folder);
    let server = |name: &str| {
        let port = crate::testing::free_port();
        let file = |ending: &str| {
            folder
                .join(format!("{name}.{ending}"))
                .display()
                .to_string()
        };
        let server = MariaDb::start_with(&[
            "--bind-address=127.0.0.1".to_owned(),
            format!("--port={port}"),
            format!("--ssl-cert={}", file("crt")),
            format!("--ssl-key={}", file("key")),
        ]);
        server.run("CREATE USER reader IDENTIFIED BY 'hunter2-psa'");
        (server, port)
    };
    let ((_right, right), (_named, named)) = (server("right"), server("named"));
    let name = "psa-db".parse().unwrap();
    let password = spokegate_daemon::Secret::new("hunter2-psa");
    bed.secrets.set(&name, &password, "test").await.unwrap();
    let login =
        "database = \"information_schema\"\nuser = \"reader\"\npassword = \"secret:psa-db\"";
    let query =
        "SELECT VARIABLE_VALUE AS number FROM SESSION_STATUS WHERE VARIABLE_NAME = 'SSL_VERSION'";
    holds(&bed, "mysql", (right, named), login, query).await;
}
