//! What was chosen from a customer's data, held against that data when a run starts by itself.

use std::sync::Mutex;

use super::*;

/// A report whose form offers the customer's devices, asked for anew each time.
fn report_with_a_list(folder: &FilePath) {
    let report = copy_of_the_report(folder);
    let path = report.join("params.schema.json");
    let mut schema: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    schema["properties"]["site"] = json!({
        "title": "Site", "type": "string", "maxLength": 63,
        "x-ui": { "options-from": { "dataset": "devices", "value": "/hostname", "keep_s": 0 } },
    });
    std::fs::write(path, schema.to_string()).unwrap();
    // The order of the others is not of this.
    std::fs::remove_file(report.join("params.ui.json")).unwrap();
}

/// The shipped report in a folder of its own.
pub(super) fn copy_of_the_report(folder: &FilePath) -> std::path::PathBuf {
    let shipped = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("reports/customer-overview");
    let report = folder.join("customer-overview");
    std::fs::create_dir(&report).unwrap();
    for file in std::fs::read_dir(shipped).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), report.join(file.file_name())).unwrap();
    }
    report
}

/// What each customer's devices are called by now; nothing where nobody answers.
type Devices = Mutex<Vec<(&'static str, Option<&'static str>)>>;

async fn answering(bench: &Bench, devices: &Devices) {
    for number in 0.. {
        let request = bench.sanitizer.request(number).await;
        let known = devices.lock().unwrap().clone();
        let name = known
            .iter()
            .find(|(tenant, _)| *tenant == request.tenant.as_str())
            .and_then(|(_, name)| *name);
        let mut record = json!({
            "kind": "reply", "tenant": request.tenant, "satellite": "hq", "at": 1, "id": request.id, "last": true,
        });
        match (request.dataset.as_str(), name) {
            ("devices", None) => {
                record["failure"] = json!({"class": "source-error", "detail": "down"})
            }
            (dataset, name) => {
                record["rows"] = match (dataset, name) {
                    ("devices", Some(name)) => json!([device(name)]),
                    _ => json!([]),
                };
                record["dataset"] = json!(dataset);
                record["version"] = json!(1);
                record["sequence"] = json!(0);
            }
        }
        bench.sanitizer.send(Lane::Reply, &record);
    }
}

fn place(answer: &Response) -> String {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let place = answer.headers()[header::LOCATION].to_str().unwrap();
    place.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_gone_fails_the_run_and_says_where_to_choose_again() {
    let reports = tempfile::tempdir().unwrap();
    report_with_a_list(reports.path());
    let bench = Bench::of(reports.path(), "").await;
    bench.sanitizer.hello("acme").await;
    bench.sanitizer.hello("globex").await;
    let devices = Mutex::new(vec![("acme", Some("north")), ("globex", Some("south"))]);
    tokio::select! {
        () = answering(&bench, &devices) => unreachable!("it never ends"),
        () = choices_come_and_go(&bench, &devices) => {}
    }
}

async fn choices_come_and_go(bench: &Bench, devices: &Devices) {
    let alice = bench.browser("alice", Site::Forms).await;
    let one = [&MONTHLY[..], &[("site", "north")]].concat();
    let set = alice.post("/schedules/new/customer-overview", &one).await;
    let schedule = format!("{}/act", place(&set));
    let ends = async |place: &str, state: &str, reason: &str| {
        let ended = alice.json(&format!("{place}?wait_ms=20000")).await;
        assert_eq!(
            (&ended["state"], &ended["reason"]),
            (&json!(state), &json!(reason))
        );
    };
    let now = async || place(&alice.post(&schedule, &[("act", "run")]).await);
    let again = async |run: &str, data: &str| {
        place(&alice.post(&format!("{run}/again"), &[("data", data)]).await)
    };
    let first = now().await;
    ends(&first, "done", "").await;
    ends(&again(&first, "fresh").await, "done", "").await;
    devices.lock().unwrap()[0].1 = Some("east");
    let gone = "north is no longer among the choices of Site.";
    let late = now().await;
    ends(
        &late,
        "failed",
        &format!("{gone} Choose again in the schedule."),
    )
    .await;
    let (_, page) = alice.get(&late).await;
    assert_eq!(page.matches(gone).count(), 1, "{page}");
    assert!(
        !page.contains("id=\"needs\""),
        "nothing was fetched: {page}"
    );
    let anew = again(&first, "fresh").await;
    ends(
        &anew,
        "failed",
        &format!("{gone} Choose again in the report's form."),
    )
    .await;
    // The data of then has the value of then.
    ends(&again(&first, "same").await, "done", "").await;
    devices.lock().unwrap()[0].1 = None;
    let unknown = "Whether north is still among the choices of Site could not be checked. \
        Acme <Dental> Group: Devices cannot be listed because its source failed (down). \
        Start it again when the list can be had.";
    ends(&now().await, "failed", unknown).await;
    of_a_batch(&alice, devices).await;
}

/// A document each: what is chosen must be in the list of every customer, and of each at its run.
async fn of_a_batch(alice: &Browser<'_>, devices: &Devices) {
    devices.lock().unwrap()[0].1 = Some("north");
    for many in ["each", "together"] {
        let both = MONTHLY.map(|(name, value)| match name {
            "as-many" => (name, many),
            _ => (name, value),
        });
        let both = [&both[..], &[("for-tenant", "globex"), ("site", "north")]].concat();
        // Globex has south alone: what Acme has is not sent there, by a schedule or at once.
        for place in [
            "/schedules/new/customer-overview",
            "/reports/customer-overview",
        ] {
            let refused = alice.post(place, &both).await;
            assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{many}");
            let page = text(refused).await;
            assert!(page.contains("Globex does not have it."), "{page}");
        }
    }
    devices.lock().unwrap()[1].1 = Some("north");
    let each = MONTHLY.map(|(name, value)| match name {
        "as-many" => (name, "each"),
        _ => (name, value),
    });
    let both = [&each[..], &[("for-tenant", "globex"), ("site", "north")]].concat();
    let set = alice.post("/schedules/new/customer-overview", &both).await;
    let schedule = format!("{}/act", place(&set));
    for (name, states) in [("north", ["done", "done"]), ("east", ["done", "failed"])] {
        devices.lock().unwrap()[0].1 = Some(name);
        let batch = place(&alice.post(&schedule, &[("act", "run")]).await);
        let (_, page) = alice.get(&batch).await;
        let runs: Vec<&str> = page
            .split("href=\"/runs/")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .filter(|id| id.len() == 32)
            .collect();
        assert_eq!(runs.len(), 2, "{page}");
        let mut ended = Vec::new();
        for run in runs {
            let run = alice.json(&format!("/runs/{run}?wait_ms=20000")).await;
            ended.push(run["state"].as_str().unwrap().to_owned());
        }
        ended.sort();
        assert_eq!(ended, states, "{name}");
    }
}
