//! The whole job without a hand on it: through the real pages, as a person's browser does it.

use std::path::Path;

use anyhow::{Context as _, ensure};
use spokegate_daemon::cli::print;

use crate::Fabric;
use crate::client::{NewRun, RunState};

const REPORT: &str = "customer-overview";

/// Signs in as alice, makes the report on all customers and writes it to `file`.
pub(crate) async fn run(fabric: &Fabric, file: &Path) -> anyhow::Result<()> {
    let mut browser = fabric.browser()?;
    browser.sign_in("alice", fabric.password()).await?;
    let tenants: Vec<_> = fabric
        .satellites()
        .iter()
        .map(|satellite| satellite.tenant().id.as_str())
        .collect();
    let order = NewRun {
        report: REPORT,
        tenants: &tenants,
        fields: &[],
    };
    let run = browser.order(&order).await?;
    let ended = browser.await_end(&run).await?;
    ensure!(
        ended.state == RunState::Done,
        "the run ended as {:?}: {}",
        ended.state,
        ended.reason
    );
    let document = browser.download(&run).await?;
    std::fs::write(file, &document.bytes).with_context(|| format!("write {}", file.display()))?;
    let rows: u64 = ended.needs.iter().map(|need| need.rows).sum();
    let source = if fabric.uses_node_red() {
        "Node-RED"
    } else {
        "the built-in source (there is no Node-RED here)"
    };
    print(&format!(
        "{}: {} bytes, {} customers, {rows} rows from {source}\n",
        file.display(),
        document.bytes.len(),
        tenants.len(),
    ));
    Ok(())
}
