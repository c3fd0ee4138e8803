//! One question to the storage: signed anew at every attempt, and its refusals in words.

use std::borrow::Cow;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use rusty_s3::Credentials;
use spokegate_daemon::Backoff;
use url::Url;

use super::{NOTHING, S3};
use crate::artefacts::ArtefactError;
use crate::outbound::{Answer, read};

/// Largest answer that is no object, in bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How often something is tried again.
const RETRIES: u32 = 4;
const RETRY_MS: u64 = 200;
const RETRY_MS_MAX: u64 = 5_000;

type Sign<'a> = dyn Fn(&Credentials, &Timestamp) -> Url + Send + Sync + 'a;

/// What is asked.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) sign: &'a Sign<'a>,
    pub(super) headers: &'a [(&'static str, String)],
    pub(super) body: Bytes,
}

impl<'a> Ask<'a> {
    pub(super) fn new(method: Method, sign: &'a Sign<'a>) -> Self {
        Self {
            method,
            sign,
            headers: &[],
            body: NOTHING,
        }
    }
}

/// How often something has failed by now.
pub(super) struct Patience(Backoff);

impl Patience {
    pub(super) fn new() -> Self {
        Self(Backoff::new(RETRY_MS, RETRY_MS_MAX))
    }

    /// It goes on.
    pub(super) fn renew(&mut self) {
        self.0.reset();
    }

    /// Waits before the next attempt; the error where there is none.
    pub(super) async fn after(&mut self, error: ArtefactError) -> Result<(), ArtefactError> {
        if !error.is_passing() || self.0.attempts() >= RETRIES {
            return Err(error);
        }
        tracing::debug!(%error, "the storage of documents is asked again");
        tokio::time::sleep(self.0.next_delay()).await;
        Ok(())
    }
}

impl S3 {
    /// Asks, and reads the answer whole.
    pub(super) async fn whole(&self, ask: &Ask<'_>) -> Result<Answer, ArtefactError> {
        let mut patience = Patience::new();
        loop {
            match self.once(ask).await {
                Ok(response) => match self.read(response).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => patience.after(error).await?,
                },
                Err(error) => patience.after(error).await?,
            }
        }
    }

    /// Asks, and leaves the answer's body to be read.
    pub(super) async fn opened(&self, ask: &Ask<'_>) -> Result<Response<Incoming>, ArtefactError> {
        let mut patience = Patience::new();
        loop {
            match self.once(ask).await {
                Ok(response) => return Ok(response),
                Err(error) => patience.after(error).await?,
            }
        }
    }

    async fn once(&self, ask: &Ask<'_>) -> Result<Response<Incoming>, ArtefactError> {
        let credentials = self.credentials().await?;
        let now_ms = i64::try_from(self.clock.now_ms()).unwrap_or(i64::MAX);
        let at = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::MAX);
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri((ask.sign)(&credentials, &at).as_str());
        for (name, value) in ask.headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(Full::new(ask.body.clone()))
            .map_err(|error| self.unclear(&format!("cannot be asked ({error})")))?;
        let response = self.outbound.open(request, self.time).await;
        let response = response.map_err(|error| self.broken_off(error.to_string()))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let answer = self.read(response).await?;
        Err(self.refusal(answer.status, code(&text_of(&answer.body))))
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Answer, ArtefactError> {
        let read = tokio::time::timeout(self.time, read(response, ANSWER_BYTES_MAX)).await;
        match read {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.broken_off(error.to_string())),
            Err(_) => Err(self.late()),
        }
    }

    pub(super) fn late(&self) -> ArtefactError {
        self.broken_off(format!("did not go on within {} ms", self.time.as_millis()))
    }

    async fn credentials(&self) -> Result<Credentials, ArtefactError> {
        let key = self.secrets.get(self.access_key.name()).await?;
        let secret = self.secrets.get(self.secret_key.name()).await?;
        Ok(Credentials::new(key.expose(), secret.expose()))
    }

    /// A refusal, with what to do about it.
    pub(in crate::artefacts) fn refusal(&self, status: StatusCode, code: &str) -> ArtefactError {
        let bucket = self.bucket.name();
        let why = match (code, status.as_u16()) {
            ("NoSuchKey", _) | ("", 404) => return ArtefactError::Missing,
            ("NoSuchBucket", _) => format!(
                "there is no bucket \"{bucket}\"; hint: make it, or correct artefacts.s3.bucket"
            ),
            ("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "NotSignedUp", _) => format!(
                "it does not know the key or the signature is wrong; hint: set the secrets \"{}\" and \"{}\" again, and look at artefacts.s3.region",
                self.access_key.name(),
                self.secret_key.name()
            ),
            ("AccessDenied", _) | ("", 401 | 403) => format!(
                "the key may not do this in the bucket \"{bucket}\"; hint: allow it to get, put, delete and list objects there"
            ),
            ("RequestTimeTooSkewed", _) => {
                "its clock and ours are apart; hint: see to the time of this machine".to_owned()
            }
            ("AuthorizationHeaderMalformed" | "PermanentRedirect", _) | ("", 301 | 307) => {
                "the bucket is elsewhere; hint: correct artefacts.s3.region and artefacts.s3.endpoint"
                    .to_owned()
            }
            ("", _) => "it says no more".to_owned(),
            _ => "see what it says to this code".to_owned(),
        };
        let said = if code.is_empty() {
            status.as_u16().to_string()
        } else {
            format!("{} {code}", status.as_u16())
        };
        ArtefactError::Refused {
            place: self.place.clone(),
            why: format!("{why} ({said})"),
            code: code.to_owned(),
            passing: status.is_server_error()
                || matches!(
                    status,
                    StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
                )
                || matches!(code, "SlowDown" | "RequestTimeout"),
        }
    }
}

/// The code of an error, as S3 answers it; nothing where there is none.
pub(super) fn code(body: &str) -> &str {
    let code = body.split_once("<Code>").map(|(_, rest)| rest);
    let code = code.and_then(|rest| rest.split_once("</Code>"));
    let plain = |code: &&str| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    code.map(|(code, _)| code).filter(plain).unwrap_or_default()
}

pub(super) fn text_of(body: &Bytes) -> Cow<'_, str> {
    String::from_utf8_lossy(body)
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn the_code_of_an_error_is_a_word_or_nothing() {
        let check = |body: &str, expected: &str| assert_eq!(code(body), expected, "{body}");
        check(
            "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code><Message>x</Message></Error>",
            "NoSuchBucket",
        );
        check("<Error><Code>a b</Code></Error>", "");
        check("<Error><Code>NoEnd", "");
        check("", "");
        check(&format!("<Code>{}</Code>", "x".repeat(65)), "");
    }
}
