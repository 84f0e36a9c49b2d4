//! What twice as much costs, in allocations. In machine instructions it is measured by
//! `tests/src/bin/costs.rs`, which needs valgrind.

use mcp_tests::meter;
use mcp_tests::workloads::WORKLOADS;

/// What a workload takes: allocations, bytes in all, and bytes at once.
fn cost_of(run: fn(usize), size: usize) -> [usize; 3] {
    meter::reset();
    meter::switch(true);
    run(size);
    meter::switch(false);
    [meter::allocations(), meter::allocated(), meter::peak() as usize]
}

/// Quadratic would be sixteen times as much. Buffers double as they grow, so that twice as much may
/// need four times the bytes, or no more.
#[test]
fn four_times_as_much_takes_at_most_six_times_the_allocations() {
    for workload in WORKLOADS {
        // What is only made once must not be counted.
        (workload.run)(0);
        let base = cost_of(workload.run, 0);
        // A quarter of what is measured otherwise: without optimization, everything takes longer.
        let small = workload.size / 4;
        let (once, four_times) = (cost_of(workload.run, small), cost_of(workload.run, 4 * small));
        for (nth, what) in ["allocations", "bytes allocated", "bytes at once"].iter().enumerate() {
            // What there is at once at the beginning may have gone by then.
            let base = if nth == 2 { 0 } else { base[nth] };
            // Nothing may take more than a little, as it is refused in other words.
            let of = |cost: [usize; 3]| cost[nth].saturating_sub(base);
            let most = 6 * of(once).max(64);
            let name = workload.name;
            assert!(of(four_times) <= most, "{name}: {} {what}, {most} at most", of(four_times));
        }
    }
}
