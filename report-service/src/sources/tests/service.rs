//! A service that speaks JSON over HTTP: pages, credentials, and what is not followed.

use super::*;
use serde_json::json;
use std::sync::Mutex as StdMutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server that answers by the first line of a request and remembers whole requests.
struct Service {
    port: u16,
    heard: Arc<StdMutex<Vec<String>>>,
}

impl Service {
    async fn start(tasks: &Tasks, answer: fn(&str, u16) -> (u16, String)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard: Arc<StdMutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&heard);
        tasks.spawn("test service", async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (mut text, mut piece) = (String::new(), [0; 4_096]);
                while !text.contains("\r\n\r\n")
                    || (text.starts_with("POST") && !text.ends_with('}'))
                {
                    let length = stream.read(&mut piece).await.unwrap();
                    text.push_str(std::str::from_utf8(&piece[..length]).unwrap());
                }
                let path = text.split(' ').nth(1).unwrap().to_owned();
                log.lock().unwrap().push(text);
                let (status, body) = answer(&path, port);
                let more = if (300..400).contains(&status) {
                    "location: /elsewhere\r\n"
                } else {
                    ""
                };
                let head = format!(
                    "HTTP/1.1 {status} X\r\nconnection: close\r\n{more}content-length: {}\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            }
        });
        Self { port, heard }
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    fn define(&self, bed: &Bed, rest: &str) {
        let port = self.port;
        bed.define("psa", &format!("[http]\nurl = \"http://127.0.0.1:{port}/c/{{tenant}}/tickets?state={{state}}\"\nrows = \"/items\"\n{rest}"));
    }
}

fn answer(path: &str, port: u16) -> (u16, String) {
    let page =
        |items: Vec<Value>, next: Value| (200, json!({"items": items, "next": next}).to_string());
    match path {
        "/c/acme/tickets?state=open" => page(vec![ticket("T-1")], json!("/second")),
        "/second" => page(vec![ticket("T-2")], json!(null)),
        "/c/acme/tickets?state=&page=1" => page(vec![ticket("P-1")], json!(null)),
        "/c/acme/tickets?state=&page=2" => page(vec![ticket("P-2")], json!(null)),
        "/c/acme/tickets?state=&page=3" => page(vec![], json!(null)),
        "/c/acme/tickets?state=away" => {
            page(vec![], json!(format!("http://localhost:{port}/second")))
        }
        "/c/acme/tickets?state=moved" => (302, String::new()),
        "/c/acme/tickets?state=closed" => (401, String::new()),
        "/c/acme/tickets?state=broken" => (500, "Traceback: secret of theirs".into()),
        "/c/acme/tickets?state=web" => (200, "<html>".into()),
        "/c/acme/tickets?state=a%2Fb%3Fc%26d" => page(vec![ticket("T-9")], json!(null)),
        _ => (404, String::new()),
    }
}

#[tokio::test]
async fn pages_are_followed_and_credentials_go_along() {
    let bed = Bed::new().await;
    let service = Service::start(&bed.tasks, answer).await;
    bed.secrets
        .set(&"psa".parse().unwrap(), &Secret::new("hunter2"), "test")
        .await
        .unwrap();
    service.define(
        &bed,
        "next = \"/next\"\n[http.headers]\nauthorization = \"Bearer secret:psa\"",
    );
    let rows = bed.rows("psa", json!({"state": "open"})).await.unwrap();
    assert_eq!(rows, [ticket("T-1"), ticket("T-2")]);
    let heard = service.heard();
    assert_eq!(heard.len(), 2);
    assert!(
        heard
            .iter()
            .all(|text| text.contains("authorization: Bearer hunter2\r\n")),
        "{heard:?}"
    );
    service.define(&bed, "page = \"page\"");
    let rows = bed.rows("psa", json!({})).await.unwrap();
    assert_eq!(rows, [ticket("P-1"), ticket("P-2")]);
    // A value stays in its place of the address.
    service.define(&bed, "");
    assert_eq!(
        bed.rows("psa", json!({"state": "a/b?c&d"})).await.unwrap(),
        [ticket("T-9")]
    );
}

#[tokio::test]
async fn no_other_server_is_asked_and_no_answer_is_repeated() {
    let bed = Bed::new().await;
    let service = Service::start(&bed.tasks, answer).await;
    service.define(&bed, "next = \"/next\"");
    let said = async |state: &str| bed.rows("psa", json!({"state": state})).await.unwrap_err();
    assert!(
        said("away")
            .await
            .contains("next page is at another server")
    );
    assert!(said("moved").await.contains("sends elsewhere (302)"));
    assert!(
        said("closed")
            .await
            .contains("refuses the credentials (401)")
    );
    assert!(said("web").await.contains("not JSON"));
    let broken = said("broken").await;
    assert!(
        broken.contains("answered 500") && !broken.contains("theirs"),
        "{broken}"
    );
    assert_eq!(service.heard().len(), 5, "one request each");
}

#[tokio::test]
async fn a_body_carries_parameters_as_values() {
    let bed = Bed::new().await;
    let service =
        Service::start(&bed.tasks, |_, _| (200, json!([ticket("T-1")]).to_string())).await;
    bed.define("psa", &format!("[http]\nurl = \"http://127.0.0.1:{}/q\"\nmethod = \"POST\"\nbody = {{ customer = \":tenant\", state = \":state\" }}", service.port));
    assert_eq!(
        bed.rows("psa", json!({"state": "o\"pen"})).await.unwrap(),
        [ticket("T-1")]
    );
    let heard = service.heard().concat();
    assert!(
        heard.ends_with("{\"customer\":\"acme\",\"state\":\"o\\\"pen\"}"),
        "{heard}"
    );
}
