//! Which template runs are filled with.

use super::*;
use crate::library::{NewTemplate, Refused};
use crate::store::library::LibraryAct;
use crate::testing::word;

pub(super) const ACT: LibraryAct<'static> = LibraryAct {
    at_ms: 1,
    person_id: "main:wanda",
    person_title: "Wanda Writer",
};

impl Bench {
    pub(super) fn overview(&self) -> Arc<Report> {
        let id = "customer-overview".parse().unwrap();
        Arc::clone(self.engine.catalogue().get(&id).unwrap())
    }

    pub(super) async fn upload(&self, paragraphs: &[&str]) -> u64 {
        let new = NewTemplate {
            file: word(paragraphs).into(),
            file_name: "a.docx".into(),
            note: String::new(),
        };
        let library = self.engine.library();
        let kept = library.upload(&self.overview(), new, ACT).await;
        kept.unwrap().0
    }

    pub(super) async fn activate(&self, version: u64) {
        let id = self.overview().id.clone();
        assert!(
            self.store
                .template_activate(&id, version, ACT)
                .await
                .unwrap()
        );
    }

    /// The only file in the folder of templates.
    fn template_file(&self) -> std::path::PathBuf {
        let folder = self.folder.path().join("files/templates");
        let mut files = std::fs::read_dir(folder).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none());
        file
    }
}

const GOOD: &str = "Second edition for {{ tenants[0].title }}";

#[tokio::test]
async fn a_run_uses_the_version_that_is_active_when_it_begins_and_its_proof_names_it() {
    let bench = Bench::new().await;
    bench.online("acme").await;
    let shipped = done(&bench, 0).await;
    assert_eq!(shipped.template_version, 0);
    assert_eq!(shipped.template_sha256, bench.overview().template_sha256);
    let version = bench.upload(&[GOOD]).await;
    let still = done(&bench, 3).await;
    assert_eq!(still.template_version, 0, "an upload alone changes nothing");
    bench.activate(version).await;
    let new = done(&bench, 6).await;
    assert_eq!((new.template_version, new.template_sha256.len()), (1, 64));
    assert_ne!(new.template_sha256, shipped.template_sha256);
    let text = bench.document(&new.id);
    assert!(text.starts_with("Second edition for Acme"), "{text}");
    let words = |verdict: &Verdict| format!("{verdict:?}");
    let verdict = bench.engine.verify(&new).await;
    assert!(
        verdict.holds() && words(&verdict).contains("version 1, which Wanda Writer uploaded"),
        "{verdict:?}"
    );
    // A run that says another version than it was made with is found out.
    bench.upload(&["Third edition"]).await;
    for (version, expected) in [
        (2, "it is not version 2"),
        (9, "nothing is known of version 9"),
    ] {
        let wrong = RunRow {
            template_version: version,
            ..new.clone()
        };
        let verdict = bench.engine.verify(&wrong).await;
        assert!(
            !verdict.holds() && words(&verdict).contains(expected),
            "{verdict:?}"
        );
    }
    // The earlier run, made again with the same data, is filled into what is active now; and back.
    let again = |parent: &RunRow| {
        let mut order = bench.order(&["acme"]);
        order.origin = Origin {
            parent: parent.id.to_string(),
            same_data: true,
            ..Origin::default()
        };
        order
    };
    let id = bench.engine.order(again(&shipped)).await.unwrap();
    assert_eq!(bench.ended(&id).await.template_version, 1);
    bench.activate(0).await;
    let id = bench.engine.order(again(&new)).await.unwrap();
    let back = bench.ended(&id).await;
    assert_eq!((back.state, back.template_version), (RunState::Done, 0));
    let verdict = bench.engine.verify(&new).await;
    assert!(verdict.holds(), "what was made stays proved: {verdict:?}");
}

#[tokio::test]
async fn a_template_that_was_changed_on_the_disk_fills_nothing() {
    let bench = Bench::new().await;
    bench.online("acme").await;
    let version = bench.upload(&[GOOD]).await;
    bench.activate(version).await;
    let file = bench.template_file();
    let check = async |expected: &str| {
        let id = bench.start(&["acme"]).await;
        let run = bench.ended(&id).await;
        assert_eq!(run.state, RunState::Failed);
        assert!(run.reason.contains(expected), "{}", run.reason);
        assert_eq!(run.template_version, 0, "it was made with none");
    };
    std::fs::write(&file, word(&["Another"])).unwrap();
    check("Version 1 of the template was changed where it is kept").await;
    std::fs::remove_file(&file).unwrap();
    check("Version 1 of the template has lost its file").await;
}

