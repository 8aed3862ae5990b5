//! Making a report and writing its page, without any call: how it grows with the organization, and
//! how much memory the writing takes beyond the report.

use std::{hint::black_box, io};

use controller_tests::report::Sample;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SIZES: [usize; 3] = [100, 1_000, 10_000];

fn report(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("report");
    for accounts in SIZES {
        let sample = Sample::of(accounts);
        group.throughput(Throughput::Elements(accounts as u64));
        let page = sample.page();
        let before = peak();
        page.write(io::sink()).unwrap();
        println!("writing {accounts} accounts took {} KiB", peak() - before);
        group.bench_function(BenchmarkId::new("page", accounts), |bencher| {
            bencher.iter(|| black_box(sample.page()));
        });
        group.bench_function(BenchmarkId::new("html", accounts), |bencher| {
            bencher.iter(|| black_box(&page).write(io::sink()).unwrap());
        });
    }
    group.finish();
}

/// The most memory that the process has had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.unwrap().parse().unwrap()
}

criterion_group!(benches, report);
criterion_main!(benches);
