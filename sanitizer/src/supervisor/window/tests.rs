use super::*;

fn item(token: u64, size: usize) -> Item {
    Item {
        work: WorkHead {
            token,
            tenant: "acme".parse().unwrap(),
            satellite: "hq".parse().unwrap(),
            at_ms: 0,
            channel: "status".to_owned(),
            dataset: None,
            version: None,
            id: None,
            push: None,
            hello: None,
            condemned: None,
        },
        payload: Bytes::from(vec![0; size]),
        suspect: false,
    }
}

fn window(count: u64, size: usize) -> Window {
    let mut window = Window::default();
    (1..=count).for_each(|token| window.add(item(token, size)).unwrap());
    window
}

fn handed_out(window: &mut Window) -> Vec<u64> {
    std::iter::from_fn(|| window.next().map(|item| item.work.token)).collect()
}

#[test]
fn a_window_is_bounded_by_messages_and_by_bytes() {
    assert_eq!(handed_out(&mut window(100, 1)).len(), 64);
    assert_eq!(handed_out(&mut window(100, 128 * 1024)).len(), 4);
    // One that is larger than the window goes alone.
    assert_eq!(handed_out(&mut window(2, 600 * 1024)), [1]);
}

#[test]
fn what_waits_is_bounded_by_messages_and_by_bytes() {
    let mut many = window(1_000, 1);
    assert_eq!(many.add(item(1_001, 1)).unwrap_err(), 1_001);
    many.next().unwrap();
    many.add(item(1_001, 1)).unwrap();
    assert_eq!((many.waiting(), many.waiting_bytes()), (1_000, 1_000));

    let mut large = window(32, 1024 * 1024);
    assert_eq!(large.add(item(33, 1)).unwrap_err(), 33);
    large.next().unwrap();
    large.add(item(33, 1)).unwrap();
    // What a lost worker had is waiting again and is counted again.
    assert_eq!(large.lost(Reason::Crash, false), None);
    assert_eq!(large.waiting_bytes(), 32 * 1024 * 1024 + 1);
    assert_eq!(large.add(item(34, 1)).unwrap_err(), 34);
}

#[test]
fn answers_come_in_order_and_make_room() {
    let mut window = window(66, 1);
    handed_out(&mut window);
    assert!(window.answered(2, 0).is_none());
    assert_eq!(window.answered(1, 0).unwrap().work.token, 1);
    assert_eq!(handed_out(&mut window), [65]);
    assert_eq!((window.with_worker(), window.waiting()), (64, 1));
}

#[test]
fn an_answer_is_no_larger_than_its_message_can_have_become() {
    for size in [0, 1, 100_000] {
        // Seven times at most, and rounded up to eight; what stands around the data besides.
        let most = 8 * size + 4_096;
        let mut window = window(1, size);
        handed_out(&mut window);
        assert!(window.answered(1, most + 1).is_none());
        assert_eq!(window.with_worker(), 1);
        assert!(window.answered(1, most).is_some());
    }
}

fn condemned(window: &mut Window) -> Option<Reason> {
    let item = window.next().unwrap();
    item.work.condemned.as_ref().map(|why| why.reason)
}

#[test]
fn several_lost_messages_are_tried_one_by_one_and_only_the_guilty_is_condemned() {
    let mut window = window(4, 1);
    assert_eq!(handed_out(&mut window), [1, 2, 3, 4]);
    window.add(item(5, 1)).unwrap();
    window.answered(1, 0).unwrap();
    assert_eq!(window.lost(Reason::Crash, false), None);
    // 2 is innocent, 3 breaks the worker again: not the worker's first, so it has one more try.
    assert_eq!(handed_out(&mut window), [2]);
    assert_eq!(window.answered(2, 0).unwrap().work.condemned, None);
    assert_eq!(handed_out(&mut window), [3]);
    assert_eq!(window.lost(Reason::Crash, false), None);
    assert_eq!(condemned(&mut window), None);
    assert_eq!(window.lost(Reason::Crash, true), None);
    assert_eq!(condemned(&mut window), Some(Reason::Crash));
    assert_eq!(window.answered(3, 0).unwrap().work.token, 3);
    // 4 was among the suspects; then the window is whole again.
    assert_eq!(handed_out(&mut window), [4]);
    window.answered(4, 0).unwrap();
    window.add(item(6, 1)).unwrap();
    assert_eq!(handed_out(&mut window), [5, 6]);
}

