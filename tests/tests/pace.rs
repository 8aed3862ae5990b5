//! Slots in the line for new jobs, one at a time.

use controller::pace::{INTERVAL, Pace, Turn};
use controller_core::id::Scope;
use jiff::{SignedDuration, Timestamp};

/// Seconds after the beginning.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

fn scope(number: u32) -> Scope {
    Scope {
        account: format!("{number:012}").parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
    }
}

fn pace() -> Pace {
    Pace::new(INTERVAL)
}

/// Asks, and promises to come back for the slot.
fn ask(pace: &Pace, number: u32, jobs: u32, now: i64) -> Turn {
    let turn = pace.ask(&scope(number), jobs, at(now));
    if let Turn::At(slot) = turn {
        pace.expect(&scope(number), slot, at(now));
    }
    turn
}

#[test]
fn slots_are_handed_out_in_order_and_those_of_one_account_follow_one_another() {
    let pace = pace();
    assert_eq!(ask(&pace, 1, 2, 0), Turn::Now);
    pace.created(&scope(1), at(0));
    assert_eq!(ask(&pace, 1, 1, 0), Turn::At(at(10)));
    assert_eq!(ask(&pace, 2, 2, 1), Turn::At(at(20)));
    assert_eq!(ask(&pace, 3, 1, 2), Turn::At(at(40)));
    assert_eq!(ask(&pace, 4, 1, 3), Turn::At(at(50)));
    // In its slot everybody goes on, one after the other.
    for (number, now) in [(1, 10), (2, 20), (2, 30), (3, 40), (4, 50)] {
        let came = pace.arrive(&scope(number), at(now), at(now));
        assert_eq!(came, Turn::Now, "account {number} at {now}");
        let jobs = if (number, now) == (2, 20) { 2 } else { 1 };
        assert_eq!(pace.ask(&scope(number), jobs, at(now)), Turn::Now);
        pace.created(&scope(number), at(now));
    }
    assert_eq!(ask(&pace, 5, 1, 60), Turn::Now, "the line is empty");
}

#[test]
fn another_delivery_takes_no_second_slot_and_sends_no_second_message() {
    let pace = pace();
    ask(&pace, 1, 1, 0);
    pace.created(&scope(1), at(0));
    assert_eq!(ask(&pace, 2, 2, 0), Turn::At(at(10)));
    assert!(pace.is_expected(&scope(2), at(1)));
    assert_eq!(pace.ask(&scope(2), 2, at(5)), Turn::At(at(10)));
    assert_eq!(ask(&pace, 3, 1, 5), Turn::At(at(30)));
    // A message that comes too early waits, and does not send another one beside the one to come.
    assert_eq!(pace.arrive(&scope(2), at(10), at(6)), Turn::At(at(10)));
    assert!(pace.is_expected(&scope(2), at(6)));
    // The message that was to come is not expected any more.
    assert_eq!(pace.arrive(&scope(2), at(10), at(10)), Turn::Now);
    assert!(!pace.is_expected(&scope(2), at(10)));
}

#[test]
fn a_refusal_moves_the_line_and_keeps_its_order() {
    let pace = pace();
    for (number, slot) in [(1, None), (2, Some(10)), (3, Some(20)), (4, Some(30))] {
        let expected = slot.map_or(Turn::Now, |slot| Turn::At(at(slot)));
        assert_eq!(ask(&pace, number, 1, 0), expected);
    }
    assert_eq!(pace.refused(&scope(1), at(1)), at(11));
    pace.expect(&scope(1), at(11), at(1));
    let slots = [(2, 10, 21), (3, 20, 31), (4, 30, 41)];
    for (number, told, moved) in slots {
        let came = pace.arrive(&scope(number), at(told), at(told));
        assert_eq!(came, Turn::At(at(moved)), "account {number}");
        pace.expect(&scope(number), at(moved), at(told));
        if number == 2 {
            assert_eq!(pace.arrive(&scope(1), at(11), at(11)), Turn::Now);
            pace.created(&scope(1), at(11));
        }
    }
}

