use axum::http::Request;
use serde_json::Value;
use spokegate_contract::Shape;
use spokegate_contract::limits::{CHUNK_BYTES_MAX, CHUNK_ROWS_MAX};
use spokegate_daemon::Secret;
use tempfile::TempDir;
use tower::ServiceExt;

use super::*;
use crate::spool::disk_tests::Mounted;
use crate::spool::{Kept, SpoolOptions};

const TOKEN: &str = "a-token-of-some-length";
const NOW_MS: u64 = 1_800_000_000_000;

#[tokio::test]
async fn a_push_is_on_disk_before_it_is_answered() {
    let place = Place::new(1_000_000).await;
    let answer = place
        .post("/v1/push/alerts", &bearer(TOKEN), r#"[{"b":1,"a":2}]"#)
        .await;
    assert_eq!(answer, (202, json!({ "epoch": NOW_MS, "sequence": 1 })));
    let answer = place
        .post("/v1/push/summary", &bearer(TOKEN), r#"{"open":3}"#)
        .await;
    assert_eq!(answer, (202, json!({ "epoch": NOW_MS, "sequence": 2 })));
    let kept = place.kept().await;
    assert_eq!(kept[0].message.dataset.as_str(), "alerts");
    assert_eq!(kept[0].message.body.as_ref(), b"\x81\xa2aa\x02ab\x01");
    assert_eq!(
        (kept[1].message.shape, kept[1].message.version),
        (Shape::Document, 3)
    );
    assert_eq!(kept[1].message.captured_at_ms, NOW_MS);
}

#[tokio::test]
async fn who_has_no_token_is_refused_and_learns_nothing() {
    let place = Place::new(1_000_000).await;
    let longer = format!("{TOKEN}x");
    let basic = format!("Basic {TOKEN}");
    for authorization in [
        None,
        Some(""),
        Some("Bearer "),
        Some("Bearer wrong"),
        Some(TOKEN),
        Some(&longer),
        Some(&basic),
    ] {
        for path in ["/v1/push/alerts", "/v1/push/no-such-thing"] {
            let headers: Vec<_> = authorization
                .iter()
                .map(|value| ("authorization", (*value).to_owned()))
                .collect();
            let (status, body) = place.post_with(path, headers, "[]").await;
            assert_eq!(status, 401, "{authorization:?}");
            assert_eq!(
                body["error"]["detail"],
                "the token is missing or wrong; hint: send the header Authorization: Bearer <token> with the agent's push token"
            );
        }
    }
    assert_eq!(
        place.post("/v1/push/alerts", &bearer(TOKEN), "[]").await.0,
        202,
        "the twin with the token"
    );
    assert_eq!(place.spool.marks().await.unwrap().last_sequence, 1);
}

#[tokio::test]
async fn a_malformed_push_is_told_what_is_wrong() {
    let place = Place::new(1_000_000).await;
    for (dataset, body, detail) in [
        (
            "alerts",
            "{]",
            "the body is not JSON: key must be a string at line 1 column 2",
        ),
        (
            "alerts",
            "{}",
            "the body is an object; allowed is an array of objects, one for each row",
        ),
        (
            "summary",
            "[]",
            "the body is an array; allowed is one object",
        ),
        (
            "alerts",
            "[1]",
            "row 1 is not an object; hint: send an array of objects, one for each row",
        ),
        (
            "alerts",
            r#"[{"s":[1e99]}]"#,
            "the body cannot be sent: a number beyond ±9007199254740991 at /0/s/0",
        ),
    ] {
        place
            .refused(&format!("/v1/push/{dataset}"), body, 400, "invalid", detail)
            .await;
    }
    assert_eq!(place.spool.marks().await.unwrap().messages, 0);
}

#[tokio::test]
async fn a_push_that_is_too_large_is_told_what_fits() {
    let place = Place::new(1_000_000).await;
    let text = "x".repeat(60_000);
    let long = json!([{ "a": text, "b": text, "c": text }]).to_string();
    let detail = format!(
        "the body has 180017 bytes once encoded, at most {CHUNK_BYTES_MAX} fit one push; \
         hint: push it in parts, or let it be pulled"
    );
    place
        .refused("/v1/push/alerts", &long, 413, "too-large", &detail)
        .await;
    let longer = json!([{ "a": "x".repeat(PUSH_JSON_BYTES_MAX) }]).to_string();
    let detail = "the body did not arrive whole or has more than 1048576 bytes of JSON; hint: push it in parts";
    place
        .refused("/v1/push/alerts", &longer, 413, "too-large", detail)
        .await;
    let many = Value::from(vec![json!({}); CHUNK_ROWS_MAX + 1]).to_string();
    let detail = "the body has 2001 rows, at most 2000 fit one push; hint: push it in parts, or let it be pulled";
    place
        .refused("/v1/push/alerts", &many, 413, "too-large", detail)
        .await;
    assert_eq!(place.spool.marks().await.unwrap().messages, 0);
}

#[tokio::test]
async fn an_unknown_dataset_is_told_which_are_known() {
    let place = Place::new(1_000_000).await;
    let detail = "there is no such dataset here; allowed are: alerts, devices, jobs, summary; \
                  hint: add a [[source]] for it to the agent's configuration";
    place
        .refused("/v1/push/other", "[]", 404, "refused", detail)
        .await;
    place
        .refused("/v1/push/..%2Fx", "[]", 404, "refused", detail)
        .await;
    let detail = "there is nothing at this path; hint: POST to /v1/push/<dataset>";
    place
        .refused("/v2/push/alerts", "[]", 404, "refused", detail)
        .await;
}

#[tokio::test]
async fn a_full_spool_says_so_and_takes_again_once_there_is_room() {
    let place = Place::new(600).await;
    let body = r#"[{"a":12345}]"#;
    let post = async || place.post("/v1/push/alerts", &bearer(TOKEN), body).await;
    assert_eq!(post().await.0, 202);
    let (status, answer) = post().await;
    assert_eq!(
        (status, &answer["error"]["class"]),
        (507, &json!("spool-full"))
    );
    let detail = answer["error"]["detail"].as_str().unwrap();
    let expected = "is full: it may hold 600 bytes (spool.bytes_max) and has 512; nothing was stored; \
                    hint: is the broker reachable? try again later";
    assert!(detail.ends_with(expected), "{detail}");
    place.spool.acknowledge(NOW_MS, 1).await.unwrap();
    assert_eq!(
        post().await,
        (202, json!({ "epoch": NOW_MS, "sequence": 2 }))
    );
}

#[tokio::test]
async fn a_full_disk_says_so_and_the_spool_goes_on_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let _disk = Mounted::at(folder.path());
    let place = Place::within(folder, 1 << 30).await;
    let row = json!([{ "a": "x".repeat(60_000), "b": "y".repeat(40_000) }]).to_string();
    let post = async || place.post("/v1/push/alerts", &bearer(TOKEN), &row).await;
    let (mut taken, mut last) = (0, post().await);
    while last.0 == 202 {
        taken += 1;
        assert!(taken < 20, "the disk has a megabyte");
        last = post().await;
    }
    let (status, answer) = last;
    assert_eq!(
        (status, &answer["error"]["class"]),
        (507, &json!("disk-full"))
    );
    let detail = answer["error"]["detail"].as_str().unwrap();
    for part in [
        "the disk of the spool /",
        "is full: the message needs 100",
        "are free; nothing was stored; hint: make room on that disk, then send it again",
    ] {
        assert!(detail.contains(part), "{detail}");
    }
    assert_eq!(place.kept().await.len(), taken);
    place.spool.acknowledge(NOW_MS, taken as u64).await.unwrap();
    // Room comes back when the last holder of the file lets go, and other tests start processes.
    let mut last = post().await;
    for _ in 0..100 {
        if last.0 == 202 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        last = post().await;
    }
    assert_eq!(last.0, 202);
}

#[tokio::test]
async fn only_post_is_served() {
    let place = Place::new(1_000_000).await;
    let request = Request::get("/v1/push/alerts")
        .header("authorization", bearer(TOKEN))
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        place
            .router
            .clone()
            .oneshot(request)
            .await
            .unwrap()
            .status(),
        405
    );
}

