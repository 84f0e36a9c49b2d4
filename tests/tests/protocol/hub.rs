//! A hub tells every listener of all that it asked for, in order, and of nothing else.

use mcp_proto::{Change, Hub, HubLimits, SubscriptionFilter};
use mcp_tests::generate::{config, operations};
use mcp_tests::hub_model::check;
use mcp_tests::meter;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_hub_does_what_its_model_does(operations in operations()) {
        check(&operations);
    }
}

/// The text of a URI is there twice at most: as it was asked for, and as it was published.
#[test]
fn what_subscriptions_take_is_what_they_count() {
    let limits = HubLimits { filter_bytes: 32 * 1024, ..HubLimits::default() };
    for length in [4, 100, 1_000, 30_000] {
        let count = limits.filter_bytes / (length + 256);
        // Of all different URIs, which share nothing.
        let filters: Vec<_> = (0..20)
            .map(|listener| SubscriptionFilter {
                resource_subscriptions: (0..count)
                    .map(|nth| format!("{:length$}", listener * count + nth))
                    .collect(),
                ..SubscriptionFilter::default()
            })
            .collect();
        meter::reset();
        meter::switch(true);
        let mut hub = Hub::new(limits.clone());
        for filter in &filters {
            hub.subscribe(filter).unwrap();
        }
        let quiet = meter::live();
        for uri in filters.iter().flat_map(|filter| &filter.resource_subscriptions) {
            hub.publish(&Change::resource(&**uri));
        }
        let pending = meter::live();
        meter::switch(false);
        // Each URI as it counts, and what a subscription takes without any.
        let counted = (filters.len() * (count * (length + 256) + 256)) as isize;
        assert!(quiet < counted, "{quiet} bytes for {counted}, of {length} each");
        assert!(pending < 2 * counted, "{pending} bytes for {counted}, of {length} each");
    }
}
