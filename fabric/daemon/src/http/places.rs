//! Who may be connected. A connection whose request is in flight holds a seat and is never evicted; every other one
//! (in its handshake, sending its first head, or idle) waits, and makes room for newer ones, oldest first.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{HttpLimits, network};

/// All connections of a listener.
#[derive(Debug)]
pub(super) struct Places {
    table: Arc<Mutex<Table>>,
    seats: Arc<Semaphore>,
    per_address: usize,
}

/// One connection; dropped when it ends.
#[derive(Debug)]
pub(super) struct Place {
    id: u64,
    evicted: CancellationToken,
    /// The answer has been handed over, but perhaps not yet sent.
    answered: AtomicBool,
    table: Arc<Mutex<Table>>,
    seats: Arc<Semaphore>,
}

#[derive(Debug)]
struct Table {
    waiting_max: usize,
    next: u64,
    entries: HashMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    network: IpAddr,
    /// Orders the waiting ones by when they began to wait.
    since: u64,
    evicted: CancellationToken,
    /// Held while a request is in flight.
    seat: Option<OwnedSemaphorePermit>,
}

impl Places {
    pub(super) fn new(limits: &HttpLimits) -> Self {
        Self {
            table: Arc::new(Mutex::new(Table {
                waiting_max: limits.waiting_max(),
                next: 0,
                entries: HashMap::new(),
            })),
            seats: Arc::new(Semaphore::new(limits.connections_max)),
            per_address: limits.connections_per_address(),
        }
    }

    /// Lets one more in, and the oldest waiting one out if need be; that of the same address when
    /// the address has its share. `None` when all of the share have requests in flight.
    pub(super) fn enter(&self, addr: IpAddr) -> Option<Place> {
        let network = network(addr);
        let mut table = lock(&self.table);
        let held = |entry: &&Entry| entry.network == network;
        if table.entries.values().filter(held).count() >= self.per_address
            && !table.evict_oldest(|entry| entry.network == network)
        {
            return None;
        }
        let evicted = CancellationToken::new();
        let id = table.number();
        let entry = Entry {
            network,
            since: id,
            evicted: evicted.clone(),
            seat: None,
        };
        table.entries.insert(id, entry);
        table.trim();
        drop(table);
        Some(Place {
            id,
            evicted,
            answered: AtomicBool::new(false),
            table: Arc::clone(&self.table),
            seats: Arc::clone(&self.seats),
        })
    }
}

impl Place {
    /// Returns when this connection had to make room.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// Takes a seat for a request, waiting for one for at most `limit`. False when there was none,
    /// or the connection had to make room meanwhile: the request must not be begun.
    pub(super) async fn seat(&self, limit: Duration) -> bool {
        self.answered.store(false, Ordering::Relaxed);
        if self.is_seated() {
            return true;
        }
        let seat = tokio::time::timeout(limit, Arc::clone(&self.seats).acquire_owned()).await;
        let (Ok(Ok(seat)), mut table) = (seat, lock(&self.table)) else {
            return false;
        };
        let entry = table.entries.get_mut(&self.id);
        entry.map(|entry| entry.seat = Some(seat)).is_some()
    }

    /// The whole answer is in the connection's buffers.
    pub(super) fn answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// The connection's buffers are empty: if the answer was in them, the request is over.
    pub(super) fn flushed(&self) {
        if !self.answered.swap(false, Ordering::Relaxed) {
            return;
        }
        let mut table = lock(&self.table);
        let since = table.number();
        if let Some(entry) = table.entries.get_mut(&self.id) {
            entry.seat = None;
            entry.since = since;
        }
        table.trim();
    }

    fn is_seated(&self) -> bool {
        let table = lock(&self.table);
        let entry = table.entries.get(&self.id);
        entry.is_some_and(|entry| entry.seat.is_some())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.table).entries.remove(&self.id);
    }
}

impl Table {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn trim(&mut self) {
        let waiting = self.entries.values().filter(|entry| entry.seat.is_none());
        if waiting.count() > self.waiting_max {
            self.evict_oldest(|_| true);
        }
    }

    /// False when none of `which` waits.
    fn evict_oldest(&mut self, which: impl Fn(&Entry) -> bool) -> bool {
        let waiting = self.entries.iter();
        let oldest = waiting
            .filter(|(_, entry)| entry.seat.is_none() && which(entry))
            .min_by_key(|(_, entry)| entry.since)
            .map(|(id, _)| *id);
        let evicted = oldest.and_then(|id| self.entries.remove(&id));
        evicted.map(|entry| entry.evicted.cancel()).is_some()
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
