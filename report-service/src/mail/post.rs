//! Writes a letter and hands it to the server.

use std::path::Path;

use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use std::time::Duration;

use super::{Letter, MailAddress};
use crate::config::{MailConfig, MailTls};
use crate::secrets::Secrets;

/// How long a server may take for a step.
const STEP_MAX: Duration = Duration::from_secs(60);
/// Longest word of a server that is kept, in bytes.
const TOLD_BYTES_MAX: usize = 300;

/// Why a letter did not go out.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// It is tried again.
    #[error("{0}")]
    Later(String),
    /// The server will not have it, however often it is asked.
    #[error("{0}")]
    Never(String),
}

/// A document in a letter.
pub(super) struct Enclosed {
    pub(super) name: String,
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}

/// A letter, written out.
pub(super) struct Written {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) enclosed: Vec<Enclosed>,
}

/// Sends a letter.
///
/// # Errors
/// What the server said, or that it did not answer.
pub(super) async fn send(
    config: &MailConfig,
    secrets: &Secrets,
    letter: &Letter,
    written: Written,
) -> Result<(), PostError> {
    let message = message(config, letter, written)?;
    let transport = transport(config, secrets).await?;
    let sent = transport.send(message).await;
    sent.map(drop).map_err(|error| {
        let told = crate::text::escaped(&chain(&error), TOLD_BYTES_MAX);
        if error.is_permanent() {
            PostError::Never(format!("The mail server refused it: {told}"))
        } else {
            PostError::Later(format!("The mail server did not take it: {told}"))
        }
    })
}

/// Greets the server and signs in where there is a password; sends nothing.
///
/// # Errors
/// What the server said, or that it did not answer.
pub(crate) async fn check(config: &MailConfig, secrets: &Secrets) -> Result<(), PostError> {
    let transport = transport(config, secrets).await?;
    let told = match transport.test_connection().await {
        Ok(true) => return Ok(()),
        Ok(false) => "it ends the connection".to_owned(),
        Err(error) => crate::text::escaped(&chain(&error), TOLD_BYTES_MAX),
    };
    Err(PostError::Later(format!(
        "The mail server does not answer as it should: {told}"
    )))
}

fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    let mut told: Vec<String> = Vec::new();
    for source in sources {
        let text = source.to_string();
        if !told.iter().any(|known| known.contains(&text)) {
            told.push(text);
        }
    }
    told.join(": ")
}

/// The letter as it goes over the wire. Every address is one mailbox, and headers are encoded: no text begins a line.
pub(super) fn message(
    config: &MailConfig,
    letter: &Letter,
    written: Written,
) -> Result<Message, PostError> {
    let never = |what: &str| PostError::Never(format!("The letter could not be written: {what}."));
    let from = config
        .from
        .as_ref()
        .ok_or_else(|| never("nobody writes it (mail.from)"))?;
    let mut builder = Message::builder()
        .from(mailbox(from)?)
        .subject(one_line(&written.subject));
    for address in &letter.to {
        builder = builder.to(mailbox(address)?);
    }
    for address in &letter.cc {
        builder = builder.cc(mailbox(address)?);
    }
    let text = SinglePart::plain(written.text);
    let made = if written.enclosed.is_empty() {
        builder.singlepart(text)
    } else {
        let mut parts = MultiPart::mixed().singlepart(text);
        for enclosed in written.enclosed {
            let kind = ContentType::parse(&enclosed.media_type);
            let kind = kind.map_err(|_| never("the document is of no known kind"))?;
            parts = parts.singlepart(Attachment::new(enclosed.name).body(enclosed.bytes, kind));
        }
        builder.multipart(parts)
    };
    made.map_err(|error| never(&error.to_string()))
}

fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}

fn mailbox(address: &MailAddress) -> Result<Mailbox, PostError> {
    let read = Address::new(address.local(), address.domain());
    let read =
        read.map_err(|_| PostError::Never(format!("\"{address}\" is not a mail address.")))?;
    Ok(Mailbox::new(None, read))
}

async fn transport(
    config: &MailConfig,
    secrets: &Secrets,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, PostError> {
    let tls = match config.tls {
        MailTls::None => Tls::None,
        MailTls::Starttls => Tls::Required(parameters(config)?),
        MailTls::Tls => Tls::Wrapper(parameters(config)?),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.server)
        .port(config.port)
        .tls(tls)
        .timeout(Some(STEP_MAX));
    if let Some(password) = &config.password {
        let secret = secrets.get(password.name()).await.map_err(|error| {
            tracing::warn!(%error, "the mail server's password cannot be read");
            PostError::Later(
                "The mail server's password cannot be read. Tell your administrator.".into(),
            )
        })?;
        let credentials = Credentials::new(config.user.clone(), secret.expose().to_owned());
        builder = builder.credentials(credentials);
    }
    Ok(builder.build())
}

fn parameters(config: &MailConfig) -> Result<TlsParameters, PostError> {
    let later = |what: String| {
        tracing::warn!(error = what, "mail.ca cannot be used");
        PostError::Later(
            "The mail server's certificates cannot be checked. Tell your administrator.".into(),
        )
    };
    let path = config.ca.as_deref().unwrap_or(Path::new(""));
    let pem = std::fs::read(path).map_err(|error| later(error.to_string()))?;
    let root = Certificate::from_pem(&pem).map_err(|error| later(error.to_string()))?;
    let made = TlsParameters::builder(config.server.clone())
        .certificate_store(CertificateStore::None)
        .add_root_certificate(root)
        .build();
    made.map_err(|error| later(error.to_string()))
}
