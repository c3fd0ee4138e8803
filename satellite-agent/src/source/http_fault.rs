//! What a person reads when the local Node-RED gives no usable answer.
//!
//! The texts travel to the centre, so they name the flow's path and what is wrong with it, never a value of the
//! customer's.

use hyper::StatusCode;
use spokegate_contract::limits::{CHUNK_BYTES_MAX, PULL_BYTES_MAX};
use spokegate_contract::{Failure, FailureClass};

use super::splitter::SplitFault;

/// JSON bytes of one answer: JSON is seldom more than three times its CBOR.
pub(crate) const ANSWER_JSON_BYTES_MAX: u64 = PULL_BYTES_MAX * 4;
/// JSON bytes of a document, which is held whole.
pub(crate) const DOCUMENT_JSON_BYTES_MAX: u64 = 524_288;

/// Why an HTTP source failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpFault {
    #[error("nothing answers there; is Node-RED running? ({0})")]
    Unreachable(String),
    #[error("the connection broke off in the middle of the answer; did Node-RED restart?")]
    Broken,
    #[error(
        "it sent nothing for {seconds} s; hint: look for a node that never returns, or raise the source's timeout_ms"
    )]
    Silent { seconds: u64 },
    #[error(
        "it refused the agent's token with status {0}; hint: the flow and the source's token_file must hold the same token"
    )]
    Token(u16),
    #[error(
        "there is no such flow (status 404); hint: deploy the flow, or correct the source's url"
    )]
    NoFlow,
    #[error(
        "it answered with a redirect (status {0}), which is never followed; hint: correct the source's url"
    )]
    Redirect(u16),
    #[error("it answered with status {}{}; hint: look at the flow's log", .0.as_u16(), reason(*.0))]
    Status(StatusCode),
    #[error(
        "it answered with HTML instead of JSON; hint: the url must lead to an http-in node, not to a page"
    )]
    Html,
    #[error(
        "it answered with the type {0}, not application/json; hint: send msg.payload as an object or set the header"
    )]
    Type(String),
    #[error("{0}")]
    Flow(FlowProblem),
    #[error(
        "there is no Spokegate palette (status 404); hint: install node-red-contrib-spokegate there, or correct the source's url, which is Node-RED's httpNodeRoot"
    )]
    NoPalette,
    #[error("the answer is no table: {0}")]
    Split(SplitFault),
    #[error("the answer is {0}, not an object")]
    NotDocument(&'static str),
    #[error("row {row} is not JSON: {problem}")]
    RowSyntax { row: u64, problem: String },
    #[error("the document is not JSON: {0}")]
    Syntax(String),
    #[error("row {row} cannot be sent: {problem}")]
    Row { row: u64, problem: String },
    #[error("the document cannot be sent: {0}")]
    Document(String),
    #[error("the answer is over-long: more than {0} bytes of JSON; ask for less")]
    OverLong(u64),
    #[error("the document is over-long: {0} bytes, at most {CHUNK_BYTES_MAX} can be sent")]
    LargeDocument(usize),
}

/// What a dataset request node says when it has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FlowProblem {
    #[error(
        "no dataset request node answers for it; hint: deploy one with this dataset and version"
    )]
    UnknownDataset,
    #[error("its flow ended with an error; hint: look at the nodes' status and at Node-RED's log")]
    FlowError,
    #[error(
        "its flow did not answer in time; hint: let every path of the flow reach a dataset reply, or raise the source's timeout_ms"
    )]
    Timeout,
    #[error("it is busy with other requests; ask again later")]
    TooMany,
}

impl FlowProblem {
    /// The problem of a type's name; what is not known is an error of the flow.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "unknown-dataset" => Self::UnknownDataset,
            "timeout" => Self::Timeout,
            "too-many" => Self::TooMany,
            _ => Self::FlowError,
        }
    }
}

fn reason(status: StatusCode) -> String {
    status
        .canonical_reason()
        .map(|reason| format!(" {reason}"))
        .unwrap_or_default()
}

impl From<SplitFault> for HttpFault {
    fn from(fault: SplitFault) -> Self {
        if fault == SplitFault::Html {
            Self::Html
        } else {
            Self::Split(fault)
        }
    }
}

impl HttpFault {
    /// The failure for the centre, naming the place.
    pub(crate) fn at(self, place: &str) -> Failure {
        let class = match self {
            Self::OverLong(_) | Self::LargeDocument(_) => FailureClass::TooLarge,
            Self::Flow(FlowProblem::Timeout) => FailureClass::Timeout,
            Self::Flow(FlowProblem::UnknownDataset | FlowProblem::TooMany) => FailureClass::Refused,
            _ => FailureClass::SourceError,
        };
        Failure::new(class, &format!("the local source {place} failed: {self}"))
    }
}
