//! Many accounts opt in at once, and AWS creates one job in ten seconds: everybody gets there.

use controller_tests::{EU, Setup, scenario::ENROLLED};
use jiff::SignedDuration;

#[tokio::test]
async fn twenty_accounts_at_once_all_get_their_jobs_without_a_sweep() {
    const ACCOUNTS: usize = 20;
    let mut scenario = Setup::new(ACCOUNTS).start().await;
    let begin = scenario.now();
    for number in 1..=ACCOUNTS {
        scenario.opted_in_bucket(number, EU, &format!("orders-{number}"));
    }
    scenario.run().await;
    let took = scenario.now().duration_since(begin);
    scenario.turn("PT2M");
    for number in 1..=ACCOUNTS {
        let expected = ENROLLED.replace("orders", &format!("orders-{number}"));
        assert_eq!(scenario.at(number, EU), expected, "account {number}");
    }
    println!("{ACCOUNTS} accounts took {took:#} of the world's time");
    assert!(scenario.dead_letters().is_empty());
    // Forty jobs at AWS's pace are 400 s; the line is not perfect, and it must move.
    assert!(took < SignedDuration::from_mins(25), "{took:#}");
}
