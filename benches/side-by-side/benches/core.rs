//! How long the core takes for what it is measured with: `cargo bench --bench core`.

use criterion::{Criterion, criterion_group, criterion_main};
use mcp_benches::CASES;

fn time_the_cases(criterion: &mut Criterion) {
    for case in CASES {
        let mut again = (case.prepare)();
        criterion.bench_function(case.name, |bencher| bencher.iter(&mut again));
    }
}

criterion_group!(core, time_the_cases);
criterion_main!(core);
