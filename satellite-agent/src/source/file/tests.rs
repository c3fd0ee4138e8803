use serde_json::json;
use tempfile::TempDir;

use super::*;

struct Place(TempDir);

impl Place {
    fn with(text: &[u8]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(place.0.path().join("allowed/inner")).unwrap();
        std::fs::write(place.0.path().join("allowed/data"), text).unwrap();
        place
    }

    fn source(&self, path: &str, written: Written, shape: Shape) -> FileSource {
        FileSource {
            folder: self.0.path().join("allowed"),
            path: path.into(),
            written,
            shape,
            timeout: Duration::from_secs(30),
        }
    }
}

async fn rows(source: &FileSource) -> Result<Vec<Vec<u8>>, String> {
    let params = Map::new();
    let told = |failure: Failure| failure.detail;
    let mut answer = source.ask(&params).await.map_err(told)?;
    let mut rows = Vec::new();
    while let Some(batch) = answer.next().await.map_err(told)? {
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

async fn check(text: &str, written: Written, shape: Shape, expected: Result<&[Value], &str>) {
    let place = Place::with(text.as_bytes());
    let found = rows(&place.source("data", written, shape)).await;
    match expected {
        Ok(values) => assert_eq!(found, Ok(encoded(values)), "{text}"),
        Err(part) => {
            let told = found.unwrap_err();
            assert!(told.contains(part), "{told}");
        }
    }
}

#[tokio::test]
async fn rows_documents_and_lines() {
    let (a, b) = (json!({"n": 1, "t": "ü\n"}), json!({"n": 2.5}));
    let both = [a.clone(), b.clone()];
    let array = Value::from(both.to_vec()).to_string();
    check(&array, Written::Json, Shape::Rows, Ok(&both)).await;
    check("[]", Written::Json, Shape::Rows, Ok(&[])).await;
    check(
        &a.to_string(),
        Written::Json,
        Shape::Document,
        Ok(&both[..1]),
    )
    .await;
    for text in [
        format!("{a}\n{b}"),
        format!("{a}\r\n\n{b}\n"),
        format!("  {a}\n \n{b}\n\n"),
    ] {
        check(&text, Written::Lines, Shape::Rows, Ok(&both)).await;
    }
    check("", Written::Lines, Shape::Rows, Ok(&[])).await;
}

#[tokio::test]
async fn what_is_no_data_is_told_with_its_place() {
    let (json, lines) = (Written::Json, Written::Lines);
    let rows = Shape::Rows;
    check(
        "",
        json,
        rows,
        Err("data failed: the answer is no table: it is empty"),
    )
    .await;
    check(
        "[{\"a\":1}",
        json,
        rows,
        Err("it ends in the middle, after 1 whole rows"),
    )
    .await;
    check("{}", json, rows, Err("an object, not an array")).await;
    check(
        "[]",
        json,
        Shape::Document,
        Err("the answer is an array, not an object"),
    )
    .await;
    check(
        "{}\n[]\n",
        lines,
        rows,
        Err("row 2 cannot be sent: it is an array, not an object"),
    )
    .await;
    check("{}\n{\"a\":}\n", lines, rows, Err("row 2 is not JSON")).await;
    check(
        "{}\n{} {}\n",
        lines,
        rows,
        Err("row 2 is not JSON: trailing"),
    )
    .await;
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(ROW_JSON_BYTES_MAX));
    check(
        &long,
        lines,
        rows,
        Err("row 1 cannot be sent: it has more than 524288 bytes"),
    )
    .await;
}

#[tokio::test]
async fn nothing_outside_the_folder_is_read() {
    let place = Place::with(b"[{\"a\":1}]");
    let root = place.0.path();
    std::fs::write(root.join("secret"), b"[{\"secret\":1}]").unwrap();
    std::fs::write(root.join("allowed/inner/data"), b"[{\"a\":2}]").unwrap();
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, root.join(at)).unwrap();
    link("../secret", "allowed/link");
    link("data", "allowed/harmless");
    link("..", "allowed/up");
    link("inner", "allowed/also");
    let pipe = std::process::Command::new("mkfifo")
        .arg(root.join("allowed/pipe"))
        .status();
    assert!(pipe.unwrap().success());
    let read = async |path: &str| rows(&place.source(path, Written::Json, Shape::Rows)).await;
    assert_eq!(read("inner/data").await.unwrap().len(), 1);
    for path in ["link", "harmless", "up/secret", "also/data"] {
        let told = read(path).await.unwrap_err();
        assert_eq!(
            told,
            format!("{path} is or lies behind a link, which is not followed")
        );
    }
    for path in ["inner", "pipe"] {
        assert_eq!(
            read(path).await.unwrap_err(),
            format!("{path} is not a regular file")
        );
    }
    let secret = root.join("secret").display().to_string();
    for path in ["../secret", "inner/../../secret", secret.as_str()] {
        assert!(!spokegate_daemon::is_below(Path::new(path)));
        let told = read(path).await.unwrap_err();
        assert!(told.starts_with(&format!("{path}: ")), "{told}");
    }
    let told = read("absent").await.unwrap_err();
    assert_eq!(told, "absent: No such file or directory (os error 2)");
}

#[tokio::test]
async fn a_large_file_is_read_in_pieces() {
    let all: Vec<Value> = (0..20_000)
        .map(|n| json!({"n": n, "pad": "x".repeat(50)}))
        .collect();
    let lines: String = all.iter().map(|row| format!("{row}\n")).collect();
    let place = Place::with(lines.as_bytes());
    let source = place.source("data", Written::Lines, Shape::Rows);
    let params = Map::new();
    let mut answer = source.ask(&params).await.unwrap();
    let (mut count, mut batches) = (0, 0);
    while let Some(batch) = answer.next().await.unwrap() {
        assert!(batch.len() < 1_200, "a piece has at most 64 KiB");
        count += batch.len();
        batches += 1;
    }
    assert_eq!(count, 20_000);
    assert!(batches > 10, "{batches}");
}

#[tokio::test]
async fn its_health_is_its_own_and_not_node_reds() {
    let place = Place::with(b"[]");
    let source = place.source("data", Written::Json, Shape::Rows);
    assert_eq!(source.health().await, SourceHealth::Up);
    assert!(!source.asks_node_red());
    let absent = place.source("absent", Written::Json, Shape::Rows);
    assert_eq!(absent.health().await, SourceHealth::Down);
}
