use std::os::unix::fs::PermissionsExt as _;

use spokegate_daemon::audit::Decision;

use super::*;

async fn registry() -> (tempfile::TempDir, Registry) {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open(folder.path()).await.unwrap();
    (folder, registry)
}

async fn with_records(records: u64) -> (tempfile::TempDir, Registry) {
    let (folder, registry) = registry().await;
    for number in 0..records {
        let entry = Entry {
            actor: "acme/hq\n1 allowed",
            action: "certificate.renew",
            decision: Decision::Denied,
            reason: "signature-wrong",
            subject: "serial 0a",
        };
        let mut db = registry.begin().await.unwrap();
        append(&mut db, &entry, 1_000 + number).await.unwrap();
        db.commit().await.unwrap();
    }
    (folder, registry)
}

#[tokio::test]
async fn nobody_else_reads_the_registry() {
    let (folder, registry) = with_records(1).await;
    for name in ["registry.db", "registry.db-wal", "registry.db-shm"] {
        let mode = folder.path().join(name).metadata().unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
    }
    registry.close().await;
}

#[tokio::test]
async fn an_untouched_audit_is_whole_and_forges_no_line() {
    for records in [0, 1, 3] {
        let (_folder, registry) = with_records(records).await;
        let state = registry.verify_audit().await.unwrap();
        assert_eq!(state, ChainState::Intact { records });
    }
    let (_folder, registry) = with_records(3).await;
    let last = registry.audit_last(2).await.unwrap();
    let shown: Vec<_> = last
        .iter()
        .map(|record| (record.sequence, record.actor.as_str()))
        .collect();
    assert_eq!(shown, [(2, "acme/hq?1 allowed"), (3, "acme/hq?1 allowed")]);
}

/// Trails that exist must stay readable: these fields, in this order.
#[tokio::test]
async fn the_form_of_the_trail() {
    let (_folder, registry) = with_records(2).await;
    let hashes: Vec<Vec<u8>> = sqlx::query_scalar("SELECT hash FROM audit ORDER BY sequence")
        .fetch_all(registry.pool())
        .await
        .unwrap();
    let expected = [
        "d016125ae15dac1ff32116d9b340d3249860858f6b08c9286afe33321910219f",
        "c4ad920326d8906bad960467ca522099b05d784e96a168c510330f0ac944f005",
    ];
    assert_eq!(
        hashes.iter().map(|hash| digits(hash)).collect::<Vec<_>>(),
        expected
    );
}

fn digits(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn the_audit_is_only_added_to_and_a_change_past_that_shows() {
    let (_folder, registry) = with_records(4).await;
    for change in [
        "UPDATE audit SET decision = 'allowed' WHERE sequence = 3",
        "DELETE FROM audit WHERE sequence = 4",
    ] {
        let refused = sqlx::query(change).execute(registry.pool()).await;
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("only ever added to"), "{change}: {error}");
    }
    for trigger in ["audit_is_never_changed", "audit_is_never_removed"] {
        let dropped = sqlx::query(sqlx::AssertSqlSafe(format!("DROP TRIGGER {trigger}")));
        dropped.execute(registry.pool()).await.unwrap();
    }
    let check = async |change: &'static str, sequence| {
        sqlx::query(change).execute(registry.pool()).await.unwrap();
        let state = registry.verify_audit().await.unwrap();
        assert_eq!(state, ChainState::BrokenAt { sequence }, "{change}");
    };
    check(
        "UPDATE audit SET decision = 'allowed' WHERE sequence = 3",
        3,
    )
    .await;
    check("DELETE FROM audit WHERE sequence = 2", 3).await;
}

#[tokio::test]
async fn what_is_no_registry_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join(REGISTRY_FILE),
        "no database at all".repeat(100),
    )
    .unwrap();
    let error = Registry::open(folder.path()).await.unwrap_err();
    assert!(
        error.to_string().starts_with("cannot open the registry "),
        "{error}"
    );
    let missing = Registry::open(&folder.path().join("none")).await;
    assert!(missing.is_err());
}
