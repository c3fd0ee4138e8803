use super::*;
use crate::runs::{Formats, NeedProgress, Origin, Review, RunId};
use crate::store::quarantine::Refused;
use crate::store::queue::Worker;
use crate::store::runs::RunEnd;
use crate::testing::stores;

fn run(owner: &str, report: &str, tenants: &[&str], created_at_ms: u64) -> RunRow {
    RunRow {
        id: RunId::random().unwrap(),
        report: report.into(),
        title: report.to_uppercase(),
        owner_id: format!("main:{owner}"),
        owner_title: owner.into(),
        tenants: tenants.iter().map(|id| id.parse().unwrap()).collect(),
        params: serde_json::Map::new(),
        state: RunState::Queued,
        reason: String::new(),
        created_at_ms,
        finished_at_ms: None,
        template_sha256: String::new(),
        brand_sha256: String::new(),
        data_sha256: String::new(),
        needs: Vec::<NeedProgress>::new(),
        file_name: String::new(),
        file_bytes: 0,
        formats: Formats::Word,
        files: Vec::new(),
        origin: Origin::default(),
        template_version: 0,
        data: Vec::new(),
        data_kept: false,
        review: Review::None,
        reviewer: String::new(),
        review_reason: String::new(),
        reviewed_at_ms: 0,
        expires_at_ms: 0,
        relayed: false,
    }
}

/// Ends the oldest run that waits.
async fn end(store: &Store, state: RunState, finished_at_ms: u64) {
    let worker = Worker {
        name: "w".into(),
        lease_ms: 1_000,
    };
    let taken = store.run_take(&worker, true, 0).await.unwrap().unwrap();
    let end = RunEnd {
        state,
        reason: "",
        finished_at_ms,
        data_sha256: "",
        needs: &[],
        files: &[],
        data: &[],
        data_kept: false,
    };
    assert!(store.run_end(&taken.id, &worker.name, &end).await.unwrap());
}

#[tokio::test]
async fn everybodys_runs_are_found_by_person_report_customer_and_state() {
    for store in stores().await {
        for run in [
            run("alice", "overview", &["acme"], 10),
            run("bob", "overview", &["acme", "globex"], 20),
            run("bob", "patches", &["globex"], 30),
        ] {
            store.run_insert(&run).await.unwrap();
        }
        let check = async |owner: &str, filter: RunFilter, expected: &[u64]| {
            let found = store.runs_of_all(owner, &filter, 0, 10).await.unwrap();
            let found: Vec<u64> = found.iter().map(|run| run.created_at_ms).collect();
            assert_eq!(found, expected, "{owner} {filter:?}");
        };
        let all = RunFilter::default;
        check("", all(), &[30, 20, 10]).await;
        check("main:bob", all(), &[30, 20]).await;
        check("main:carol", all(), &[]).await;
        let report = Some("overview".parse().unwrap());
        check("", RunFilter { report, ..all() }, &[20, 10]).await;
        let tenant = Some("globex".parse().unwrap());
        check("", RunFilter { tenant, ..all() }, &[30, 20]).await;
        let tenant = Some("glob".parse().unwrap());
        check("", RunFilter { tenant, ..all() }, &[]).await;
        let state = Some(RunState::Done);
        check("", RunFilter { state, ..all() }, &[]).await;
        let second = store.runs_of_all("", &all(), 1, 1).await.unwrap();
        assert_eq!(second[0].created_at_ms, 20);
        let people = [("main:alice", "alice"), ("main:bob", "bob")];
        let people = people.map(|(id, name)| (id.to_owned(), name.to_owned()));
        assert_eq!(store.run_owners().await.unwrap(), people);
    }
}

#[tokio::test]
async fn each_customer_is_counted_for_itself() {
    for store in stores().await {
        for (at, tenants) in [(10, &["acme"][..]), (20, &["acme", "globex"])] {
            let one = run("alice", "overview", tenants, at);
            store.run_insert(&one).await.unwrap();
        }
        end(&store, RunState::Failed, 40).await;
        end(&store, RunState::Done, 50).await;
        let refused = Refused {
            tenant: "initech".into(),
            satellite: "hq".into(),
            at_ms: 1,
            channel: "push".into(),
            dataset: String::new(),
            reason: "form".into(),
            rule: "tag".into(),
            pointer: String::new(),
            size_bytes: 1,
            sha256: "1".into(),
            file: String::new(),
            sanitizer: String::new(),
        };
        store.quarantine_note(&[refused], 1).await.unwrap();
        let tally = |runs, failed, done_at_ms, refused| TenantTally {
            runs,
            failed,
            done_at_ms,
            push_at_ms: 0,
            refused,
        };
        let id = |id: &str| id.parse::<TenantId>().unwrap();
        let all = store.tenant_tallies(0).await.unwrap();
        assert_eq!(all[&id("acme")], tally(2, 1, 50, 0));
        assert_eq!(all[&id("globex")], tally(1, 0, 50, 0));
        assert_eq!(all[&id("initech")], tally(0, 0, 0, 1));
        let counted = |done, failed| RunCounts { done, failed };
        for (since_ms, expected) in [(0, counted(1, 1)), (15, counted(1, 0)), (21, counted(0, 0))] {
            assert_eq!(store.runs_counted(since_ms).await.unwrap(), expected);
        }
        for (since_ms, refused) in [(0, 1), (1, 1), (2, 0)] {
            assert_eq!(store.quarantined_since(since_ms).await.unwrap(), refused);
        }
        let late = store.tenant_tallies(15).await.unwrap();
        assert_eq!(late[&id("acme")], tally(1, 0, 50, 0), "only later runs");
    }
}
