//! Promise: no secret is in a log, in the arguments or the environment of a process, in a file that the service writes, in a
//! backup, in an export or on an error page: they are used, rightly and wrongly, and then everything is searched for them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "secrets_stay_secret/canary.rs"]
mod canary;
#[path = "secrets_stay_secret/listening.rs"]
mod listening;
#[path = "people/all.rs"]
mod people;
#[path = "secrets_stay_secret/scene.rs"]
mod scene;
#[path = "secrets_stay_secret/watch.rs"]
mod watch;

use std::time::Duration;

use canary::Canaries;
use people::browser::{Answer, Browser};
use scene::{Given, Scene};
use spokegate_daemon::Clock;
use spokegate_reports::auth::totp;
use watch::Watch;

const WAIT: Duration = Duration::from_secs(120);
const PERSON: &str = "Canary-person-4f1d!";
const WRONG: &str = "Canary-mistyped-9b3e!";
const BIND: &str = "Canary-bind-77c2-password!";
const DATABASE: &str = "Canary-database-1c55";
const REFUSED: &str = "Canary-database-refused-88d0";
const MAIL: &str = "Canary-mail-6f0a+/&<";
const WEB: &str = "Canary-web-token-3a91";
const ON_THE_PAGE: &str = "Canary-typed-on-a-page \"2b7e\" ü";

/// Pages by what they were asked for.
#[derive(Default)]
struct Seen(Vec<(String, String)>);

impl Seen {
    fn note(&mut self, what: &str, answer: Answer) -> Answer {
        let mut headers = answer.headers.clone();
        // Where the session is meant to be.
        headers.remove("set-cookie");
        let text = format!("{} {headers:?}\n{}", answer.status, answer.body);
        self.0.push((what.to_owned(), text));
        answer
    }

