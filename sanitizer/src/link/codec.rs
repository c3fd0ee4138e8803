//! Frames on a pipe.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Largest frame: a full body written as JSON and its head fit four times.
const FRAME_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Room for the head of a frame, as most need it.
const HEAD_BYTES: usize = 512;
/// Bytes asked of the pipe at once.
const READ_BYTES: usize = 256 * 1024;

/// A frame: a head that the receiver reads and a body that it may only pass on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame<H> {
    /// What it is.
    pub head: H,
    /// Bytes that belong to it.
    pub body: Bytes,
}

/// Why a pipe cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// A length past the limit or a head past the frame.
    #[error("frame length out of bounds")]
    Length,
    /// The head is not what this receiver takes.
    #[error("frame head: {0}")]
    Head(serde_json::Error),
    /// The pipe broke, or ended inside a frame.
    #[error("pipe: {0}")]
    Pipe(#[from] std::io::Error),
}

/// Appends a frame to `out`.
pub(crate) fn encode_into<H: Serialize>(head: &H, body: &[u8], out: &mut BytesMut) {
    let start = out.len();
    out.reserve(body.len().saturating_add(HEAD_BYTES));
    out.put_u64(0);
    serde_json::to_writer((&mut *out).writer(), head).expect("heads are plain data with text keys");
    let head_length = out.len().saturating_sub(start).saturating_sub(8);
    out.put_slice(body);
    let length = out.len().saturating_sub(start).saturating_sub(4);
    let bounded = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let lengths = [bounded(length), bounded(head_length)];
    if let Some(place) = out.get_mut(start..start.saturating_add(8)) {
        place.copy_from_slice(lengths.as_flattened());
    }
}

/// Takes one whole frame from the front of `buffer`, if there is one.
///
/// # Errors
/// When the bytes are no frame; the pipe is of no use any more then.
pub(crate) fn read_frame<H: DeserializeOwned>(
    buffer: &mut BytesMut,
) -> Result<Option<Frame<H>>, FrameError> {
    let Some(prefix) = buffer.first_chunk::<4>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*prefix) as usize;
    if !(4..=FRAME_BYTES_MAX).contains(&length) {
        return Err(FrameError::Length);
    }
    let whole = length.saturating_add(4);
    if buffer.len() < whole {
        buffer.reserve(whole.saturating_sub(buffer.len()));
        return Ok(None);
    }
    let mut frame = buffer.split_to(whole).freeze();
    frame.advance(4);
    let head_length = frame.get_u32() as usize;
    if head_length > frame.len() {
        return Err(FrameError::Length);
    }
    let head = frame.split_to(head_length);
    let head = serde_json::from_slice(&head).map_err(FrameError::Head)?;
    Ok(Some(Frame { head, body: frame }))
}

/// Reads frames from a pipe.
#[derive(Debug)]
pub(crate) struct FrameReader<R> {
    pipe: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// A reader at the start of a pipe.
    pub(crate) fn new(pipe: R) -> FrameReader<R> {
        FrameReader {
            pipe,
            buffer: BytesMut::with_capacity(READ_BYTES),
        }
    }

    /// The next frame, or nothing when the other side has closed the pipe. Safe to drop at any await.
    ///
    /// # Errors
    /// When the pipe breaks or carries no frames.
    pub(crate) async fn next<H: DeserializeOwned>(
        &mut self,
    ) -> Result<Option<Frame<H>>, FrameError> {
        loop {
            if let Some(frame) = read_frame(&mut self.buffer)? {
                return Ok(Some(frame));
            }
            self.buffer.reserve(READ_BYTES);
            if self.pipe.read_buf(&mut self.buffer).await? == 0 {
                let cut = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(cut.into())
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(head: &str, body: &[u8]) -> BytesMut {
        let mut out = BytesMut::new();
        encode_into(&head, body, &mut out);
        out
    }

    #[test]
    fn frames_come_out_as_they_went_in_whatever_the_cuts() {
        let mut whole = frame("a", b"first");
        whole.unsplit(frame("b", b""));
        for cut in 0..whole.len() {
            let mut buffer = BytesMut::from(&whole[..cut]);
            let mut seen: Vec<Frame<String>> = Vec::new();
            while let Some(frame) = read_frame(&mut buffer).unwrap() {
                seen.push(frame);
            }
            buffer.extend_from_slice(&whole[cut..]);
            while let Some(frame) = read_frame(&mut buffer).unwrap() {
                seen.push(frame);
            }
            assert_eq!(seen.len(), 2, "cut at {cut}");
            assert_eq!(
                (seen[0].head.as_str(), &seen[0].body[..]),
                ("a", &b"first"[..])
            );
        }
    }

    #[test]
    fn lengths_out_of_bounds_are_refused() {
        let refused = |bytes: &[u8]| read_frame::<String>(&mut BytesMut::from(bytes)).is_err();
        assert!(refused(&[0, 0, 0, 3]));
        assert!(refused(&[0, 0x20, 0, 1]));
        assert!(!refused(&[0, 0x20, 0, 0]));
        assert!(refused(&[0, 0, 0, 4, 0, 0, 0, 1]));
        assert!(refused(&[0, 0, 0, 6, 0, 0, 0, 2, b'{', b'}']));
    }
}
