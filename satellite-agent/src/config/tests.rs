use spokegate_daemon::config::{ConfigFaults, Layered};

use super::*;
use spokegate_contract::Shape;

const GOOD: &str = r#"
[broker]
address = "broker.example.net:8883"
[tls]
certificate = "c.pem"
key = "k.pem"
ca = "ca.pem"
[[source]]
dataset = "devices"
kind = "http"
url = "http://127.0.0.1:1880/spokegate/devices"
token_file = "flow.token"
[[source]]
dataset = "alerts"
kind = "push"
[[schedule]]
dataset = "devices"
every_s = 3600
"#;

#[test]
fn a_small_file_is_enough() {
    let config = load(GOOD).unwrap();
    assert_eq!(
        config.broker.host_and_port(),
        Some(("broker.example.net", 8883))
    );
    assert_eq!(config.spool.bytes_max, 268_435_456);
    assert_eq!(
        (
            config.source[0].version,
            config.source[0].shape,
            config.source[0].timeout_ms
        ),
        (1, Shape::Rows, 30_000)
    );
    assert!(config.push.token().is_empty());
}

#[test]
fn every_fault_is_told_in_one_run() {
    let text = GOOD
        .replace("broker.example.net:8883", "broker.example.net")
        .replace(
            "http://127.0.0.1:1880/spokegate/devices",
            "http://10.0.0.5:1880/",
        )
        .replace(
            "kind = \"push\"",
            "kind = \"push\"\nurl = \"http://localhost/\"",
        )
        .replace(
            "dataset = \"devices\"\nevery_s = 3600",
            "dataset = \"alerts\"\nevery_s = 1",
        )
        + "[push]\nlisten = \"0.0.0.0:8021\"\n[pull]\nparallel_max = 0\n";
    let faults = load(&text).unwrap_err().to_string();
    for expected in [
        "broker.address: \"broker.example.net\" is no host and port\n  allowed: a host name or IPv4 address, a colon and a port",
        "source[0].url: leads to another machine\n  allowed: the http:// address of a flow on this machine",
        "source[1].url: has no meaning for kind = \"push\"",
        "schedule[0].dataset: alerts has no source that can be asked\n  hint: add a [[source]] with kind = \"node-red\" or \"http\" for it",
        "schedule[0].every_s: is 1\n  allowed: 5 to 2592000",
        "push.listen: 0.0.0.0:8021 can be reached from other machines",
        "pull.parallel_max: is 0\n  allowed: 1 to 256",
    ] {
        assert!(faults.contains(expected), "{expected}\nis not in\n{faults}");
    }
}

#[test]
fn a_cache_has_an_age_and_a_size() {
    let aged = |age: &str| {
        let line = format!("token_file = \"flow.token\"\ncache_max_age_s = {age}");
        load(&GOOD.replace("token_file = \"flow.token\"", &line))
    };
    assert_eq!(load(GOOD).unwrap().source[0].cache_max_age_s, None);
    assert_eq!(
        aged("86400").unwrap().source[0].cache_max_age_s,
        Some(86_400)
    );
    for age in ["0", "86401"] {
        let faults = aged(age).unwrap_err().to_string();
        let expected = format!("source[0].cache_max_age_s: is {age}\n  allowed: 1 to 86400");
        assert!(faults.contains(&expected), "{faults}");
    }
    let pushed = GOOD.replace("kind = \"push\"", "kind = \"push\"\ncache_max_age_s = 60");
    let faults = load(&pushed).unwrap_err().to_string();
    let expected = "source[1].cache_max_age_s: has no meaning for kind = \"push\"";
    assert!(faults.contains(expected), "{faults}");
    let small = format!("{GOOD}[pull]\ncache_bytes_max = 65535\n");
    let faults = load(&small).unwrap_err().to_string();
    assert!(
        faults.contains("pull.cache_bytes_max: is 65535"),
        "{faults}"
    );
    load(&small.replace("65535", "65536")).unwrap();
}

