//! Buffers that sessions borrow while they have something to read or write, so that idle ones have none.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes read at once.
const READ_BYTES: usize = 65_536;
/// Write buffers that a thread keeps.
const KEPT: usize = 8;
/// A write buffer that grew beyond this is given back to the system.
const KEPT_BYTES: usize = 262_144;

thread_local! {
    /// Two are in use at once: one above TLS and one below.
    static READ: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
    static WRITE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// Reads what there is and shows it to `take`.
pub(super) fn poll_read<R: AsyncRead + Unpin, T>(
    reader: &mut R,
    cx: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    // Taken out for the time: the reader may be another one of ours, below TLS.
    let kept = READ.with_borrow_mut(Vec::pop);
    let mut bytes = kept.unwrap_or_else(|| vec![0; READ_BYTES].into());
    let mut buffer = ReadBuf::new(&mut bytes);
    let result = match Pin::new(reader).poll_read(cx, &mut buffer) {
        Poll::Ready(Ok(())) => Poll::Ready(Ok(take(buffer.filled()))),
        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        Poll::Pending => Poll::Pending,
    };
    READ.with_borrow_mut(|kept| kept.push(bytes));
    Poll::Ready(ready!(result))
}

/// An empty buffer to write into.
pub(super) fn write_buffer() -> BytesMut {
    WRITE.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Takes a buffer back.
pub(super) fn give_back(mut buffer: BytesMut) {
    if (1..=KEPT_BYTES).contains(&buffer.capacity()) {
        buffer.clear();
        WRITE.with_borrow_mut(|kept| {
            if kept.len() < KEPT {
                kept.push(buffer);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test]
    async fn a_read_within_a_read_gets_a_buffer_of_its_own() {
        struct Nested(&'static [u8]);
        impl AsyncRead for Nested {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                out: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let length = ready!(poll_read(&mut self.0, cx, <[u8]>::len))?;
                out.put_slice(&[u8::try_from(length).unwrap()]);
                Poll::Ready(Ok(()))
            }
        }
        let mut reader = Nested(b"abc");
        let read = poll_fn(|cx| poll_read(&mut reader, cx, <[u8]>::to_vec));
        assert_eq!(read.await.unwrap(), [3]);
        let end = poll_fn(|cx| poll_read(&mut reader, cx, <[u8]>::to_vec));
        assert_eq!(end.await.unwrap(), [0]);
    }

    #[test]
    fn write_buffers_come_back_empty_and_not_too_large() {
        let mut buffer = write_buffer();
        buffer.extend_from_slice(&[1; 100]);
        let room = buffer.capacity();
        give_back(buffer);
        let again = write_buffer();
        assert_eq!((again.len(), again.capacity()), (0, room));
        give_back(BytesMut::with_capacity(KEPT_BYTES + 1));
        assert_eq!(write_buffer().capacity(), 0);
    }
}