#[tokio::test]
async fn a_push_names_its_version_where_there_are_several() {
    let place = Place::new(1_000_000).await;
    for (path, expected) in [
        ("/v1/push/jobs?version=1", 1),
        ("/v1/push/jobs?version=2", 2),
        ("/v1/push/alerts?version=1", 1),
        ("/v1/push/alerts", 1),
    ] {
        let (status, _) = place.post(path, &bearer(TOKEN), "[]").await;
        assert_eq!(status, 202, "{path}");
        let kept = place.kept().await;
        assert_eq!(kept.last().unwrap().message.version, expected, "{path}");
    }
    let unsaid = "the dataset is bound in several versions here: 1, 2; hint: name the one that you send, as ?version=N";
    place
        .refused("/v1/push/jobs", "[]", 400, "refused", unsaid)
        .await;
    let unknown = "the dataset is not bound in this version here; allowed are: 1, 2; hint: name one of them as ?version=N, \
                   or add a [[source]] to the agent's configuration";
    place
        .refused("/v1/push/jobs?version=3", "[]", 404, "refused", unknown)
        .await;
    let query =
        "the query is not understood; allowed is ?version=N, with the major version that you send";
    for asked in [
        "v=2",
        "version=",
        "version=two",
        "version=2&x=1",
        "version=70000",
    ] {
        let path = format!("/v1/push/jobs?{asked}");
        place.refused(&path, "[]", 400, "refused", query).await;
    }
}

