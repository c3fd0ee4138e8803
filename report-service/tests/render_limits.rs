//! The promise: who fills a template has nothing but its three files, takes no more memory for more rows, and is gone when
//! nobody waits for it any more.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that goes wrong"
)]

#[path = "hostile_templates/package.rs"]
#[expect(
    dead_code,
    reason = "what hostile templates are made with serves here in part"
)]
mod package;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use docx_jinja::Shape;
use package::{Package, p};
use serde_json::json;
use spokegate_daemon::Tasks;
use spokegate_reports::config::RenderConfig;
use spokegate_reports::render::{RenderFailure, Renderer, Stopped, Template, Values};

/// Rows of the large table.
const ROWS: usize = 60_000;
const CHUNK: usize = 500;
const COLUMNS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn renderer(folder: &Path, memory_mb: u32, limit_s: u32) -> Renderer {
    let config = RenderConfig {
        memory_mb,
        limit_s,
        ..RenderConfig::default()
    };
    Renderer::new(&config, folder, &Tasks::new()).unwrap()
}

fn row(number: usize) -> serde_json::Value {
    COLUMNS
        .iter()
        .map(|name| ((*name).to_owned(), json!(format!("{name} of row {number}"))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn table() -> Arc<[u8]> {
    let cell = |text: &str| format!("<w:tc>{}</w:tc>", p(text));
    let cells: String = COLUMNS
        .iter()
        .map(|name| cell(&format!("{{{{ r.{name} }}}}")))
        .collect();
    let rows = format!(
        "<w:tr>{}</w:tr><w:tr>{cells}</w:tr><w:tr>{}</w:tr>",
        cell("{%tr for r in rows %}"),
        cell("{%tr endfor %}")
    );
    let body = format!("<w:tbl>{rows}</w:tbl>{}", p("{{ rows|length }}"));
    Package::with_body(&body).bytes().into()
}

/// A column that the contract calls optional and no row has is empty; a name that nobody supplies is still a fault.
#[tokio::test]
async fn a_column_that_may_be_left_out_is_empty_and_a_misspelt_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let row = Shape::map([
        ("name", Shape::Plain),
        ("owner", Shape::optional(Shape::Plain)),
    ]);
    let shape = Shape::map([("rows", Shape::list(row))]);
    let renderer = renderer(folder.path(), 64, 60);
    let made = async |is_known: bool, tag: &str| {
        let body = format!("{{% for r in rows %}}{tag}{{% endfor %}}");
        let mut template = Template::from(Package::with_body(&p(&body)).bytes());
        if is_known {
            template = template.with_shape(shape.clone());
        }
        let tray = renderer.tray().unwrap();
        let chunk = tray.append_rows(br#"[{"name":"a"},{"name":"b"}]"#, 2);
        let rows = Values::Rows(vec![chunk.unwrap()]);
        let values = Values::Map(vec![("rows".to_owned(), rows)]);
        let output = folder.path().join("optional.docx");
        let made = renderer.to_file(tray, template, values, &output).await;
        made.map(|_| document(&output))
    };
    let told = made(true, "{{ r.name }}[{{ r.owner }}]").await;
    assert!(told.unwrap().contains("a[]b[]"));
    for (is_known, tag, expected) in [
        (true, "{{ r.ownr }}", "did you mean r.owner?"),
        (false, "{{ r.owner }}", "there is no r.owner"),
    ] {
        match made(is_known, tag).await {
            Err(RenderFailure::Values(told)) => assert!(told.text.contains(expected), "{told:?}"),
            other => panic!("{tag}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn memory_does_not_grow_with_the_rows_of_a_tray() {
    let folder = tempfile::tempdir().unwrap();
    let renderer = renderer(folder.path(), 64, 300);
    let output = folder.path().join("out.docx");

    let tray = renderer.tray().unwrap();
    let chunk = |start: usize| {
        let rows: Vec<_> = (start..start + CHUNK).map(row).collect();
        let body = serde_json::to_vec(&rows).unwrap();
        tray.append_rows(&body, rows.len()).unwrap()
    };
    let chunks = (0..ROWS).step_by(CHUNK).map(chunk).collect();
    let values = Values::Map(vec![("rows".to_owned(), Values::Rows(chunks))]);
    let made = renderer.to_file(Arc::clone(&tray), table(), values, &output);
    let bytes = made.await.unwrap();
    assert_eq!(bytes, std::fs::metadata(&output).unwrap().len());
    let document = document(&output);
    assert!(document.contains(&format!("h of row {}<", ROWS - 1)));
    assert!(document.contains(&format!(">{ROWS}<")));
    std::fs::remove_file(&output).unwrap();

    // The same rows as one value do not fit, so there is something to see above.
    let rows: Vec<_> = (0..ROWS).map(row).collect();
    let values = Values::from(json!({ "rows": rows }));
    let tray = renderer.tray().unwrap();
    let failure = renderer
        .to_file(tray, table(), values, &output)
        .await
        .unwrap_err();
    let memory = matches!(
        failure,
        RenderFailure::Stopped {
            how: Stopped::Memory,
            ..
        }
    );
    assert!(memory, "{failure}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn it_has_no_rights_and_ends_when_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let renderer = renderer(folder.path(), 256, 300);
    let endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    let template: Arc<[u8]> = Package::with_body(&p(&endless.repeat(40))).bytes().into();
    let output = folder.path().join("out.docx");
    let tray = renderer.tray().unwrap();
    {
        let work = renderer.to_file(tray, template, Values::from(json!({})), &output);
        let look = async {
            loop {
                if let Some(status) = children().iter().find_map(|id| confined(*id)) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let status = tokio::select! {
            ended = work => panic!("it ended by itself: {ended:?}"),
            status = tokio::time::timeout(Duration::from_secs(20), look) => status.unwrap(),
        };
        for expected in [
            "NoNewPrivs:\t1",
            "CapEff:\t0000000000000000",
            "CapPrm:\t0000000000000000",
        ] {
            assert!(status.contains(expected), "{expected} is not in {status}");
        }
    }
    for _ in 0..200 {
        if children().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(children().is_empty(), "it still runs");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// What runs below this thread's process, of this test alone.
fn children() -> Vec<u32> {
    let own = std::process::id();
    let tasks = std::fs::read_dir(format!("/proc/{own}/task")).unwrap();
    let texts =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    let ids: Vec<u32> = texts
        .flat_map(|text| {
            text.split_whitespace()
                .filter_map(|id| id.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect();
    ids.into_iter().filter(|id| is_endless(*id)).collect()
}

/// Tells the two tests' processes apart: the endless one may take 256 MB.
fn is_endless(id: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/cmdline"))
        .is_ok_and(|command| command.contains("--memory-bytes=268435456"))
}

/// A process's status once it is under a filter of system calls and can open nothing any more.
fn confined(id: u32) -> Option<String> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{id}/{name}")).ok();
    let (status, limits) = (read("status")?, read("limits")?);
    let no_files = limits.lines().any(|line| {
        line.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .starts_with("Max open files 0 0")
    });
    (status.contains("Seccomp:\t2") && no_files).then_some(status)
}

fn document(file: &Path) -> String {
    use std::io::Read as _;
    let mut archive = zip::ZipArchive::new(std::fs::File::open(file).unwrap()).unwrap();
    let mut text = String::new();
    let mut part = archive.by_name("word/document.xml").unwrap();
    part.read_to_string(&mut text).unwrap();
    text
}