#[test]
fn a_message_is_condemned_at_the_second_worker_that_is_lost_over_it_alone_and_given_up_at_the_third()
 {
    for reason in [Reason::Crash, Reason::Stall] {
        let mut window = window(1, 1);
        assert_eq!(condemned(&mut window), None);
        // The first worker may have been ended from outside, or been bad before.
        assert_eq!(window.lost(reason, true), None);
        assert_eq!(condemned(&mut window), None);
        assert_eq!(window.lost(reason, false), None);
        assert_eq!(condemned(&mut window), None);
        assert_eq!(window.lost(reason, true), None);
        assert_eq!(condemned(&mut window), Some(reason));
        assert_eq!(window.lost(Reason::Crash, false), None);
        assert_eq!(condemned(&mut window), Some(reason));
        assert_eq!(window.lost(Reason::Crash, true).unwrap().work.token, 1);
        assert_eq!((window.with_worker(), window.waiting()), (0, 0));
        assert!(window.lost(Reason::Crash, true).is_none());
    }
}

#[test]
fn what_is_judged_again_goes_first_and_alone_and_nothing_else_is_suspected() {
    let mut window = window(4, 10);
    assert_eq!(handed_out(&mut window), [1, 2, 3, 4]);
    window.answered(1, 0).unwrap();
    let doubted = window.answered(2, 0).unwrap();
    window.put_back(doubted);
    assert_eq!((window.with_worker(), window.waiting_bytes()), (0, 30));
    assert_eq!(handed_out(&mut window), [2]);
    window.answered(2, 0).unwrap();
    assert_eq!(handed_out(&mut window), [3, 4]);
    assert!(!window.answered(3, 0).unwrap().suspect);
    // Among suspects it is one more.
    window.add(item(5, 10)).unwrap();
    window.lost(Reason::Crash, false);
    assert_eq!(handed_out(&mut window), [4]);
    let doubted = window.answered(4, 0).unwrap();
    window.put_back(doubted);
    assert_eq!(handed_out(&mut window), [4]);
    window.answered(4, 0).unwrap();
    assert_eq!(handed_out(&mut window), [5]);
}

#[test]
fn what_waits_of_a_suspended_satellite_is_taken_out_and_the_rest_goes_on() {
    let mut window = window(4, 10);
    let mut other = item(5, 10);
    other.work.satellite = "branch".parse().unwrap();
    window.add(other).unwrap();
    let mut presence = item(6, 10);
    presence.work.channel = PRESENCE.to_owned();
    window.add(presence).unwrap();
    let hq = "hq".parse().unwrap();
    // 1 to 4 are suspects, and 1 is condemned.
    handed_out(&mut window);
    window.lost(Reason::Crash, false);
    assert_eq!(handed_out(&mut window), [1]);
    assert_eq!(window.lost(Reason::Stall, true), None);
    let tokens = |items: Vec<Item>| items.iter().map(|item| item.work.token).collect::<Vec<_>>();
    assert_eq!(tokens(window.take_out(&hq)), [2, 3, 4]);
    assert_eq!((window.waiting(), window.waiting_bytes()), (3, 30));
    // What is condemned still goes alone; the suspect of another satellite as well.
    for alone in [1, 5, 6] {
        assert_eq!(handed_out(&mut window), [alone]);
        window.answered(alone, 0).unwrap();
    }
    assert_eq!(tokens(window.take_out(&hq)), [0; 0]);
    for token in [7, 8] {
        window.add(item(token, 1)).unwrap();
    }
    assert_eq!(handed_out(&mut window), [7, 8], "the window is whole again");
    assert_eq!(
        tokens(window.take_out(&hq)),
        [0; 0],
        "what the worker has stays"
    );
}
