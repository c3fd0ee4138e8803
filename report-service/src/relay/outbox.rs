//! What the centre has to tell a sanitizer: stored pushes, credit, cancelled pulls. All of it is cumulative or
//! idempotent, so that what waits is merged and the size is bounded by what is open, not by how often it changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use spokegate_contract::record::{AckBody, Cancel, GrantCredit, Watermark};
use spokegate_contract::{Address, RequestId};
use tokio::sync::Notify;

/// Most entries of one request; the rest goes with the next.
const ENTRIES_MAX: usize = 2_000;

/// Acks that wait to be sent, merged.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pending: Mutex<Pending>,
    notify: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    push: BTreeMap<(Address, u64), u64>,
    credit: BTreeMap<RequestId, (Address, u32)>,
    cancel: BTreeSet<(RequestId, Address)>,
}

impl Outbox {
    /// Every push of the epoch up to `sequence` is disposed of.
    pub(crate) fn stored(&self, address: Address, epoch: u64, sequence: u64) {
        self.change(|pending| {
            let known = pending.push.entry((address, epoch)).or_default();
            *known = sequence.max(*known);
        });
    }

    /// The satellite may send so many chunks of a pull, in total.
    pub(crate) fn credit(&self, address: &Address, id: RequestId, chunks: u32) {
        self.change(|pending| {
            let known = pending
                .credit
                .entry(id)
                .or_insert_with(|| (address.clone(), 0));
            known.1 = chunks.max(known.1);
        });
    }

    /// Nobody waits for a pull any more.
    pub(crate) fn cancel(&self, address: &Address, id: RequestId) {
        self.change(|pending| {
            pending.credit.remove(&id);
            pending.cancel.insert((id, address.clone()));
        });
    }

    /// A pull has ended by itself: credit for it would tell nobody anything.
    pub(crate) fn ended(&self, id: RequestId) {
        self.pending().credit.remove(&id);
    }

    /// Waits until there is something to send, and takes it.
    pub(crate) async fn take(&self) -> AckBody {
        loop {
            let acks = self.pending().take(ENTRIES_MAX);
            if acks != AckBody::default() {
                return acks;
            }
            self.notify.notified().await;
        }
    }

    /// Puts back what could not be sent, unless something newer waits already.
    pub(crate) fn put_back(&self, acks: AckBody) {
        for Watermark {
            tenant,
            satellite,
            epoch,
            sequence,
        } in acks.push
        {
            self.stored(Address { tenant, satellite }, epoch, sequence);
        }
        for GrantCredit {
            tenant,
            satellite,
            id,
            chunks,
        } in acks.credit
        {
            self.credit(&Address { tenant, satellite }, id, chunks);
        }
        for Cancel {
            tenant,
            satellite,
            id,
        } in acks.cancel
        {
            self.cancel(&Address { tenant, satellite }, id);
        }
    }

    fn change(&self, act: impl FnOnce(&mut Pending)) {
        act(&mut self.pending());
        self.notify.notify_one();
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    fn take(&mut self, mut room: usize) -> AckBody {
        let mut acks = AckBody::default();
        while let Some(((address, epoch), sequence)) = pop(&mut room, || self.push.pop_first()) {
            let Address { tenant, satellite } = address;
            acks.push.push(Watermark {
                tenant,
                satellite,
                epoch,
                sequence,
            });
        }
        while let Some((id, (address, chunks))) = pop(&mut room, || self.credit.pop_first()) {
            let Address { tenant, satellite } = address;
            acks.credit.push(GrantCredit {
                tenant,
                satellite,
                id,
                chunks,
            });
        }
        while let Some((id, Address { tenant, satellite })) =
            pop(&mut room, || self.cancel.pop_first())
        {
            acks.cancel.push(Cancel {
                tenant,
                satellite,
                id,
            });
        }
        acks
    }
}

fn pop<T>(room: &mut usize, next: impl FnOnce() -> Option<T>) -> Option<T> {
    *room = room.checked_sub(1)?;
    let item = next();
    if item.is_none() {
        *room += 1;
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> Address {
        Address::new("acme".parse().unwrap(), "hq".parse().unwrap())
    }

    #[tokio::test]
    async fn what_waits_is_merged_and_a_failed_sending_loses_nothing() {
        let outbox = Outbox::default();
        let (one, two) = (
            RequestId::from_bytes([1; 16]),
            RequestId::from_bytes([2; 16]),
        );
        outbox.stored(address(), 5, 9);
        outbox.stored(address(), 5, 7);
        outbox.credit(&address(), one, 9);
        outbox.credit(&address(), one, 12);
        outbox.credit(&address(), two, 9);
        outbox.cancel(&address(), two);
        let acks = outbox.take().await;
        let expected = format!(
            concat!(
                r#"{{"push":[{{"tenant":"acme","satellite":"hq","epoch":5,"sequence":9}}],"#,
                r#""credit":[{{"tenant":"acme","satellite":"hq","id":"{one}","chunks":12}}],"#,
                r#""cancel":[{{"tenant":"acme","satellite":"hq","id":"{two}"}}]}}"#,
            ),
            one = one,
            two = two,
        );
        assert_eq!(serde_json::to_string(&acks).unwrap(), expected);
        outbox.stored(address(), 5, 11);
        outbox.put_back(acks);
        let again = outbox.take().await;
        assert_eq!(again.push[0].sequence, 11, "the newer watermark stays");
        assert_eq!((again.credit.len(), again.cancel.len()), (1, 1));
    }

    #[tokio::test]
    async fn one_request_is_bounded() {
        let outbox = Outbox::default();
        for epoch in 0..ENTRIES_MAX as u64 + 5 {
            outbox.stored(address(), epoch, 1);
        }
        assert_eq!(outbox.take().await.push.len(), ENTRIES_MAX);
        assert_eq!(outbox.take().await.push.len(), 5);
    }
}
