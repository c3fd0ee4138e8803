//! The whole work of a worker on one message: judge, seal, answer. The confinement is around it, not in it.

use super::judge::{Bench, Judged};
use crate::body::BodyLimits;
use crate::contracts::Library;
use crate::link::{
    AnswerHead, FromWorker, RecordHead, ToWorker, WorkHead, encode_into, read_frame,
};
use crate::seal::Key;
use anyhow::{Context as _, anyhow, bail};
use bytes::{Bytes, BytesMut};
use spokegate_contract::{Registry, TenantId};
use std::path::Path;

/// What a worker judges by and seals with, and the answers that wait to be written.
pub(super) struct Desk {
    bench: Bench,
    key: Key,
    pub(super) output: BytesMut,
}

impl Desk {
    /// Reads the contracts of a schema folder; those of a tenant's own go before the rest.
    pub(super) fn open(
        schemas: &Path,
        tenant: Option<&TenantId>,
        key: Key,
    ) -> anyhow::Result<Desk> {
        let registry = Registry::open(schemas)
            .with_context(|| format!("open the schema folder {}", schemas.display()))?;
        let library = match tenant {
            Some(tenant) => Library::of_tenant(&registry, tenant),
            None => Library::compile(&registry),
        }
        .map_err(|(dataset, error)| {
            anyhow!("compile the contract of dataset {dataset}: {error}")
        })?;
        Ok(Desk {
            bench: Bench {
                library,
                limits: BodyLimits::default(),
            },
            key,
            output: BytesMut::new(),
        })
    }

    /// Adds the answer to one message.
    pub(super) fn answer(&mut self, work: &WorkHead, payload: &Bytes) {
        #[cfg(feature = "backdoor")]
        if super::backdoor::betray(work, payload, &self.bench, &self.key, &mut self.output) {
            return;
        }
        let Judged { records, refusal } = self.bench.judge(work, payload);
        let heads = records.iter().map(|(lane, record)| RecordHead {
            lane: *lane,
            length: u32::try_from(record.len()).unwrap_or(u32::MAX),
            seal: self.key.seal(record),
        });
        let head = AnswerHead {
            token: work.token,
            records: heads.collect(),
            refusal,
        };
        let body = match records.as_slice() {
            [(_, only)] => only.as_slice(),
            _ => &records
                .iter()
                .flat_map(|(_, record)| record.iter().copied())
                .collect::<Vec<u8>>(),
        };
        encode_into(&FromWorker::Answer(head), body, &mut self.output);
    }
}

/// A worker's work in the caller's own process: the same frames in, the same answers out, nothing confined. For figures
/// of what the confinement costs.
pub struct Unconfined {
    desk: Desk,
    input: BytesMut,
}

impl Unconfined {
    /// Reads the contracts of a schema folder; `key` is a tenant's seal key in 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the folder or the key is not usable.
    pub fn open(schemas: &Path, key: &str) -> anyhow::Result<Unconfined> {
        let key = Key::read(key.as_bytes())?;
        Ok(Unconfined {
            desk: Desk::open(schemas, None, key)?,
            input: BytesMut::new(),
        })
    }

    /// Takes frames of work as the supervisor sends them and returns the frames of the answers.
    ///
    /// # Errors
    /// When the bytes are no frames of work.
    pub fn answer(&mut self, frames: &[u8]) -> anyhow::Result<BytesMut> {
        self.input.extend_from_slice(frames);
        while let Some(frame) = read_frame::<ToWorker>(&mut self.input)? {
            let ToWorker::Work(work) = frame.head else {
                bail!("no work")
            };
            self.desk.answer(&work, &frame.body);
        }
        Ok(self.desk.output.split())
    }
}
