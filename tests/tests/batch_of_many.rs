//! The promise: the reports of 200 customers are one order, and where some of them cannot be made, each customer is told
//! apart with the reason that holds there; nobody else waits for it or goes without.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::{Duration, Instant};

use spokegate_demo::client::{Browser, Page};
use spokegate_demo::{Fabric, Options, Satellite, SourceChoice, Tenant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const CUSTOMERS: usize = 200;
/// Of them, what goes wrong at which, and what is told there.
const TROUBLE: [(Trouble, [usize; 2], &str); 5] = [
    (
        Trouble::Offline,
        [11, 190],
        "the customer's satellite is not connected",
    ),
    (
        Trouble::Breach,
        [23, 151],
        "arrived but breaks its contract",
    ),
    (
        Trouble::Silence,
        [42, 117],
        "did not arrive within 60 seconds",
    ),
    (
        Trouble::Fault,
        [64, 99],
        "the customer's Node-RED could not supply",
    ),
    (
        Trouble::NotSupplied,
        [77, 133],
        "the request for Devices was refused",
    ),
];
/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(900);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// The satellite is away.
    Offline,
    /// The flow answers with rows that are none.
    Breach,
    /// The flow never answers.
    Silence,
    /// The flow says that it failed.
    Fault,
    /// The satellite has no such dataset.
    NotSupplied,
}

fn id(number: usize) -> String {
    format!("c{number:03}")
}

fn title(number: usize) -> String {
    format!("Customer {number:03}")
}

/// What a customer is told, if it goes without.
fn told(number: usize) -> Option<&'static str> {
    let hit = |(_, numbers, _): &&(Trouble, [usize; 2], &str)| numbers.contains(&number);
    TROUBLE.iter().find(hit).map(|(_, _, words)| *words)
}

async fn fabric() -> Fabric {
    let tenants = (0..CUSTOMERS).map(|number| Tenant::new(&id(number), &title(number)).unwrap());
    let options = Options {
        tenants: tenants.collect(),
        source: SourceChoice::BuiltIn,
        push_every_s: 3_600,
        ..Options::sample().unwrap()
    };
    let mut fabric = Fabric::start(options).await.unwrap();
    for (trouble, numbers, _) in TROUBLE {
        for number in numbers {
            strike(&mut fabric, &id(number), trouble).await;
        }
    }
    fabric
}

async fn strike(fabric: &mut Fabric, tenant: &str, trouble: Trouble) {
    let satellite = fabric.satellite(tenant).unwrap();
    match trouble {
        Trouble::Offline => satellite.stop_agent().await,
        Trouble::NotSupplied => {
            let without = |config: &str| {
                let devices = "\n[[source]]\ndataset = \"devices\"";
                let (before, sources) = config.split_once(devices).unwrap();
                let (_, after) = sources.split_once("\n[[source]]").unwrap();
                format!("{before}\n[[source]]{after}")
            };
            reconfigured(satellite, without).await;
        }
        Trouble::Breach => {
            let row = r#"[{"hostname": 7}]"#;
            answer(fabric, tenant, Some(("200 OK", row))).await;
        }
        Trouble::Fault => {
            let fault = r#"{"error": "the monitoring system refused the login"}"#;
            answer(fabric, tenant, Some(("502 Bad Gateway", fault))).await;
        }
        Trouble::Silence => {
            // The agent has more patience than the report.
            let kind = "kind = \"http\"\n";
            let patient =
                |config: &str| config.replace(kind, &format!("{kind}timeout_ms = 120000\n"));
            reconfigured(satellite, patient).await;
            answer(fabric, tenant, None).await;
        }
    }
}

/// Starts a satellite's agent with another configuration.
async fn reconfigured(satellite: &mut Satellite, change: impl Fn(&str) -> String) {
    satellite.stop_agent().await;
    let config = std::fs::read_to_string(satellite.config()).unwrap();
    std::fs::write(satellite.config(), change(&config)).unwrap();
    satellite.start_agent().await.unwrap();
    satellite.connected().await.unwrap();
}

