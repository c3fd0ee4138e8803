//! How many pages may be followed at once: of one session, from one address, in all.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Streams of one session. A browser keeps six connections to a server, and pages have to come through as well.
const SESSION_MAX: usize = 4;
/// Streams from one address: half of the connections that a listener grants it.
const ADDRESS_MAX: usize = 32;
/// Streams in all: half of the connections that a listener has.
const ALL_MAX: usize = 128;

/// The streams that are open. Cloning shares it.
#[derive(Clone, Default)]
pub struct Places(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    sessions: HashMap<String, usize>,
    addresses: HashMap<IpAddr, usize>,
    all: usize,
}

/// One of them; dropping it makes room.
pub(in crate::web) struct Place {
    places: Places,
    session: String,
    address: IpAddr,
}

impl Places {
    /// Takes a place; `None` when there is none left.
    pub(in crate::web) fn take(&self, session: &str, address: IpAddr) -> Option<Place> {
        let mut taken = self.taken_now();
        let of_session = taken.sessions.get(session).copied().unwrap_or(0);
        let of_address = taken.addresses.get(&address).copied().unwrap_or(0);
        if of_session >= SESSION_MAX || of_address >= ADDRESS_MAX || taken.all >= ALL_MAX {
            return None;
        }
        taken.sessions.insert(session.to_owned(), of_session + 1);
        taken.addresses.insert(address, of_address + 1);
        taken.all += 1;
        Some(Place {
            places: self.clone(),
            session: session.to_owned(),
            address,
        })
    }

    /// How many there are.
    pub(super) fn taken(&self) -> usize {
        self.taken_now().all
    }

    fn taken_now(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken_now();
        taken.all = taken.all.saturating_sub(1);
        less(&mut taken.sessions, &self.session);
        less(&mut taken.addresses, &self.address);
    }
}

fn less<K: Eq + Hash + Clone>(counts: &mut HashMap<K, usize>, key: &K) {
    match counts.get_mut(key) {
        Some(count) if *count > 1 => *count -= 1,
        _ => drop(counts.remove(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn at(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    #[test]
    fn a_session_an_address_and_all_have_their_most_and_who_goes_makes_room() {
        let places = Places::default();
        let full = |held: &mut Vec<Place>, session: &dyn Fn(usize) -> String, address: u8| {
            let mut number = 0;
            while let Some(place) = places.take(&session(number), at(address)) {
                held.push(place);
                number += 1;
            }
            number
        };
        let mut one = Vec::new();
        assert_eq!(full(&mut one, &|_| "s".into(), 1), SESSION_MAX);
        one.pop();
        assert_eq!(full(&mut one, &|_| "s".into(), 2), 1, "a place came free");
        drop(one);
        assert_eq!(places.taken(), 0);
        let mut many = Vec::new();
        for address in 1..=4 {
            let session = |number| format!("{address}-{number}");
            assert_eq!(full(&mut many, &session, address), ADDRESS_MAX);
        }
        assert_eq!(places.taken(), ALL_MAX);
        assert!(places.take("other", at(9)).is_none());
        drop(many);
        let taken = places.taken_now();
        assert!(taken.sessions.is_empty() && taken.addresses.is_empty());
    }
}
