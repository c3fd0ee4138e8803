//! Node-RED: whether it answers, and whether it answers nobody without the token.

use std::collections::BTreeSet;
use std::time::Duration;

use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use url::Url;

use super::finding::{Finding, Report};
use crate::config::Config;

const CHECK: &str = "Node-RED";
const LIMIT: Duration = Duration::from_secs(5);

pub(super) async fn look(config: &Config, report: &mut Report) {
    let urls: Vec<Url> = config
        .source
        .iter()
        .filter_map(|source| source.local_url().ok())
        .collect();
    if urls.is_empty() {
        let what = "no dataset has an address of a flow, so there is nothing to ask";
        return report.add(Finding::skipped(CHECK, what));
    }
    let mut seen = BTreeSet::new();
    for url in urls {
        if seen.insert(url.origin().ascii_serialization()) {
            report.add(guard(&url).await);
        }
    }
}

/// Asks a flow as a stranger on this machine would.
async fn guard(url: &Url) -> Finding {
    let at = url.origin().ascii_serialization();
    let request = match Request::get(url.as_str()).body(Empty::<Bytes>::new()) {
        Ok(request) => request,
        Err(error) => return Finding::fault(CHECK, format!("{url}: {error}")),
    };
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = tokio::time::timeout(LIMIT, client.request(request)).await;
    let status = match answer {
        Ok(Ok(answer)) => answer.status().as_u16(),
        Ok(Err(error)) => {
            let error = match error.is_connect() {
                true => "nothing listens there".to_owned(),
                false => error.to_string(),
            };
            return down(&at, &error);
        }
        Err(_) => return down(&at, &format!("no answer within {} s", LIMIT.as_secs())),
    };
    judge(&at, status)
}

fn down(at: &str, problem: &str) -> Finding {
    Finding::fault(CHECK, format!("{at}: {problem}"))
        .next("start Node-RED, and look at its log; is the address in [[source]] its own?")
}

fn judge(at: &str, status: u16) -> Finding {
    match status {
        401 | 403 => Finding::ok(CHECK, format!("{at} answers, and refuses who has no token")),
        503 => Finding::warning(CHECK, format!("{at} is starting, or its flows are stopped (status 503)"))
            .next("wait, then look at Node-RED's log"),
        _ => Finding::fault(CHECK, format!("{at} answers a request without a token with status {status}"))
            .next("start it with deploy/node-red/settings.js, whose guard (agent-token.js) stands before every flow"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn only_a_refusal_is_good() {
        for (status, verdict) in [
            (401, Verdict::Ok),
            (403, Verdict::Ok),
            (503, Verdict::Warning),
            (200, Verdict::Fault),
            (404, Verdict::Fault),
            (500, Verdict::Fault),
        ] {
            assert_eq!(judge("x", status).verdict, verdict, "{status}");
        }
    }
}
