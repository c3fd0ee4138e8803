//! Templates on the pages: uploaded, looked at, tried, made active, rolled back, removed; and each act's refused twin.

use super::*;
use crate::testing::{word, word_with};

const WRITERS: &str = "
[[rights]]
groups = [\"desk\"]
reports = [\"*\"]
tenants = [\"*\"]
[[rights]]
groups = [\"writers\"]
reports = [\"customer-overview\"]
tenants = [\"*\"]
manage_templates = true
[[rights]]
groups = [\"others\"]
reports = [\"invoices\"]
tenants = [\"*\"]
manage_templates = true
[templates]
upload_mb = 1
versions_max = 3
";

const HERE: &str = "/templates/customer-overview";
const GOOD: &str = "Second edition for {{ tenants[0].title }}";

async fn browser<'b>(bench: &'b Bench, name: &str, group: &str) -> Browser<'b> {
    let who = Person {
        groups: vec!["f".into(), group.into()],
        ..person(name)
    };
    bench.browser_of(&who, Site::Forms).await
}

impl Browser<'_> {
    /// Where the version of this file is.
    async fn new_version(&self, paragraphs: &[&str]) -> String {
        let answer = self.new_template(&word(paragraphs)).await;
        let (status, headers) = (answer.status(), answer.headers().clone());
        assert_eq!(status, StatusCode::SEE_OTHER, "{}", text(answer).await);
        headers[header::LOCATION].to_str().unwrap().to_owned()
    }

    async fn new_template(&self, file: &[u8]) -> Response {
        let token = csrf::token_for(&self.token);
        let path = format!("{HERE}/upload");
        self.upload_as("template", &path, &token, file).await
    }

    async fn status_of(&self, path: &str) -> StatusCode {
        self.post(path, &[]).await.status()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_version_is_told_place_by_place_and_not_made_active() {
    let bench = Bench::with(WRITERS).await;
    let wanda = browser(&bench, "wanda", "writers").await;
    let (status, page) = wanda.get("/templates").await;
    assert!(
        status == StatusCode::OK && page.contains(HERE) && page.contains("as shipped"),
        "{page}"
    );
    let faulty = wanda
        .new_version(&["Hello", "{{ tenants[0].titel }} of {{ report.title }}"])
        .await;
    assert_eq!(faulty, format!("{HERE}/1"));
    let (_, page) = wanda.get(&faulty).await;
    for expected in [
        "1 fault<",
        "document, paragraph 2",
        "{{ tenants[0].titel }}",
        "did you mean tenants[].title?",
        "Title of wanda",
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    assert!(!page.contains("/activate"), "{page}");
    let refused = wanda.post(&format!("{faulty}/activate"), &[]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(refused).await.contains("It was not made active"));
    let marked = wanda.bytes(&format!("{faulty}/marked")).await;
    let mut marked = zip::ZipArchive::new(std::io::Cursor::new(marked)).unwrap();
    assert!(marked.by_name("word/comments.xml").is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_version_is_downloaded_and_tried() {
    let bench = Bench::with(WRITERS).await;
    let wanda = browser(&bench, "wanda", "writers").await;
    let good = wanda.new_version(&[GOOD]).await;
    let (_, page) = wanda.get(&good).await;
    assert!(
        page.contains("no faults") && page.contains("/activate"),
        "{page}"
    );
    assert_eq!(
        wanda.get(&format!("{good}/marked")).await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        wanda.bytes(&format!("{good}/download")).await,
        word(&[GOOD])
    );
    for (kind, start) in [("docx", &b"PK"[..]), ("pdf", b"%PDF-")] {
        let made = wanda.post(&format!("{good}/try"), &[("as", kind)]).await;
        assert_eq!(made.status(), StatusCode::OK, "{kind}");
        let body = axum::body::to_bytes(made.into_body(), 1 << 26)
            .await
            .unwrap();
        assert!(body.starts_with(start), "{kind}");
    }
    let odd = wanda.post(&format!("{good}/try"), &[("as", "odt")]).await;
    assert_eq!(odd.status(), StatusCode::BAD_REQUEST);
    let starter = wanda.bytes(&format!("{HERE}/starter")).await;
    assert!(starter.starts_with(b"PK"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_active_version_is_used_and_rolled_back() {
    let bench = Bench::with(WRITERS).await;
    bench.sanitizer.hello("acme").await;
    let wanda = browser(&bench, "wanda", "writers").await;
    let good = wanda.new_version(&[GOOD]).await;
    assert_eq!(
        wanda.status_of(&format!("{good}/activate")).await,
        StatusCode::SEE_OTHER
    );
    let removed = wanda.post(&format!("{good}/remove"), &[]).await;
    assert_eq!(
        removed.status(),
        StatusCode::UNPROCESSABLE_ENTITY,
        "it is active"
    );

    let place = wanda.start().await;
    bench.answer(0).await;
    let ended = wanda.json(&format!("{place}?wait_ms=30000")).await;
    assert_eq!(ended["state"], "done", "{ended}");
    let (_, run) = wanda.get(&place).await;
    assert!(run.contains("template version 1"), "{run}");
    let proof = text(wanda.post(&format!("{place}/proof"), &[]).await).await;
    assert!(
        proof.contains("version 1, which Title of wanda uploaded") && proof.contains(">holds<"),
        "{proof}"
    );
    assert!(!run.contains("made again, it uses"), "{run}");
    let (_, page) = wanda.get(HERE).await;
    assert!(
        page.contains("Roll back to the template as shipped"),
        "{page}"
    );
    let back = format!("{HERE}/roll-back");
    let stale = wanda.post(&back, &[("from", "9")]).await;
    assert_eq!(stale.status(), StatusCode::BAD_REQUEST);
    let done = wanda.post(&back, &[("from", "1")]).await;
    assert_eq!(done.status(), StatusCode::SEE_OTHER);
    let (_, run) = wanda.get(&place).await;
    let again = "made again, it uses the template as shipped";
    assert!(run.contains(again), "{run}");
    let none = wanda.post(&back, &[("from", "0")]).await;
    assert_eq!(
        none.status(),
        StatusCode::BAD_REQUEST,
        "there is none before"
    );
    assert_eq!(
        wanda.status_of(&format!("{good}/remove")).await,
        StatusCode::SEE_OTHER
    );
    assert_eq!(wanda.get(&good).await.0, StatusCode::NOT_FOUND);
    let (_, page) = wanda.get(HERE).await;
    assert!(
        page.contains("removed") && page.contains("as shipped"),
        "{page}"
    );
    let (_, proof) = wanda.get(&format!("{place}/proof")).await;
    assert!(proof.contains("version 1"), "{proof}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_act_is_in_the_audit_trail() {
    let bench = Bench::with(WRITERS).await;
    let wanda = browser(&bench, "wanda", "writers").await;
    let good = wanda.new_version(&[GOOD]).await;
    let faulty = wanda.new_version(&["{{ x"]).await;
    wanda.new_template(b"no document").await;
    wanda.bytes(&format!("{good}/download")).await;
    wanda.bytes(&format!("{HERE}/starter")).await;
    wanda.post(&format!("{good}/try"), &[("as", "docx")]).await;
    wanda.post(&format!("{faulty}/activate"), &[]).await;
    wanda.post(&format!("{good}/activate"), &[]).await;
    wanda.post(&format!("{faulty}/remove"), &[]).await;
    let store = &bench.service.state().store;
    let records = store.audit_page(None, 100).await.unwrap();
    let mut told: Vec<String> = records
        .iter()
        .filter(|record| record.action.starts_with("template."))
        .map(|record| format!("{} {} {}", record.action, record.decision, record.reason))
        .collect();
    told.reverse();
    assert_eq!(
        told,
        [
            "template.upload allowed received",
            "template.upload allowed received",
            "template.upload allowed received",
            "template.upload denied refused",
            "template.download allowed manages-templates",
            "template.starter allowed manages-templates",
            "template.try allowed manages-templates",
            "template.activate denied faulty",
            "template.activate allowed manages-templates",
            "template.remove allowed manages-templates",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_nobodys_who_may_not_manage_them() {
    let bench = Bench::with(WRITERS).await;
    let wanda = browser(&bench, "wanda", "writers").await;
    let version = wanda.new_version(&[GOOD]).await;
    for (name, group) in [("alice", "desk"), ("oli", "others")] {
        let stranger = browser(&bench, name, group).await;
        let gets = [HERE.to_owned(), version.clone()].into_iter().chain(
            ["starter", "1/download", "1/marked", "0", "0/download"]
                .map(|path| format!("{HERE}/{path}")),
        );
        for path in gets {
            assert_eq!(
                stranger.get(&path).await.0,
                StatusCode::NOT_FOUND,
                "{name} {path}"
            );
        }
        for path in ["roll-back", "1/try", "1/activate", "1/remove"] {
            let status = stranger.status_of(&format!("{HERE}/{path}")).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{name} {path}");
        }
        let uploaded = stranger.new_template(&word(&[GOOD])).await;
        assert_eq!(uploaded.status(), StatusCode::NOT_FOUND, "{name}");
        let (status, page) = stranger.get("/templates").await;
        match group {
            "desk" => assert_eq!(status, StatusCode::NOT_FOUND),
            _ => assert!(status == StatusCode::OK && !page.contains(HERE), "{page}"),
        }
        let (_, home) = stranger.get("/").await;
        assert_eq!(home.contains("href=\"/templates\""), group != "desk");
    }
    // An administrator may, on the other listener.
    let carol = bench.browser("carol", Site::Admin).await;
    let (status, page) = carol.get(&version).await;
    assert!(
        status == StatusCode::OK && page.contains("no faults"),
        "{page}"
    );
    let no_such = ["2", "01", "-1", "x", "18446744073709551616"];
    for version in no_such {
        let status = carol.get(&format!("{HERE}/{version}")).await.0;
        assert_eq!(status, StatusCode::NOT_FOUND, "{version}");
    }
    assert_eq!(
        carol.get("/templates/nothing").await.0,
        StatusCode::NOT_FOUND
    );
    let kept = carol.post(&format!("{HERE}/0/remove"), &[]).await;
    assert_eq!(kept.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_forged_or_hostile_is_refused_with_a_sentence() {
    let bench = Bench::with(WRITERS).await;
    let wanda = browser(&bench, "wanda", "writers").await;
    let check = async |answer: Response, status: StatusCode, expected: &str| {
        assert_eq!(answer.status(), status, "{expected}");
        let page = text(answer).await;
        assert!(page.contains(expected), "{expected} is not in {page}");
    };
    let path = format!("{HERE}/upload");
    let good = word(&[GOOD]);
    let forged = wanda.upload_as("template", &path, "0", &good).await;
    check(forged, StatusCode::FORBIDDEN, "did not come from a page").await;
    let large = wanda.new_template(&vec![0; 1 << 20]).await;
    let told = "The file is larger than 1 MB";
    check(large, StatusCode::PAYLOAD_TOO_LARGE, told).await;
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let none = wanda.new_template(b"").await;
    check(none, StatusCode::BAD_REQUEST, "Choose a file first").await;
    let text_file = wanda.new_template(b"no document").await;
    check(text_file, unprocessable, "This file is not taken").await;
    let half = wanda.new_template(&good[..good.len() / 2]).await;
    check(half, unprocessable, "This file is not taken").await;
    let macros = word_with(&[GOOD], &[("word/vbaProject.bin", "x")]);
    check(wanda.new_template(&macros).await, unprocessable, "macro").await;
    let twice = word_with(&[GOOD], &[("word/../word/document.xml", "<x/>")]);
    let told = "This file is not taken";
    check(wanda.new_template(&twice).await, unprocessable, told).await;
    let (_, page) = wanda.get(HERE).await;
    assert!(
        !page.contains("Version 1"),
        "nothing of it was kept: {page}"
    );
    for _ in 0..3 {
        wanda.new_version(&[GOOD]).await;
    }
    let full = wanda.new_template(&good).await;
    check(full, unprocessable, "This report has 3 versions already").await;
    // Elsewhere a form stays small, whatever it says that it holds.
    let token = csrf::token_for(&wanda.token);
    let big = vec![b'x'; web::FORM_BYTES_MAX];
    let elsewhere = format!("{HERE}/1/activate");
    let answer = wanda.upload_as("template", &elsewhere, &token, &big).await;
    check(answer, StatusCode::BAD_REQUEST, "The form is too large").await;
    let answer = wanda.upload_as("template", &elsewhere, &token, b"x").await;
    assert_eq!(
        answer.status(),
        StatusCode::FORBIDDEN,
        "its token is not read"
    );
}

/// Where the file of a version is kept.
async fn kept(bench: &Bench, version: u64) -> std::path::PathBuf {
    let state = bench.service.state();
    let report = "customer-overview".parse().unwrap();
    let row = state.store.template(&report, version).await.unwrap();
    let key = crate::artefacts::ArtefactKey::template(&row.unwrap().file_key);
    state.engine.artefacts().draft(&key)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_whose_file_is_lost_or_changed_says_so_and_offers_a_way_out() {
    let bench = Bench::with(WRITERS).await;
    let wanda = browser(&bench, "wanda", "writers").await;
    for version in 1..=3 {
        let place = wanda.new_version(&[GOOD]).await;
        if version < 3 {
            wanda.post(&format!("{place}/activate"), &[]).await;
        }
    }
    let file = |version| kept(&bench, version);
    std::fs::remove_file(file(3).await).unwrap();
    std::fs::write(file(2).await, word(&["Somebody else's"])).unwrap();
    let told = async |version: u64, has: &[&str], has_not: &[&str]| {
        let (status, page) = wanda.get(&format!("{HERE}/{version}")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        for expected in has {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
        for refused in has_not {
            assert!(!page.contains(refused), "{refused} is in {page}");
        }
    };
    let lost = "Version 3 of the template has lost its file";
    told(
        3,
        &[lost, "/3/remove"],
        &["/3/activate", "/roll-back", "os error"],
    )
    .await;
    let changed = "Version 2 of the template was changed where it is kept";
    told(2, &[changed, "/roll-back"], &["/2/remove", "/2/download"]).await;
    told(1, &["no faults"], &["This version cannot be used"]).await;
    for (path, told) in [("3/activate", lost), ("3/try", lost), ("2/try", changed)] {
        let answer = wanda
            .post(&format!("{HERE}/{path}"), &[("as", "docx")])
            .await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        let page = text(answer).await;
        assert!(page.contains(told), "{path}: {page}");
    }
    let (status, _) = wanda.get(&format!("{HERE}/3/download")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    // The one before is lost as well: it goes, and the next one is taken.
    std::fs::remove_file(file(1).await).unwrap();
    let back = async || {
        wanda
            .post(&format!("{HERE}/roll-back"), &[("from", "2")])
            .await
    };
    let refused = back().await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        text(refused)
            .await
            .contains("Remove version 1 to roll back further")
    );
    let removed = wanda.status_of(&format!("{HERE}/1/remove")).await;
    assert_eq!(removed, StatusCode::SEE_OTHER);
    assert_eq!(back().await.status(), StatusCode::SEE_OTHER);
    let (_, page) = wanda.get(HERE).await;
    assert!(page.contains("made with the template as shipped"), "{page}");
}
