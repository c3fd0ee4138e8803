use futures_util::FutureExt;

use super::*;

const LIMIT: Duration = Duration::from_millis(10);

#[tokio::test]
async fn the_oldest_waiting_makes_room_and_a_request_in_flight_does_not() {
    let places = places(4, 2, 100);
    let busy = enter(&places, "10.0.0.1").unwrap();
    assert!(busy.seat(LIMIT).await);
    let [first, second, third] = [(); 3].map(|()| enter(&places, "10.0.0.1").unwrap());
    assert!(is_evicted(&first));
    assert!(!is_evicted(&busy) && !is_evicted(&second) && !is_evicted(&third));
    assert!(!first.seat(LIMIT).await);
    assert!(second.seat(LIMIT).await);
}

#[tokio::test]
async fn an_idle_connection_waits_again_but_not_before_its_answer_is_sent() {
    let places = places(4, 1, 100);
    let place = enter(&places, "10.0.0.1").unwrap();
    assert!(place.seat(LIMIT).await);
    place.flushed();
    let _second = enter(&places, "10.0.0.1").unwrap();
    place.answered();
    let third = enter(&places, "10.0.0.1").unwrap();
    assert!(!is_evicted(&place));
    place.flushed();
    assert!(is_evicted(&third) && !is_evicted(&place));
    let _fourth = enter(&places, "10.0.0.1").unwrap();
    assert!(is_evicted(&place));
}

#[tokio::test]
async fn an_address_has_its_share_and_another_its_own() {
    let places = places(8, 8, 2);
    let first = enter(&places, "10.0.0.1").unwrap();
    let second = enter(&places, "10.0.0.1").unwrap();
    let other = enter(&places, "10.0.0.2").unwrap();
    let third = enter(&places, "::ffff:10.0.0.1").unwrap();
    assert!(is_evicted(&first) && !is_evicted(&second) && !is_evicted(&other));
    assert!(second.seat(LIMIT).await && third.seat(LIMIT).await);
    assert!(enter(&places, "10.0.0.1").is_none());
    assert!(enter(&places, "10.0.0.2").is_some());
    drop(second);
    assert!(enter(&places, "10.0.0.1").is_some());
}

#[test]
fn an_ipv6_network_is_one_address() {
    let check = |addr: &str, expected: &str| {
        let (addr, expected): (IpAddr, IpAddr) = (addr.parse().unwrap(), expected.parse().unwrap());
        assert_eq!(network(addr), expected);
    };
    check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
    check("2001:db8:1:3:3:4:5:6", "2001:db8:1:3::");
    check("::ffff:10.0.0.1", "10.0.0.1");
    check("10.0.0.2", "10.0.0.2");
}

#[tokio::test]
async fn a_request_waits_for_a_seat_and_not_for_ever() {
    let places = places(1, 8, 8);
    let first = enter(&places, "10.0.0.1").unwrap();
    let second = enter(&places, "10.0.0.1").unwrap();
    assert!(first.seat(LIMIT).await);
    // A pipelined request keeps the seat of the one before.
    assert!(first.seat(LIMIT).await);
    assert!(!second.seat(LIMIT).await);
    first.answered();
    first.flushed();
    assert!(second.seat(LIMIT).await);
}

fn places(connections_max: usize, waiting_max: usize, per_address: usize) -> Places {
    Places::new(&HttpLimits {
        connections_max,
        waiting_max: Some(waiting_max),
        connections_per_address: Some(per_address),
        ..HttpLimits::default()
    })
}

fn enter(places: &Places, addr: &str) -> Option<Place> {
    places.enter(addr.parse().unwrap())
}

fn is_evicted(place: &Place) -> bool {
    place.evicted().now_or_never().is_some()
}
