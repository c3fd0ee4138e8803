//! Replays the committed corpus of the fuzz targets.

use std::path::Path;

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
