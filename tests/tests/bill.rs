//! What `maciectl estimate` promises, against what Macie charges in the local AWS.
//!
//! In each world accounts are enrolled and have buckets for days: tagged and not, empty and large,
//! of files that Macie cannot analyse, of archives that hold from once to more than ten times their
//! size, most of them about three times. Jobs pick whole objects by chance when they sample, objects
//! are counted once a day, US East has AWS's tiers and the other Region the policy's own prices. The
//! estimate is taken when the buckets are tagged and no baseline job is there; then the controller
//! does its work, 30 days pass, and the bill is read from Macie's usage before and after the first
//! scan and at each month's end.
//!
//! - **Error**: the estimate of the first scans and of a month's monitoring, less the bill of the
//!   first scans and of 30 days' monitoring, divided by that bill. A month has 28 to 31 days, so
//!   monitoring alone is off by up to 7 %. What is written later is not in either.
//! - **Fresh**: nothing was written to a tagged bucket since Macie last counted it. No estimate
//!   knows more than Macie does.
//! - **Plain**: fresh, not sampled, and at most a hundredth of the bytes is compressed. Here 5 % are
//!   kept. They cannot be elsewhere: nobody knows what archives hold before they are opened, or
//!   which objects will be picked. For these there is the range. Half of the worlds with
//!   more archives are within 15 % by three to one, and would not be by one to one.
//!
//! `WORLDS=1000` or `WORLDS=500..600` runs those.

use controller_tests::{
    bill::{Outcome, judge},
    seeds::seeds,
};

/// Worlds of a run that says nothing else.
const WORLDS: u64 = 30;
/// How much of the bytes may be compressed in a plain world.
const HARDLY: f64 = 0.01;
/// Errors of plain worlds are below it.
const ERROR: f64 = 0.05;
/// The median error of fresh worlds that are not sampled and have more archives is below it.
const ARCHIVES: f64 = 0.15;
/// In how many fresh worlds the first scan's cost is in its range.
const CONTAINED: f64 = 0.95;

#[tokio::test]
async fn an_estimate_keeps_what_it_promises() {
    let mut outcomes = Vec::new();
    for seed in seeds("WORLDS", WORLDS) {
        // What fails is the last one that is printed.
        println!("WORLDS={seed}..{}", seed + 1);
        outcomes.push(judge(seed).await);
    }
    let (fresh, stale): (Vec<Outcome>, _) = outcomes.into_iter().partition(|world| world.fresh);
    let of = |sort: &dyn Fn(&Outcome) -> bool| -> Vec<Outcome> {
        fresh.iter().filter(|world| sort(world)).cloned().collect()
    };
    let sampled = of(&|world| world.sampling < 100);
    let plain = of(&|world| world.sampling == 100 && world.compressed <= HARDLY);
    let packed = of(&|world| world.sampling == 100 && world.compressed > HARDLY);
    summarize("fresh", &fresh);
    summarize("of these plain", &plain);
    summarize("of these with compressed files", &packed);
    summarize("of these sampled", &sampled);
    summarize("not fresh", &stale);
    for world in &plain {
        assert!(world.error().abs() <= ERROR, "{world:#?}");
    }
    assert!(median(&packed) <= ARCHIVES, "{packed:#?}");
    let missed: Vec<&Outcome> = fresh.iter().filter(|world| !world.is_contained()).collect();
    assert!(contained(&fresh) >= CONTAINED, "{missed:#?}");
    assert_bills_are_real(&fresh);
}

fn contained(worlds: &[Outcome]) -> f64 {
    let contained = worlds.iter().filter(|world| world.is_contained());
    contained.count() as f64 / worlds.len().max(1) as f64
}

/// The median of errors, whatever their sign; nothing without worlds.
fn median(worlds: &[Outcome]) -> f64 {
    let mut errors: Vec<f64> = worlds.iter().map(|world| world.error().abs()).collect();
    errors.sort_by(f64::total_cmp);
    errors.get(errors.len() / 2).copied().unwrap_or_default()
}

fn summarize(what: &str, worlds: &[Outcome]) {
    let Some(worst) = worlds
        .iter()
        .max_by(|one, other| one.error().abs().total_cmp(&other.error().abs()))
    else {
        return println!("{what}: no worlds");
    };
    println!(
        "{what}: {} worlds, median error {:.2} %, worst {:.2} % (seed {}), first scan in its range in {:.1} %",
        worlds.len(),
        100.0 * median(worlds),
        100.0 * worst.error().abs(),
        worst.seed,
        100.0 * contained(worlds),
    );
}

/// Bills of nothing would prove nothing. A day of a bucket costs its month's price, divided by 28 to
/// 31; an account that is enrolled now is charged for today too, which makes 31 days.
fn assert_bills_are_real(worlds: &[Outcome]) {
    let scans = worlds.iter().filter(|world| world.scan > 1.0);
    assert!(2 * scans.count() > worlds.len());
    for world in worlds {
        let months = world.monitoring / world.month;
        let whole = 30.0 / 31.0 - 1e-6..=31.0 / 28.0;
        assert!(whole.contains(&months), "{world:#?}");
    }
}