#[tokio::test]
async fn a_version_that_does_not_fit_its_report_does_not_run() {
    let bench = Bench::new().await;
    bench.online("acme").await;
    // As when the report's needs changed after it was made active.
    let version = bench.upload(&["{{ tenants[0].titel }}"]).await;
    bench.activate(version).await;
    let id = bench.start(&["acme"]).await;
    let run = bench.ended(&id).await;
    assert_eq!(run.state, RunState::Failed);
    for expected in ["version 1, no longer fits it", "titel", "did you mean"] {
        assert!(run.reason.contains(expected), "{expected}: {}", run.reason);
    }
    let report = bench.overview();
    let problem = bench.engine.library().problem(&report).await;
    assert_eq!(problem.as_deref(), Some(run.reason.as_str()));
    bench.activate(0).await;
    assert_eq!(bench.engine.library().problem(&report).await, None);
}

#[tokio::test]
async fn what_is_no_template_is_refused_and_leaves_nothing() {
    let bench = Bench::new().await;
    let library = bench.engine.library();
    let upload = async |file: Vec<u8>| {
        let new = NewTemplate {
            file: file.into(),
            file_name: "a.docx".into(),
            note: String::new(),
        };
        let kept = library.upload(&bench.overview(), new, ACT).await;
        kept.map(|(version, found)| (version, found.count()))
    };
    for bad in [b"no document".to_vec(), word(&["x"])[..100].to_vec()] {
        let refused = upload(bad).await;
        assert!(matches!(refused, Err(Refused::File(_))), "{refused:?}");
    }
    assert!(!bench.folder.path().join("files/templates").exists());
    assert_eq!(bench.files(), 0);
    let (version, faults) = upload(word(&["{{ tenants[0].titel }}", "{{ oops"]))
        .await
        .unwrap();
    assert_eq!((version, faults > 0), (1, true), "one with faults is kept");
    // No more than allowed; what does not fit in leaves no file.
    for _ in 1..50 {
        upload(word(&[GOOD])).await.unwrap();
    }
    let full = upload(word(&[GOOD])).await;
    assert!(matches!(full, Err(Refused::Full(50))), "{full:?}");
    let files = std::fs::read_dir(bench.folder.path().join("files/templates"));
    assert_eq!(files.unwrap().count(), 50);
}

#[tokio::test]
async fn a_try_out_shows_the_contracts_examples() {
    let bench = Bench::new().await;
    let report = bench.overview();
    let library = bench.engine.library();
    let template = library.template(&report, 0).await.unwrap();
    let made = library
        .try_out(&report, template, Format::Word)
        .await
        .unwrap();
    let at = bench.folder.path().join("sample.docx");
    std::fs::write(&at, made).unwrap();
    let mut archive = zip::ZipArchive::new(std::fs::File::open(at).unwrap()).unwrap();
    let mut xml = String::new();
    let mut part = archive.by_name("word/document.xml").unwrap();
    part.read_to_string(&mut xml).unwrap();
    // From schemas/devices/v1/examples/ok-typical.json.
    for expected in ["Sample customer", "acme-srv01", "Windows Server"] {
        assert!(xml.contains(expected), "{expected} is not in {xml}");
    }
    assert_eq!(bench.files(), 0, "nothing of it is left");
}

#[tokio::test]
async fn a_template_shows_how_old_data_is_where_older_data_may_stand_in() {
    let bench = Bench::new().await;
    let report = bench.overview();
    let mut need = report.needs[0].clone();
    let check = async |need: &crate::reports::Need, text: &str, untold: usize| {
        let template = crate::render::Template::from(word(&[text]));
        let found = bench
            .engine
            .library()
            .lint(&report, template)
            .await
            .unwrap();
        let told = crate::reports::ages_untold(&found.inspected, std::slice::from_ref(need));
        assert_eq!(told.len(), untold, "{text}: {told:?}");
    };
    check(&need, GOOD, 0).await;
    need.older_ms = Some(86_400_000);
    check(&need, GOOD, 1).await;
    check(&need, "{{ tenants[0].title }}: {{ older|length }}", 0).await;
    let own = format!("{{{{ tenants[0].{}.captured_at }}}}", need.key);
    check(&need, &own, 0).await;
}
