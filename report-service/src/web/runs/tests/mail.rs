//! Letters to a real mail server with TLS.

use std::io::BufReader;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::*;
use crate::directory::TypedName;
use crate::mail::{LetterRow, LetterState, look};
use crate::store::audit::AuditFilter;

struct MailServer {
    child: Child,
    told: BufReader<ChildStdout>,
    port: u64,
    folder: tempfile::TempDir,
}

impl MailServer {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("mail.crt"), certificate.pem()).unwrap();
        std::fs::write(path("mail.key"), key.serialize_pem()).unwrap();
        let script = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/smtp/server.py");
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .args([path("mail.crt"), path("mail.key")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs Debian's python3-aiosmtpd");
        let mut told = BufReader::new(child.stdout.take().unwrap());
        let port = line(&mut told)["port"].as_u64();
        Self {
            child,
            told,
            port: port.expect("this test needs Debian's python3-aiosmtpd"),
            folder,
        }
    }

    fn config(&self) -> String {
        format!(
            "\n[mail]\nserver = \"localhost\"\nport = {}\nca = \"{}/mail.crt\"\nfrom = \"reports@example.net\"\n\
             allowed_domains = [\"example.net\"]\n",
            self.port,
            self.folder.path().display()
        )
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(told: &mut impl std::io::BufRead) -> Value {
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or(Value::Null)
}

/// A schedule with these receivers, run now; its run's page.
async fn run_of(bench: &Bench, alice: &Browser<'_>, mail: &[(&str, &str)], nth: usize) -> String {
    let new = "/schedules/new/customer-overview";
    let answer = alice.post(new, &[&MONTHLY[..], mail].concat()).await;
    assert_eq!(
        answer.status(),
        StatusCode::SEE_OTHER,
        "{}",
        text(answer).await
    );
    let place = answer.headers()[header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned();
    let answer = alice.post(&format!("{place}/act"), &[("act", "run")]).await;
    let run = answer.headers()[header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned();
    let waiting = bench
        .service
        .state()
        .store
        .letters_about(&run[6..])
        .await
        .unwrap();
    assert_eq!(waiting[0].state, LetterState::Waiting);
    bench.answer(nth).await;
    let ended = alice.json(&format!("{run}?wait_ms=20000")).await;
    assert_eq!(ended["state"], "done", "{ended}");
    run
}

/// The browser of somebody whom the directory knows.
async fn known<'b>(bench: &'b Bench, name: &str, groups: &[&str]) -> Browser<'b> {
    let typed = TypedName::parse(name).unwrap();
    let directory = &bench.service.state().directory;
    let found = directory.find(&typed).await.unwrap();
    let id = found
        .map(|found| found.id().clone())
        .unwrap_or_else(|_| panic!("{name} is not in the directory"));
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    let who = Person {
        id,
        groups,
        ..person(name)
    };
    bench.browser_of(&who, Site::Forms).await
}

/// Lets the clerk look until a letter is settled or has been tried.
async fn settled(bench: &Bench, run: &str) -> LetterRow {
    let state = bench.service.state();
    for _ in 0..200 {
        look(state).await.unwrap();
        let row = state
            .store
            .letters_about(&run[6..])
            .await
            .unwrap()
            .remove(0);
        if row.attempts > 0 || row.state != LetterState::Waiting {
            return row;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the letter of {run} was never tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_report_goes_out_over_tls_with_what_was_written() {
    let mut server = MailServer::start();
    let directory = Slapd::start();
    let bench = Bench::in_directory(&directory, &server.config()).await;
    bench.sanitizer.hello("acme").await;
    let alice = known(&bench, "alice", &["forms-users"]).await;
    let mail = [
        ("mail-to", "jo@example.net, al@example.net"),
        ("mail-cc", "bo@example.net"),
        ("mail-subject", "Für {tenants}: {title}"),
        ("mail-text", "Hello,\nBcc: not@a.header\n\n.\nBye"),
        ("mail-attach", "yes"),
    ];
    let run = run_of(&bench, &alice, &mail, 0).await;
    assert_eq!(settled(&bench, &run).await.state, LetterState::Sent);
    let told = line(&mut server.told);
    assert_eq!(
        (&told["tls"], &told["from"]),
        (&json!(true), &json!("reports@example.net"))
    );
    assert_eq!(
        told["to"],
        json!(["jo@example.net", "al@example.net", "bo@example.net"])
    );
    let headers = told["headers"].as_array().unwrap();
    let names: Vec<&str> = headers.iter().map(|h| h[0].as_str().unwrap()).collect();
    assert!(!names.contains(&"Bcc"), "{headers:?}");
    assert!(
        headers.contains(&json!([
            "Subject",
            "Für Acme <Dental> Group: Customer overview"
        ])),
        "{headers:?}"
    );
    let text = told["text"].as_str().unwrap().replace("\r\n", "\n");
    assert!(
        text.starts_with("Hello,\nBcc: not@a.header\n\n.\nBye"),
        "{text}"
    );
    let attached = &told["attachments"][0];
    assert!(
        attached[0].as_str().unwrap().ends_with(".docx") && attached[2].as_u64().unwrap() > 1_000,
        "{attached}"
    );
    assert!(alice.get(&run).await.1.contains("mail sent"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_says_is_told_and_only_what_may_pass_is_tried_again() {
    let mut server = MailServer::start();
    let directory = Slapd::start();
    let bench = Bench::in_directory(&directory, &server.config()).await;
    bench.sanitizer.hello("acme").await;
    let alice = known(&bench, "alice", &["forms-users"]).await;
    let run = run_of(&bench, &alice, &[("mail-to", "refused@example.net")], 0).await;
    let row = settled(&bench, &run).await;
    assert!(
        row.state == LetterState::Failed && row.note.contains("no such mailbox"),
        "{row:?}"
    );
    assert!(alice.get(&run).await.1.contains("no such mailbox"));
    let run = run_of(&bench, &alice, &[("mail-to", "later@example.net")], 3).await;
    let row = settled(&bench, &run).await;
    assert!(
        row.state == LetterState::Waiting && row.note.contains("greylisted"),
        "{row:?}"
    );
    assert!(
        row.next_at_ms > bench.service.state().clock.now_ms() + 30_000,
        "{row:?}"
    );
    assert!(alice.get(&run).await.1.contains("It is tried again"));
    let state = bench.service.state();
    let greets = async || crate::mail::check(&state.config.mail, &state.secrets).await;
    greets().await.unwrap();
    // A link goes to whoever has no room for the document.
    let run = run_of(&bench, &alice, &[("mail-to", "jo@example.net")], 6).await;
    assert_eq!(settled(&bench, &run).await.state, LetterState::Sent);
    let told = line(&mut server.told);
    assert!(
        told["text"].as_str().unwrap().contains(&run) && told["attachments"] == json!([]),
        "{told}"
    );
    // The test letter, by the schedule's button.
    let schedules = bench.service.state().store.schedules().await.unwrap();
    for schedule in schedules {
        let act = format!("/schedules/{}/act", schedule.id);
        let status = alice.post(&act, &[("act", "test")]).await.status();
        let good = schedule.plan.mail.unwrap().to[0].local() == "jo";
        let expected = if good {
            StatusCode::SEE_OTHER
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        assert_eq!(status, expected);
    }
    let told = line(&mut server.told);
    assert!(
        told["headers"].to_string().contains("Test: Monthly"),
        "{told}"
    );
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let gone = greets().await.unwrap_err().to_string();
    assert!(gone.contains("does not answer as it should"), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_elsewhere_and_headers_in_fields_are_refused() {
    let server = MailServer::start();
    let bench = Bench::with(&server.config()).await;
    let alice = bench.browser("alice", Site::Forms).await;
    let check = async |field: &str, value: &str, expected: &str| {
        let mut mail = vec![("mail-to", "jo@example.net")];
        mail.retain(|(name, _)| *name != field);
        mail.push((field, value));
        let answer = alice
            .post(
                "/schedules/new/customer-overview",
                &[&MONTHLY[..], &mail].concat(),
            )
            .await;
        assert_eq!(
            answer.status(),
            StatusCode::UNPROCESSABLE_ENTITY,
            "{value:?}"
        );
        let page = text(answer).await;
        assert!(page.contains(expected), "{expected} is not in {page}");
    };
    check(
        "mail-to",
        "jo@evil.test",
        "Letters to evil.test are not allowed",
    )
    .await;
    check("mail-to", "jo@example.net.evil.test", "are not allowed").await;
    check("mail-cc", "jo@evil.test", "are not allowed").await;
    check(
        "mail-to",
        "jo@example.net\r\nBcc:x@evil.test",
        "is not a mail address",
    )
    .await;
    check("mail-to", "\"a b\"@example.net", "is not a mail address").await;
    check("mail-subject", "a\r\nBcc: x@evil.test", "Write one line").await;
    check("mail-text", "a\u{0}b", "of plain text").await;
    assert!(
        bench
            .service
            .state()
            .store
            .schedules()
            .await
            .unwrap()
            .is_empty()
    );
}

/// The letter of a run after one look of the clerk, to whom it is due at once.
async fn looked(bench: &Bench, run: &str) -> LetterRow {
    let state = bench.service.state();
    let mut row = letter(bench, run).await;
    row.next_at_ms = 0;
    state.store.letter_settle(&row).await.unwrap();
    look(state).await.unwrap();
    letter(bench, run).await
}

async fn letter(bench: &Bench, run: &str) -> LetterRow {
    let store = &bench.service.state().store;
    store.letters_about(&run[6..]).await.unwrap().remove(0)
}

/// The rights of the helpdesk; whoever is in forms-users alone has none for Acme.
const HELPDESK: &str = "
[[rights]]
groups = [\"helpdesk\"]
reports = [\"*\"]
tenants = [\"*\"]
[[rights]]
groups = [\"forms-users\"]
reports = [\"*\"]
tenants = [\"globex\"]
";

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_goes_out_by_the_rights_that_its_owner_has_then() {
    let mut server = MailServer::start();
    let directory = Slapd::start();
    let config = format!("{HELPDESK}{}", server.config());
    let bench = Bench::in_directory(&directory, &config).await;
    bench.sanitizer.hello("acme").await;
    let groups = ["forms-users", "helpdesk"];
    let bob = known(&bench, "bob", &groups).await;
    let mail = [("mail-to", "jo@example.net"), ("mail-attach", "yes")];
    // Nobody is written to on an answer that did not come.
    directory.stop();
    let run = run_of(&bench, &bob, &mail, 0).await;
    let row = looked(&bench, &run).await;
    assert!(
        row.state == LetterState::Waiting
            && row.attempts == 0
            && row.note.contains("The directory does not answer"),
        "{row:?}"
    );
    let now_ms = bench.service.state().clock.now_ms();
    assert!(row.next_at_ms > now_ms + 30_000, "{row:?}");
    let (_, page) = bob.get(&run).await;
    assert!(
        page.contains("The directory does not answer") && page.contains("It is tried again"),
        "{page}"
    );
    directory.start_again();
    bench.service.state().directory.check().await.unwrap();
    let row = looked(&bench, &run).await;
    assert_eq!(row.state, LetterState::Sent, "{row:?}");
    assert_eq!(line(&mut server.told)["to"], json!(["jo@example.net"]));
    // Out of the group that gives the customer, still with the role.
    let run = run_of(&bench, &bob, &mail, 3).await;
    directory.member("delete", "helpdesk", "bob");
    directory.member("add", "forms-users", "bob");
    let held = "may no longer see this report for all of its customers";
    check_held(&bench, &bob, &run, held).await;
    // Out of every group that gives a role.
    let run = run_of(&bench, &bob, &mail, 6).await;
    directory.member("delete", "forms-users", "bob");
    check_held(&bench, &bob, &run, "may no longer use the reports").await;
    // Gone.
    let run = run_of(&bench, &bob, &mail, 9).await;
    directory.remove("bob");
    check_held(&bench, &bob, &run, "the account of its owner is closed").await;
    // The server got nothing of all that: what comes next is of somebody who may.
    directory.member("add", "helpdesk", "alice");
    let alice = known(&bench, "alice", &groups).await;
    let mail = [("mail-to", "al@example.net")];
    let run = run_of(&bench, &alice, &mail, 12).await;
    assert_eq!(looked(&bench, &run).await.state, LetterState::Sent);
    assert_eq!(line(&mut server.told)["to"], json!(["al@example.net"]));
}

/// That a letter is held back for a reason that its owner, the administrator and the audit trail read.
async fn check_held(bench: &Bench, owner: &Browser<'_>, run: &str, why: &str) {
    let row = looked(bench, run).await;
    assert!(
        row.state == LetterState::Failed && row.note.contains(why),
        "{row:?}"
    );
    assert_eq!(row.sent_at_ms, 0);
    assert!(owner.get(run).await.1.contains(why), "{why}");
    let admin = bench
        .browser_of(&administrator(bench).await, Site::Admin)
        .await;
    let (status, page) = admin.get(run).await;
    assert!(status == StatusCode::OK && page.contains(why), "{page}");
    let filter = AuditFilter {
        action: "mail.send".into(),
        subject: run[6..].to_owned(),
        ..AuditFilter::default()
    };
    let store = &bench.service.state().store;
    let found = store.audit_search(&filter, None, 10).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].decision == "denied" && found[0].reason.contains(why),
        "{found:?}"
    );
}

async fn administrator(bench: &Bench) -> Person {
    let typed = TypedName::parse("carol").unwrap();
    let found = bench.service.state().directory.find(&typed).await.unwrap();
    let Ok(found) = found else {
        panic!("carol is not in the directory")
    };
    Person {
        id: found.id().clone(),
        groups: vec!["fabric-admins".into()],
        ..person("carol")
    }
}

/// A test letter is held to what letters are, also when that changed since the schedule was made, and there are few of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_test_letter_goes_where_letters_may_and_not_without_end() {
    let mut server = MailServer::start();
    let bench = Bench::with(&server.config()).await;
    let store = &bench.service.state().store;
    let alice = bench.browser("alice", Site::Forms).await;
    let fields = [&MONTHLY[..], &[("mail-to", "jo@example.net")]].concat();
    let made = alice
        .post("/schedules/new/customer-overview", &fields)
        .await;
    assert_eq!(made.status(), StatusCode::SEE_OTHER);
    let schedule = store.schedules().await.unwrap().remove(0);
    let act = format!("/schedules/{}/act", schedule.id);
    let test = async || alice.post(&act, &[("act", "test")]).await;
    let mut elsewhere = schedule.clone();
    let mail = elsewhere.plan.mail.as_mut().unwrap();
    mail.cc = vec!["jo@evil.test".parse().unwrap()];
    store.schedule_put(&elsewhere).await.unwrap();
    let refused = test().await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let page = text(refused).await;
    assert!(
        page.contains("Letters to jo@evil.test are not allowed"),
        "{page}"
    );
    store.schedule_put(&schedule).await.unwrap();
    for _ in 0..5 {
        assert_eq!(test().await.status(), StatusCode::SEE_OTHER);
        assert_eq!(line(&mut server.told)["to"], json!(["jo@example.net"]));
    }
    let refused = test().await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    assert!(text(refused).await.contains("too many test letters"));
}
