//! Replays the committed corpus of the fuzz targets.

use std::path::Path;

use docx_jinja::minijinja::{Value, context};

use crate::support::{docx, fill, names, p};

#[expect(unreachable_pub, reason = "a crate of its own in the fuzz workspace")]
#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

fn replay(folder: &str, target: fn(&[u8])) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(folder);
    let mut files = 0;
    for file in std::fs::read_dir(path).unwrap() {
        target(&std::fs::read(file.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= 5, "the corpus {folder} has {files} files");
}

#[test]
fn the_corpus_of_charts_is_taken() {
    replay("chart", fuzz::chart);
}

#[test]
fn the_corpus_of_sub_documents_is_taken() {
    replay("sub_document", fuzz::sub_document);
}

/// What the two targets above build is filled, and not refused before it comes to that.
#[test]
fn charts_and_sub_documents_of_the_corpus_are_filled() {
    let read = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        std::fs::read(folder.join(name)).unwrap()
    };
    let values = || {
        let rows = vec![context! { x => "first row", n => 1.5 }];
        context! { rows, v => "v", n => 3, none => Vec::<i32>::new() }
    };
    for name in [
        "column",
        "pie",
        "line-dates",
        "scatter",
        "bubble",
        "combination",
        "series",
        "no-chart",
    ] {
        let package = fuzz::with_chart(&read(&format!("chart/{name}.txt")));
        let filled = fill(&package, values());
        let charts = names(&filled).into_iter();
        let charts = charts.filter(|name| name.starts_with("word/charts/chart"));
        assert_eq!(charts.count(), 2, "{name}");
    }
    for name in ["paragraph", "styled", "list", "table"] {
        let annex = fuzz::sub_document_of(&read(&format!("sub_document/{name}.txt")));
        let annex = Value::from(annex.unwrap_or_else(|error| panic!("{name}: {error}")));
        let filled = fill(&docx(&p("{{p annex }}")), context! { annex });
        assert!(names(&filled).len() >= 2, "{name}");
    }
}

#[test]
fn the_corpus_of_documents_is_taken() {
    replay("document", fuzz::document);
}

#[test]
fn the_corpus_of_markdown_is_taken() {
    replay("markdown", fuzz::markdown);
}

#[test]
fn the_corpus_of_packages_is_taken() {
    replay("package", fuzz::package);
}
