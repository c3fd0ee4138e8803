//! The promise: an administrator sees when the certificate of every satellite and sanitizer ends, as it is in their files,
//! and sees the new end after a renewal.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "fabric/commands.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod commands;

use std::time::{Duration, Instant};

use commands::{fabric, spokegate, until_online};
use spokegate_demo::Fabric;
use spokegate_demo::client::Browser;
use spokegate_identity::{TlsFiles, not_after_ms};
use spokegate_reports::text::when;

/// What the file of a satellite's agent says.
fn end_in_file(fabric: &mut Fabric, tenant: &str) -> u64 {
    let identity = fabric.satellite(tenant).unwrap().identity().to_owned();
    not_after_ms(&TlsFiles::in_directory(&identity)).unwrap()
}

/// The row of a satellite on the page, as text.
async fn row(admin: &mut Browser, address: &str) -> String {
    let page = admin.get("/satellites").await.unwrap();
    let html = page.html();
    let rows = html.split("<tr").skip(1);
    let mut rows = rows.filter(|row| row.contains(address));
    rows.next().unwrap_or_default().to_owned()
}

async fn until_shown(admin: &mut Browser, address: &str, ends_ms: u64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let row = row(admin, address).await;
        if row.contains("ends in") && row.contains(&when(ends_ms)) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "wanted {}, the page says: {row}",
            when(ends_ms)
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_end_that_stands_in_the_certificate_and_follows_a_renewal() {
    let mut fabric = fabric().await;
    let mut admin = fabric.admin_browser().unwrap();
    admin.sign_in("carol", fabric.password()).await.unwrap();
    for tenant in ["acme", "globex"] {
        until_online(&fabric, tenant, |_| true).await;
        let ends_ms = end_in_file(&mut fabric, tenant);
        until_shown(&mut admin, tenant, ends_ms).await;
    }
    let page = admin.get("/satellites").await.unwrap();
    assert!(
        page.text().contains("The certificate that it showed last"),
        "{}",
        page.text()
    );

    // A page tells minutes: the new certificate is asked for in another one.
    let before = end_in_file(&mut fabric, "acme");
    let left_s = 60 - before / 1_000 % 60;
    tokio::time::sleep(Duration::from_secs(left_s + 1)).await;
    let order = ["--tenant", "acme", "--satellite", "hq"];
    let told = spokegate(&fabric, "satellite", "renew", &order);
    assert!(told.contains("done: good until"), "{told}");
    let after = end_in_file(&mut fabric, "acme");
    assert_ne!(when(after), when(before));
    until_shown(&mut admin, "acme", after).await;
    let old = row(&mut admin, "acme").await;
    assert!(!old.contains(&when(before)), "{old}");
    fabric.shutdown().await;
}
