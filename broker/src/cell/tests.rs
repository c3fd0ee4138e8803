use std::time::Duration;

use futures_util::FutureExt;

use super::*;
use crate::policy;

const SIZES: Sizes = Sizes {
    up_bytes: 1 << 22,
    down_bytes: 1 << 20,
    links: 4,
};
/// More than any wait here takes.
const SOON: Duration = Duration::from_secs(5);

/// Whoever reserves room for less than the router's log counts loses the oldest messages here.
#[tokio::test]
async fn a_full_window_of_the_smallest_messages_comes_out_whole() {
    let (tenant, satellite) = ("ab".parse::<TenantId>().unwrap(), "ab".parse().unwrap());
    let cell = Cell::start(1, 0, SIZES, Some(&tenant));
    let sanitizer = Session::Sanitizer(tenant.clone());
    let _watched = cell.open(&sanitizer).unwrap().expect("the first to open");
    let Occupancy::Seated(seat) = cell.seats().take(&sanitizer).await else {
        panic!("an empty seat")
    };
    let (mut sender, mut receiver) = cell.link(&sanitizer, &seat).unwrap().expect("a link");
    let signals = (CancellationToken::new(), Bell::default());
    let attached = cell.attach(Some(&mut sender), &sanitizer, signals).await;
    let consumer = attached.unwrap().expect("a consumer");

    let message = Publish {
        topic: "sg/1/ab/ab/up/hello".to_owned(),
        packet_id: 1,
        qos: Qos::AtLeastOnce,
        retain: false,
        payload: Bytes::new(),
    };
    let own = Session::Satellite(Address::new(tenant, satellite));
    let permit = policy::publish(&own, &message).unwrap();
    // Nobody waits for room here, so the first that does not fit ends it.
    let fill = || {
        let publish = || cell.publish(None, &permit, &message).now_or_never();
        std::iter::from_fn(publish)
            .inspect(|handed| assert_eq!(*handed, Ok(Handed::Queued)))
            .count()
    };
    let mut published = fill();
    let mut straight = 0;
    while let Some(frame) = consumer.handover().take() {
        assert_eq!(Frame::decode(&frame).unwrap().topic, message.topic);
        consumer.release(charge(&frame));
        straight += 1;
    }
    // Now all of the window is in the router, unread.
    published += fill();

    let mut routed = 0;
    while straight + routed < published {
        let next = tokio::time::timeout(SOON, receiver.next()).await;
        let Ok(frame) = next else {
            panic!("of {published} messages {straight} + {routed} came out");
        };
        assert_eq!(Frame::decode(&frame.unwrap()).unwrap().topic, message.topic);
        routed += 1;
    }
    assert!(
        straight > 1_000 && routed > 100_000,
        "{straight} + {routed}"
    );
    assert!(receiver.next_now().is_none(), "more came out than went in");
}
