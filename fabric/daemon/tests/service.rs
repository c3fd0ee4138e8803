//! A whole service as a process: verbs, signals and exit codes. This program starts itself as the
//! sample service, because only a real process has signals and an exit code.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test without the usual harness"
)]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use serde::Deserialize;
use spokegate_daemon::Context;
use spokegate_daemon::cli::{self, ConfigArgs, Service};
use spokegate_daemon::config::{Faults, Section};
use spokegate_daemon::logging::LogConfig;
use spokegate_daemon::ops::OpsConfig;

type Test = fn(&Path);

const ROLE: &str = "SAMPLE_ROLE";
const DEFAULTS: &str = "\
# What the sample does when asked to stop: drain, deaf, fail, panic, return, crash.
manner = \"drain\"

[ops]
listen = \"127.0.0.1:9499\"

[log]
format = \"json\"
filter = \"info\"
";

fn main() -> ExitCode {
    if std::env::var_os(ROLE).is_some() {
        return cli::main::<Sample>();
    }
    let tests: [(&str, Test); 8] = [
        (
            "example_config_prints_the_defaults",
            example_config_prints_the_defaults,
        ),
        (
            "check_config_tells_good_from_bad",
            check_config_tells_good_from_bad,
        ),
        ("a_signal_drains", a_signal_drains),
        ("a_second_signal_cuts_short", a_second_signal_cuts_short),
        ("failures_exit_with_1", failures_exit_with_1),
        (
            "healthcheck_asks_the_running_service",
            healthcheck_asks_the_running_service,
        ),
        ("extra_verbs_and_usage", extra_verbs_and_usage),
        ("the_default_verb_is_run", the_default_verb_is_run),
    ];
    for (name, test) in tests {
        let directory = tempfile::tempdir().unwrap();
        test(directory.path());
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

fn example_config_prints_the_defaults(_: &Path) {
    let output = sample(&["example-config"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), DEFAULTS);
    assert_eq!(output.status.code(), Some(0));
}

fn check_config_tells_good_from_bad(directory: &Path) {
    let good = write(directory, "good.toml", "manner = \"deaf\"\n");
    let output = sample(&["check-config", &good]).output().unwrap();
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(0), "the configuration is good\n")
    );

    let bad = write(
        directory,
        "bad.toml",
        "maner = \"deaf\"\n[ops]\nlisten = 7\n",
    );
    for arguments in [
        &["check-config", &bad][..],
        &["run", "--config", &bad],
        &["--config", &bad, "healthcheck"],
    ] {
        let output = sample(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(78), "{arguments:?}");
        let told = text(&output.stderr);
        assert!(
            told.starts_with("the configuration of spokegate-sample has 2 faults:\n"),
            "{told}"
        );
        assert!(
            told.contains("bad.toml:1: maner: unknown key")
                && told.contains("did you mean `manner`?"),
            "{told}"
        );
        assert!(
            told.contains("bad.toml:3: ops.listen: expected a string, found an integer"),
            "{told}"
        );
    }
    let output = sample(&["check-config"])
        .env("SPOKEGATE_SAMPLE__COLOUR", "red")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("$SPOKEGATE_SAMPLE__COLOUR: colour: unknown key"));
}

fn a_signal_drains(_: &Path) {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let service = Running::start("drain");
        let status = std::fs::read_to_string(format!("/proc/{}/status", service.child.id()));
        assert!(
            status.unwrap().contains("Umask:\t0077\n"),
            "files are private"
        );
        service.signal(signal);
        let (code, log) = service.wait();
        assert_eq!(code, Some(0), "{log}");
        assert!(
            log.contains("drained") && log.contains("\"stopped\""),
            "{log}"
        );
    }
}

fn a_second_signal_cuts_short(_: &Path) {
    let mut service = Running::start("deaf");
    service.signal(libc::SIGTERM);
    service.read_until("\"stopping\"");
    service.signal(libc::SIGTERM);
    let (code, log) = service.wait();
    assert_eq!(code, Some(75), "{log}");
}

fn failures_exit_with_1(_: &Path) {
    for (manner, sentence) in [
        ("fail", "open the store: no space"),
        ("panic", "panicked: out of cheese"),
        ("crash", "failed: the disk is gone"),
    ] {
        let (code, log) = Running::start(manner).wait();
        assert_eq!(code, Some(1), "{manner}: {log}");
        assert!(log.contains(sentence), "{manner}: {log}");
    }
    assert_eq!(Running::start("return").wait().0, Some(0));
}

