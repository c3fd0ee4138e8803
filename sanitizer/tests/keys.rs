//! Each process holds its own keys and no other's: read as root out of memory, descriptors, environment and command line of
//! every running process. Needs root.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests end the test"
)]

mod support;

use ring::hmac;
use serde_json::json;
use std::fs::File;
use std::os::unix::fs::FileExt;
use support::certificates::Authority;
use support::processes::{children, proc_file, status_of};
use support::separate::{self, EGRESS, INGEST, SUPERVISOR, WORKER};
use support::{Centre, Fabric, SEAL_KEY, device, id};

/// A key in all the forms in which a program may hold it.
struct Planted {
    name: &'static str,
    forms: Vec<Vec<u8>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn each_process_holds_its_own_keys_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit");
    let (authority, key_file) = (Authority::new(), audit.join("key.pem"));
    authority.write(&authority.server(), &audit);
    let settings = separate::settings();
    let settings = format!("{settings} audit.key_file={}", key_file.display());
    let fabric = Fabric::start_in(folder, "", &settings).await;
    let mut centre = fabric.centre().await;
    pull_once(&fabric, &mut centre).await;
    let folder = fabric.folder.path();
    let planted = [
        tls_key(
            "broker's",
            &Authority::key_der(&folder.join("sanitizer-fabric")),
        ),
        tls_key(
            "centre's",
            &Authority::key_der(&folder.join("sanitizer-inner")),
        ),
        tls_key("audit", &Authority::key_der(&audit)),
        seal_key("installation", &SEAL_KEY),
        seal_key("acme", &tenant_key("acme")),
        seal_key("globex", &tenant_key("globex")),
    ];
    let supervisor = fabric.sanitizer.id().unwrap();
    let pid = |verb: &str| children(supervisor, verb)[0];
    let acme = fabric.worker_pid(&mut centre, "acme").await;
    let globex = fabric.worker_pid(&mut centre, "globex").await;

    check(supervisor.into(), SUPERVISOR, &planted, &[]);
    check(pid("ingest"), INGEST, &planted, &["broker's"]);
    check(acme, WORKER, &planted, &["acme"]);
    check(globex, WORKER, &planted, &["globex"]);
    // Egress has read the installation's key to derive the tenants', and may have remains of it.
    let (rest, installation): (Vec<_>, Vec<_>) = planted
        .into_iter()
        .partition(|key| key.name != "installation");
    assert_eq!(installation.len(), 1);
    let own = ["centre's", "audit", "acme", "globex"];
    check(pid("egress"), EGRESS, &rest, &own);
    println!("keys: 5 processes, 6 keys, each where it belongs");
}

/// What is found in a process is what belongs there, and it is the user that it should be, without capabilities.
#[track_caller]
fn check(pid: u64, user: u32, planted: &[Planted], expected: &[&str]) {
    let found = keys_in(pid, planted);
    assert_eq!(found, expected, "process {pid} of user {user}");
    let four = [user; 4].map(|id| id.to_string()).join("\t");
    assert_eq!(
        (status_of(pid, "Uid"), status_of(pid, "Gid")),
        (four.clone(), four)
    );
    assert_eq!(status_of(pid, "Groups"), "", "process {pid}");
    // CAP_KILL, CAP_SETGID, CAP_SETUID and CAP_SETPCAP.
    let kept = if user == SUPERVISOR { 0x1e0 } else { 0 };
    for (set, kept) in [
        ("CapInh", 0),
        ("CapAmb", 0),
        ("CapPrm", kept),
        ("CapEff", kept),
        ("CapBnd", kept),
    ] {
        assert_eq!(
            status_of(pid, set),
            format!("{kept:016x}"),
            "{set} of {pid}"
        );
    }
    assert_eq!(status_of(pid, "NoNewPrivs"), "1");
    assert!(proc_file(pid, "environ").is_empty() || user == SUPERVISOR);
    for descriptor in std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .flatten()
    {
        let target = std::fs::read_link(descriptor.path()).unwrap_or_default();
        let target = target.to_string_lossy();
        assert!(!target.contains("key"), "process {pid} has {target} open");
    }
}

/// Names of the keys of which a form stands in the memory, the command line or the environment of a process.
fn keys_in(pid: u64, planted: &[Planted]) -> Vec<&'static str> {
    let mut places = memory(pid);
    assert!(places.len() > 5, "the memory of {pid} can be read");
    places.extend(["cmdline", "environ"].map(|name| proc_file(pid, name).into_bytes()));
    let holds = |key: &&Planted| {
        let mut forms = key.forms.iter();
        forms.any(|form| places.iter().any(|place| contains(place, form)))
    };
    planted.iter().filter(holds).map(|key| key.name).collect()
}

