//! Documents that are held back: the draft, its edited version, the decision.

use futures_util::StreamExt as _;

use super::*;
use crate::runs::{Format, RunFile};

const RELEASE: &str = "
[[rights]]
groups = [\"desk\"]
reports = [\"*\"]
tenants = [\"*\"]
[[rights]]
groups = [\"lead\"]
reports = [\"*\"]
tenants = [\"*\"]
release = true
[[rights]]
groups = [\"other\"]
reports = [\"*\"]
tenants = [\"globex\"]
release = true
";

struct Scene {
    bench: Bench,
    run: String,
}

async fn browser<'b>(bench: &'b Bench, name: &str, group: &str) -> Browser<'b> {
    let who = Person {
        groups: vec!["f".into(), group.into()],
        ..person(name)
    };
    bench.browser_of(&who, Site::Forms).await
}

/// A draft of alice's, who may not release it.
async fn scene(formats: &str) -> Scene {
    scene_with(formats, "").await
}

async fn scene_with(formats: &str, more: &str) -> Scene {
    let bench = Bench::with(&format!("{RELEASE}{more}")).await;
    bench.sanitizer.hello("acme").await;
    let alice = browser(&bench, "alice", "desk").await;
    let fields = [
        ("for-tenant", "acme"),
        ("title", "x"),
        ("held-back", "yes"),
        ("as-format", formats),
    ];
    let answer = alice.post("/reports/customer-overview", &fields).await;
    let run = answer.headers()[header::LOCATION].to_str().unwrap()[6..].to_owned();
    bench.answer(0).await;
    let ended = alice.json(&format!("/runs/{run}?wait_ms=30000")).await;
    assert_eq!(ended["state"], "done", "{ended}");
    Scene { bench, run }
}

impl Browser<'_> {
    pub(super) async fn bytes(&self, path: &str) -> Vec<u8> {
        let answer = self.ask(Request::builder().uri(path), Body::empty()).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        axum::body::to_bytes(answer.into_body(), 1 << 26)
            .await
            .unwrap()
            .into()
    }

    /// The digest of the draft, as the review's page says it.
    async fn seen(&self, run: &str) -> String {
        let (_, page) = self.get(&format!("/reviews/{run}")).await;
        let (_, rest) = page.split_once("name=\"sha256\" value=\"").expect(&page);
        rest[..64].to_owned()
    }

    /// Decides about what the review's page shows now.
    async fn decide(&self, run: &str, fields: &[(&str, &str)]) -> StatusCode {
        let seen = self.seen(run).await;
        let fields = [fields, &[("sha256", seen.as_str())]].concat();
        let answer = self.post(&format!("/reviews/{run}/decide"), &fields).await;
        answer.status()
    }

    async fn upload(&self, path: &str, token: &str, file: &[u8]) -> Response {
        self.upload_as("document", path, token, file).await
    }

    /// A form with a file in the field of that name.
    pub(super) async fn upload_as(
        &self,
        field: &str,
        path: &str,
        token: &str,
        file: &[u8],
    ) -> Response {
        let mut body = format!(
            "--b\r\ncontent-disposition: form-data; name=\"csrf\"\r\n\r\n{token}\r\n--b\r\n\
             content-disposition: form-data; name=\"{field}\"; filename=\"../x.docx\"\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--b--\r\n");
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::ORIGIN, "https://localhost")
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
        self.ask(request, Body::from(body)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_its_reviewers_alone_until_it_is_released() {
    let Scene { bench, run } = scene("docx").await;
    let alice = browser(&bench, "alice", "desk").await;
    let (lead, other) = (
        browser(&bench, "lea", "lead").await,
        browser(&bench, "oli", "other").await,
    );
    let page = alice.get(&format!("/runs/{run}")).await.1;
    assert!(
        page.contains(">draft<") && !page.contains("/download"),
        "{page}"
    );
    assert_eq!(
        alice.get(&format!("/runs/{run}/download")).await.0,
        StatusCode::NOT_FOUND
    );
    let review = format!("/reviews/{run}");
    for stranger in [&alice, &other] {
        assert!(!stranger.get("/reviews").await.1.contains(&run));
        for path in ["", "/draft"] {
            let status = stranger.get(&format!("{review}{path}")).await.0;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        }
        let decided = stranger
            .post(&format!("{review}/decide"), &[("decision", "release")])
            .await;
        assert_eq!(decided.status(), StatusCode::NOT_FOUND);
    }
    assert!(lead.get("/reviews").await.1.contains(&run));
    assert!(
        lead.bytes(&format!("{review}/draft"))
            .await
            .starts_with(b"PK")
    );
    let empty = lead.decide(&run, &[("decision", "reject"), ("reason", " ")]);
    assert_eq!(empty.await, StatusCode::UNPROCESSABLE_ENTITY);
    let blind = lead
        .post(&format!("{review}/decide"), &[("decision", "release")])
        .await;
    assert_eq!(
        blind.status(),
        StatusCode::BAD_REQUEST,
        "which document is not said"
    );
    let released = lead.decide(&run, &[("decision", "release")]).await;
    assert_eq!(released, StatusCode::SEE_OTHER);
    assert!(
        alice
            .bytes(&format!("/runs/{run}/download"))
            .await
            .starts_with(b"PK")
    );
    assert!(!lead.get("/reviews").await.1.contains(&run));
    let again = lead
        .post(
            &format!("{review}/decide"),
            &[("decision", "reject"), ("reason", "no")],
        )
        .await;
    assert_eq!(again.status(), StatusCode::BAD_REQUEST, "it is decided");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_draft_never_goes_out_and_its_owner_reads_why() {
    let Scene { bench, run } = scene("docx").await;
    let (alice, lead) = (
        browser(&bench, "alice", "desk").await,
        browser(&bench, "lea", "lead").await,
    );
    let rejected = lead.decide(
        &run,
        &[("decision", "reject"), ("reason", "Page 2 is <wrong>")],
    );
    assert_eq!(rejected.await, StatusCode::SEE_OTHER);
    let page = alice.get(&format!("/runs/{run}")).await.1;
    assert!(
        page.contains("Page 2 is &#60;wrong&#62;") && page.contains(">rejected<"),
        "{page}"
    );
    assert_eq!(
        alice.get(&format!("/runs/{run}/download")).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_version_takes_the_drafts_place_when_it_is_a_sound_document() {
    let Scene { bench, run } = scene("both").await;
    let (alice, lead) = (
        browser(&bench, "alice", "desk").await,
        browser(&bench, "lea", "lead").await,
    );
    let (review, upload) = (format!("/reviews/{run}"), format!("/reviews/{run}/upload"));
    let draft = lead.bytes(&format!("{review}/draft")).await;
    let token = csrf::token_for(&lead.token);
    let forged = lead.upload(&upload, "0", &draft).await;
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    let stranger = alice
        .upload(&upload, &csrf::token_for(&alice.token), &draft)
        .await;
    assert_eq!(stranger.status(), StatusCode::NOT_FOUND);
    for bad in [&b"no document"[..], &draft[..draft.len() / 2]] {
        let refused = lead.upload(&upload, &token, bad).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(text(refused).await.contains("This file cannot be taken"));
    }
    assert_eq!(
        lead.bytes(&format!("{review}/draft")).await,
        draft,
        "nothing took its place"
    );
    // Another sound document: the report's own template.
    let edited =
        FilePath::new(env!("CARGO_MANIFEST_DIR")).join("reports/customer-overview/template.docx");
    let edited = std::fs::read(edited).unwrap();
    let taken = lead.upload(&upload, &token, &edited).await;
    assert_eq!(
        taken.status(),
        StatusCode::SEE_OTHER,
        "{}",
        text(taken).await
    );
    let released = lead.decide(&run, &[("decision", "release")]).await;
    assert_eq!(released, StatusCode::SEE_OTHER);
    assert_eq!(alice.bytes(&format!("/runs/{run}/download")).await, edited);
    let pdf = alice.bytes(&format!("/runs/{run}/download?as=pdf")).await;
    assert!(pdf.starts_with(b"%PDF-"));
    let proof = text(alice.post(&format!("/runs/{run}/proof"), &[]).await).await;
    assert!(
        proof.contains("edited in review") && proof.contains(">holds<"),
        "{proof}"
    );
}

/// Another sound document: the report's own template.
fn other_document() -> Vec<u8> {
    let path =
        FilePath::new(env!("CARGO_MANIFEST_DIR")).join("reports/customer-overview/template.docx");
    std::fs::read(path).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    spokegate_contract::hex::encode(digest.as_ref())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_comes_to_nothing_leaves_the_draft_as_it_was_looked_at() {
    let Scene { bench, run } = scene_with("docx", "[pdf]\nprogram = \"\"\n").await;
    let (alice, lead) = (
        browser(&bench, "alice", "desk").await,
        browser(&bench, "lea", "lead").await,
    );
    // As if it had been made with a PDF while there still was what makes one.
    let store = &bench.service.state().store;
    let row = store.run(&run.parse().unwrap()).await.unwrap().unwrap();
    let pdf = b"%PDF-1.7 as it was";
    let folder = bench._folder.path().join("files");
    std::fs::write(folder.join(format!("{run}.pdf")), pdf).unwrap();
    let mut files = row.files.clone();
    files.push(RunFile {
        format: Format::Pdf,
        bytes: pdf.len() as u64,
        sha256: sha256(pdf),
        made: String::new(),
    });
    sqlx::query("UPDATE run SET formats = 'both', files = $2 WHERE id = $1")
        .bind(&run)
        .bind(serde_json::to_string(&files).unwrap())
        .execute(store.pool())
        .await
        .unwrap();
    let before = lead.bytes(&format!("/reviews/{run}/draft")).await;
    let token = csrf::token_for(&lead.token);
    let upload = format!("/reviews/{run}/upload");
    let refused = lead.upload(&upload, &token, &other_document()).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = text(refused).await;
    assert!(page.contains("PDF is no longer offered here"), "{page}");
    assert_eq!(lead.seen(&run).await, sha256(&before));
    let left: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".part"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let released = lead.decide(&run, &[("decision", "release")]).await;
    assert_eq!(released, StatusCode::SEE_OTHER);
    let download = format!("/runs/{run}/download");
    assert_eq!(alice.bytes(&download).await, before);
    assert_eq!(alice.bytes(&format!("{download}?as=pdf")).await, pdf);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_out_is_what_was_looked_at_whoever_edits_meanwhile() {
    let Scene { bench, run } = scene("both").await;
    let (alice, lead, max) = (
        browser(&bench, "alice", "desk").await,
        browser(&bench, "lea", "lead").await,
        browser(&bench, "max", "lead").await,
    );
    let (upload, decide) = (
        format!("/reviews/{run}/upload"),
        format!("/reviews/{run}/decide"),
    );
    let (token, edit) = (csrf::token_for(&lead.token), other_document());
    let seen = max.seen(&run).await;
    let taken = lead.upload(&upload, &token, &edit).await;
    assert_eq!(taken.status(), StatusCode::SEE_OTHER);
    for decision in [
        [("decision", "release"), ("reason", "")],
        [("decision", "reject"), ("reason", "no")],
    ] {
        let stale = [&decision[..], &[("sha256", seen.as_str())]].concat();
        let late = max.post(&decide, &stale).await;
        assert_eq!(late.status(), StatusCode::BAD_REQUEST);
        assert!(text(late).await.contains("replaced it meanwhile"));
    }
    assert_eq!(
        alice.get(&format!("/runs/{run}/download")).await.0,
        StatusCode::NOT_FOUND
    );
    // Now one decides while the PDF of the other's next edit is made.
    let before = max.bytes(&format!("/reviews/{run}/draft")).await;
    assert_eq!(before, edit);
    let seen = max.seen(&run).await;
    let fields = [("decision", "release"), ("sha256", seen.as_str())];
    let mut next = edit.clone();
    // A sound archive with a comment is another file with the same document in it.
    let length = next.len();
    next[length - 2] = 1;
    next.push(b'x');
    let (edited, released) = tokio::join!(
        lead.upload(&upload, &token, &next),
        max.post(&decide, &fields)
    );
    let (edited, released) = (edited.status(), released.status());
    let out = alice.get(&format!("/runs/{run}/download")).await.0;
    if released == StatusCode::SEE_OTHER {
        // Too late while its PDF was made, or before it was looked at.
        let late = [StatusCode::UNPROCESSABLE_ENTITY, StatusCode::BAD_REQUEST];
        assert!(late.contains(&edited), "{edited}");
        assert_eq!(alice.bytes(&format!("/runs/{run}/download")).await, edit);
    } else {
        assert_eq!(
            (edited, released, out),
            (
                StatusCode::SEE_OTHER,
                StatusCode::BAD_REQUEST,
                StatusCode::NOT_FOUND
            )
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_but_not_what_was_recorded_is_given_to_nobody() {
    let Scene { bench, run } = scene("docx").await;
    let (alice, lead) = (
        browser(&bench, "alice", "desk").await,
        browser(&bench, "lea", "lead").await,
    );
    let kept = bench._folder.path().join(format!("files/{run}.docx"));
    let before = std::fs::read(&kept).unwrap();
    std::fs::write(&kept, other_document()).unwrap();
    let (status, page) = lead.get(&format!("/reviews/{run}/draft")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.contains("not the one that was recorded"), "{page}");
    let decided = lead.decide(&run, &[("decision", "release")]).await;
    assert_eq!(decided, StatusCode::SERVICE_UNAVAILABLE);
    std::fs::write(&kept, &before).unwrap();
    let decided = lead.decide(&run, &[("decision", "release")]).await;
    assert_eq!(decided, StatusCode::SEE_OTHER);
    std::fs::write(&kept, other_document()).unwrap();
    let download = format!("/runs/{run}/download");
    assert_eq!(
        alice.get(&download).await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let (status, _) = alice.get(&format!("/runs/{run}/preview")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    std::fs::write(&kept, &before).unwrap();
    assert_eq!(alice.bytes(&download).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_reaches_no_further_than_its_own_grant_and_not_to_what_oneself_ordered() {
    let more = "
[[rights]]
groups = [\"narrow\"]
reports = [\"*\"]
tenants = [\"globex\"]
release = true
[[rights]]
groups = [\"own\"]
reports = [\"*\"]
tenants = [\"*\"]
release = true
release_own = true
";
    let Scene { bench, run } = scene_with("docx", more).await;
    let both = Person {
        groups: vec!["f".into(), "desk".into(), "narrow".into()],
        ..person("nina")
    };
    let check = async |browser: Browser<'_>, may: bool| {
        assert_eq!(browser.get("/reviews").await.1.contains(&run), may);
        for path in ["", "/draft"] {
            let (status, _) = browser.get(&format!("/reviews/{run}{path}")).await;
            assert_eq!(status == StatusCode::OK, may, "{path}: {status}");
        }
    };
    check(bench.browser_of(&both, Site::Forms).await, false).await;
    check(browser(&bench, "alice", "lead").await, false).await;
    check(browser(&bench, "alice", "own").await, true).await;
    check(browser(&bench, "lea", "lead").await, true).await;
}

/// A body that nobody may read: whoever does is told by the flag.
fn unread(read: &std::sync::Arc<std::sync::atomic::AtomicUsize>, first: String) -> Body {
    let read = std::sync::Arc::clone(read);
    let piece = vec![b'x'; 1 << 20];
    let pieces = futures_util::stream::iter(0..20).map(move |number| {
        read.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let piece = if number == 0 {
            first.clone().into_bytes()
        } else {
            piece.clone()
        };
        Ok::<_, std::convert::Infallible>(piece)
    });
    Body::from_stream(pieces)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_file_no_more_is_read_than_its_token_before_it_is_known_who_sends_it_and_that_they_may()
 {
    let Scene { bench, run } = scene("docx").await;
    let alice = browser(&bench, "alice", "desk").await;
    let upload = format!("/reviews/{run}/upload");
    let read: std::sync::Arc<std::sync::atomic::AtomicUsize> = std::sync::Arc::default();
    let send = async |browser: &Browser<'_>| {
        let token = csrf::token_for(&browser.token);
        let first = format!(
            "--b\r\ncontent-disposition: form-data; name=\"csrf\"\r\n\r\n{token}\r\n--b\r\n\
             content-disposition: form-data; name=\"document\"; filename=\"x.docx\"\r\n\r\n"
        );
        let request = Request::builder()
            .method(Method::POST)
            .uri(&upload)
            .header(header::ORIGIN, "https://localhost")
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
        let answer = browser.ask(request, unread(&read, first)).await;
        let count = read.swap(0, std::sync::atomic::Ordering::SeqCst);
        (answer.status(), count)
    };
    let nobody = Browser {
        token: String::new(),
        ..browser(&bench, "nobody", "desk").await
    };
    let (status, count) = send(&nobody).await;
    assert_eq!(count, 0, "{status}");
    assert_ne!(status, StatusCode::OK);
    let (status, count) = send(&alice).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "alice may not release it");
    assert!(count <= 1, "{count}");
    let lead = browser(&bench, "lea", "lead").await;
    let (status, count) = send(&lead).await;
    assert_eq!(
        (status, count),
        (StatusCode::BAD_REQUEST, 20),
        "it is cut off"
    );
}
