use serde_json::json;
use spokegate_contract::cbor;
use spokegate_sources::Server;
use spokegate_sources::servers::{mariadb::MariaDb, postgres};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

use super::*;

const TABLE: &str = "CREATE TABLE devices (hostname VARCHAR(40), site VARCHAR(40), patched BOOLEAN, disk_gb NUMERIC(12, 2))";
const ROWS: &str =
    "INSERT INTO devices VALUES ('srv01', 'hq', TRUE, 12.5), ('srv02', 'it''s', FALSE, NULL)";
const QUERY: &str =
    "SELECT hostname, patched, disk_gb FROM devices WHERE site = :site OR :site IS NULL ORDER BY 1";

/// What a contract wants of these rows: `disk_gb` may be missing.
fn columns() -> Columns {
    Columns::of(&json!({
        "type": "object",
        "required": ["hostname", "patched"],
        "properties": {
            "hostname": {"type": "string"},
            "patched": {"type": "boolean"},
            "disk_gb": {"type": "number"},
        },
    }))
}

fn source(origin: Origin) -> TableSource {
    TableSource {
        origin,
        columns: columns(),
        timeout: Duration::from_secs(60),
        clock: Clock::system(),
    }
}

fn database(database: Database, query: &str) -> TableSource {
    source(Origin::Database {
        query: read(query, database.dialect()).unwrap(),
        database,
        password: None,
        below: None,
    })
}

async fn rows(source: &TableSource, params: Value) -> Result<Vec<Vec<u8>>, Failure> {
    let params = params.as_object().unwrap().clone();
    let mut answer = source.ask(&params).await?;
    let mut rows = Vec::new();
    while let Some(batch) = answer.next().await? {
        rows.extend(batch.rows().map(<[u8]>::to_vec));
    }
    Ok(rows)
}

fn encoded(values: &[Value]) -> Vec<Vec<u8>> {
    let encode = |value: &Value| {
        let mut out = Vec::new();
        cbor::from_json(value, &mut out).unwrap();
        out
    };
    values.iter().map(encode).collect()
}

/// What holds of every database: rows in the contract's form, a parameter that is a value and nothing else, no writing.
async fn holds(database: &Database) {
    let ask = async |query: &str, params: Value| {
        rows(&self::database(database.clone(), query), params).await
    };
    let first = json!({"hostname": "srv01", "patched": true, "disk_gb": 12.5});
    let second = json!({"hostname": "srv02", "patched": false});
    assert_eq!(
        ask(QUERY, json!({})).await.unwrap(),
        encoded(&[first, second.clone()])
    );
    let own = ask(QUERY, json!({"site": "it's"})).await.unwrap();
    assert_eq!(own, encoded(&[second]));
    let hostile = json!({"site": "' OR '1'='1"});
    assert_eq!(ask(QUERY, hostile).await.unwrap(), encoded(&[]));
    let told = ask("SELECT nowhere FROM devices", json!({}))
        .await
        .unwrap_err();
    assert!(told.detail.contains("nowhere"), "{told:?}");
    let source = self::database(database.clone(), QUERY);
    assert_eq!(source.health().await, SourceHealth::Up);
}

fn server(host: &std::path::Path, database: &str, user: &str) -> Server {
    Server {
        host: host.display().to_string(),
        port: None,
        database: database.into(),
        user: user.into(),
        ca: None,
    }
}

#[tokio::test]
async fn rows_of_postgresql() {
    let url = postgres::database();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for statement in [TABLE, ROWS] {
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    let parsed = url::Url::parse(&url).unwrap();
    let folder = parsed
        .query_pairs()
        .find(|(name, _)| name == "host")
        .map(|(_, value)| PathBuf::from(value.into_owned()))
        .unwrap();
    let name = parsed.path().trim_start_matches('/');
    let database = Database::PostgreSql(server(&folder, name, "tests"));
    holds(&database).await;
    // A function that writes is refused by the server itself.
    let writes = self::database(database, "SELECT nextval('s')");
    sqlx::query("CREATE SEQUENCE s")
        .execute(&mut connection)
        .await
        .unwrap();
    let told = rows(&writes, json!({})).await.unwrap_err();
    assert!(told.detail.contains("read-only"), "{told:?}");
}

#[tokio::test]
async fn rows_of_mariadb() {
    let maria = MariaDb::start();
    maria.run(&format!(
        "CREATE DATABASE shop; USE shop; {TABLE}; {ROWS}; CREATE USER agent@localhost; GRANT SELECT ON shop.* TO agent@localhost;"
    ));
    holds(&Database::MySql(server(&maria.socket(), "shop", "agent"))).await;
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(place.0.path().join("allowed")).unwrap();
        place
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("allowed")
    }

    fn csv(&self, text: &[u8], shape: CsvShape) -> TableSource {
        std::fs::write(self.folder().join("devices.csv"), text).unwrap();
        source(Origin::Csv {
            folder: self.folder(),
            path: "devices.csv".into(),
            shape,
        })
    }
}

