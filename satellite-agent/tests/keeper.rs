//! The agent keeps a real Node-RED, of either major version: whatever ends, hangs or is killed, one runs, and never two.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "keeper/world.rs"]
mod world;

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use world::{TOKEN, Version, World, alive, crashing, flows, get, node, signal, until};

#[test]
fn node_red_4_is_kept() {
    is_kept(Version::Four);
}

#[test]
fn node_red_5_is_kept() {
    is_kept(Version::Five);
}

/// Starts, answers, and comes back when it is killed; ends with the agent.
fn is_kept(version: Version) {
    let Some(world) = World::new(version, &flows()) else {
        return;
    };
    let mut agent = world.start();
    let first = world.running(|kept| kept["state"] == "running");
    assert_eq!(first["restarts"], 0);
    assert_eq!(first["port"], world.port);
    let told = first["version"].as_str().unwrap();
    assert!(told.starts_with(version.major()), "{told}");
    world.hello();
    guarded(&world);
    confined(&world);

    let process = first["process"].as_u64().unwrap();
    signal(process, Signal::KILL);
    let second = world.running(|kept| kept["state"] == "running" && kept["restarts"] == 1);
    assert_ne!(second["process"], first["process"]);
    assert!(
        second["last_end"].as_str().unwrap().contains("signal: 9"),
        "{second}"
    );
    assert_eq!(second["safe_mode"], false);
    world.hello();
    until("it is measured", || {
        let kept = world.status()["kept_node_red"].clone();
        kept["memory_bytes"].as_u64() > Some(20 << 20) && kept["cpu_percent"].is_u64()
    });
    assert_eq!(world.processes().len(), 1);

    signal(agent.id(), Signal::TERM);
    assert_eq!(agent.wait(), Some(0));
    assert!(world.processes().is_empty());
}

/// Whoever has no token gets nothing, and the port is this machine's alone.
fn guarded(world: &World) {
    assert_eq!(get(world.port, "/spokegate/hello", None).unwrap().0, 401);
    let (status, body) = get(world.port, "/spokegate/hello", Some(TOKEN)).unwrap();
    assert_eq!((status, body.as_str()), (200, "hello"));
    loopback_only(world);
}

fn loopback_only(world: &World) {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let listens =
        |host: &str| table.contains(&format!(" {host}:{:04X} 00000000:0000 0A ", world.port));
    assert!(listens("0100007F") && !listens("00000000"), "{table}");
    let six = std::fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    assert!(!six.contains(&format!(":{:04X} ", world.port)), "{six}");
}

/// What a flow can read: its own folder, and not the agent's private key. Its words hold no secret.
fn confined(world: &World) {
    let read = |path: &str| {
        get(
            world.port,
            &format!("/spokegate/read?path={path}"),
            Some(TOKEN),
        )
        .unwrap()
    };
    let own = world.folder.path().join("node-red/flows.json");
    assert_eq!(read(&own.display().to_string()).0, 200);
    let key = world.folder.path().join("hq.key");
    let (status, body) = read(&key.display().to_string());
    if world
        .log()
        .contains("Node-RED can read what the agent's user can")
    {
        // The kernel has no landlock.
        eprintln!(
            "SKIPPED: this kernel cannot keep a flow from the agent's files, which is told in the log"
        );
    } else {
        assert_eq!(status, 500, "{body}");
    }
    let log = world.log();
    assert!(log.contains("it saw Bearer ***"), "{log}");
    assert!(!log.contains(TOKEN), "{log}");
}

#[test]
fn a_section_that_would_open_the_key_is_refused() {
    let Some(world) = World::new(Version::Four, &flows()) else {
        return;
    };
    let (code, text) = world.verb(&["check-config"]);
    assert_eq!(code, Some(0), "{text}");
    let folder = world.folder.path().display();
    let (code, text) = world.verb(&[
        "check-config",
        "--set",
        &format!("node_red.read=[\"{folder}\"]"),
    ]);
    assert_eq!(code, Some(78), "{text}");
    assert!(
        text.contains("hq.key (tls.key) lies in it; hint:"),
        "{text}"
    );
    let (code, text) = world.verb(&["run", "--set", &format!("node_red.user_dir={folder}")]);
    assert!(
        code != Some(0) && text.contains("would open"),
        "{code:?} {text}"
    );
}

