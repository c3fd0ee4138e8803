use super::*;
use serde_json::{Value, json};
use spokegate_contract::Verb;
use spokegate_contract::envelope::{Command, Parcel};
use tokio::sync::mpsc::{self, Receiver};

const ID: &str = "000000000000000000000000000000aa";

fn sessions() -> (Sessions, Receiver<SessionEvent>) {
    let (sender, receiver) = mpsc::channel(4);
    let (door, _) = mpsc::channel(4);
    let all = [("acme", sender), ("enrolment", door)];
    let all = all.map(|(tenant, sender)| (tenant.parse().unwrap(), sender));
    (all.into_iter().collect(), receiver)
}

fn command(tenant: &str) -> Value {
    json!({
        "tenant": tenant, "satellite": "hq", "verb": "restart", "id": ID, "args": "oA==", "number": 3,
        "expires_ms": 9, "signature": "3000",
    })
}

fn part(tenant: &str) -> Value {
    json!({"tenant": tenant, "satellite": "branch", "digest": "ab".repeat(32), "index": 2, "body": "AAA="})
}

fn call(body: &Value) -> (Option<Outcome>, Receiver<SessionEvent>) {
    let (sessions, receiver) = sessions();
    let outcome = Calls::commands(7, &body.to_string().into_bytes().into(), &sessions);
    (outcome, receiver)
}

#[test]
fn orders_reach_the_session_of_their_tenant_as_they_were_signed() {
    let both = json!({"commands": [command("acme")], "parcels": [part("acme")]});
    let (outcome, mut receiver) = call(&both);
    assert_eq!(outcome, None);
    let SessionEvent::Orders { call: 7, messages } = receiver.try_recv().unwrap() else {
        panic!("not orders");
    };
    let [(first, channel, order), (second, Channel::Parcel, parcel)] = messages.as_slice() else {
        panic!("{messages:?}");
    };
    assert_eq!((first.as_str(), second.as_str()), ("hq", "branch"));
    assert_eq!(*channel, Channel::Command(Verb::Restart));
    let order = Command::decode(&Bytes::copy_from_slice(order)).unwrap();
    assert_eq!(
        (order.args.as_ref(), order.number, order.expires_ms),
        (b"\xa0".as_slice(), 3, 9)
    );
    assert_eq!(order.signature.as_ref(), [0x30, 0]);
    let parcel = Parcel::decode(&Bytes::copy_from_slice(parcel)).unwrap();
    assert_eq!(
        (parcel.index, parcel.digest, parcel.body.len()),
        (2, [0xab; 32], 2)
    );
}

#[test]
fn one_bad_order_stops_its_call() {
    let check = |body: Value, status: u16, says: &str| {
        let (outcome, mut receiver) = call(&body);
        let outcome = outcome.unwrap();
        assert_eq!(outcome.status, status, "{}", outcome.detail);
        assert!(outcome.detail.contains(says), "{}", outcome.detail);
        assert!(receiver.try_recv().is_err());
    };
    let good = || command("acme");
    let but = |member: &str, value: Value| {
        let mut command = good();
        command[member] = value;
        json!({"commands": [good(), command]})
    };
    check(but("verb", json!("reboot")), 400, "verb");
    check(but("args", json!("")), 400, "args");
    check(but("number", json!(0)), 400, "number");
    check(but("signature", json!("")), 400, "signature");
    check(but("tenant", json!("globex")), 400, "one tenant");
    check(but("stranger", json!(1)), 400, "malformed");
    check(json!({"commands": [command("globex")]}), 404, "not served");
    check(
        json!({"commands": [command("enrolment")]}),
        404,
        "not served",
    );
    check(
        json!({"commands": [good()], "parcels": [part("globex")]}),
        400,
        "one tenant",
    );
    let short = json!({"parcels": [{"tenant": "acme", "satellite": "hq", "digest": "ab", "index": 0, "body": "AAA="}]});
    check(short, 400, "digest");
    check(json!({}), 400, "allowed are 1 to 8");
    check(
        json!({"commands": vec![good(); 9]}),
        400,
        "allowed are 1 to 8",
    );
}
