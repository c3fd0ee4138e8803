//! A socket below TLS that takes what has arrived in one system call. rustls asks for a few kilobytes at a time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::scratch;

/// The socket of one connection, with what was read ahead; nothing while the connection is idle.
#[derive(Debug)]
pub(super) struct Socket {
    tcp: TcpStream,
    ahead: Bytes,
}

impl Socket {
    pub(super) fn new(tcp: TcpStream) -> Self {
        Self {
            tcp,
            ahead: Bytes::new(),
        }
    }

    pub(super) fn tcp_mut(&mut self) -> &mut TcpStream {
        &mut self.tcp
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { tcp, ahead } = self.get_mut();
        if ahead.is_empty() {
            *ahead = ready!(scratch::poll_read(tcp, cx, |read| {
                let (now, later) = read.split_at(read.len().min(out.remaining()));
                out.put_slice(now);
                Bytes::copy_from_slice(later)
            }))?;
        } else {
            let now = ahead.split_to(ahead.len().min(out.remaining()));
            out.put_slice(&now);
            if !ahead.has_remaining() {
                *ahead = Bytes::new();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn bytes_come_in_order_however_they_are_asked_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let mut socket = Socket::new(listener.accept().await.unwrap().0);
        let sent: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        let expected = sent.clone();
        let send = async move {
            client.write_all(&sent).await.unwrap();
            drop(client);
        };
        let receive = async {
            let mut received = Vec::new();
            for size in [1, 7, 4_096, 70_000].into_iter().cycle() {
                let mut part = vec![0; size];
                let count = socket.read(&mut part).await.unwrap();
                if count == 0 {
                    return received;
                }
                received.extend_from_slice(&part[..count]);
            }
            received
        };
        let ((), received) = tokio::join!(send, receive);
        assert!(received == expected);
        assert!(socket.ahead.is_empty());
    }
}
