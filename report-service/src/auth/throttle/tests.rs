use super::*;
use crate::testing::stores;

const LIMITS: ThrottleLimits = ThrottleLimits {
    person_failures_max: 4,
    address_failures_max: 20,
    window_ms: 900_000,
};

#[test]
fn addresses_are_counted_per_line() {
    let check = |address: &str, expected: &str| {
        assert_eq!(Bucket::address(address.parse().unwrap()).key(), expected);
    };
    check("192.0.2.7", "address:192.0.2.7");
    check("::ffff:192.0.2.7", "address:192.0.2.7");
    check("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64");
    check("2001:db8:1:2:ffff::1", "address:2001:db8:1:2::/64");
}

#[tokio::test]
async fn the_fifth_failure_is_refused_until_the_window_has_passed() {
    for store in stores().await {
        fifth_failure(store.clone()).await;
    }
}

async fn fifth_failure(store: Store) {
    let (clock, hand) = Clock::manual(1_000_000);
    let throttle = Throttle::new(store, clock, LIMITS);
    let (alice, bob) = (Bucket::name("alice"), Bucket::name("bob"));
    for _ in 0..4 {
        assert_eq!(throttle.take(&alice).await.unwrap(), Ok(()));
    }
    assert_eq!(throttle.take(&alice).await.unwrap(), Err(TooMany));
    assert_eq!(
        throttle.take(&bob).await.unwrap(),
        Ok(()),
        "another person is not touched"
    );
    hand.advance(899_999);
    assert_eq!(
        throttle.take(&alice).await.unwrap(),
        Err(TooMany),
        "refusals do not shorten the window"
    );
    hand.advance(1);
    assert_eq!(throttle.take(&alice).await.unwrap(), Ok(()));
}

#[tokio::test]
async fn an_attempt_given_back_is_no_failure_and_success_forgets() {
    for store in stores().await {
        given_back(store.clone()).await;
    }
}

async fn given_back(store: Store) {
    let (clock, _hand) = Clock::manual(1_000_000);
    let throttle = Throttle::new(store, clock, LIMITS);
    let alice = Bucket::name("alice");
    for _ in 0..50 {
        assert_eq!(throttle.take(&alice).await.unwrap(), Ok(()));
        throttle.settle(&[], std::slice::from_ref(&alice)).await;
    }
    for _ in 0..4 {
        assert_eq!(throttle.take(&alice).await.unwrap(), Ok(()));
    }
    throttle.settle(std::slice::from_ref(&alice), &[]).await;
    assert_eq!(throttle.take(&alice).await.unwrap(), Ok(()));
}

#[tokio::test]
async fn one_address_may_fail_for_twenty_names() {
    for store in stores().await {
        one_address(store.clone()).await;
    }
}

async fn one_address(store: Store) {
    let (clock, _hand) = Clock::manual(1_000_000);
    let throttle = Throttle::new(store, clock, LIMITS);
    let address = Bucket::address("192.0.2.7".parse().unwrap());
    for _ in 0..20 {
        assert_eq!(throttle.take(&address).await.unwrap(), Ok(()));
    }
    assert_eq!(throttle.take(&address).await.unwrap(), Err(TooMany));
}

#[tokio::test]
async fn what_a_busy_store_could_not_forget_is_forgotten_before_the_next_attempt() {
    for store in stores().await {
        busy_store(store.clone()).await;
    }
}

async fn busy_store(store: Store) {
    let (clock, _hand) = Clock::manual(1_000_000);
    let throttle = Throttle::new(store.clone(), clock, LIMITS);
    let alice = Bucket::name("alice");
    for _ in 0..4 {
        assert_eq!(throttle.take(&alice).await.unwrap(), Ok(()));
    }
    throttle.owe(std::slice::from_ref(&alice), &[]);
    assert_eq!(throttle.take(&alice).await.unwrap(), Ok(()));
    store.close().await;
    throttle.settle(std::slice::from_ref(&alice), &[]).await;
    assert_eq!(throttle.owed().len(), 1, "kept while the store fails");
    assert!(throttle.take(&alice).await.is_err());
    assert_eq!(throttle.owed().len(), 1);
}