#[test]
fn who_is_late_holds_up_nobody_and_is_first_when_it_comes() {
    let pace = pace();
    for number in 1..=4 {
        ask(&pace, number, 1, 0);
    }
    pace.created(&scope(1), at(0));
    // Account 2 does not come at 10.
    assert_eq!(pace.arrive(&scope(3), at(20), at(20)), Turn::Now);
    pace.created(&scope(3), at(20));
    assert_eq!(pace.arrive(&scope(2), at(10), at(24)), Turn::At(at(30)));
    pace.expect(&scope(2), at(30), at(24));
    assert_eq!(pace.arrive(&scope(4), at(30), at(30)), Turn::At(at(40)));
    assert_eq!(pace.arrive(&scope(2), at(30), at(30)), Turn::Now);
}

#[test]
fn many_who_are_late_get_a_slot_each_and_one_goes_on() {
    let pace = pace();
    for number in 1..=20 {
        ask(&pace, number, 1, 0);
    }
    pace.created(&scope(1), at(0));
    // For ten minutes nobody could be served; then all come at once.
    let turns: Vec<Turn> = (2..=20)
        .map(|number| {
            let turn = pace.arrive(&scope(number), at(0), at(600));
            if let Turn::At(slot) = turn {
                pace.expect(&scope(number), slot, at(600));
            }
            turn
        })
        .collect();
    let expected = (0..19).map(|n| match n {
        0 => Turn::Now,
        n => Turn::At(at(600 + 10 * n)),
    });
    assert_eq!(turns, expected.collect::<Vec<_>>());
}

#[test]
fn a_new_process_learns_the_line_and_fills_only_its_gaps() {
    let pace = pace();
    assert_eq!(pace.arrive(&scope(1), at(30), at(0)), Turn::At(at(30)));
    pace.expect(&scope(1), at(30), at(0));
    assert_eq!(pace.arrive(&scope(2), at(40), at(0)), Turn::At(at(40)));
    pace.expect(&scope(2), at(40), at(0));
    // Room for one or two, not for four.
    assert_eq!(ask(&pace, 3, 4, 1), Turn::At(at(50)));
    assert_eq!(ask(&pace, 4, 2, 1), Turn::Now);
    pace.created(&scope(4), at(1));
    assert_eq!(ask(&pace, 4, 1, 1), Turn::At(at(11)));
    // No hint reaches farther than any line.
    let forged = pace.arrive(&scope(5), Timestamp::MAX, at(1));
    let days = SignedDuration::from_hours(96);
    assert_eq!(forged, Turn::At(at(1) + days));
}

#[test]
fn who_needs_no_job_any_more_leaves_its_slots_to_others() {
    let pace = pace();
    for number in 1..=3 {
        ask(&pace, number, 2, 0);
    }
    pace.created(&scope(1), at(0));
    pace.leave(&scope(2));
    assert_eq!(ask(&pace, 4, 2, 5), Turn::At(at(20)));
    // And who is forgotten has left.
    assert_eq!(ask(&pace, 5, 1, 2 * 3_600), Turn::Now);
    assert!(!format!("{pace:?}").contains("000000000004"), "{pace:?}");
}

#[test]
fn who_claims_a_slot_holds_it_while_it_reads() {
    let pace = pace();
    assert_eq!(pace.arrive(&scope(1), at(0), at(0)), Turn::Now);
    assert_eq!(pace.arrive(&scope(2), at(0), at(0)), Turn::At(at(10)));
    assert_eq!(ask(&pace, 3, 1, 1), Turn::At(at(20)));
    assert_eq!(pace.ask(&scope(1), 1, at(3)), Turn::Now);
    pace.created(&scope(1), at(4));
    assert_eq!(pace.arrive(&scope(2), at(10), at(10)), Turn::At(at(14)));
}

#[test]
fn who_comes_hours_late_is_served_at_once_too() {
    let pace = pace();
    let now = 24 * 3_600;
    assert_eq!(pace.arrive(&scope(1), at(10), at(now)), Turn::Now);
    assert_eq!(
        pace.arrive(&scope(2), at(20), at(now)),
        Turn::At(at(now + 10))
    );
    assert_eq!(pace.ask(&scope(1), 1, at(now)), Turn::Now);
}

#[test]
fn regions_have_lines_of_their_own() {
    let pace = pace();
    ask(&pace, 1, 9, 0);
    let elsewhere = Scope {
        region: "us-east-1".parse().unwrap(),
        ..scope(2)
    };
    assert_eq!(pace.ask(&elsewhere, 1, at(0)), Turn::Now);
}
