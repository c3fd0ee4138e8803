//! The two pipes of a child process, as the child sees them.

use crate::link::{FrameReader, encode_into, read_frame};
use bytes::{Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;
use spokegate_daemon::Tasks;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::mpsc;

/// Frames that wait for the supervisor to read them; a sender waits when it is full.
const OUT_FRAMES: usize = 1024;
/// Frames written at once.
const WRITE_FRAMES: usize = 64;

/// The writing end. Clones write to the same pipe.
#[derive(Debug, Clone)]
pub(crate) struct Out(mpsc::Sender<Bytes>);

impl Out {
    /// A pipe that nobody reads.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Out {
        Out(mpsc::channel(1).0)
    }

    /// Sends a frame; waits when the supervisor does not keep up.
    pub(crate) async fn send<H: Serialize>(&self, head: &H, body: &[u8]) {
        let mut frame = BytesMut::new();
        encode_into(head, body, &mut frame);
        // The supervisor is gone, and so will this process be.
        let _ = self.0.send(frame.freeze()).await;
    }

    /// Sends a frame or gives it up at once.
    pub(crate) fn try_send<H: Serialize>(&self, head: &H, body: &[u8]) -> bool {
        let mut frame = BytesMut::new();
        encode_into(head, body, &mut frame);
        self.0.try_send(frame.freeze()).is_ok()
    }
}

/// The first frame, read before there is a runtime: what it sets up must come before the first further thread. Nothing
/// when the supervisor has gone.
///
/// # Errors
/// When what comes is no frame.
pub(crate) fn first_frame<H: DeserializeOwned>() -> anyhow::Result<Option<H>> {
    frame_from(File::from(std::io::stdin().as_fd().try_clone_to_owned()?))
}

/// A frame out of a pipe, and not a byte more.
///
/// # Errors
/// When what comes is no frame.
pub(crate) fn frame_from<H: DeserializeOwned>(mut pipe: impl Read) -> anyhow::Result<Option<H>> {
    let mut buffer = BytesMut::new();
    loop {
        if let Some(frame) = read_frame(&mut buffer)? {
            return Ok(Some(frame.head));
        }
        let missing = match buffer.first_chunk::<4>() {
            None => 4usize.saturating_sub(buffer.len()),
            Some(length) => (u32::from_be_bytes(*length) as usize)
                .saturating_add(4)
                .saturating_sub(buffer.len()),
        };
        let before = buffer.len();
        buffer.resize(before.saturating_add(missing), 0);
        let count = pipe.read(buffer.get_mut(before..).unwrap_or_default())?;
        if count == 0 {
            return Ok(None);
        }
        buffer.truncate(before.saturating_add(count));
    }
}

/// Takes over standard input and output.
///
/// # Errors
/// When they are no pipes, as when a person runs the verb by hand.
pub(crate) fn open(tasks: &Tasks) -> std::io::Result<(FrameReader<Receiver>, Out)> {
    let input = Receiver::from_owned_fd(std::io::stdin().as_fd().try_clone_to_owned()?)?;
    let output = Sender::from_owned_fd(std::io::stdout().as_fd().try_clone_to_owned()?)?;
    let (sender, receiver) = mpsc::channel(OUT_FRAMES);
    tasks.spawn("pipe to the supervisor", write_all(output, receiver));
    Ok((FrameReader::new(input), Out(sender)))
}

async fn write_all(mut pipe: Sender, mut frames: mpsc::Receiver<Bytes>) -> std::io::Result<()> {
    let mut batch = Vec::with_capacity(WRITE_FRAMES);
    let mut joined = Vec::new();
    while frames.recv_many(&mut batch, WRITE_FRAMES).await > 0 {
        joined.clear();
        batch
            .drain(..)
            .for_each(|frame: Bytes| joined.extend_from_slice(&frame));
        pipe.write_all(&joined).await?;
    }
    Ok(())
}
