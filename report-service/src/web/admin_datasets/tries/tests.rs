use super::*;
use serde_json::json;

fn begun(personal: bool, began_ms: u64) -> Try {
    Try {
        owner: "main:carol".into(),
        title: String::new(),
        about: String::new(),
        customer: String::new(),
        back: String::new(),
        personal,
        began_ms,
        outcome: Outcome::UnderWay,
        took_ms: 0,
        rows: 0,
        bytes: 0,
        chunks: 0,
        columns: Vec::new(),
        cells: Vec::new(),
    }
}

fn rows(count: usize) -> Vec<Map<String, Value>> {
    let row = |number: usize| match json!({"host": format!("srv{number}"), "up": true}) {
        Value::Object(row) => row,
        _ => unreachable!("an object"),
    };
    (0..count).map(row).collect()
}

#[test]
fn the_first_rows_are_shown_and_all_are_counted() {
    let mut tried = begun(false, 0);
    tried.part(100, &rows(ROWS_SHOWN + 5));
    tried.part(50, &rows(3));
    assert_eq!((tried.rows, tried.bytes, tried.chunks), (18, 150, 2));
    assert_eq!(tried.columns, ["host", "up"]);
    assert_eq!(tried.cells.len(), ROWS_SHOWN);
    assert_eq!(tried.cells[1], ["srv1", "true"]);
    tried.forget();
    assert_eq!((tried.rows, tried.cells.len()), (0, 0));
}

#[test]
fn nothing_of_a_person_is_shown() {
    let mut tried = begun(true, 0);
    tried.part(100, &rows(2));
    assert_eq!(tried.columns, ["host", "up"], "what there is may be seen");
    assert_eq!(tried.cells, [[HIDDEN, HIDDEN], [HIDDEN, HIDDEN]]);
}

#[test]
fn every_failure_has_its_words_and_what_to_do() {
    for (class, begins) in [
        (FailureClass::Offline, "The satellite is not connected"),
        (FailureClass::Timeout, "No answer came in time"),
        (FailureClass::Refused, "The pull was refused"),
        (FailureClass::Invalid, "The answer breaks the contract"),
        (FailureClass::SourceError, "The source behind the satellite"),
        (FailureClass::TooLarge, "The answer is larger"),
    ] {
        let tried = Try {
            outcome: Outcome::Failed(Failure::new(class, "/3/ip: format.")),
            ..begun(false, 0)
        };
        let told = tried.failure();
        assert!(told.starts_with(begins), "{told}");
        assert!(told.contains(" (/3/ip: format). "), "{told}");
        assert_eq!(tried.class(), class.as_str());
    }
    assert_eq!(begun(false, 0).failure(), "");
}

#[test]
fn tries_are_bounded_and_only_for_whoever_tried() {
    let tries = Tries::default();
    let id = || TryId::random().unwrap();
    let under_way: Vec<TryId> = (0..UNDER_WAY_MAX).map(|_| id()).collect();
    for one in &under_way {
        assert!(tries.enter(one, begun(false, 1)));
    }
    assert!(!tries.enter(&id(), begun(false, 2)), "all places are taken");
    assert!(tries.of("main:carol", &under_way[0]).is_some());
    assert!(tries.of("main:dave", &under_way[0]).is_none());
    let end = |one: &TryId| tries.change(one, |tried| tried.outcome = Outcome::Holds);
    under_way.iter().for_each(end);
    for number in 0..KEPT_MAX as u64 {
        let next = id();
        assert!(tries.enter(&next, begun(false, 10 + number)));
        end(&next);
    }
    assert!(
        tries.of("main:carol", &under_way[0]).is_none(),
        "the oldest went"
    );
    assert_eq!(tries.all().len(), KEPT_MAX);
    assert!(tries.enter(&id(), begun(false, KEPT_MS + 1_000)));
    assert_eq!(tries.all().len(), 1, "what is old goes");
}