#[test]
fn one_source_for_each_dataset() {
    let faults = load(&GOOD.replace("dataset = \"alerts\"", "dataset = \"devices\""))
        .unwrap_err()
        .to_string();
    assert!(
        faults.contains("source[1].dataset: devices v1 has a source already"),
        "{faults}"
    );
}

#[test]
fn versions_of_a_dataset_have_sources_of_their_own() {
    let second = "[[source]]\ndataset = \"devices\"\nversion = 2\nkind = \"http\"\n\
                  url = \"http://127.0.0.1:1880/v2\"\ntoken_file = \"flow.token\"\n";
    let both = GOOD.replace("[[schedule]]", &format!("{second}[[schedule]]"));
    let faults = load(&both).unwrap_err().to_string();
    let missing = "schedule[0].version: is missing: devices has sources of several versions";
    assert!(faults.contains(missing), "{faults}");
    for version in [1, 2] {
        let said = both.replace("every_s", &format!("version = {version}\nevery_s"));
        assert_eq!(load(&said).unwrap().schedule[0].version, Some(version));
    }
    let other = both.replace("every_s", "version = 3\nevery_s");
    let faults = load(&other).unwrap_err().to_string();
    assert!(
        faults.contains("devices has no source that can be asked"),
        "{faults}"
    );
}

#[test]
fn files_are_below_their_folder_and_say_how_they_are_written() {
    let file = |more: &str| {
        let source =
            format!("[[source]]\ndataset = \"jobs\"\nkind = \"file\"\n{more}\n[[schedule]]");
        load(&GOOD.replacen("[[schedule]]", &source, 1))
    };
    let folder = "path = \"a/jobs.json\"\nformat = \"json\"\n[files]\ndirectory = \"/srv/exports\"";
    assert!(file(folder).is_ok());
    for (more, expected) in [
        (
            folder.replace("/srv", "srv"),
            "files.directory: is missing or not absolute",
        ),
        (
            folder.replace("a/jobs", "../jobs"),
            "source[2].path: is missing or leads out of its folder",
        ),
        (
            folder.replace("a/jobs", "/etc/jobs"),
            "source[2].path: is missing or leads out of its folder",
        ),
        (
            folder.replace("path", "url"),
            "source[2].url: has no meaning for kind = \"file\"\n  hint: remove it, or write kind = \"http\"",
        ),
        (
            folder.replace("format = \"json\"\n", ""),
            "source[2].format: is missing",
        ),
        (
            folder.replace("\"json\"", "\"ndjson\"\nshape = \"document\""),
            "source[2].format: is one of a table, and the shape is a document",
        ),
        (
            folder.replace("\"json\"", "\"json\"\ncsv.delimiter = \";\""),
            "source[2].csv: tells how a CSV file is written",
        ),
        (
            folder.replace("\"json\"", "\"csv\"\ncsv.delimiter = \"\\\"\""),
            "source[2].csv.delimiter: is no separator",
        ),
        (
            folder.replace("\"json\"", "\"csv\"\ncsv.tenant_field = \"customer\""),
            "source[2].csv.tenant_field: unknown key",
        ),
    ] {
        let faults = file(&more).unwrap_err().to_string();
        assert!(faults.contains(expected), "{expected}\nis not in\n{faults}");
    }
}

