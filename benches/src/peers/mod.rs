//! Our client beside others: the same work, in turns, in one run.

pub mod bulk;
pub mod checks;
pub mod clients;
pub mod latency;
pub mod many;
pub mod path;
pub mod place;
pub mod plot;
pub mod report;
pub mod setup;
pub mod stalled;
pub mod start;
pub mod turns;