    async fn get(&mut self, browser: &mut Browser, path: &str) -> Answer {
        let answer = browser.get(path).await;
        self.note(path, answer)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_where_it_does_not_belong() {
    let secrets = [
        ("psa", DATABASE),
        ("psa-refused", REFUSED),
        ("mail", MAIL),
        ("web", WEB),
    ];
    let given = Given {
        person: PERSON,
        bind: BIND,
        database: DATABASE,
        secrets: &secrets,
    };
    let Some(mut scene) = Scene::start(&given).await else {
        return;
    };
    let mut canaries = fixed();
    let watch = Watch::begin(scene.service.id());
    let mut seen = Seen::default();
    let mut alice = staff(&scene, &mut seen, &mut canaries).await;
    runs(&mut alice, &mut seen).await;
    assert_eq!(scene.http.told.recv_timeout(WAIT).unwrap(), WEB);
    letter(&mut alice, &mut seen).await;
    let mut carol = administrator(&scene, &mut seen, &mut canaries).await;
    let told = scene.mail.told.recv_timeout(WAIT).unwrap();
    let mut sent = Canaries::default();
    sent.add("mail", MAIL.as_bytes());
    assert_eq!(sent.in_bytes(told.as_bytes()), ["mail"], "it was used");
    pages(&mut alice, &mut carol, &mut seen).await;

    assert_eq!(canaries.count(), 15);
    let mut found = Vec::new();
    let mut search = |place: &str, bytes: &[u8]| {
        let named = |what| format!("{place}: {what}");
        found.extend(canaries.in_bytes(bytes).into_iter().map(named));
    };
    let (backup, told) = scene.backup();
    search("backup", &std::fs::read(backup).unwrap());
    search("what backup tells", &[told.stdout, told.stderr].concat());
    for arguments in [&["check-config"][..], &["secret", "list"]] {
        let told = scene.verb(arguments);
        search(&arguments.join(" "), &[told.stdout, told.stderr].concat());
    }
    for (what, text) in &seen.0 {
        search(what, text.as_bytes());
    }
    let (mut in_files, files) = canaries.in_folder(&scene.data());
    assert!(files >= 4, "the store, its log and a document: {files}");
    scene.service.signal("TERM").unwrap();
    let processes = watch.end();
    assert!(processes.len() > 1, "a worker of it was seen");
    for (id, bytes) in processes {
        assert!(id != scene.service.id() || !bytes.is_empty());
        search(&format!("arguments or environment of {id}"), &bytes);
    }
    let end = std::time::Instant::now() + WAIT;
    while scene.service.ended().is_none() {
        assert!(std::time::Instant::now() < end, "it does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    search("log", &scene.log());
    in_files.extend(canaries.in_folder(&scene.data()).0);
    found.extend(in_files);
    assert!(found.is_empty(), "{found:#?}");
    assert!(scene.log().len() > 1_000, "it logs");
    // The same search finds what is there.
    std::fs::write(scene.data().join("files/planted"), format!("x{MAIL}y")).unwrap();
    let planted = canaries.in_folder(&scene.data()).0;
    assert_eq!(planted.len(), 1, "{planted:?}");
}

/// What is secret from the start; sessions, tokens and seeds come on the way.
fn fixed() -> Canaries {
    let mut canaries = Canaries::default();
    for (what, value) in [
        ("a person's password", PERSON),
        ("a mistyped password", WRONG),
        ("the directory's password", BIND),
        ("the database's password", DATABASE),
        ("a refused password", REFUSED),
        ("the mail server's password", MAIL),
        ("a service's token", WEB),
        ("a secret of the page", ON_THE_PAGE),
    ] {
        canaries.add(what, value.as_bytes());
    }
    canaries
}

/// Somebody mistypes, signs in, and makes a token, which is used rightly and wrongly.
async fn staff(scene: &Scene, seen: &mut Seen, canaries: &mut Canaries) -> Browser {
    let mut alice = scene.forms();
    let wrong = alice.sign_in("alice", WRONG).await;
    assert_eq!(seen.note("wrong password", wrong).status, 401);
    let right = alice.sign_in("alice", PERSON).await;
    assert_eq!(seen.note("sign-in", right).status, 303);
    let session = alice.cookies["__Host-spokegate-forms"].clone();
    canaries.add("a session", session.as_bytes());
    let csrf = seen.get(&mut alice, "/your-tokens").await.form_token();
    let fields = [
        ("csrf", csrf.as_str()),
        ("name", "program"),
        ("days", "30"),
        ("scope", "reports:read"),
    ];
    // Shown here and nowhere else.
    let made = alice.post("/your-tokens", &fields).await;
    let token = made.body.split("<code id=\"token\">").nth(1).unwrap();
    let token = token.split('<').next().unwrap().to_owned();
    canaries.add("a token", token.as_bytes());
    let mut program = scene.forms();
    for (token, place, status) in [
        (token.as_str(), "/api/v1/reports", 200),
        (&token[..token.len() - 1], "/api/v1/reports", 401),
    ] {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let answer = program.send("GET", place, &headers, "").await;
        assert_eq!(seen.note(place, answer).status, status, "{place}");
    }
    alice
}

/// A run that works, one whose password is refused, and one whose token is.
async fn runs(alice: &mut Browser, seen: &mut Seen) {
    for (report, expected) in [("good", "done"), ("refused", "failed"), ("token", "failed")] {
        let form = format!("/reports/{report}");
        let csrf = seen.get(alice, &form).await.form_token();
        let fields = [("csrf", csrf.as_str()), ("for-tenant", "acme")];
        let started = alice.post(&form, &fields).await;
        let started = seen.note(&form, started);
        assert_eq!(started.status, 303, "{}", started.body);
        let run = started.header("location").to_owned();
        let end = std::time::Instant::now() + WAIT;
        loop {
            let headers = [
                ("sec-fetch-site", "same-origin"),
                ("accept", "application/json"),
            ];
            let state = alice.send("GET", &run, &headers, "").await;
            let state = seen.note(&run, state).body;
            if state.contains(&format!("\"state\":\"{expected}\"")) {
                break;
            }
            assert!(std::time::Instant::now() < end, "{report}: {state}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        seen.get(alice, &run).await;
    }
}

/// A letter that the mail server refuses.
async fn letter(alice: &mut Browser, seen: &mut Seen) {
    let form = "/schedules/new/good";
    let csrf = seen.get(alice, form).await.form_token();
    let fields = [
        ("csrf", csrf.as_str()),
        ("schedule-title", "Tickets"),
        ("for-tenant", "acme"),
        ("as-many", "together"),
        ("as-format", "docx"),
        ("on-every", "day"),
        ("at-time", "06:00"),
        ("in-zone", "UTC"),
        ("mail-to", "jo@example.net"),
    ];
    let made = alice.post(form, &fields).await;
    let made = seen.note(form, made);
    assert_eq!(made.status, 303, "{}", made.body);
    let act = format!("{}/act", made.header("location"));
    let answer = alice.post(&act, &[("csrf", &csrf), ("act", "test")]).await;
    assert_eq!(seen.note(&act, answer).status, 503);
}

/// The administrator sets the app up, puts a secret in on the page, and tries what does not work.
async fn administrator(scene: &Scene, seen: &mut Seen, canaries: &mut Canaries) -> Browser {
    let mut carol = scene.admin();
    let asked = carol.sign_in("carol", PERSON).await;
    assert_eq!(seen.note("first factor", asked).status, 303);
    // The seed is shown here and nowhere else, and the recovery codes after it.
    let page = carol.get("/second-factor?back=%2F").await;
    let waiting = &carol.cookies["__Host-spokegate-admin-code"];
    canaries.add("a sign-in under way", waiting.as_bytes());
    let (text, seed) = shared_secret(&page);
    canaries.add("a seed", &seed);
    canaries.add("a seed as it is typed", text.as_bytes());
    let csrf = page.form_token();
    let fields = |code| [("csrf", csrf.as_str()), ("code", code), ("back", "/")];
    let wrong = carol.post("/second-factor", &fields("000000")).await;
    assert_eq!(wrong.status, 401);
    let now_ms = Clock::system().now_ms();
    let code = totp::code(&seed, totp::step_at(now_ms));
    let enrolled = carol.post("/second-factor", &fields(&code)).await;
    assert_eq!(enrolled.status, 200, "{}", enrolled.body);
    let recovery = enrolled.body.split("<li><span class=\"id\">").nth(1);
    let recovery = recovery.unwrap().split('<').next().unwrap();
    canaries.add("a recovery code", recovery.as_bytes());
    let session = carol.cookies["__Host-spokegate-admin"].clone();
    canaries.add("an administrator's session", session.as_bytes());
    let csrf = seen.get(&mut carol, "/secrets").await.form_token();
    for (name, status) in [("typed", 303), ("not a name", 400)] {
        let fields = [
            ("csrf", csrf.as_str()),
            ("name", name),
            ("value", ON_THE_PAGE),
        ];
        let answer = carol.post("/secrets", &fields).await;
        assert_eq!(seen.note("/secrets", answer).status, status, "{name}");
    }
    for source in ["psa", "psa-refused", "web"] {
        let place = format!("/sources/{source}/try");
        let fields = [("csrf", csrf.as_str()), ("tenant", "acme")];
        let answer = carol.post(&place, &fields).await;
        assert_eq!(seen.note(&place, answer).status, 200, "{place}");
    }
    let looked = carol.post("/health/look", &[("csrf", &csrf)]).await;
    assert_eq!(seen.note("/health/look", looked).status, 303);
    carol
}

/// What administrators and staff look at afterwards, and what is not there.
async fn pages(alice: &mut Browser, carol: &mut Browser, seen: &mut Seen) {
    for (path, status) in [
        ("/audit", 200),
        ("/audit/export", 200),
        ("/health", 200),
        ("/secrets", 200),
        ("/sources", 200),
        ("/runs", 200),
        ("/sessions", 200),
        ("/tokens", 200),
        ("/second-factors", 200),
        ("/nothing-here", 404),
    ] {
        assert_eq!(seen.get(carol, path).await.status, status, "{path}");
    }
    for (path, status) in [
        ("/runs", 200),
        ("/schedules", 200),
        ("/runs/none", 404),
        ("/reports/none", 404),
    ] {
        assert_eq!(seen.get(alice, path).await.status, status, "{path}");
    }
    let forged = alice.post("/sign-out", &[("csrf", "forged")]).await;
    assert_eq!(seen.note("/sign-out", forged).status, 403);
}

/// The seed that the page shows: as it is typed, and its bytes.
fn shared_secret(page: &Answer) -> (String, Vec<u8>) {
    let shown = page.body.split("id=\"shared-secret\">").nth(1);
    let shown = shown.unwrap_or_else(|| panic!("{}", page.body));
    let text = shown.split('<').next().unwrap().replace(' ', "");
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = text
        .chars()
        .map(|letter| format!("{:05b}", letters.find(letter).unwrap()))
        .collect();
    let byte = |eight| u8::from_str_radix(std::str::from_utf8(eight).unwrap(), 2).unwrap();
    let bytes = bits.as_bytes().chunks_exact(8).map(byte).collect();
    (text, bytes)
}

/// A search that finds nothing proves something only if it finds what is there, however it is written.
#[test]
fn the_search_finds_every_writing() {
    let mut canaries = Canaries::default();
    canaries.add("it", "Canary \"&+ü/secret".as_bytes());
    let check = |text: &str, expected: bool| {
        let found = canaries.in_bytes(text.as_bytes());
        assert_eq!(found == ["it"], expected, "{text}: {found:?}");
    };
    check("before Canary \"&+ü/secret after", true);
    check(r#"{"a":"Canary \"&+ü/secret"}"#, true);
    check("name=x&value=Canary+%22%26%2B%C3%BC%2Fsecret", true);
    check("<p>Canary &#34;&#38;+ü/secret</p>", true);
    check("value=Canary%20%22%26%2B%C3%BC%2Fsecret&x=", true);
    check("43616e6172792022262bc3bc2f736563726574", true);
    // In base64 at each of the three places, as `printf '…' | base64` writes it.
    check("Q2FuYXJ5ICImK8O8L3NlY3JldA==", true);
    check("dXNlcjpDYW5hcnkgIiYrw7wvc2VjcmV0Cg==", true);
    check("eENhbmFyeSAiJivDvC9zZWNyZXQK", true);
    check("Canary \"&+ü/secre", false);
    let mut package = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    package.start_file("word/document.xml", options).unwrap();
    std::io::Write::write_all(&mut package, "Canary \"&+ü/secret ".repeat(50).as_bytes()).unwrap();
    let package = package.finish().unwrap().into_inner();
    assert_eq!(canaries.in_bytes(&package), ["it"]);
}