#[test]
fn settings_that_listen_for_all_are_overruled() {
    for version in [Version::Four, Version::Five] {
        let Some(world) = World::new(version, &flows()) else {
            continue;
        };
        world.write_settings("module.exports = { uiHost: '0.0.0.0', flowFile: 'flows.json' };");
        let _agent = world.start();
        world.running(|kept| kept["state"] == "running");
        loopback_only(&world);
    }
}

#[test]
fn a_flow_that_crashes_node_red_4_leads_to_safe_mode() {
    leads_to_safe_mode(Version::Four);
}

#[test]
fn a_flow_that_crashes_node_red_5_leads_to_safe_mode() {
    leads_to_safe_mode(Version::Five);
}

fn leads_to_safe_mode(version: Version) {
    let Some(world) = World::new(version, &crashing()) else {
        return;
    };
    let agent = world.start();
    let kept = world.running(|kept| kept["state"] == "running" && kept["safe_mode"] == true);
    assert_eq!(kept["restarts"], 3);
    // The editor is there, no flow is.
    assert_eq!(get(world.port, "/editor/", None).unwrap().0, 200);
    assert_eq!(
        get(world.port, "/spokegate/hello", Some(TOKEN)).unwrap().0,
        404
    );
    let (code, text) = world.verb(&["status"]);
    assert!(
        text.contains("IN SAFE MODE (no flow runs)"),
        "{code:?} {text}"
    );
    let (_, text) = world.verb(&["doctor"]);
    assert!(
        text.contains("FAULT    kept") && text.contains("spokegate-agent node-red restart"),
        "{text}"
    );
    let log = world.log();
    assert!(
        log.contains("3 crashes within 300 s") && log.contains("boom"),
        "{log}"
    );

    // Mended and started by hand, all is as before.
    world.write_flows(&flows());
    let (code, text) = world.verb(&["node-red", "restart"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.starts_with("Node-RED running since") && !text.contains("SAFE"),
        "{text}"
    );
    world.hello();
    drop(agent);
}

#[test]
fn node_red_4_that_hangs_is_started_anew() {
    hangs(Version::Four);
}

#[test]
fn node_red_5_that_hangs_is_started_anew() {
    hangs(Version::Five);
}

fn hangs(version: Version) {
    let Some(world) = World::new(version, &flows()) else {
        return;
    };
    let _agent = world.start();
    let first = world.running(|kept| kept["state"] == "running");
    let process = first["process"].as_u64().unwrap();
    signal(process, Signal::STOP);
    let second = world.running(|kept| kept["state"] == "running" && kept["restarts"] == 1);
    assert!(
        second["last_end"]
            .as_str()
            .unwrap()
            .contains("does not answer"),
        "{second}"
    );
    assert!(!alive(process));
    world.hello();
}

#[test]
fn an_agent_that_is_killed_leaves_no_node_red_and_its_log_stays() {
    for version in [Version::Four, Version::Five] {
        let Some(world) = World::new(version, &flows()) else {
            continue;
        };
        let mut agent = world.start();
        let first = world.running(|kept| kept["state"] == "running")["process"]
            .as_u64()
            .unwrap();
        world.hello();
        until("the log is on disk", || {
            world.file("node-red.log").contains("it saw")
        });
        signal(agent.id(), Signal::KILL);
        agent.wait();
        until("nothing is left", || {
            world.processes().is_empty() && !alive(first)
        });

        let (code, text) = world.verb(&["logs", "--tail", "1000"]);
        assert!(
            code == Some(0) && text.contains("no agent runs") && text.contains("it saw Bearer ***"),
            "{text}"
        );
        // What is not the kernel's to end: a process that the flow made its own.
        let mut stray = world.stray();
        let _agent = world.start();
        world.running(|kept| kept["state"] == "running");
        assert!(stray.wait().unwrap().code().is_none());
        world.hello();
        assert_eq!(world.processes().len(), 1);
        assert!(
            world.log().matches("it is started").count() >= 2,
            "{}",
            world.log()
        );
    }
}

#[test]
fn several_watch_the_log_at_once() {
    let Some(world) = World::new(Version::Four, &flows()) else {
        return;
    };
    let mut agent = world.start();
    world.running(|kept| kept["state"] == "running");
    let follow = |tail: &str| {
        let mut command = world.command(&["logs", "--follow", "--tail", tail]);
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let (mut all, mut new, mut gone) = (follow("1000"), follow("0"), follow("1000"));
    let lines =
        |child: &mut std::process::Child| BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut all_lines, new_lines) = (lines(&mut all), lines(&mut new));
    let start = all_lines.next().unwrap().unwrap();
    assert!(start.ends_with("agent it is started"), "{start}");
    gone.kill().unwrap();
    gone.wait().unwrap();
    let (sender, seen_new) = std::sync::mpsc::channel();
    std::thread::spawn(move || new_lines.for_each(|line| sender.send(line.unwrap()).unwrap()));
    // What comes once both are there comes to both.
    let mut first = String::new();
    until("a viewer of new lines sees one", || {
        world.hello();
        let seen = seen_new.recv_timeout(Duration::from_secs(1));
        // Node-RED answers before it has said all about its start.
        seen.is_ok_and(|line| {
            first = line;
            first.contains("it saw")
        })
    });
    assert!(first.contains("it saw Bearer ***"), "{first}");
    let mut seen = |line: &str| {
        all_lines
            .find(|found| found.as_ref().unwrap().contains(line))
            .unwrap()
            .unwrap()
    };
    assert_eq!(seen(&first), first);

    assert_eq!(world.verb(&["node-red", "stop"]).0, Some(0));
    assert_eq!(world.status()["kept_node_red"]["state"], "stopped");
    assert!(world.processes().is_empty());
    seen("it is stopped by hand");
    let (code, text) = world.verb(&["node-red", "start"]);
    assert!(
        code == Some(0) && text.starts_with("Node-RED running"),
        "{text}"
    );
    seen("it is started by hand");
    let (_, tail) = world.verb(&["logs", "--tail", "2"]);
    assert_eq!(tail.lines().count(), 2, "{tail}");

    // With the agent, the viewers end by themselves.
    signal(agent.id(), Signal::TERM);
    assert_eq!(agent.wait(), Some(0));
    assert!(all.wait().unwrap().success() && new.wait().unwrap().success());
}

#[test]
fn a_folder_has_one_node_red_and_without_a_section_there_is_none() {
    let Some(world) = World::new(Version::Four, &flows()) else {
        return;
    };
    let _agent = world.start();
    world.running(|kept| kept["state"] == "running");
    let other = world.beside();
    let _second = other.start();
    let refused = other.running(|kept| kept["restarts"].as_u64() >= Some(1));
    let why = refused["last_end"].as_str().unwrap();
    assert!(why.contains("another agent keeps a Node-RED in"), "{why}");
    assert_eq!(world.processes().len(), 1);
    assert_eq!(world.running(|_| true)["restarts"], 0);

    let bare = world.without_section();
    let _third = bare.start();
    until("it says how it is", || {
        bare.verb(&["status", "--json"]).1.starts_with('{')
    });
    assert_eq!(bare.status()["kept_node_red"], json!(null));
    let (code, text) = bare.verb(&["logs"]);
    assert!(
        code == Some(1) && text.contains("hint: set node_red.command"),
        "{text}"
    );
    let (_, text) = bare.verb(&["doctor"]);
    assert!(!text.contains("kept"), "{text}");
}

#[test]
fn the_real_parts_are_here() {
    let missing = [Version::Four, Version::Five].map(|version| node(version).is_none());
    if std::env::var_os("CI").is_some() {
        assert_eq!(
            missing,
            [false, false],
            "hint: deploy/node-red/setup.sh deploy/node-red tests/node-red-5"
        );
    }
}