fn memory(pid: u64) -> Vec<Vec<u8>> {
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut areas = Vec::new();
    for line in proc_file(pid, "maps").lines() {
        let mut words = line.split_whitespace();
        let (from, to) = words.next().unwrap().split_once('-').unwrap();
        if !words.next().unwrap().starts_with("rw") {
            continue;
        }
        let from = u64::from_str_radix(from, 16).unwrap();
        let to = u64::from_str_radix(to, 16).unwrap();
        // Page by page: what was never touched need not be there.
        let mut area = Vec::new();
        for at in (from..to).step_by(4_096) {
            let mut page = [0; 4_096];
            if memory.read_exact_at(&mut page, at).is_ok() {
                area.extend_from_slice(&page);
            }
        }
        areas.push(area);
    }
    areas
}

fn contains(place: &[u8], form: &[u8]) -> bool {
    let first = form[0];
    let mut rest = place;
    while let Some(at) = rest.iter().position(|byte| *byte == first) {
        rest = &rest[at..];
        if rest.starts_with(form) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// A P-256 key: as it stands in the file, as a number, and as a signer keeps the number.
fn tls_key(name: &'static str, der: &[u8]) -> Planted {
    let mark = [0x02, 0x01, 0x01, 0x04, 0x20];
    let at = der.windows(5).position(|window| window == mark).unwrap() + 5;
    let number: [u8; 32] = der[at..at + 32].try_into().unwrap();
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let forms = vec![
        der.to_vec(),
        number.to_vec(),
        text.as_bytes()[40..100].to_vec(),
        montgomery(number),
    ];
    Planted { name, forms }
}

/// A number times 2^256 modulo the order of P-256, the lowest byte first: what multiplication wants.
fn montgomery(number: [u8; 32]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut value = number;
    for _ in 0..256 {
        let mut carry = 0;
        for byte in value.iter_mut().rev() {
            let double = u16::from(*byte) * 2 + carry;
            *byte = (double & 0xff) as u8;
            carry = double >> 8;
        }
        if carry == 1 || value >= ORDER {
            let mut borrow = 0;
            for (byte, order) in value.iter_mut().zip(ORDER).rev() {
                let difference = i16::from(*byte) - i16::from(order) - borrow;
                *byte = difference.rem_euclid(256) as u8;
                borrow = i16::from(difference < 0);
            }
        }
    }
    value.iter().rev().copied().collect()
}

fn tenant_key(tenant: &str) -> [u8; 32] {
    let label = spokegate_contract::record::seal_label(&tenant.parse().unwrap());
    let key = hmac::Key::new(hmac::HMAC_SHA256, &SEAL_KEY);
    hmac::sign(&key, &label).as_ref().try_into().unwrap()
}

/// A seal key: its bytes, its text, and the state of the hash after its first block, which is what a signer keeps.
fn seal_key(name: &'static str, key: &[u8; 32]) -> Planted {
    let state_after = |pad: u8| {
        let mut block = [pad; 64];
        block
            .iter_mut()
            .zip(key)
            .for_each(|(byte, key)| *byte ^= key);
        let mut state = [
            0x6a09_e667,
            0xbb67_ae85,
            0x3c6e_f372,
            0xa54f_f53a,
            0x510e_527f,
            0x9b05_688c,
            0x1f83_d9ab,
            0x5be0_cd19,
        ];
        sha2::compress256(&mut state, &[block.into()]);
        state
            .iter()
            .flat_map(|word: &u32| word.to_ne_bytes())
            .collect::<Vec<u8>>()
    };
    let text = spokegate_contract::hex::encode(key).into_bytes();
    Planted {
        name,
        forms: vec![key.to_vec(), text, state_after(0x36), state_after(0x5c)],
    }
}

async fn pull_once(fabric: &Fabric, centre: &mut Centre) {
    let mut agent = fabric.agent("acme", "hq").await;
    while centre.ask(&id(1), "acme", "hq", json!({})).await.0 != 202 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let pull = agent.next_pull().await;
    agent.answer(&pull, &[json!([device("one")])]).await;
    centre
        .wait_for("reply", |record| record["rows"].is_array())
        .await;
}
