//! Databases.

use super::*;
use serde_json::json;
use spokegate_sources::servers::mariadb::MariaDb;
use spokegate_sources::servers::postgres;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

/// A table with more columns than the contract has, and tickets of two customers.
const COLUMNS: &str = "customer VARCHAR(40), number VARCHAR(40), subject VARCHAR(200), state VARCHAR(20), \
    priority VARCHAR(20), category VARCHAR(80), requester VARCHAR(80), changed_at TIMESTAMP NULL";
const ROWS: &str = "('2026-11-20 06:15:00', 'acme', 'T-1', 'Printer''s jammed', 'open', 'high', 'Hardware', 'A. Example', '2026-11-21 06:15:00'), \
    ('2026-11-20 06:15:00', 'globex', 'T-2', 'Secret of another', 'open', 'low', '', 'B. Example', '2026-11-21 06:15:00')";
const QUERY: &str = "SELECT number, subject, state, priority, category, requester, \
    opened_at, changed_at FROM tickets WHERE customer = :tenant AND (state = :state OR :state IS NULL)";

fn statements(when: &str) -> [String; 2] {
    [
        format!("CREATE TABLE tickets (opened_at {when}, {COLUMNS})"),
        format!("INSERT INTO tickets VALUES {ROWS}"),
    ]
}
/// What holds of every database: the customer's own rows, a parameter that is a text whatever it holds, no way to write.
async fn holds(bed: &Bed, define: impl Fn(&str) -> String) {
    let rows = async |query: &str, params: Value| {
        bed.define("psa", &define(query));
        bed.rows("psa", params).await
    };
    assert_eq!(rows(QUERY, json!({})).await.unwrap(), [ticket("T-1")]);
    assert_eq!(
        rows(QUERY, json!({"state": "open"})).await.unwrap(),
        [ticket("T-1")]
    );
    assert_eq!(
        rows(QUERY, json!({"state": "closed"})).await.unwrap(),
        Vec::<Value>::new()
    );
    for hostile in [
        "' OR '1'='1",
        "open' --",
        "\\' OR 1=1 #",
        "'; DROP TABLE tickets; --",
        "$1",
        "%",
        ":tenant",
    ] {
        assert_eq!(
            rows(QUERY, json!({"state": hostile})).await.unwrap(),
            Vec::<Value>::new(),
            "{hostile}"
        );
    }
    // What breaks the contract says where.
    let wrong = QUERY.replace("SELECT number", "SELECT 'two words' AS number");
    let said = rows(&wrong, json!({})).await.unwrap_err();
    assert!(
        said.starts_with("contract: ") && said.contains("/0/number"),
        "{said}"
    );
    let said = rows("SELECT nowhere FROM tickets", json!({}))
        .await
        .unwrap_err();
    assert!(said.contains("nowhere"), "{said}");
    let limited = format!(
        "[limits]\nrows = 1\n{}",
        define(&QUERY.replace("customer = :tenant", "customer <> :tenant OR 1 = 1"))
    );
    bed.define("psa", &limited);
    let said = bed.rows("psa", json!({})).await.unwrap_err();
    assert_eq!(said, "too-large: more than 1 rows");
}

