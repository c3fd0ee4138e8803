//! Requests that wait for the centre's answer, and the requests on their way to the cell.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use metrics::Gauge;
use spokegate_contract::RequestId;
use tokio::sync::oneshot;

use super::answer::Outcome;
use crate::lock;

/// A request as it travels to the cell.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) id: RequestId,
    /// The encoded envelope.
    pub(super) payload: Bytes,
}

/// Those who wait, by the id of their request.
pub(super) struct Waiting {
    places_max: usize,
    gauge: Gauge,
    places: Mutex<HashMap<RequestId, Place>>,
}

struct Place {
    /// Tells this place from a later one of the same id.
    number: u64,
    payload: Bytes,
    answer: oneshot::Sender<Outcome>,
}

/// A place among those who wait, given up by dropping it.
pub(super) struct Ticket {
    id: RequestId,
    number: u64,
    waiting: Arc<Waiting>,
    answer: oneshot::Receiver<Outcome>,
}

impl Waiting {
    pub(super) fn new(places_max: usize, gauge: Gauge) -> Self {
        Self {
            places_max,
            gauge,
            places: Mutex::default(),
        }
    }

    /// Takes a place, if there is one. A second request of the same id takes the place of the first, which then gets
    /// no answer: whoever can name an id of 128 bits has made it.
    pub(super) fn enter(self: &Arc<Self>, request: &Outgoing) -> Option<Ticket> {
        let mut places = lock(&self.places);
        if places.len() >= self.places_max && !places.contains_key(&request.id) {
            return None;
        }
        let number = places.get(&request.id).map_or(0, |place| place.number + 1);
        let (sender, answer) = oneshot::channel();
        let place = Place {
            number,
            payload: request.payload.clone(),
            answer: sender,
        };
        places.insert(request.id, place);
        self.gauge.set(places.len() as f64);
        Some(Ticket {
            id: request.id,
            number,
            waiting: Arc::clone(self),
            answer,
        })
    }

    /// Gives an answer to whoever waits for it. False when nobody does.
    pub(super) fn answer(&self, id: &RequestId, outcome: Outcome) -> bool {
        let mut places = lock(&self.places);
        let place = places.remove(id);
        self.gauge.set(places.len() as f64);
        place.is_some_and(|place| place.answer.send(outcome).is_ok())
    }

    /// Whether someone still waits for this answer.
    pub(super) fn is_waiting(&self, id: &RequestId) -> bool {
        lock(&self.places).contains_key(id)
    }

    /// All that wait: what a cell's router had may be lost with it.
    pub(super) fn outstanding(&self) -> Vec<Outgoing> {
        let outgoing = |(id, place): (&RequestId, &Place)| Outgoing {
            id: *id,
            payload: place.payload.clone(),
        };
        lock(&self.places).iter().map(outgoing).collect()
    }
}

impl Ticket {
    /// The answer; none when a second request of the same id took the place.
    pub(super) async fn answer(&mut self) -> Option<Outcome> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut places = lock(&self.waiting.places);
        if places
            .get(&self.id)
            .is_some_and(|place| place.number == self.number)
        {
            places.remove(&self.id);
        }
        self.waiting.gauge.set(places.len() as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_reaches_its_request_once() {
        let waiting = waiting(2);
        let mut first = waiting.enter(&request(1)).unwrap();
        let second = waiting.enter(&request(2)).unwrap();
        assert!(waiting.enter(&request(3)).is_none(), "as many as may");
        assert!(waiting.answer(&id(1), Outcome::TooMany));
        assert_eq!(first.answer().await, Some(Outcome::TooMany));
        assert!(!waiting.answer(&id(1), Outcome::TooMany), "once");
        assert!(!waiting.answer(&id(9), Outcome::TooMany), "nobody asked");
        let _third = waiting.enter(&request(3)).unwrap();
        drop(second);
        assert!(!waiting.answer(&id(2), Outcome::TooMany), "gone");
        assert_eq!(waiting.outstanding().len(), 1);
        assert!(waiting.is_waiting(&id(3)) && !waiting.is_waiting(&id(2)));
    }

    #[tokio::test]
    async fn a_second_request_of_the_same_id_takes_the_place_of_the_first() {
        let waiting = waiting(1);
        let mut first = waiting.enter(&request(1)).unwrap();
        let mut second = waiting.enter(&request(1)).unwrap();
        assert_eq!(first.answer().await, None);
        drop(first);
        assert!(waiting.answer(&id(1), Outcome::TooMany));
        assert_eq!(second.answer().await, Some(Outcome::TooMany));
    }

    fn waiting(places_max: usize) -> Arc<Waiting> {
        Arc::new(Waiting::new(places_max, Gauge::noop()))
    }

    fn id(n: u8) -> RequestId {
        RequestId::from_bytes([n; 16])
    }

    fn request(n: u8) -> Outgoing {
        Outgoing {
            id: id(n),
            payload: Bytes::from_static(b"envelope"),
        }
    }
}
