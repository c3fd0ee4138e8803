//! The threads that serve sessions. All sessions of a cell are on one of these *strands*, so that what one of them hands
//! to another wakes no other thread.

use std::io;
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use spokegate_daemon::Tasks;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, EnterGuard, Handle};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::socket::Socket;
use crate::lock;

/// How long the threads may take to end once their tasks have.
const END: Duration = Duration::from_secs(5);

/// All strands of a broker. Their threads end when this is dropped; sessions hold it, so none of them is cut short.
#[derive(Debug)]
pub(super) struct Strands {
    runtimes: Vec<Handle>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    ended: CancellationToken,
}

impl Strands {
    /// Starts as many as the machine has processors for us.
    pub(super) fn start() -> anyhow::Result<Self> {
        Self::start_some(std::thread::available_parallelism().map_or(1, usize::from))
    }

    fn start_some(count: usize) -> anyhow::Result<Self> {
        let mut strands = Self {
            runtimes: Vec::new(),
            threads: Mutex::default(),
            ended: CancellationToken::new(),
        };
        for number in 0..count {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .build()
                .context("make a runtime for sessions")?;
            strands.runtimes.push(runtime.handle().clone());
            let ended = strands.ended.clone();
            let thread = std::thread::Builder::new()
                .name(format!("strand-{number}"))
                // The runtime is dropped by its own thread, outside of any task.
                .spawn(move || runtime.block_on(ended.cancelled()))
                .context("start a thread for sessions")?;
            lock(&strands.threads).push(thread);
        }
        Ok(strands)
    }

    /// How many there are, at least one.
    pub(super) fn count(&self) -> usize {
        self.runtimes.len()
    }

    /// What is started or registered while the guard lives belongs to this strand.
    pub(super) fn enter(&self, number: usize) -> EnterGuard<'_> {
        self.runtimes[number].enter()
    }

    /// Ends the threads and waits for them; what still runs there is dropped.
    pub(super) async fn end(&self, tasks: &Tasks) {
        self.ended.cancel();
        let threads = std::mem::take(&mut *lock(&self.threads));
        let join = tasks.blocking("strands", || {
            threads.into_iter().all(|thread| thread.join().is_ok())
        });
        if tokio::time::timeout(END, join).await.ok().flatten() != Some(true) {
            tracing::error!("a thread that served sessions did not end as it should");
        }
    }
}

impl Drop for Strands {
    fn drop(&mut self) {
        // Maybe on one of the threads, so they are not waited for.
        self.ended.cancel();
    }
}

/// A connection that can go from one runtime to another.
pub(super) trait Mobile {
    /// Registers the socket with the runtime that is entered here, and no longer with the one it was made in. Nobody may
    /// wait for it meanwhile.
    fn come_here(&mut self) -> io::Result<()>;
}

impl Mobile for TcpStream {
    fn come_here(&mut self) -> io::Result<()> {
        // By a second descriptor: a socket is never without a home then, and the first one is closed with its old one.
        let descriptor = self.as_fd().try_clone_to_owned()?;
        *self = Self::from_std(descriptor.into())?;
        Ok(())
    }
}

impl Mobile for Socket {
    fn come_here(&mut self) -> io::Result<()> {
        self.tcp_mut().come_here()
    }
}

impl Mobile for TlsStream<Socket> {
    fn come_here(&mut self) -> io::Result<()> {
        self.get_mut().0.come_here()
    }
}

#[cfg(test)]
mod tests;