/// A query that never ends is ended.
async fn ends(bed: &Bed, definition: &str) {
    bed.define("slow", &format!("[limits]\ntime_s = 1\n{definition}"));
    let before = std::time::Instant::now();
    let said = bed.rows("slow", json!({})).await.unwrap_err();
    assert!(said.starts_with("timeout"), "{said}");
    assert!(
        before.elapsed() < Duration::from_secs(6),
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test]
async fn postgresql() {
    let bed = Bed::new().await;
    let url = postgres::database();
    let host = url.split("host=").nth(1).unwrap();
    let name = url
        .trim_start_matches("postgres:///")
        .split('?')
        .next()
        .unwrap();
    let mut admin = PgConnection::connect(&url).await.unwrap();
    for statement in statements("TIMESTAMPTZ") {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut admin)
            .await
            .unwrap();
    }
    let define = |query: &str| {
        format!(
            "[postgresql]\nhost = \"{host}\"\ndatabase = \"{name}\"\nuser = \"tests\"\nquery = '''{query}'''"
        )
    };
    let cast = |query: &str| define(&query.replace(":state IS NULL", ":state::text IS NULL"));
    holds(&bed, cast).await;
    // Functions that write are refused too: the whole transaction only reads.
    sqlx::raw_sql("CREATE FUNCTION wipe() RETURNS text LANGUAGE sql AS 'DELETE FROM tickets RETURNING number'")
        .execute(&mut admin)
        .await
        .unwrap();
    bed.define("psa", &define("SELECT wipe() AS number"));
    let said = bed.rows("psa", json!({})).await.unwrap_err();
    assert!(said.contains("read-only transaction"), "{said}");
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM tickets")
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert_eq!(left, 2);
    ends(&bed, &define("SELECT pg_sleep(30)::text AS number")).await;
    types(&bed, &define("SELECT 12345678901234567890.10::numeric AS number, true AS a, 7::int2 AS b, 8::bigint AS c,
        0.1::real AS d, 1.5::float8 AS e, 100::numeric AS f, DATE '2026-11-20' AS g, TIMESTAMP '2026-11-20 06:15' AS h,
        TIMESTAMPTZ '2026-11-20 06:15+02' AS i, '{\"x\": 1}'::jsonb AS j, NULL::int AS k,
        'a1b2c3d4-0000-1111-2222-333344445555'::uuid AS l"),
        json!({"number": "12345678901234567890.1", "a": true, "b": 7, "c": 8, "d": 0.1, "e": 1.5, "f": 100,
            "g": "2026-11-20", "h": "2026-11-20T06:15:00Z", "i": "2026-11-20T04:15:00Z", "j": {"x": 1}, "k": null,
            "l": "a1b2c3d4-0000-1111-2222-333344445555"})).await;
    bed.define("psa", &define("SELECT '1.2.3.4'::inet AS number"));
    let said = bed.rows("psa", json!({})).await.unwrap_err();
    assert!(
        said.contains("type INET") && said.contains("cast"),
        "{said}"
    );
}

#[tokio::test]
async fn mariadb() {
    let bed = Bed::new().await;
    let server = MariaDb::start();
    server.run("CREATE DATABASE psa CHARACTER SET utf8mb4; CREATE USER reader IDENTIFIED BY 'hunter2-psa'; GRANT ALL ON psa.* TO reader");
    for statement in statements("DATETIME") {
        server.run(&format!("USE psa// SET time_zone = '+00:00'; {statement}"));
    }
    let name: crate::secrets::SecretName = "psa-db".parse().unwrap();
    bed.secrets
        .set(&name, &Secret::new("hunter2-psa"), "test")
        .await
        .unwrap();
    let define = |query: &str| {
        format!(
            "[mysql]\nhost = \"{}\"\ndatabase = \"psa\"\nuser = \"reader\"\npassword = \"secret:psa-db\"\nquery = '''{query}'''",
            server.socket().display()
        )
    };
    holds(&bed, define).await;
    server.run("USE psa// CREATE FUNCTION wipe() RETURNS VARCHAR(9) MODIFIES SQL DATA BEGIN DELETE FROM tickets; RETURN 'x'; END");
    bed.define("psa", &define("SELECT wipe() AS number"));
    let said = bed.rows("psa", json!({})).await.unwrap_err();
    assert!(said.contains("READ ONLY"), "{said}");
    assert_eq!(server.run("SELECT count(*) FROM psa.tickets"), "2");
    ends(&bed, &define("SELECT CONCAT(SLEEP(30), '') AS number")).await;
    types(&bed, &define("SELECT CAST('12345678901234567890.10' AS DECIMAL(30,2)) AS number, 7 AS b, CAST(8 AS UNSIGNED) AS c,
        1.5e0 AS e, CAST('2026-11-20' AS DATE) AS g, CAST('2026-11-20 06:15:00' AS DATETIME) AS h, NULL AS k, 'ü€😀' AS l"),
        json!({"number": "12345678901234567890.1", "b": 7, "c": 8, "e": 1.5, "g": "2026-11-20",
            "h": "2026-11-20T06:15:00Z", "k": null, "l": "ü€😀"})).await;
    // A wrong password is told without it.
    bed.secrets
        .set(&name, &Secret::new("hunter2-wrong"), "test")
        .await
        .unwrap();
    bed.define("psa", &define("SELECT 1 AS number"));
    let said = bed.rows("psa", json!({})).await.unwrap_err();
    assert!(
        said.contains("Access denied") && !said.contains("hunter2"),
        "{said}"
    );
}

#[tokio::test]
async fn sqlite() {
    let bed = Bed::new().await;
    let file = bed.file("psa.db", b"");
    let mut admin = SqliteConnection::connect(&format!("sqlite://{}", file.display()))
        .await
        .unwrap();
    for statement in statements("TEXT") {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut admin)
            .await
            .unwrap();
    }
    let define = |query: &str| format!("[sqlite]\npath = \"psa.db\"\nquery = '''{query}'''");
    holds(&bed, define).await;
    bed.define(
        "psa",
        &define("WITH x AS (SELECT 1) DELETE FROM tickets RETURNING number"),
    );
    let said = bed.rows("psa", json!({})).await.unwrap_err();
    assert!(said.contains("psa.db"), "{said}");
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM tickets")
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert_eq!(left, 2);
    ends(&bed, &define("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT 'a' AS number FROM n WHERE x < 0")).await;
    std::os::unix::fs::symlink(&file, bed.folder.path().join("files/link.db")).unwrap();
    bed.define(
        "psa",
        "[sqlite]\npath = \"link.db\"\nquery = \"SELECT 1 AS number\"",
    );
    let said = bed.rows("psa", json!({})).await.unwrap_err();
    assert!(said.contains("link"), "{said}");
}

/// The values of one row before the contract's check, which has none of these columns.
pub(super) async fn types(bed: &Bed, definition: &str, expected: Value) {
    bed.define("types", definition);
    let asked = Asked {
        tenant: "acme".parse().unwrap(),
        tenant_title: "Acme".into(),
        params: Map::new(),
        time_ms: 20_000,
    };
    let mut chunks = bed.sources().fetch(&"types".parse().unwrap(), asked);
    let chunk = chunks.recv().await.unwrap().unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&chunk).unwrap();
    assert_eq!(rows, [expected]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_at_once() {
    let bed = Bed::new().await;
    let port = crate::testing::free_port();
    for kind in ["postgresql", "mysql"] {
        bed.define("gone", &format!("[{kind}]\nhost = \"127.0.0.1\"\nport = {port}\ndatabase = \"d\"\nuser = \"u\"\nquery = \"SELECT 1\""));
        let said = bed.rows("gone", json!({})).await.unwrap_err();
        assert!(said.starts_with("offline: 127.0.0.1:"), "{said}");
    }
}
