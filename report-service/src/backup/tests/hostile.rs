//! Backups that somebody made up, with a right digest: nothing of them is kept.

use super::*;

/// A backup's text with an end that fits what stands before it.
pub(super) fn sealed(text: &str) -> String {
    let (body, _) = text.trim_end().rsplit_once('\n').unwrap();
    let body = format!("{body}\n");
    let count = |start: &str| body.lines().filter(|line| line.starts_with(start)).count() as u64;
    let digest = <sha2::Sha256 as sha2::Digest>::digest(body.as_bytes());
    let end = Line::End(End {
        sum: Sum {
            rows: count("["),
            files: count("{\"file\""),
        },
        sha256: spokegate_contract::hex::encode(&digest),
    });
    format!("{body}{}\n", serde_json::to_string(&end).unwrap())
}

/// A backup with a template and two documents.
async fn good(from: &Store, folder: &Path) -> String {
    filled(from).await;
    let files = folder.join("files");
    std::fs::create_dir_all(files.join("templates")).unwrap();
    for name in ["a.docx", "b.docx", "templates/overview-1.docx"] {
        std::fs::write(files.join(name), name).unwrap();
    }
    from.pool()
        .execute(
            "INSERT INTO template_version
                 (report, version, file_key, file_name, note, sha256, bytes, uploaded_at, uploader_id, uploader_title)
             VALUES ('overview', 1, 'overview-1.docx', 'x.docx', '', 'x', 1, 1, 'main:alice', 'Alice')",
        )
        .await
        .unwrap();
    let file = folder.join("good");
    let artefacts = Artefacts::on_disk(&files);
    write::whole(from, &files, &artefacts, &file, 1)
        .await
        .unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        sealed(&text),
        text,
        "the end is made as the service makes it"
    );
    text
}

#[tokio::test]
async fn what_is_made_up_is_refused_whole_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    for from in stores().await {
        let folder = folder.path().join(from.kind().as_str());
        std::fs::create_dir(&folder).unwrap();
        let good = good(&from, &folder).await;
        let to = empty(from.kind()).await;
        let (bad, target) = (folder.join("bad"), folder.join("target"));
        let check = async |text: &str, expected: &str| {
            assert_ne!(text, good, "{expected}: nothing was changed");
            std::fs::write(&bad, sealed(text)).unwrap();
            let said = read::whole(to.url(), Some(&target), &bad).await;
            let Err(said) = said else {
                panic!("{expected}: it was restored");
            };
            let said = format!("{said:#}");
            assert!(said.contains(expected), "{expected}: {said}");
            let left = walkdir(&target);
            assert!(left.is_empty(), "{expected}: {left:?} is left");
        };
        let key = "\"overview-1.docx\"";
        for elsewhere in ["../../x", "/etc/passwd", ".x", ""] {
            let forged = good.replacen(key, &format!("\"{elsewhere}\""), 1);
            check(&forged, "file_key in a row of template_version is").await;
        }
        // A session of somebody's own, a token, and the store's own table.
        for table in ["session", "api_token", "_sqlx_migrations"] {
            let row =
                format!("{{\"table\":{{\"name\":\"{table}\",\"columns\":[\"id\"]}}}}\n[\"x\"]\n");
            let (head, rest) = good.split_once('\n').unwrap();
            let forged = format!("{head}\n{row}{rest}");
            check(
                &forged,
                &format!("its line 2 cannot be taken: the table {table:?} is in no backup"),
            )
            .await;
        }
        // What only the store itself can tell: a column that there is not, a row twice, a trail that does not hold.
        let forged = good.replacen("\"file_key\"", "\"file_keys\"", 1);
        check(&forged, "put a row into template_version").await;
        let row = good.lines().find(|line| line.contains(key)).unwrap();
        check(
            &good.replacen(row, &format!("{row}\n{row}"), 1),
            "put a row into template_version",
        )
        .await;
        let forged = good.replacen("report.run", "report.ran", 1);
        check(&forged, "is broken at record").await;
        let said = good.replacen("a.docx\",\"bytes\":6", "a.docx\",\"bytes\":7", 1);
        check(&said, "the file a.docx is shorter than it says").await;
        // A document that is there already is not overwritten, and those before it are taken away again.
        std::fs::create_dir_all(&target).unwrap();
        std::fs::write(target.join("b.docx"), "mine").unwrap();
        std::fs::write(&bad, &good).unwrap();
        let said = read::whole(to.url(), Some(&target), &bad).await;
        let said = format!("{:#}", said.err().unwrap());
        assert!(
            said.contains("write the document") && said.contains("b.docx"),
            "{said}"
        );
        assert_eq!(walkdir(&target), [target.join("b.docx")]);
        assert_eq!(std::fs::read(target.join("b.docx")).unwrap(), b"mine");
        std::fs::remove_file(target.join("b.docx")).unwrap();
        // After all that the store is as empty as it was.
        read::whole(to.url(), Some(&target), &bad).await.unwrap();
        assert_eq!(walkdir(&target).len(), 3);
    }
}

/// Whatever the store has in the place of a template's name, it names no file elsewhere.
#[tokio::test]
async fn a_name_of_a_template_that_leads_elsewhere_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    for from in stores().await {
        let folder = folder.path().join(from.kind().as_str());
        std::fs::create_dir(&folder).unwrap();
        good(&from, &folder).await;
        let report = "overview".parse().unwrap();
        assert_eq!(from.templates_of(&report).await.unwrap().len(), 1);
        let changed = "UPDATE template_version SET file_key = '../store.db'";
        from.pool().execute(changed).await.unwrap();
        let said = from.templates_of(&report).await.unwrap_err().to_string();
        assert!(said.contains("no file's plain name"), "{said}");
    }
}

/// All files below a folder.
fn walkdir(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walkdir(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
