//! What fuzzing and the corpus test hold the reader of batches to.

use crate::lane::{lines, read_record};
use crate::line::Line;
use crate::seal::SealKey;
use spokegate_contract::record::check_canonical;

/// Takes bytes as a batch: a line that comes apart is the one line that has these parts, and nobody guesses a seal. Takes
/// them as a record as well: sealed, it is read or refused, and what is read is canonical.
///
/// # Panics
/// When a property does not hold.
pub fn assert_lines(bytes: &[u8]) {
    let key = SealKey::new(&[0x5a; 32]);
    for range in lines(bytes) {
        let line = bytes.get(range).unwrap_or_default();
        if let Ok(parts) = Line::split(line) {
            assert_eq!(parts.joined(), line, "a line has one spelling");
            assert!(read_record(&key, &parts).is_err(), "a guessed seal");
        }
    }
    let seal = key.seal(bytes);
    let whole = [
        b"{\"cursor\":1,\"record\":",
        bytes,
        b",\"seal\":\"",
        seal.as_bytes(),
        b"\"}",
    ]
    .concat();
    let parts = Line::split(&whole).expect("a line in its fixed form comes apart");
    assert_eq!(parts.record, bytes, "the record is what was sealed");
    if let Ok(record) = read_record(&key, &parts) {
        assert!(check_canonical(bytes).is_ok(), "what is read is canonical");
        assert_eq!(
            key.seal_as(&record.address.tenant, bytes),
            seal,
            "a record is its tenant's"
        );
    }
}

#[cfg(test)]
#[test]
fn the_fuzzers_corpus_holds() {
    let corpus = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../sanitizer/fuzz/corpus/line"
    );
    let mut replayed = 0;
    for entry in std::fs::read_dir(corpus).expect("the corpus is committed") {
        let path = entry.expect("a folder can be listed").path();
        assert_lines(&std::fs::read(path).expect("a file can be read"));
        replayed += 1;
    }
    assert!(replayed >= 10, "a corpus of {replayed} inputs");
}