fn healthcheck_asks_the_running_service(_: &Path) {
    let address = free_address();
    let ask = || {
        sample(&["healthcheck", "--set", &format!("ops.listen={address}")])
            .output()
            .unwrap()
    };
    let output = ask();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("does not answer"),
        "{}",
        text(&output.stderr)
    );

    let service = Running::start_at("drain", &address);
    assert_eq!(
        (ask().status.code(), text(&ask().stdout)),
        (Some(0), "ready\n")
    );
    service.signal(libc::SIGTERM);
    assert_eq!(service.wait().0, Some(0));

    let service = Running::start_at("unready", &address);
    let output = ask();
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(1), "not ready\nwaiting for the moon\n")
    );
    service.signal(libc::SIGTERM);
    service.wait();
}

fn extra_verbs_and_usage(_: &Path) {
    let output = sample(&["greet", "world", "--set", "manner=deaf"])
        .output()
        .unwrap();
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(0), "hello world, manner deaf\n")
    );
    let output = sample(&["gret"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let help = sample(&["--help"]).output().unwrap();
    for verb in [
        "run",
        "check-config",
        "example-config",
        "healthcheck",
        "greet",
    ] {
        assert!(
            text(&help.stdout).contains(verb),
            "{verb}: {}",
            text(&help.stdout)
        );
    }
}

fn the_default_verb_is_run(directory: &Path) {
    let config = write(
        directory,
        "c.toml",
        "manner = \"return\"\n[ops]\nlisten = \"127.0.0.1:0\"\n",
    );
    assert_eq!(
        sample(&["--config", &config])
            .output()
            .unwrap()
            .status
            .code(),
        Some(0)
    );
}

struct Sample;

#[derive(Deserialize)]
struct Config {
    manner: String,
    ops: OpsConfig,
    log: LogConfig,
}

#[derive(clap::Subcommand)]
enum Extra {
    /// Greets
    Greet { name: String },
}

impl Section for Config {
    fn validate(&self, faults: &mut Faults) {
        faults.within("log", &self.log);
    }
}

impl Service for Sample {
    const NAME: &'static str = "sample";
    const ABOUT: &'static str = "A service for tests";
    const DEFAULTS: &'static str = DEFAULTS;
    type Config = Config;
    type Extra = Extra;

    fn log(config: &Config) -> &LogConfig {
        &config.log
    }

    fn ops(config: &Config) -> &OpsConfig {
        &config.ops
    }

    async fn run(config: Config, context: Context) -> anyhow::Result<()> {
        let latch = context.readiness.latch("the moon");
        let soft = context.tasks.soft();
        if config.manner != "unready" {
            latch.set();
        }
        tracing::info!("started");
        match config.manner.as_str() {
            "fail" => return Err(anyhow::anyhow!("no space").context("open the store")),
            "return" => return Ok(()),
            "panic" => drop(context.tasks.spawn("worker", async { bang() })),
            "crash" => drop(
                context
                    .tasks
                    .spawn("worker", async { Err::<(), _>("the disk is gone") }),
            ),
            "deaf" => drop(context.tasks.spawn("worker", std::future::pending::<()>())),
            "unready" => {}
            _ => drop(context.tasks.spawn("worker", async move {
                soft.cancelled().await;
                tokio::time::sleep(Duration::from_millis(20)).await;
                tracing::info!("drained");
            })),
        }
        context.tasks.soft().cancelled().await;
        Ok(())
    }

    fn extra(Extra::Greet { name }: Extra, files: &ConfigArgs) -> ExitCode {
        match files.load_or_tell::<Self>() {
            Ok(config) => cli::print(&format!("hello {name}, manner {}\n", config.manner)),
            Err(code) => code,
        }
    }
}

fn bang() {
    panic!("out of cheese");
}

/// A running sample service with what it has logged so far.
struct Running {
    child: Child,
    log: String,
    errors: BufReader<std::process::ChildStderr>,
}

impl Running {
    fn start(manner: &str) -> Self {
        Self::start_at(manner, "127.0.0.1:0")
    }

    fn start_at(manner: &str, address: &str) -> Self {
        let mut command = sample(&[
            "run",
            "--set",
            &format!("manner={manner}"),
            "--set",
            &format!("ops.listen={address}"),
        ]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let mut running = Self {
            child,
            log: String::new(),
            errors,
        };
        running.read_until("\"started\"");
        running
    }

    fn read_until(&mut self, part: &str) {
        while !self.log.contains(part) {
            assert_ne!(
                self.errors.read_line(&mut self.log).unwrap(),
                0,
                "the service ended: {}",
                self.log
            );
        }
    }

    fn signal(&self, signal: i32) {
        let id = i32::try_from(self.child.id()).unwrap();
        let output = Command::new("kill")
            .args([format!("-{signal}"), id.to_string()])
            .output()
            .unwrap();
        assert!(output.status.success());
    }

    fn wait(mut self) -> (Option<i32>, String) {
        self.errors.read_to_string(&mut self.log).unwrap();
        let code = self.child.wait().unwrap().code();
        (code, std::mem::take(&mut self.log))
    }
}

/// A failed check leaves no process behind.
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn sample(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments).env(ROLE, "1");
    command
}

fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
