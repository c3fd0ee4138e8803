//! One message in, its records and the verdict out. Pure.

use crate::body::{BodyLimits, Node, Refusal, Rule, Tree, decode, write_value};
use crate::contracts::{Library, Shaped};
use crate::csr;
use crate::link::{BUDGET_CHANNEL, BudgetNews, Reason, RefusalHead, WorkHead};
use crate::worker::records;
use bytes::Bytes;
use spokegate_contract::envelope::{
    CommandResult, Enrol, Hello, Part, Presence, Push, Reply, Status,
};
use spokegate_contract::limits::CHUNK_ROWS_MAX;
use spokegate_contract::record::Lane;
use spokegate_contract::{DatasetId, Envelope, EnvelopeError, Failure, Shape};

/// What a worker judges by.
#[derive(Debug)]
pub(crate) struct Bench {
    /// The contracts.
    pub library: Library,
    /// Limits of bodies.
    pub limits: BodyLimits,
}

/// The outcome of one message.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Records in canonical JSON, with their lanes.
    pub records: Vec<(Lane, Vec<u8>)>,
    /// Set when the message was refused.
    pub refusal: Option<RefusalHead>,
}

impl Bench {
    /// Judges one message. Whatever it holds, there is an answer.
    #[must_use]
    pub(crate) fn judge(&self, work: &WorkHead, payload: &Bytes) -> Judged {
        let verdict = match &work.condemned {
            Some(condemned) if condemned.reason == Reason::Budget => Ok(records::held_off(work)),
            Some(condemned) => Err(refuse(condemned.reason, &condemned.rule, "")),
            None => self.pass(work, payload),
        };
        match verdict {
            Ok(records) => Judged {
                records,
                refusal: None,
            },
            Err(refusal) => Judged {
                records: records::refused(work, self.dataset(work), payload, &refusal),
                refusal: Some(refusal),
            },
        }
    }

