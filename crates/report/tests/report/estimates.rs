//! Figures from trials: what is summed, what is paired, what is left out.

use std::collections::BTreeMap;

use model::trial::{CoreSpeed, Disturbance, Failure, STANDARD_EXCHANGE_NS, Side, TrialResult};
use report::Evidence;
use report::catalogue::metric;
use report::estimate::Estimate;
use report::figure::{FigureError, FigureName};

use crate::fixture::{With as _, evidence, run, trial};

fn text(evidence: &Evidence, name: &str) -> Result<String, FigureError> {
    FigureName::parse(name)?.find(evidence).map(|figure| figure.text())
}

fn estimate(evidence: &Evidence, name: &str) -> Estimate {
    FigureName::parse(name).unwrap().find(evidence).unwrap().estimate
}

#[test]
fn bytes_and_cpu_are_divided_by_the_events_of_all_trials() {
    let trials = vec![
        trial("s", "push", 0).events(100, [80, 20], 3_000),
        trial("s", "push", 1).events(300, [80, 20], 1_000),
    ];
    let evidence = evidence(trials);
    assert_eq!(text(&evidence, "s/push/bytes").as_deref(), Ok("100 B"));
    assert_eq!(text(&evidence, "s/push/overhead").as_deref(), Ok("20.0 B"));
    let cpu = estimate(&evidence, "s/push/cpu");
    assert!((cpu.value - 1_500.0).abs() < 1e-9, "{cpu:?}");
}

#[test]
fn cpu_is_that_of_a_core_of_standard_speed() {
    let on_core = |block: u32, cpu_ns: u64, exchange_ns: f64| {
        trial("s", "push", block).events(100, [80, 20], cpu_ns).measured(|outcome| {
            let exchanges = 10_000;
            let cpu_ns = exchanges * exchange_ns as u64;
            outcome.instrument.server_core_speed = Some(CoreSpeed { exchanges, cpu_ns });
        })
    };
    let standard = STANDARD_EXCHANGE_NS;
    let trials =
        [on_core(0, 1_000, standard), on_core(1, 3_000, 3.0 * standard), on_core(2, 500, standard / 2.0)];
    let evidence_of_three = evidence(trials.to_vec());
    let cpu = FigureName::parse("s/push/cpu").unwrap().find(&evidence_of_three).unwrap();
    assert!(cpu.estimate.half_width().unwrap() < 1e-9 && cpu.text() == "1.00 µs", "{cpu:?}");
    // Hardly any exchanges fit beside a server that is busy all the time.
    let busy = on_core(0, 700, 1.0).measured(|outcome| {
        outcome.instrument.server_core_speed = Some(CoreSpeed { exchanges: 10, cpu_ns: 1 });
    });
    assert_eq!(text(&evidence(vec![busy]), "s/push/cpu").as_deref(), Ok("700 ns"));
}

#[test]
fn ratios_are_paired_within_blocks_so_that_what_both_share_cancels() {
    let block = |block: u32, speed: u64| {
        [
            trial("s", "push", block).events(100, [80, 20], 2_000 * speed),
            trial("s", "base", block).events(100, [80, 0], 1_000 * speed),
        ]
    };
    let mut trials = [block(0, 1), block(1, 3), block(2, 2)].concat();
    assert_eq!(text(&evidence(trials.clone()), "s/push/cpu/base").as_deref(), Ok("2.00 ×"));
    // The baseline twice in a block: it still weighs as much on both sides.
    trials.push(trials[3].clone());
    let evidence = evidence(trials);
    assert_eq!(text(&evidence, "s/push/cpu/base").as_deref(), Ok("2.00 ×"));
    let alone = estimate(&evidence, "s/push/cpu");
    assert!(alone.half_width().unwrap() > 0.5, "{alone:?}");
}

#[test]
fn blocks_that_only_one_side_has_are_left_out_of_a_ratio() {
    let mut trials = vec![
        trial("s", "push", 0).events(100, [80, 20], 2_000),
        trial("s", "base", 0).events(100, [80, 0], 1_000),
        trial("s", "push", 1).events(100, [80, 20], 9_000),
    ];
    assert_eq!(text(&evidence(trials.clone()), "s/push/cpu/base").as_deref(), Ok("2.00 ×"));
    trials.remove(1);
    trials.push(trial("s", "base", 5).events(100, [80, 0], 1_000));
    assert!(matches!(text(&evidence(trials), "s/push/cpu/base"), Err(FigureError::NoValue(_))));
}