#[tokio::test]
async fn what_is_only_asked_for_is_refused_at_the_door() {
    let place = Place::new(1_000_000).await;
    let detail = "devices v1 is never pushed, the centre asks for it; hint: answer at the source's url in place of sending, \
                  or push a dataset whose contract has \"push\" among its kinds";
    place
        .refused("/v1/push/devices", "[]", 403, "refused", detail)
        .await;
    assert_eq!(place.kept().await, []);
}

struct Place {
    _folder: TempDir,
    spool: Arc<Spool>,
    router: Router,
}

impl Place {
    /// All messages that may be sent.
    async fn kept(&self) -> Vec<Kept> {
        let mut kept = Vec::new();
        for head in self.spool.heads(0, 100).await.unwrap() {
            kept.extend(self.spool.read(head.id).await.unwrap());
        }
        kept
    }

    async fn new(bytes_max: u64) -> Self {
        Self::within(tempfile::tempdir().unwrap(), bytes_max).await
    }

    async fn within(folder: TempDir, bytes_max: u64) -> Self {
        let (clock, _) = Clock::manual(NOW_MS);
        let options = SpoolOptions {
            path: folder.path().join("spool"),
            bytes_max,
            age_ms_max: 1_000,
        };
        let spool = Arc::new(Spool::open(&options, clock.clone()).await.unwrap());
        let bound = |name: &str, shape, version, pushable| {
            let binding = Binding {
                version,
                shape,
                pushable,
                source: None,
            };
            (name.parse().unwrap(), binding)
        };
        let bindings: Bindings = [
            bound("alerts", Shape::Rows, 1, true),
            bound("summary", Shape::Document, 3, true),
            bound("jobs", Shape::Rows, 1, true),
            bound("jobs", Shape::Rows, 2, true),
            bound("devices", Shape::Rows, 1, false),
        ]
        .into_iter()
        .collect();
        let endpoint = Endpoint::new(
            Arc::clone(&spool),
            Arc::new(bindings),
            clock,
            Guard::new(&Secret::new(TOKEN)),
        );
        Self {
            _folder: folder,
            spool,
            router: endpoint.router(),
        }
    }

    async fn refused(&self, path: &str, body: &str, status: u16, class: &str, detail: &str) {
        let expected = json!({ "error": { "class": class, "detail": detail } });
        assert_eq!(
            self.post(path, &bearer(TOKEN), body).await,
            (status, expected),
            "{path}"
        );
    }

    async fn post(&self, path: &str, authorization: &str, body: &str) -> (u16, Value) {
        self.post_with(
            path,
            vec![("authorization", authorization.to_owned())],
            body,
        )
        .await
    }

    async fn post_with(
        &self,
        path: &str,
        headers: Vec<(&str, String)>,
        body: &str,
    ) -> (u16, Value) {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 100_000)
            .await
            .unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}
