//! Documents that are held back: the draft, its edited version, the decision.

use super::*;

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
    let bench = Bench::with(RELEASE).await;
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
    let empty = lead
        .post(
            &format!("{review}/decide"),
            &[("decision", "reject"), ("reason", " ")],
        )
        .await;
    assert_eq!(empty.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let released = lead
        .post(&format!("{review}/decide"), &[("decision", "release")])
        .await;
    assert_eq!(released.status(), StatusCode::SEE_OTHER);
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
    let decide = format!("/reviews/{run}/decide");
    lead.post(
        &decide,
        &[("decision", "reject"), ("reason", "Page 2 is <wrong>")],
    )
    .await;
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
    lead.post(&format!("{review}/decide"), &[("decision", "release")])
        .await;
    assert_eq!(alice.bytes(&format!("/runs/{run}/download")).await, edited);
    let pdf = alice.bytes(&format!("/runs/{run}/download?as=pdf")).await;
    assert!(pdf.starts_with(b"%PDF-"));
    let proof = text(alice.post(&format!("/runs/{run}/proof"), &[]).await).await;
    assert!(
        proof.contains("edited in review") && proof.contains(">holds<"),
        "{proof}"
    );
}