    /// The dataset that a message is about, if there is one of that name: the name itself is the segment's.
    fn dataset<'w>(&self, work: &'w WorkHead) -> Option<&'w DatasetId> {
        work.dataset.as_ref().filter(|id| self.library.knows(id))
    }

    fn pass(&self, work: &WorkHead, payload: &Bytes) -> Result<Vec<(Lane, Vec<u8>)>, RefusalHead> {
        match work.channel.as_str() {
            "reply" => {
                let reply = Reply::decode(payload).map_err(envelope)?;
                let record = self.reply(work, &reply)?;
                Ok(vec![(Lane::Reply, record)])
            }
            "push" => {
                let push = Push::decode(payload).map_err(envelope)?;
                let shaped = self.contract(work, push.version)?;
                if !shaped.pushable || shaped.shape != push.shape {
                    return Err(refuse(Reason::Contract, &Rule::Shape.to_string(), ""));
                }
                let data = self.data(shaped, &push.body)?;
                Ok(vec![(Lane::Push, records::push(work, &push, &data))])
            }
            "hello" => {
                let hello = Hello::decode(payload).map_err(envelope)?;
                version_text(&hello.agent_version)?;
                Ok(vec![(Lane::Status, records::hello(work, &hello))])
            }
            "status" => {
                let status = Status::decode(payload).map_err(envelope)?;
                version_text(&status.agent_version)?;
                Ok(vec![(Lane::Status, records::status(work, &status))])
            }
            "enrol" => {
                let enrol = Enrol::decode(payload).map_err(envelope)?;
                let key = csr::public_key(&enrol.csr)
                    .map_err(|rule| refuse(Reason::Form, &rule.to_string(), "/csr"))?;
                Ok(vec![(Lane::Enrol, records::enrol(work, &enrol, &key))])
            }
            "result" => {
                let result = CommandResult::decode(payload).map_err(envelope)?;
                Ok(vec![(Lane::Result, records::result(work, &result))])
            }
            "presence" => {
                let presence = Presence::decode(payload).map_err(envelope)?;
                Ok(vec![(Lane::Status, records::presence(work, presence))])
            }
            BUDGET_CHANNEL => {
                let news: BudgetNews = serde_json::from_slice(payload)
                    .map_err(|_| refuse(Reason::Envelope, "form", ""))?;
                Ok(vec![(Lane::Status, records::budget(work, news))])
            }
            _ => Err(refuse(Reason::Envelope, "channel", "")),
        }
    }

    fn reply(&self, work: &WorkHead, reply: &Reply) -> Result<Vec<u8>, RefusalHead> {
        let (shape, body, last) = match &reply.part {
            Part::Failure(failure) => {
                let clean = Failure::new(failure.class, &failure.detail);
                return Ok(records::failure(work, reply.id, clean));
            }
            Part::Rows { body, last } => (Shape::Rows, body, last.is_some()),
            Part::Document { body } => (Shape::Document, body, true),
        };
        let shaped = self.contract(work, work.version.unwrap_or_default())?;
        if shaped.shape != shape {
            return Err(refuse(Reason::Contract, &Rule::Shape.to_string(), ""));
        }
        let data = self.data(shaped, body)?;
        Ok(records::reply(work, reply, &data, last))
    }

    fn contract(&self, work: &WorkHead, version: u16) -> Result<&Shaped, RefusalHead> {
        let found = work
            .dataset
            .as_ref()
            .and_then(|dataset| self.library.get(dataset, version));
        found.ok_or_else(|| refuse(Reason::Contract, "unknown-dataset", ""))
    }

    /// The body as canonical JSON, once it has passed.
    fn data(&self, shaped: &Shaped, body: &Bytes) -> Result<Data, RefusalHead> {
        // One body is a push, or a part of an answer; the centre counts the whole.
        if body.len() as u64 > shaped.limits.bytes {
            return Err(refuse(Reason::TooLarge, "limits.bytes", ""));
        }
        let told = |reason, refusal: &Refusal, found| RefusalHead {
            reason,
            rule: refusal.rule.to_string(),
            pointer: shaped.place(&refusal.pointer),
            found,
        };
        let tree =
            decode(body, &self.limits).map_err(|refusal| told(Reason::Form, &refusal, None))?;
        let rows = tree.root().elements().map_or(1, |rows| rows.count_left());
        if rows as u64 > shaped.limits.rows {
            return Err(refuse(Reason::TooLarge, "limits.rows", ""));
        }
        match shaped.shape {
            Shape::Rows => judge_rows(shaped, &tree),
            Shape::Document => judge_one(shaped, tree.root()),
        }
        .map_err(|refusal| {
            let found = shaped.found(tree.root(), &refusal.pointer);
            told(Reason::Contract, &refusal, found)
        })?;
        let mut json = Vec::with_capacity(body.len().saturating_mul(5) / 4);
        write_value(tree.root(), &mut json);
        Ok(Data {
            shape: shaped.shape,
            json,
        })
    }
}

/// A body that has passed.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) shape: Shape,
    pub(super) json: Vec<u8>,
}

/// An agent's version is digits, letters and what stands between them; logs and pages show it.
fn version_text(text: &str) -> Result<(), RefusalHead> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".+-_".contains(&byte);
    if text.bytes().all(allowed) {
        Ok(())
    } else {
        Err(refuse(Reason::Envelope, "agent-version", "/agent_version"))
    }
}

fn judge_rows(shaped: &Shaped, tree: &Tree<'_>) -> Result<(), Refusal> {
    let rows = tree
        .root()
        .elements()
        .ok_or_else(|| Refusal::new(Rule::Shape))?;
    if rows.count_left() > CHUNK_ROWS_MAX {
        return Err(Refusal::new(Rule::ArrayItems));
    }
    for (index, row) in rows.enumerate() {
        judge_one(shaped, row).map_err(|refusal| refusal.under_index(index))?;
    }
    Ok(())
}

fn judge_one(shaped: &Shaped, node: Node<'_>) -> Result<(), Refusal> {
    if node.members().is_none() {
        return Err(Refusal::new(Rule::Shape));
    }
    shaped.judge(node)
}

fn refuse(reason: Reason, rule: &str, pointer: &str) -> RefusalHead {
    RefusalHead {
        reason,
        rule: rule.to_owned(),
        pointer: pointer.to_owned(),
        found: None,
    }
}

fn envelope(error: EnvelopeError) -> RefusalHead {
    let rule = match error {
        EnvelopeError::Size(_) => "size",
        EnvelopeError::Form(_) => "form",
        EnvelopeError::Version(_) => "version",
        EnvelopeError::Id(_) => "id",
    };
    refuse(Reason::Envelope, rule, "")
}

#[cfg(test)]
mod tests;
