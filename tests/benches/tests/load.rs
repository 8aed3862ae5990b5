//! The load test in the size of ordinary CI; the benchmarks run the whole of it.

use controller_benches::{
    load::{Size, run},
    programs::{Build, Programs},
};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_under_load_and_only_poison_is_dead() {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let size = Size {
        messages: 600,
        accounts: 60,
        seed: seed.unwrap_or(7),
    };
    println!("repeat with SEED={}", size.seed);
    let programs = Programs::without_peers(Build::Test).unwrap();
    let load = run(&programs, size).await.unwrap();
    println!("{load:#?}");
    let share = |count: usize| count as f64 / load.messages as f64;
    assert!((share(load.duplicates) - 0.20).abs() < 0.02, "{load:#?}");
    assert!((share(load.poison) - 0.05).abs() < 0.01, "{load:#?}");
    assert_eq!(load.dead_letters, load.poison);
    assert_eq!(load.covered, 54);
    assert!(load.memory * 1.048_576 < 100.0, "{} MiB", load.memory);
}
