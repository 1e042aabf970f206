//! Which technique is recommended, in tables of cases.

use report::estimate::Estimate;
use report::recommend::{Candidate, Part, Recommendation, recommend, texts};

fn candidate(label: &str, latency_ms: Option<f64>, cost: f64) -> Candidate {
    let parts = vec![Part { name: "bytes", value: cost * 100.0 }, Part { name: "CPU", value: 5.0 }];
    Candidate {
        slug: label.to_lowercase(),
        label: label.to_owned(),
        latency_ns: latency_ms.map(|ms| ms * 1e6),
        cost,
        parts,
    }
}

/// The interval of each ratio reaches `half` of it to both sides; none without.
fn choose(candidates: &[Candidate], within_ms: Option<f64>, half: Option<f64>) -> Option<Recommendation> {
    let estimate = |value: f64| {
        let interval = half.map(|half| [value * (1.0 - half), value * (1.0 + half)]);
        Some(Estimate { value, interval, trials: 4, runs: 2 })
    };
    let part = |place: usize, a: usize, b: usize| {
        estimate(candidates[a].parts[place].value / candidates[b].parts[place].value)
    };
    let ratio = |a: usize, b: usize| estimate(candidates[a].cost / candidates[b].cost);
    recommend(candidates, within_ms.map(|ms| ms * 1e6), ratio, part)
}

fn labels(candidates: &[Candidate], places: &[usize]) -> String {
    places.iter().map(|place| candidates[*place].label.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn cheapest_that_is_quick_enough_is_best_and_what_cannot_be_distinguished_from_it_ties() {
    let candidates = [
        candidate("Poll", Some(500.0), 0.5),
        candidate("Held", Some(3.0), 2.0),
        candidate("Stream", Some(2.0), 1.08),
        candidate("Frames", Some(1.0), 1.0),
        candidate("Quiet", None, 0.1),
    ];
    for (within, half, best, runner_up) in [
        (None, Some(0.01), "Quiet", Some("Poll")),
        (Some(1_000.0), Some(0.01), "Poll", Some("Frames")),
        (Some(250.0), Some(0.01), "Frames Stream", Some("Held")),
        // The interval [0.97–1.19] holds 1.
        (Some(250.0), Some(0.1), "Frames Stream", Some("Held")),
        (Some(250.0), Some(0.6), "Frames Stream Held", None),
        // Without an interval, 10 % decide.
        (Some(250.0), None, "Frames Stream", Some("Held")),
        (Some(1.5), Some(0.01), "Frames", None),
    ] {
        let found = choose(&candidates, within, half).expect("one fits");
        assert_eq!(labels(&candidates, &found.best), best, "{within:?} {half:?}");
        let other = found.runner_up.map(|(place, _)| candidates[place].label.as_str());
        assert_eq!(other, runner_up, "{within:?} {half:?}");
    }
    assert!(choose(&candidates, Some(0.5), Some(0.01)).is_none(), "nothing is quick enough");
}

#[test]
fn reason_names_the_parts_that_differ_and_confidence_what_it_rests_on() {
    let candidates = [candidate("Held", Some(3.0), 2.0), candidate("Frames", Some(1.0), 1.0)];
    let found = choose(&candidates, Some(250.0), Some(0.01)).expect("both fit");
    let texts = texts(&candidates, &found);
    assert_eq!(texts["best"], "Frames");
    assert_eq!(texts["runner_up"], "Held");
    assert_eq!(texts["price"], "2.00 × [1.98–2.02]");
    assert_eq!(texts["reason"], "Held takes 2.00 × the bytes");
    assert_eq!(texts["confidence"], "high: 2 runs");
    let late = choose(&candidates, Some(2.0), None).expect("one fits");
    assert_eq!(late.reason, "Held comes after 3.00 ms, later than 2 ms");
}
