//! Bodies of requests, under time limits, and of responses, which tell when they are done.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use hyper::body::{Frame, Incoming, SizeHint};

use super::places::Place;

/// The same body, which ends in an error when its next part takes longer than `part`, or all of
/// it longer than `total`.
pub(super) fn bounded(body: Incoming, part: Duration, total: Duration) -> Body {
    let parts = Body::new(body).into_data_stream();
    let end = Box::pin(tokio::time::sleep(total));
    Body::from_stream(futures_util::stream::unfold(
        Some((parts, end)),
        move |state| async move {
            let (mut parts, mut end) = state?;
            let next = tokio::select! {
                // A client that always has one more byte must not outlive the deadline.
                biased;
                () = end.as_mut() => None,
                next = tokio::time::timeout(part, parts.next()) => next.ok(),
            };
            match next {
                Some(next) => next.map(|part| (part, Some((parts, end)))),
                None => Some((Err(axum::Error::new(timed_out())), None)),
            }
        },
    ))
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

/// The body of an answer: tells the connection's place when hyper has taken all of it.
pub(super) struct Answer {
    body: Body,
    place: Arc<Place>,
}

impl Answer {
    pub(super) fn new(body: Body, place: Arc<Place>) -> Self {
        Self { body, place }
    }
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.place.answered();
    }
}
