//! Letters to a real mail server with TLS.

use std::io::BufReader;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::*;
use crate::mail::{LetterState, look};

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

/// Lets the clerk look until a letter is settled or has been tried.
async fn settled(bench: &Bench, run: &str) -> crate::mail::LetterRow {
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
    let bench = Bench::with(&server.config()).await;
    bench.sanitizer.hello("acme").await;
    let alice = bench.browser("alice", Site::Forms).await;
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
    let bench = Bench::with(&server.config()).await;
    bench.sanitizer.hello("acme").await;
    let alice = bench.browser("alice", Site::Forms).await;
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
