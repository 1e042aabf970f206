//! Criterion's half: what the small pieces cost, in a closed loop on one core.

mod decode;
mod encode;
mod instrument;
mod round_trip;

use criterion::Criterion;

/// Runs the groups, as the command line's criterion arguments say.
pub(crate) fn run() {
    let mut criterion = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1))
        .sample_size(20)
        .without_plots()
        .configure_from_args();
    encode::groups(&mut criterion);
    decode::groups(&mut criterion);
    instrument::groups(&mut criterion);
    round_trip::groups(&mut criterion);
    criterion.final_summary();
}