#[tokio::test]
async fn rows_of_a_sqlite_file_and_of_none_outside() {
    let place = Place::new();
    let file = place.folder().join("inventory.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    for statement in [TABLE, ROWS] {
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    connection.close().await.unwrap();
    holds(&Database::Sqlite(file.clone())).await;
    // A link out of the folder is not followed.
    let outside = place.0.path().join("outside.db");
    std::fs::rename(&file, &outside).unwrap();
    std::os::unix::fs::symlink(&outside, &file).unwrap();
    let database = Database::Sqlite(file);
    let linked = source(Origin::Database {
        query: read(QUERY, database.dialect()).unwrap(),
        database,
        password: None,
        below: Some((place.folder(), "inventory.db".into())),
    });
    let told = rows(&linked, json!({})).await.unwrap_err();
    assert!(told.detail.contains("link"), "{told:?}");
    assert_eq!(linked.health().await, SourceHealth::Down);
}

#[tokio::test]
async fn rows_of_a_csv_file() {
    let place = Place::new();
    let latin = b"Name;Patched;Disk\r\nsrv\xfc01;true;1,5\r\n\"a;b\";false;\r\n".to_vec();
    let fields = [
        ("hostname", "Name"),
        ("patched", "Patched"),
        ("disk_gb", "Disk"),
    ];
    let shape = CsvShape {
        delimiter: ';',
        encoding: "windows-1252".into(),
        fields: fields.map(|(to, from)| (to.into(), from.into())).into(),
        tenant_field: None,
    };
    // What is no number stays a text, which the contract refuses at the sanitizer.
    let expected = [
        json!({"hostname": "srvü01", "patched": true, "disk_gb": "1,5"}),
        json!({"hostname": "a;b", "patched": false}),
    ];
    let source = place.csv(&latin, shape.clone());
    assert_eq!(rows(&source, json!({})).await.unwrap(), encoded(&expected));
    assert_eq!(source.health().await, SourceHealth::Up);

    let missing = place.csv(b"Name;Disk\r\nx;1\r\n", shape.clone());
    let told = rows(&missing, json!({})).await.unwrap_err().detail;
    assert!(
        told.contains("devices.csv has no column \"Patched\""),
        "{told}"
    );
    let ragged = place.csv(b"hostname,patched\na,true\nb\n", CsvShape::default());
    let told = rows(&ragged, json!({})).await.unwrap_err().detail;
    assert!(told.contains("devices.csv, line 3, has 1 cells"), "{told}");
    std::fs::remove_file(place.folder().join("devices.csv")).unwrap();
    assert_eq!(ragged.health().await, SourceHealth::Down);
}

#[tokio::test]
async fn a_large_table_comes_in_pieces_and_ends_when_nobody_waits() {
    let place = Place::new();
    let mut text = "hostname,patched\n".to_owned();
    for row in 0..200_000 {
        text.push_str(&format!("srv{row},true\n"));
    }
    let source = place.csv(text.as_bytes(), CsvShape::default());
    let mut answer = source.ask(&Map::new()).await.unwrap();
    let (mut batches, mut count) = (0, 0);
    while let Some(batch) = answer.next().await.unwrap() {
        (batches, count) = (batches + 1, count + batch.len());
    }
    assert_eq!(count, 200_000);
    assert!(batches > 10, "{batches}");

    let mut answer = source.ask(&Map::new()).await.unwrap();
    answer.next().await.unwrap().unwrap();
    drop(answer);
}

#[tokio::test]
async fn a_server_that_is_not_there_and_a_password_that_nobody_may_read() {
    let place = Place::new();
    let gone = Server {
        port: Some(1),
        ..server(std::path::Path::new("127.0.0.1"), "shop", "agent")
    };
    let database = Database::PostgreSql(gone);
    let source = self::database(database.clone(), QUERY);
    let told = rows(&source, json!({})).await.unwrap_err();
    assert_eq!(told.class, FailureClass::Offline);
    assert!(told.detail.contains("127.0.0.1:1"), "{told:?}");
    assert_eq!(source.health().await, SourceHealth::Down);

    let password = place.0.path().join("password");
    std::fs::write(&password, "x").unwrap();
    let exposed = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&password, exposed).unwrap();
    let source = self::source(Origin::Database {
        query: read(QUERY, database.dialect()).unwrap(),
        database,
        password: Some(SecretSource::file(&password)),
        below: None,
    });
    let told = rows(&source, json!({})).await.unwrap_err().detail;
    assert!(told.contains("has mode 644"), "{told}");
}
