use super::*;
use bytes::Bytes;
use rumqttc::{AsyncClient, MqttOptions};

fn id(number: usize) -> TenantId {
    format!("tenant-{number}").parse().unwrap()
}

/// A client whose packets nobody sends; they wait in the event loop.
fn writer() -> (Writer, EventLoop) {
    let options = MqttOptions::new("sanitizer", "localhost", 1);
    let (client, events) = AsyncClient::new(options, 64);
    (Writer(client), events)
}

fn next(share: &mut Connection) -> Arrived {
    share.arrived.try_recv().unwrap()
}

fn answer(board: &mut Board, refused: Option<&TenantId>) -> Result<(), &'static str> {
    let asked = &board.live.as_ref().unwrap().asked;
    let code = |tenant: &TenantId| {
        if Some(tenant) == refused {
            SubscribeReasonCode::Failure
        } else {
            SubscribeReasonCode::Success(QoS::AtLeastOnce)
        }
    };
    let return_codes = asked.iter().map(code).collect();
    board.answered(&SubAck::new(1, return_codes))
}

#[test]
fn filters_are_asked_for_by_eights_and_each_tenant_learns_of_its_own() {
    let switchboard = Switchboard(Arc::default());
    let mut shares: Vec<Connection> = (0..20).map(|n| switchboard.connect(&id(n))).collect();
    let (writer, _events) = writer();
    let refused = id(11);
    let mut sizes = Vec::new();
    let mut board = switchboard.board();
    board.begin(writer).unwrap();
    while !board.live.as_ref().unwrap().asked.is_empty() {
        sizes.push(board.live.as_ref().unwrap().asked.len());
        answer(&mut board, Some(&refused)).unwrap();
    }
    assert_eq!(sizes, [8, 8, 4]);
    drop(board);
    for (number, share) in shares.iter_mut().enumerate() {
        match next(share) {
            Arrived::Subscribed(_) => assert_ne!(id(number), refused),
            Arrived::Closed(reason) => {
                assert_eq!(id(number), refused);
                assert!(reason.contains("sg/1/tenant-11/+/up/#"), "{reason}");
            }
            Arrived::Message(message) => panic!("{message:?}"),
        }
    }
    // Who comes again is granted at once, who was refused is asked for again.
    let mut again = switchboard.connect(&id(3));
    assert!(matches!(next(&mut again), Arrived::Subscribed(_)));
    let _refused_again = switchboard.connect(&refused);
    assert_eq!(switchboard.board().live.as_ref().unwrap().asked, [refused]);
    switchboard.board().end("lost");
    assert!(matches!(next(&mut again), Arrived::Closed(reason) if reason == "lost"));
}

#[test]
fn an_answer_to_something_else_ends_the_connection() {
    let switchboard = Switchboard(Arc::default());
    let _share = switchboard.connect(&id(0));
    let (writer, _events) = writer();
    let mut board = switchboard.board();
    board.begin(writer).unwrap();
    assert!(board.answered(&SubAck::new(1, Vec::new())).is_err());
}

fn message(topic: &str) -> Publish {
    let mut publish = Publish::new(topic, QoS::AtLeastOnce, Bytes::new());
    publish.pkid = 1;
    publish
}

#[test]
fn messages_go_to_their_tenant_and_no_tenant_holds_more_than_its_share() {
    let switchboard = Switchboard(Arc::default());
    let mut share = switchboard.connect(&id(0));
    let other = switchboard.connect(&id(1));
    let mut board = switchboard.board();
    let mut route = |topic: &str| board.route(message(topic)).map_err(|(reason, _)| reason);
    for (topic, expected) in [
        ("sg/1/tenant-0/hq/up/status", Ok(())),
        ("sg/1/tenant-2/hq/up/status", Err("dropped_topic")),
        ("sg/1/tenant-0/hq/status", Err("dropped_topic")),
        ("tenant-0", Err("dropped_topic")),
    ] {
        assert_eq!(route(topic), expected, "{topic}");
    }
    let own = "sg/1/tenant-0/hq/up/status";
    let passed = (0..1_000).take_while(|_| route(own).is_ok()).count();
    assert_eq!(passed, SHARE_MESSAGES - 1);
    assert_eq!(route(own), Err("dropped_over_share"));
    assert_eq!(route("sg/1/tenant-1/hq/up/status"), Ok(()));
    drop(other);
    assert_eq!(
        route("sg/1/tenant-1/hq/up/status"),
        Err("dropped_without_session")
    );
    // Reading makes no room, acknowledging does.
    let Arrived::Message(arrival) = next(&mut share) else {
        panic!("no message")
    };
    assert_eq!(route(own), Err("dropped_over_share"));
    share.acknowledge(&arrival);
    assert_eq!(route(own), Ok(()));
}
