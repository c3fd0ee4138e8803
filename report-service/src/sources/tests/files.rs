//! CSV and JSON files.

use super::*;
use serde_json::json;

const HEAD: &str = "number;subject;state;priority;category;requester;opened_at;changed_at;customer";
const LINE: &str = "T-1;\"Printer's jammed\";open;high;Hardware;A. Example;2026-11-20 06:15:00;2026-11-21T06:15:00Z;acme";
const CSV: &str = "[csv]\npath = \"t.csv\"\ndelimiter = \";\"\ntenant_field = \"customer\"";

#[tokio::test]
async fn rows_of_a_csv_file_take_the_types_of_the_contract() {
    let bed = Bed::new().await;
    let other = LINE.replace("acme", "globex");
    bed.define("psa", CSV);
    bed.file("t.csv", format!("\u{feff}{HEAD}\r\n{LINE}\r\n{other}\r\n"));
    assert_eq!(bed.rows("psa", json!({})).await.unwrap(), [ticket("T-1")]);
    // In an encoding that offices still write, with headings of its own.
    let head = HEAD.replace("subject", "Betreff ä");
    let text = format!(
        "{head}\n{}\n",
        LINE.replace("Printer's jammed", "Überlauf – 5 €")
    );
    let (bytes, _, _) = encoding_rs::WINDOWS_1252.encode(&text);
    bed.file("t.csv", &bytes);
    let fields = "[csv.fields]\nnumber = \"number\"\nsubject = \"Betreff ä\"\nstate = \"state\"\npriority = \"priority\"\ncategory = \"category\"\nrequester = \"requester\"\nopened_at = \"opened_at\"\nchanged_at = \"changed_at\"";
    bed.define(
        "psa",
        &format!("{CSV}\nencoding = \"windows-1252\"\n{fields}"),
    );
    let rows = bed.rows("psa", json!({})).await.unwrap();
    assert_eq!(rows[0]["subject"], "Überlauf – 5 €");
    // The same bytes are no UTF-8.
    bed.define("psa", &format!("{CSV}\n{fields}"));
    assert!(
        bed.rows("psa", json!({}))
            .await
            .unwrap_err()
            .starts_with("source-error: t.csv")
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_file_names_its_line() {
    let bed = Bed::new().await;
    bed.define("psa", CSV);
    let said = async |text: String| {
        bed.file("t.csv", text);
        bed.rows("psa", json!({})).await.unwrap_err()
    };
    let short = said(format!("{HEAD}\n{LINE}\nT-2;only\n")).await;
    assert!(
        short.contains("line 3, has 2 cells, the headings are 9"),
        "{short}"
    );
    let none = said("number;subject\nT-1;x\n".into()).await;
    assert!(none.contains("no column \"customer\""), "{none}");
    let broken = said(format!("{HEAD}\n{}\n", LINE.replace("open", "ajar"))).await;
    assert!(broken.starts_with("contract: /0/state"), "{broken}");
}

#[tokio::test]
async fn many_rows_come_in_chunks_and_stop_at_the_limit() {
    let bed = Bed::new().await;
    bed.define("psa", CSV);
    let lines: String = (0..20_000)
        .map(|n| format!("{}\n", LINE.replace("T-1", &format!("T-{n}"))))
        .collect();
    bed.file("t.csv", format!("{HEAD}\n{lines}"));
    let rows = bed.rows("psa", json!({})).await.unwrap();
    assert_eq!(
        (rows.len(), &rows[19_999]["number"]),
        (20_000, &json!("T-19999"))
    );
    bed.define("psa", &format!("[limits]\nmegabytes = 1\n{CSV}"));
    let said = bed.rows("psa", json!({})).await.unwrap_err();
    assert_eq!(said, "too-large: more than 1048576 bytes");
}

#[tokio::test]
async fn nothing_outside_the_folder_is_read() {
    let bed = Bed::new().await;
    let outside = bed.folder.path().join("outside.csv");
    std::fs::write(&outside, format!("{HEAD}\n{LINE}\n")).unwrap();
    let files = bed.folder.path().join("files");
    std::os::unix::fs::symlink(&outside, files.join("t.csv")).unwrap();
    bed.define("psa", CSV);
    assert!(
        bed.rows("psa", json!({}))
            .await
            .unwrap_err()
            .contains("link")
    );
    // Neither through a folder that is a link, nor from what is no file.
    std::os::unix::fs::symlink(bed.folder.path(), files.join("dir")).unwrap();
    bed.define("psa", &CSV.replace("t.csv", "dir/outside.csv"));
    assert!(
        bed.rows("psa", json!({}))
            .await
            .unwrap_err()
            .contains("link")
    );
    std::fs::create_dir(files.join("folder.csv")).unwrap();
    bed.define("psa", &CSV.replace("t.csv", "folder.csv"));
    assert!(
        bed.rows("psa", json!({}))
            .await
            .unwrap_err()
            .contains("not a regular file")
    );
    bed.define("psa", &CSV.replace("t.csv", "none.csv"));
    assert!(
        bed.rows("psa", json!({}))
            .await
            .unwrap_err()
            .contains("none.csv")
    );
}

#[tokio::test]
async fn rows_of_a_json_file_lie_where_the_source_says() {
    let bed = Bed::new().await;
    let mut item = ticket("T-1");
    item["company"] = json!({"key": "acme"});
    let other = json!({"company": {"key": "globex"}});
    bed.file(
        "t.json",
        json!({"data": {"items": [item, other]}}).to_string(),
    );
    let columns = [
        "number",
        "subject",
        "state",
        "priority",
        "category",
        "requester",
        "opened_at",
        "changed_at",
    ];
    let fields: String = columns
        .map(|name| format!("{name} = \"/{name}\"\n"))
        .concat();
    let define = |rows: &str| {
        bed.define("psa", &format!("[json]\npath = \"t.json\"\nrows = \"{rows}\"\ntenant_field = \"/company/key\"\n[json.fields]\n{fields}"));
    };
    define("/data/items");
    assert_eq!(bed.rows("psa", json!({})).await.unwrap(), [ticket("T-1")]);
    define("/data");
    assert!(
        bed.rows("psa", json!({}))
            .await
            .unwrap_err()
            .contains("no list at \"/data\"")
    );
    bed.file("t.json", "<html>");
    assert!(
        bed.rows("psa", json!({}))
            .await
            .unwrap_err()
            .contains("not JSON")
    );
}