/// In the place of a customer's source: always the same answer, or none.
async fn answer(fabric: &mut Fabric, tenant: &str, same: Option<(&'static str, &'static str)>) {
    let satellite = fabric.satellite(tenant).unwrap();
    satellite.stop_source().await;
    let url = satellite.source_url("devices");
    let addr = url.trim_start_matches("http://").split('/').next();
    let listener = loop {
        // Until the kernel has let go of the old listener.
        match TcpListener::bind(addr.unwrap()).await {
            Ok(listener) => break listener,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    tokio::task::spawn(async move {
        let mut unanswered = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4_096]).await;
            let Some((status, body)) = same else {
                unanswered.push(stream);
                continue;
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
}

/// Orders a document for each of all customers; gives the batch's page once all have ended.
async fn ordered(browser: &mut Browser) -> Page {
    let path = "/reports/customer-overview";
    let form = browser.get(path).await.unwrap();
    let fields = [
        ("title", "Customer overview"),
        ("audience", "technical"),
        ("for-all", "yes"),
        ("as-many", "each"),
    ];
    let mut page = browser.submit(&form, path, &fields).await.unwrap();
    let batch = page.path().to_owned();
    assert!(batch.starts_with("/batches/"), "{}", page.text());
    let end = Instant::now() + PATIENCE;
    while !page.text().contains("Download all") {
        assert!(Instant::now() < end, "not over: {}", page.text());
        tokio::time::sleep(Duration::from_secs(1)).await;
        page = browser.get(&batch).await.unwrap();
    }
    page
}

/// The cells of each line of a table whose cells are all quoted, without the first.
fn lines(table: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        let line = line.trim_matches('"');
        line.split("\",\"").map(str::to_owned).collect()
    };
    table.lines().skip(1).map(cells).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_customers_190_have_their_document_and_10_the_reason_why_not() {
    let fabric = fabric().await;
    let mut browser = fabric.browser().unwrap();
    browser.sign_in("alice", fabric.password()).await.unwrap();
    let page = ordered(&mut browser).await;
    let text = page.text();
    for expected in ["190 done", "10 failed", "Download all 190 documents"] {
        assert!(text.contains(expected), "{expected:?} is not in: {text}");
    }
    for (trouble, numbers, words) in TROUBLE {
        for name in numbers.map(title) {
            let row = text.split(&format!("{name} failed {name}: ")).nth(1);
            let row = row.map(|rest| rest.split(" Customer ").next().unwrap());
            assert!(
                row.is_some_and(|row| row.contains(words)),
                "{trouble:?} of {name}: {row:?}"
            );
        }
    }

    let path = format!("{}/download", page.path());
    let archive = browser.get(&path).await.unwrap();
    let archive = std::io::Cursor::new(archive.bytes().to_vec());
    let mut archive = zip::ZipArchive::new(archive).unwrap();
    assert_eq!(archive.len(), 191, "190 documents and the results");
    let table = std::io::read_to_string(archive.by_name("results.csv").unwrap()).unwrap();
    let results: BTreeMap<String, Vec<String>> = lines(&table)
        .into_iter()
        .map(|cells| (cells[0].clone(), cells))
        .collect();
    assert_eq!(results.len(), CUSTOMERS, "{table}");
    for number in 0..CUSTOMERS {
        let [_, name, state, reason, file, ..] = &results[&id(number)][..] else {
            unreachable!("a line of the results has seven cells: {table}");
        };
        assert_eq!(*name, title(number));
        match told(number) {
            Some(words) => {
                assert_eq!((state.as_str(), file.as_str()), ("failed", ""), "{name}");
                assert!(reason.contains(words), "{name}: {reason}");
                assert!(reason.starts_with(name), "{reason} does not name {name}");
            }
            None => {
                assert_eq!((state.as_str(), reason.as_str()), ("done", ""), "{name}");
                let text = document(&mut archive, file);
                assert!(text.contains(name), "the document of {name} is not theirs");
                assert!(
                    text.contains(&format!("{}-", id(number))),
                    "{name} has no devices"
                );
            }
        }
    }
    fabric.shutdown().await;
}

/// The main part of a document in the archive.
fn document(archive: &mut zip::ZipArchive<std::io::Cursor<Vec<u8>>>, name: &str) -> String {
    let mut bytes = Vec::new();
    archive
        .by_name(name)
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    let mut document = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    std::io::read_to_string(document.by_name("word/document.xml").unwrap()).unwrap()
}
