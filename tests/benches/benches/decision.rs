//! Deciding and checking, without any call: how the pure part grows with the organization.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::{collections::BTreeMap, hint::black_box};

use controller_benches::{decision::SIZES, function::POLICY};
use controller_core::{
    check::check,
    decide::decide,
    id::{BucketName, Scope},
    job_name,
    observed::{
        AccountState, BucketReading, Fact, Job, JobKind, JobStatus, Member, Membership, Observed,
        Relationship, Standing,
    },
    policy::Policy,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;

const NOW: &str = "2026-03-02T10:00:00Z";

/// As many accounts as an organization has: six of ten never opted in, three are covered, one
/// asks to be enrolled.
fn organization(policy: &Policy, accounts: usize) -> Vec<Observed> {
    (0..accounts)
        .map(|number| account(policy, number))
        .collect()
}

fn account(policy: &Policy, number: usize) -> Observed {
    let scope = Scope {
        account: format!("3{number:011}").parse().unwrap(),
        region: policy.home_region.clone(),
    };
    let bucket: BucketName = format!("bucket-{number:05}").parse().unwrap();
    let hints = [bucket.clone()].into();
    let mut observed = Observed::new(scope, hints, "222222222222".parse().unwrap());
    observed.management = Fact::Known("111111111111".parse().unwrap());
    observed.member = Fact::Known(Membership::Stranger);
    observed.jobs = Fact::Known(vec![]);
    let reading = match number % 10 {
        0..6 => BucketReading::NotOptedIn,
        _ => BucketReading::OptedIn,
    };
    observed
        .buckets
        .insert(bucket.clone(), Fact::Known(reading));
    match number % 10 {
        6..9 => cover(policy, &mut observed, bucket),
        9 => {
            observed.account = Fact::Known(Standing::Inside {
                email: "team@example.com".to_owned(),
                state: AccountState::Active,
            });
        }
        _ => {}
    }
    observed
}

fn cover(policy: &Policy, observed: &mut Observed, bucket: BucketName) {
    let owner = &policy.ownership;
    observed.member = Fact::Known(Membership::Member(Member {
        status: Relationship::Enabled,
        tags: BTreeMap::from([(owner.key.clone(), owner.value.clone())]),
        updated_at: None,
    }));
    let daily = JobKind::Daily {
        spec: job_name::daily_spec(policy),
    };
    let baseline = JobKind::Baseline {
        spec: job_name::buckets_spec([&bucket]),
    };
    let account = &observed.scope.account;
    let job = |kind: JobKind, status, buckets| Job {
        id: "0123456789abcdef0123456789abcdef".parse().unwrap(),
        name: job_name::of(account, &kind),
        kind,
        status,
        created_at: NOW.parse().unwrap(),
        paused_at: None,
        buckets,
    };
    observed.jobs = Fact::Known(vec![
        job(daily, JobStatus::Idle, [].into()),
        job(baseline, JobStatus::Complete, [bucket].into()),
    ]);
}

fn decision(criterion: &mut Criterion) {
    let policy = Policy::parse(POLICY).unwrap();
    let now: Timestamp = NOW.parse().unwrap();
    let mut group = criterion.benchmark_group("decision");
    for accounts in SIZES {
        let observed = organization(&policy, accounts);
        group.throughput(Throughput::Elements(accounts as u64));
        group.bench_function(BenchmarkId::from_parameter(accounts), |bencher| {
            bencher.iter(|| {
                for observed in &observed {
                    let plan = decide(&policy, black_box(observed), now);
                    black_box(check(&policy, observed, now, plan).unwrap());
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decision);
criterion_main!(benches);