#[test]
fn a_query_asks_one_database_one_question() {
    let sql = |more: &str| {
        let source =
            format!("[[source]]\ndataset = \"jobs\"\nkind = \"sql\"\n{more}\n[[schedule]]");
        load(&GOOD.replacen("[[schedule]]", &source, 1))
    };
    let query = "query = \"SELECT name FROM jobs WHERE state = :state\"\n";
    let server = "postgresql.host = \"db.example.net\"\npostgresql.database = \"shop\"\npostgresql.user = \"agent\"\n";
    let file = "path = \"jobs.db\"\n[files]\ndirectory = \"/srv/exports\"";
    for database in [server, &server.replace("postgresql", "mysql"), file] {
        let read = sql(&format!("{query}{database}"));
        assert!(read.is_ok(), "{database}: {read:?}");
    }
    for (more, expected) in [
        (
            query.to_owned(),
            "source[2]: names no database, or more than one",
        ),
        (
            format!("{query}{server}{file}"),
            "source[2]: names no database, or more than one",
        ),
        (server.to_owned(), "source[2].query: is missing"),
        (
            format!("query = \"DELETE FROM jobs\"\n{server}"),
            "source[2].query: starts with \"DELETE\"; allowed: one SELECT",
        ),
        (
            format!("query = \"SELECT 1; SELECT 2\"\n{server}"),
            "source[2].query: holds a \";\"",
        ),
        (
            format!("{query}shape = \"document\"\n{server}"),
            "source[2].shape: is a document, and a query gives rows",
        ),
        (
            format!("{query}format = \"csv\"\n{server}"),
            "source[2].format: has no meaning for kind = \"sql\"",
        ),
        (
            format!("{query}{file}").replace("jobs.db", "/etc/jobs.db"),
            "source[2].path: is missing or leads out of its folder",
        ),
        (
            format!("{query}path = \"jobs.db\""),
            "files.directory: is missing or not absolute",
        ),
    ] {
        let faults = sql(&more).unwrap_err().to_string();
        assert!(faults.contains(expected), "{expected}\nis not in\n{faults}");
    }
}

#[test]
fn a_schedules_jitter_is_a_tenth_unless_it_is_said() {
    let jitter = |said: &str| {
        let text = GOOD.replace("every_s = 3600", said);
        load(&text).map(|config| config.schedule[0].jitter_s())
    };
    assert_eq!(jitter("every_s = 3600").unwrap(), 300);
    assert_eq!(jitter("every_s = 60").unwrap(), 6);
    assert_eq!(jitter("every_s = 60\njitter_s = 0").unwrap(), 0);
    assert_eq!(jitter("every_s = 60\njitter_s = 60").unwrap(), 60);
    let fault = jitter("every_s = 60\njitter_s = 61")
        .unwrap_err()
        .to_string();
    assert!(fault.contains("schedule[0].jitter_s: is 61"), "{fault}");
}

#[test]
fn addresses_of_flows() {
    for (url, expected) in [
        ("http://127.0.0.1:1880/spokegate/devices", Ok(())),
        ("http://localhost:1880/data?x=1", Ok(())),
        ("http://[::1]:1880/", Ok(())),
        ("http://127.0.0.2/", Ok(())),
        ("https://127.0.0.1/", Err("is not an http:// address")),
        (
            "http://localhost.example.net/",
            Err("leads to another machine"),
        ),
        ("http://192.168.1.4/", Err("leads to another machine")),
        ("http://[::ffff:10.0.0.1]/", Err("leads to another machine")),
        (
            "http://user:pw@127.0.0.1/",
            Err("holds a user name or password"),
        ),
        ("http://127.0.0.1/#a", Err("has a fragment")),
        ("127.0.0.1:1880", Err("is no URL")),
        ("file:///etc/passwd", Err("is not an http:// address")),
    ] {
        let mut source = load(GOOD).unwrap().source.remove(0);
        source.url = Some(url.to_owned());
        assert_eq!(source.local_url().map(|_| ()), expected, "{url}");
    }
}

#[test]
fn addresses_of_brokers() {
    for (address, expected) in [
        ("broker:8883", Some(("broker", 8883))),
        ("10.0.0.1:8883", Some(("10.0.0.1", 8883))),
        ("[::1]:8883", None),
        ("::1:8883", None),
        ("broker", None),
        ("broker:0", None),
        ("broker:65536", None),
        (":8883", None),
        ("mqtts://broker:8883", None),
        ("br oker:8883", None),
    ] {
        let mut broker = load(GOOD).unwrap().broker;
        broker.address = address.to_owned();
        assert_eq!(broker.host_and_port(), expected, "{address}");
    }
}

fn load(text: &str) -> Result<Config, ConfigFaults> {
    Layered::new("agent", DEFAULTS)
        .text("agent.toml", text)
        .no_environment()
        .load()
}