#[test]
fn runs_are_merged_and_their_spread_widens_the_interval() {
    let of_run = |cpu: u64| -> Vec<_> {
        (0..3).map(|block| trial("s", "push", block).events(100, [80, 20], cpu + u64::from(block))).collect()
    };
    let runs = [1_000, 1_300, 1_150].map(of_run);
    let infos = runs.iter().zip(1..).map(|(trials, second)| run(second, trials)).collect();
    let evidence = Evidence::of(infos, runs.to_vec());
    let cpu = estimate(&evidence, "s/push/cpu");
    assert_eq!((cpu.runs, cpu.trials), (3, 9));
    assert!(cpu.may_be(1_010.0) && cpu.may_be(1_290.0), "{cpu:?}");
}

#[test]
fn a_figure_that_can_be_zero_does_not_widen_the_others() {
    // Of two techniques, one takes memory of which some runs see nothing.
    let of_run = |bytes: u64| -> Vec<_> {
        let with = |technique: &str, block: u64, bytes: u64| {
            trial("s", technique, block as u32).events(100, [80, 20], 1_000).measured(|outcome| {
                outcome.cost.server_rss_start_bytes = 1 << 20;
                outcome.cost.server_rss_connected_bytes = (1 << 20) + bytes;
            })
        };
        let of_block =
            |block| [with("push", block, 90_000 + 100 * block), with("base", block, bytes * block)];
        (0..3).flat_map(of_block).collect()
    };
    let runs = [0, 500, 2_000].map(of_run);
    let infos = runs.iter().zip(1..).map(|(trials, second)| run(second, trials)).collect();
    let evidence = Evidence::of(infos, runs.to_vec());
    let push = estimate(&evidence, "s/push/memory");
    assert!(push.half_width().expect("three runs") < 0.01, "{push:?}");
    let base = estimate(&evidence, "s/base/memory");
    assert!(base.may_be(0.0) && base.half_width().expect("three runs") > 0.5, "{base:?}");
}

#[test]
fn trials_of_other_settings_other_code_failed_and_disturbed_ones_are_counted_and_left_out() {
    let good = trial("s", "push", 0).events(100, [80, 20], 1_000);
    let other = good.clone().with(|trial| trial.record.settings.greeting = true);
    let failed = good.clone().with(|trial| {
        trial.record.result =
            TrialResult::Failed(Failure { side: Side::Server, reason: "it ended".to_owned() });
    });
    let disturbed =
        good.clone().with(|trial| trial.record.disturbance = Some(Disturbance::OtherWork { share: 0.5 }));
    let newest = run(9, std::slice::from_ref(&good));
    let mut older = run(1, std::slice::from_ref(&good));
    older.manifest.libraries.insert("hyper".to_owned(), "0.1".to_owned());
    let trials = vec![vec![good.clone(), failed, disturbed], vec![good.clone()], vec![other]];
    let evidence = Evidence::of(vec![newest, older, run(2, &[good])], trials);
    let expected = [
        ("the machine did other work", 1),
        ("other code was measured than in the newest run", 1),
        ("other settings than the newest run", 1),
        ("the trial failed: it ended", 1),
    ];
    assert_eq!(evidence.left_out, expected.map(|(reason, trials)| (reason.to_owned(), trials)).into());
    assert_eq!(evidence.points.len(), 1);
}

#[test]
fn quantiles_are_those_of_all_events_together() {
    let trials = vec![
        trial("s", "push", 0).events(1_000, [80, 20], 1).latencies((1..=1_000).map(|ns| ns * 1_000)),
        trial("s", "push", 1).events(1_000, [80, 20], 1).latencies((1_001..=2_000).map(|ns| ns * 1_000)),
    ];
    let evidence = evidence(trials);
    let at = |name: &str| estimate(&evidence, name).value / 1e6;
    assert!((at("s/push/p50") - 1.0).abs() < 0.01 && (at("s/push/p99") - 1.98).abs() < 0.01);
    // Too few events bound it.
    assert!(matches!(text(&evidence, "s/push/p99.9"), Err(FigureError::NoValue(_))));
}

#[test]
fn figures_that_cannot_be_found_say_what_there_is() {
    let swept = |value: &str| trial("s", "push", 0).events(10, [80, 20], 1).at("events.rate", value);
    let evidence = evidence(vec![swept("1/s"), swept("10/s")]);
    let error = |name: &str| text(&evidence, name).expect_err("there is no such figure").to_string();
    assert!(error("s/push/speed").contains("there are: bytes, bytes-up"), "{}", error("s/push/speed"));
    assert!(error("s/push/bytes").contains("[events.rate=1/s]/push, [events.rate=10/s]/push"));
    assert!(error("t/push/bytes").contains("there are: s"));
    assert_eq!(text(&evidence, "s[events.rate=10/s]/push/bytes").as_deref(), Ok("100 B"));
    let at = BTreeMap::from([("events.rate".to_owned(), "1/s".to_owned())]);
    let point = evidence.point("s", "push", &at).expect("it is one point");
    assert!(evidence.estimate(point, metric("p50").unwrap()).is_none());
}
