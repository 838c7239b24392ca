//! The bus inside one process passes the runtime's public suite, and what only it promises.

use majordomo_adapters::bus::local::Local;
use runtime::testing::bus_suite;
use std::sync::Arc;

#[tokio::test(start_paused = true)]
async fn the_local_bus_passes_the_suite() {
    bus_suite::run(async |bounds| Arc::new(Local::within(bounds)) as _).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_bus_passes_the_suite_on_many_threads() {
    bus_suite::run(async |bounds| Arc::new(Local::within(bounds)) as _).await;
}
