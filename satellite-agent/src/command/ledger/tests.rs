use super::*;
use bytes::Bytes;

const NOW_MS: u64 = 1_800_000_000_000;

fn command(number: u64, id: u8) -> Command {
    Command {
        id: RequestId::from_bytes([id; 16]),
        args: Bytes::from_static(&[0xa0]),
        number,
        expires_ms: NOW_MS + 1_000,
        signature: Bytes::from_static(&[0x30]),
    }
}

fn files(folder: &tempfile::TempDir) -> TlsFiles {
    TlsFiles::in_directory(folder.path())
}

fn fault(next: Next) -> Option<CommandFault> {
    match next {
        Next::Answer(CommandOutcome::Failed { fault, .. }) => Some(fault),
        _ => None,
    }
}

#[test]
fn a_command_is_done_once_and_answered_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&files(&folder)).unwrap();
    let first = command(1, 7);
    assert_eq!(ledger.next(&first, NOW_MS), Next::Do);
    ledger.begin(&first).unwrap();
    // A process that ends here begins it again.
    let mut ledger = Ledger::open(&files(&folder)).unwrap();
    assert_eq!(ledger.next(&first, NOW_MS), Next::Do);
    let done = CommandOutcome::done("renewed");
    ledger.end(done.clone()).unwrap();
    // The answer outlives the process, and the command's end.
    let mut ledger = Ledger::open(&files(&folder)).unwrap();
    assert_eq!(
        ledger.next(&first, NOW_MS + 5_000),
        Next::Answer(done.clone())
    );
    let second = command(2, 8);
    assert_eq!(ledger.next(&second, NOW_MS), Next::Do);
    ledger.begin(&second).unwrap();
    let failed = CommandOutcome::failed(CommandFault::RolledBack, "unhealthy");
    ledger.end(failed.clone()).unwrap();
    let ledger = Ledger::open(&files(&folder)).unwrap();
    assert_eq!(ledger.next(&second, NOW_MS), Next::Answer(failed));
}

#[test]
fn what_is_late_or_was_overtaken_is_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&files(&folder)).unwrap();
    let late = command(1, 7);
    let over_ms = late.expires_ms + 1;
    assert_eq!(ledger.next(&late, late.expires_ms), Next::Do);
    assert_eq!(
        fault(ledger.next(&late, over_ms)),
        Some(CommandFault::Expired)
    );
    ledger.begin(&command(5, 8)).unwrap();
    for (number, id, expected) in [
        (4, 7, Some(CommandFault::Superseded)),
        (5, 9, Some(CommandFault::Superseded)),
        (5, 8, None),
        (6, 9, None),
    ] {
        let next = ledger.next(&command(number, id), NOW_MS);
        assert_eq!(fault(next), expected, "{number} {id}");
    }
}

#[test]
fn a_damaged_note_is_told_and_not_taken_for_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&files(&folder)).unwrap();
    ledger.begin(&command(1, 7)).unwrap();
    std::fs::write(&ledger.path, "{").unwrap();
    let error = Ledger::open(&files(&folder)).unwrap_err().to_string();
    assert!(
        error.contains(&ledger.path.display().to_string()),
        "{error}"
    );
}
