//! The promise: what a tenant's Node-RED writes is kept at the centre, without secrets, whatever the link did meanwhile, and
//! an administrator reads it, searches it and follows it from a browser and from a shell.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "fabric/commands.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod commands;
#[path = "fabric/kept.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod kept;

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use commands::{fabric, spokegate, until_online};
use kept::{Kept, flows};
use serde_json::Value;
use spokegate_demo::Fabric;
use spokegate_demo::client::Browser;

const PATIENCE: Duration = Duration::from_secs(60);
const CANARY: &str = "Canary-of-the-log-77c1";
const PAGE: &str = "/satellites/acme/hq/log";

/// `/say?x=…` writes that into the log, with a password behind it.
fn saying() -> Value {
    flows(&[(
        "say",
        "node.warn('said ' + msg.req.query.x + ' password=hunter2'); msg.payload = 'ok'; return msg;",
    )])
}

fn shell_value() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), CANARY).unwrap();
    file
}

async fn page_until(carol: &mut Browser, path: &str, so: impl Fn(&str) -> bool) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let html = carol.get(path).await.unwrap().html().to_owned();
        if so(&html) {
            return html;
        }
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {html}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_kept_without_secrets_and_shown_searched_and_followed() {
    let mut fabric = fabric().await;
    until_online(&fabric, "acme", |_| true).await;
    let mut carol = fabric.admin_browser().unwrap();
    carol.sign_in("carol", fabric.password()).await.unwrap();
    let before = carol.get(PAGE).await.unwrap().html().to_owned();
    assert!(before.contains("does not supply its log"), "{before}");

    // Pushes alone come so seldom that what is seen at once was asked for.
    let satellite = Kept::start(&mut fabric, &saying(), "log_push_every_s = 3600").await;
    satellite.asked("say?x=first").await;
    let html = page_until(&mut carol, PAGE, |html| html.contains("said first")).await;
    assert!(
        html.contains("password=***") && !html.contains("hunter2"),
        "{html}"
    );
    assert!(
        html.contains("it is started"),
        "the keeper's own words: {html}"
    );
    assert!(html.contains("New lines appear here"), "{html}");

    // A secret of the tenant, too, however it was set and wherever it stands.
    let value = shell_value();
    let told = spokegate(
        &fabric,
        "secret",
        "set",
        &[
            "--tenant",
            "acme",
            "MAIL_PASSWORD",
            "--value-file",
            value.path().to_str().unwrap(),
        ],
    );
    assert!(told.contains("is kept"), "{told}");
    satellite.asked(&format!("say?x=a,{CANARY},b")).await;
    let html = page_until(&mut carol, PAGE, |html| html.contains("said a,")).await;
    assert!(html.contains("said a,***,b"), "{html}");
    assert!(!satellite.log().contains(CANARY));

    satellite.asked("say?x=second").await;
    let found = page_until(&mut carol, &format!("{PAGE}?q=SAID%20sec"), |html| {
        html.contains("said second")
    })
    .await;
    assert!(!found.contains("said first"), "{found}");

    let shell = Shell::new(&fabric, &mut carol).await;
    let shown = shell.run(&["--tail", "50", "--search", "said"]);
    assert_eq!(shown.matches("said ").count(), 3, "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let (mut following, lines) = shell.follow();
    until_told(&lines, "said second");
    satellite.asked("say?x=third").await;
    until_told(&lines, "said third");
    following.kill().unwrap();
    following.wait().unwrap();

    let audit = carol.get("/audit?action=satellite.log").await.unwrap();
    assert!(
        audit.html().contains("acme/hq"),
        "who looked is in the audit trail"
    );
    satellite.stop().await;
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_an_outage_and_of_before_a_restart_arrive_once() {
    let mut fabric = fabric().await;
    until_online(&fabric, "acme", |_| true).await;
    let satellite = Kept::start(&mut fabric, &saying(), "log_push_every_s = 5").await;
    satellite.asked("say?x=before").await;
    // The agent ends with lines that it has not pushed; they go with its next start.
    let satellite = satellite.again().await;
    fabric.broker_mut().stop().await;
    satellite.asked("say?x=meanwhile").await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    fabric.broker_mut().restart().await.unwrap();
    let mut carol = fabric.admin_browser().unwrap();
    carol.sign_in("carol", fabric.password()).await.unwrap();
    let path = format!("{PAGE}?q=said&tail=1000");
    let html = page_until(&mut carol, &path, |html| {
        html.contains("said before") && html.contains("said meanwhile")
    })
    .await;
    for text in ["said before", "said meanwhile"] {
        assert_eq!(html.matches(text).count(), 1, "{html}");
    }
    satellite.stop().await;
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_may_keep_its_log_to_itself() {
    let mut fabric = fabric().await;
    until_online(&fabric, "acme", |_| true).await;
    let satellite = Kept::start(
        &mut fabric,
        &saying(),
        "log_to_centre = false\nlog_push_every_s = 5",
    )
    .await;
    satellite.asked("say?x=secret").await;
    until_online(&fabric, "acme", |_| true).await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    let mut carol = fabric.admin_browser().unwrap();
    carol.sign_in("carol", fabric.password()).await.unwrap();
    let html = carol.get(PAGE).await.unwrap().html().to_owned();
    assert!(
        html.contains("does not supply its log") && html.contains("There are no lines"),
        "{html}"
    );
    assert!(satellite.log().contains("said secret"), "here it is");
    satellite.stop().await;
    fabric.shutdown().await;
}

/// `spokegate report admin logs` with a token of an administrator.
struct Shell {
    folder: tempfile::TempDir,
    server: String,
}

impl Shell {
    async fn new(fabric: &Fabric, carol: &mut Browser) -> Self {
        let shell = Self {
            folder: tempfile::tempdir().unwrap(),
            server: fabric.admin_url(),
        };
        let page = carol.get("/your-tokens").await.unwrap();
        let fields = [("name", "shell"), ("days", "1"), ("scope", "admin:read")];
        let made = carol.submit(&page, "/your-tokens", &fields).await.unwrap();
        let html = made.html();
        let token = html.split("<code id=\"token\">").nth(1);
        let token = token.unwrap_or_else(|| panic!("{html}")).split('<').next();
        shell.file("token", token.unwrap());
        shell.file("ca.pem", fabric.ca_pem());
        shell
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        path
    }

    fn command(&self, more: &[&str]) -> Command {
        let place = |name: &str| self.folder.path().join(name);
        let mut command = Command::new(commands::binary("spokegate"));
        command
            .args(["report", "--server", &self.server, "--token-file"])
            .arg(place("token"))
            .arg("--ca")
            .arg(place("ca.pem"))
            .args(["admin", "logs", "--tenant", "acme", "--satellite", "hq"])
            .args(more)
            .current_dir(Path::new("/"));
        command
    }

    fn run(&self, more: &[&str]) -> String {
        let output = self.command(more).output().unwrap();
        let (out, err) = (
            commands::text(&output.stdout),
            commands::text(&output.stderr),
        );
        assert!(output.status.success(), "{out}{err}");
        out
    }

    /// The process, and its lines.
    fn follow(&self) -> (Child, Receiver<String>) {
        let mut command = self.command(&["--follow", "--tail", "20"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        (child, lines)
    }
}

#[track_caller]
fn until_told(lines: &Receiver<String>, text: &str) {
    let end = Instant::now() + PATIENCE;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let line = lines
            .recv_timeout(left)
            .unwrap_or_else(|_| panic!("{text} is not told"));
        if line.contains(text) {
            return;
        }
    }
}
