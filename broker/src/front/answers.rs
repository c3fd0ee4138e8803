//! What a client is answered, as bytes that wait for the writer. Reader and writer of a session are one task, and the
//! reader is polled first: what it answers is written in the same turn, and needs no waking.

use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Poll, Waker};

use bytes::BytesMut;

use crate::lock;

/// Answers that wait for the writer; beyond it, the client's next packet waits.
const BYTES_MAX: usize = 16_384;

/// The answers of one session.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    bytes: BytesMut,
    reader: Option<Waker>,
}

impl Answers {
    /// Adds an answer, however many wait already: call [`Answers::room`] before the next.
    pub(super) fn put(&self, write: impl FnOnce(&mut BytesMut)) {
        write(&mut lock(&self.0).bytes);
    }

    /// Returns when there is room for one more.
    pub(super) async fn room(&self) {
        poll_fn(|cx| {
            let mut state = lock(&self.0);
            if state.bytes.len() < BYTES_MAX {
                return Poll::Ready(());
            }
            state.reader = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    pub(super) fn is_empty(&self) -> bool {
        lock(&self.0).bytes.is_empty()
    }

    /// Moves all answers to the end of `out`.
    pub(super) fn take(&self, out: &mut BytesMut) {
        let mut state = lock(&self.0);
        if !state.bytes.is_empty() {
            let bytes = std::mem::take(&mut state.bytes);
            out.extend_from_slice(&bytes);
        }
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn the_reader_waits_while_answers_are_not_taken() {
        let (answers, mut out) = (Answers::default(), BytesMut::new());
        answers.put(|bytes| bytes.extend_from_slice(b"ab"));
        assert!(answers.room().now_or_never().is_some());
        answers.put(|bytes| bytes.resize(BYTES_MAX, 0));
        assert!(answers.room().now_or_never().is_none());
        assert!(!answers.is_empty());
        answers.take(&mut out);
        assert_eq!((out.len(), answers.is_empty()), (BYTES_MAX, true));
        assert!(answers.room().now_or_never().is_some());
    }
}
