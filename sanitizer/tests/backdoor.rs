//! What hostile code in a worker can do. The program is built with a feature that lets a message run such code, in a folder
//! of its own; at worst the message is answered with another valid document.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests end the test"
)]

mod support;

use serde_json::{Value, json};
use spokegate_contract::Registry;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use support::agent::Agent;
use support::certificates::Authority;
use support::{Centre, Fabric, Taken, assert_sealed, device, id};
use tempfile::TempDir;

/// The pull that `other-request` answers in another's place.
const VICTIM: u8 = 200;

/// How an act of hostile code ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Egress drops the record and counts it under this name; the pull runs into its deadline.
    Dropped(&'static str),
    /// The worker is lost, the next one too, and the message goes to quarantine.
    Quarantined,
    /// The message is answered, once, as it should be.
    Answered,
    /// The message is answered with a document that is valid, and not its own.
    Forged,
    /// The message is answered with what breaks its contract; the centre looks again and refuses it.
    RefusedByTheCentre,
}

const ACTS: [(&str, End); 15] = [
    ("other-tenant", End::Dropped("egress_foreign_records")),
    ("other-satellite", End::Dropped("egress_foreign_records")),
    ("other-request", End::Dropped("egress_foreign_records")),
    ("other-dataset", End::Dropped("egress_foreign_records")),
    ("other-time", End::Dropped("egress_foreign_records")),
    ("other-lane", End::Dropped("egress_foreign_records")),
    ("unsealed", End::Dropped("egress_broken_seals")),
    ("other-token", End::Quarantined),
    ("two-records", End::Quarantined),
    ("huge-frame", End::Quarantined),
    ("read-file", End::Quarantined),
    ("connect", End::Quarantined),
    ("two-answers", End::Answered),
    ("invalid-document", End::RefusedByTheCentre),
    ("other-document", End::Forged),
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_code_in_a_worker_gives_its_own_message_another_valid_document_at_worst() {
    let fabric = Fabric::start_in(with_program(&build()), "", "").await;
    let mut centre = fabric.centre().await;
    for (number, (act, end)) in (1..).zip(ACTS) {
        // A satellite of its own for each: what one has done is not counted against the next.
        let satellite = format!("s{number}");
        let agent = fabric.agent("acme", &satellite).await;
        check(&mut centre, (agent, &satellite), number, act, end).await;
    }
    let counters = centre.status().await["counters"].clone();
    println!(
        "hostile acts in a worker: {} of {} as they should end; {counters}",
        ACTS.len(),
        ACTS.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_code_that_refuses_what_is_good_has_nobody_suspended() {
    let settings = "budget.refusals=5 budget.slow_after=4";
    let fabric = Fabric::start_in(with_program(&build()), "", settings).await;
    let mut centre = fabric.centre().await;
    let mut hostile = fabric.agent("acme", "hostile").await;
    let mut honest = fabric.agent("acme", "honest").await;
    let mut row = device("one");
    row["owner"] = json!("spokegate-backdoor:refuse-others;");
    let answered = answered(&mut centre, &mut hostile, ("hostile", 1), &row).await;
    assert_eq!(answered["rows"], json!([row]));
    let good = device("x");
    // Four are lost to it; the fifth would suspend, and a fresh worker takes it.
    for number in 2..=5 {
        let refused = self::answered(&mut centre, &mut honest, ("honest", number), &good);
        assert_eq!(refused.await["failure"]["class"], "invalid", "{number}");
    }
    for number in 6..=20 {
        let taken = self::answered(&mut centre, &mut honest, ("honest", number), &good);
        assert_eq!(taken.await["rows"], json!([good]), "{number}");
    }
    let mut states = Vec::new();
    let mut contradicted = Vec::new();
    // The audit is told within a second or two.
    for _ in 0..4 {
        let status = centre.pull("status", 500).await;
        states.extend(
            status
                .into_iter()
                .map(|taken| taken.record["state"].clone()),
        );
        let audit = centre.pull("audit", 500).await.into_iter();
        let entries = audit.map(|taken| taken.record);
        contradicted.extend(entries.filter(|entry| entry["action"] == "worker.contradict"));
    }
    assert!(!states.contains(&json!("suspended")), "{states:?}");
    assert_eq!(contradicted.len(), 1);
    assert_eq!(contradicted[0]["subject"], "acme/honest");
    assert_eq!(contradicted[0]["reason"], "form tag");
}

/// What comes of a pull that a satellite answers with a row.
async fn answered(
    centre: &mut Centre,
    agent: &mut Agent,
    (satellite, number): (&str, u8),
    row: &Value,
) -> Value {
    let wanted = id(number);
    let asked = centre.ask(&wanted, "acme", satellite, json!({})).await;
    assert_eq!(asked.0, 202);
    let pull = agent.next_pull().await;
    agent.answer(&pull, &[json!([row])]).await;
    let taken = centre.wait_for("reply", |record| record["id"] == wanted.as_str());
    taken.await.record
}

/// The message that runs the code is pulled, and so is an honest one that is open at the same time.
async fn check(
    centre: &mut Centre,
    (mut agent, satellite): (Agent, &str),
    number: u8,
    act: &str,
    end: End,
) {
    let victim_id = id(if act == "other-request" {
        VICTIM
    } else {
        100 + number
    });
    let before = centre.status().await["counters"].clone();
    assert_eq!(
        centre.ask(&victim_id, "acme", satellite, json!({})).await.0,
        202
    );
    let victim = agent.next_pull().await;
    assert_eq!(
        centre
            .ask(&id(number), "acme", satellite, json!({}))
            .await
            .0,
        202
    );
    let pull = agent.next_pull().await;
    let mut row = device("one");
    row["owner"] = json!(format!("spokegate-backdoor:{act};"));
    agent.answer(&pull, &[json!([row.clone()])]).await;
    if let End::Dropped(counter) = end {
        wait_for_count(
            centre,
            counter,
            before[counter].as_u64().unwrap_or(0) + 1,
            act,
        )
        .await;
    }
    agent.answer(&victim, &[json!([device("honest")])]).await;

    let mut own = Vec::new();
    let mut honest = None;
    while honest.is_none() {
        for taken in all_lanes(centre).await {
            assert_sealed(&taken);
            let record = &taken.record;
            assert_eq!(record["tenant"], "acme", "{act}");
            assert!(
                record["satellite"] == satellite || record["kind"] == "presence",
                "{act}: {record}"
            );
            match record["id"].as_str() {
                Some(named) if named == victim_id => {
                    assert_eq!(record["rows"], json!([device("honest")]), "{act}");
                    assert!(honest.replace(()).is_none(), "{act}: answered twice");
                }
                Some(named) if named == id(number) => own.push(taken),
                Some(other) => panic!("{act}: a record of {other}"),
                None => assert_eq!(record["kind"], "presence", "{act}"),
            }
        }
    }
    own.extend(all_lanes(centre).await);
    judge(&own, &row, act, end);
    println!("{act}: {end:?}");
}

/// Whether what came of the message that ran the code is what should.
fn judge(own: &[Taken], row: &Value, act: &str, end: End) {
    let kinds: Vec<_> = own
        .iter()
        .map(|taken| taken.record["kind"].clone())
        .collect();
    match end {
        End::Dropped(_) => assert!(own.is_empty(), "{act}: {own:?}"),
        End::Quarantined => {
            assert!(kinds.contains(&json!("quarantine")), "{act}: {own:?}");
            let failed = own
                .iter()
                .find(|taken| taken.record["kind"] == "reply")
                .unwrap();
            assert_eq!(
                failed.record["failure"]["class"], "invalid",
                "{act}: {own:?}"
            );
            assert_eq!(own.len(), 2, "{act}: {own:?}");
        }
        End::Answered => assert_eq!(only(own)["rows"], json!([row]), "{act}"),
        End::Forged => {
            assert_eq!(only(own)["rows"][0]["hostname"], "forged", "{act}");
            assert!(centre_would_take(only(own)), "{act}");
        }
        End::RefusedByTheCentre => assert!(!centre_would_take(only(own)), "{act}"),
    }
}

fn only(own: &[Taken]) -> &Value {
    assert_eq!(own.len(), 1, "{own:?}");
    &own[0].record
}

/// The contract's verdict, by a validator that is not the worker's: over JSON as it stands in the record.
fn centre_would_take(record: &Value) -> bool {
    let registry = Registry::open(&support::schemas()).unwrap();
    let dataset = registry.get(&"devices".parse().unwrap(), 1).unwrap();
    let validator = jsonschema::validator_for(&dataset.data_schema).unwrap();
    record["rows"]
        .as_array()
        .unwrap()
        .iter()
        .all(|row| validator.is_valid(row))
}

async fn all_lanes(centre: &mut Centre) -> Vec<Taken> {
    let mut taken = Vec::new();
    for lane in ["reply", "push", "quarantine", "status"] {
        taken.extend(centre.pull(lane, 100).await);
    }
    taken
}

async fn wait_for_count(centre: &mut Centre, counter: &str, least: u64, act: &str) {
    for _ in 0..100 {
        if centre.status().await["counters"][counter].as_u64() >= Some(least) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{act}: {counter} stays below {least}");
}

/// Builds the program with the feature, in a folder of its own.
fn build() -> PathBuf {
    // Tests of this file come at once, and each needs the program.
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build_once).clone()
}

fn build_once() -> PathBuf {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (ours, theirs) = (tmp.with_file_name("debug"), tmp.with_file_name("backdoor"));
    lend(&ours, &theirs.join("debug"));
    let built = Command::new(env!("CARGO"))
        // As the whole workspace is built, so that what lies there is good for this one.
        .args(["build", "--workspace", "--locked", "--quiet"])
        .args(["--bin", "spokegate-sanitizer"])
        .args(["--features", "spokegate-sanitizer/backdoor", "--target-dir"])
        .arg(&theirs)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(built.success());
    theirs.join("debug/spokegate-sanitizer")
}

/// Gives a build the libraries of another, without a copy, so that it compiles only what the feature changes.
fn lend(from: &Path, to: &Path) {
    if to.exists() || !from.join("deps").exists() {
        return;
    }
    std::fs::create_dir_all(to).unwrap();
    for (how, what) in [("-a", ".fingerprint"), ("-a", "build"), ("-al", "deps")] {
        let mut copy = Command::new("cp");
        let copied = copy.arg(how).arg(from.join(what)).arg(to).status();
        assert!(copied.unwrap().success(), "{what}");
    }
}

/// A folder whose program is this one.
fn with_program(program: &Path) -> TempDir {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::hard_link(program, folder.path().join("spokegate-sanitizer")).unwrap();
    folder
}

#[test]
fn without_a_confinement_the_attacks_of_the_self_test_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let (fabric_ca, inner_ca) = (Authority::new(), Authority::new());
    let config = support::write_files(&folder, (&fabric_ca, &inner_ca), &["acme".to_owned()], 1);
    let output = Command::new(build())
        .args([
            "self-test",
            "--json",
            "--bare",
            "--set",
            "worker.stall_ms_max=1000",
            "--config",
        ])
        .arg(config)
        .env_clear()
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let attacks = report["attacks"].as_array().unwrap();
    let broken = |name: &str| {
        let of = |attack: &&Value| attack["attack"] == name && attack["stage"] == "worker";
        attacks.iter().find(of).unwrap()["held"] == false
    };
    for name in [
        "capabilities-and-filter-as-the-system-sees-them",
        "read-file",
        "read-foreign-key",
        "write-file",
        "list-folder",
        "file-in-memory",
        "connect",
        "listen",
        "listen-anywhere",
        "unix-socket",
        "datagram-socket",
        "datagram-pair",
        "fast-open",
        "fast-open-message",
        "fast-open-option",
        "exec",
        "fork",
        "thread",
        "signal-other",
        "handle-on-other",
        "debug-other",
        "map-executable",
        "make-executable",
        "new-namespaces",
        "lift-filter",
        "inherited-descriptors",
        "memory",
        "endless-loop",
    ] {
        assert!(broken(name), "{name} does nothing: {report:#}");
    }
    assert_eq!(output.status.code(), Some(1));
    println!(
        "attacks without a confinement: {} of {} succeed",
        attacks
            .iter()
            .filter(|attack| attack["held"] == false)
            .count(),
        attacks.len()
    );
}

#[test]
fn the_ordinary_program_has_neither_backdoor_nor_bare_attacks() {
    let bytes = std::fs::read(support::PROGRAM).unwrap();
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(has(b"sandbox attacks: "), "the search finds texts");
    assert!(!has(b"spokegate-backdoor:"));
    for verb in [["self-test", "--bare"], ["attack", "--bare"]] {
        let output = Command::new(support::PROGRAM)
            .args(verb)
            .env_clear()
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{verb:?}");
    }
}
