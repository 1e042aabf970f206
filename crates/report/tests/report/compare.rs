//! Two sides: what is called worse, better, or neither, and what conditions make of it.

use report::compare::{Condition, Verdict, compare};
use report::figure::FigureName;
use report::{Evidence, Trial, cite};

use crate::fixture::{With as _, evidence, run, trial};

/// Runs of two scenarios by three techniques, one trial each; run `place` begins at this second. All of a run's trials share its own
/// factor (up to 30 %), and each has up to 5 % of its own.
fn side(seed: u64, starts: &[u64], cpu_ns: f64) -> Evidence {
    let mut own = fastrand::Rng::with_seed(seed);
    let runs = starts.iter().enumerate().map(|(place, start)| {
        let shared = 1.0 + 0.3 * fastrand::Rng::with_seed(place as u64).f64();
        let mut trials: Vec<Trial> = Vec::new();
        for scenario in ["chat", "ticker"] {
            for technique in ["poll", "push", "base"] {
                let cpu = cpu_ns * shared * (0.95 + 0.1 * own.f64());
                trials.push(trial(scenario, technique, 0).events(1_000, [100, 10], cpu as u64));
            }
        }
        (run(*start, &trials), trials)
    });
    let (runs, trials) = runs.unzip();
    Evidence::of(runs, trials)
}

fn cpu(comparison: &report::compare::Comparison) -> &report::compare::Compared {
    comparison.metrics.iter().find(|it| it.metric.key == "cpu").expect("CPU was measured")
}

const OLD: [u64; 6] = [10, 40, 50, 80, 90, 120];
const NEW: [u64; 6] = [20, 30, 60, 70, 100, 110];

#[test]
fn slower_build_is_worse_and_the_same_build_cannot_be_distinguished_in_ten_of_ten() {
    for seed in 0..10 {
        let old = side(seed, &OLD, 10_000.0);
        for (cpu_ns, verdict) in
            [(11_500.0, Verdict::Worse), (10_000.0, Verdict::CannotTell), (8_500.0, Verdict::Better)]
        {
            let comparison = compare(&old, &side(seed + 100, &NEW, cpu_ns), &[]);
            assert!(comparison.is_paired);
            let cpu = cpu(&comparison);
            assert_eq!(cpu.verdict, verdict, "seed {seed}, {cpu_ns} ns: {:?}", cpu.mean);
        }
    }
}

#[test]
fn single_runs_are_compared_by_the_baseline_and_not_by_their_hour() {
    let blocks = |factor: f64, own: u64| {
        let one = |block| {
            let of = |technique, ns: f64| {
                let cpu_ns = (ns * factor) as u64 + u64::from(block) * 20;
                trial("chat", technique, block).events(1_000, [100, 10], cpu_ns)
            };
            [of("push", 10_000.0 + own as f64), of("base", 5_000.0)]
        };
        evidence((0..5).flat_map(one).collect())
    };
    // The whole second run is twice as slow: its hour, or the machine.
    let same = compare(&blocks(1.0, 0), &blocks(2.0, 0), &[]);
    assert!(!same.is_paired && cpu(&same).is_relative);
    assert_eq!(cpu(&same).verdict, Verdict::CannotTell, "{:?}", cpu(&same).mean);
    let slower = compare(&blocks(1.0, 0), &blocks(2.0, 2_000), &[]);
    assert_eq!(cpu(&slower).verdict, Verdict::Worse, "{:?}", cpu(&slower).mean);
    assert!((cpu(&slower).mean.value - 1.2).abs() < 0.02);
}

#[test]
fn conditions_hold_beyond_their_limit_only() {
    let (old, new) = (side(1, &OLD, 10_000.0), side(2, &NEW, 11_500.0));
    for (text, holds) in
        [("cpu > +10 %", true), ("cpu > +25%", false), ("cpu < -5 %", false), ("bytes > +1 %", false)]
    {
        let condition: Condition = text.parse().expect("it has the form");
        let comparison = compare(&old, &new, &[condition]);
        assert_eq!(!condition.holds(&comparison).is_empty(), holds, "{text}");
    }
    let markdown = compare(&old, &new, &[]).text(true, false);
    assert!(markdown.contains("| new ÷ old | geometric mean | verdict |"), "{markdown}");
    assert!(markdown.contains("worse"), "{markdown}");
}

#[test]
fn conditions_that_nobody_can_decide_say_why() {
    let with = |start: u64, ns: u64, blocks: u32| {
        let one = |block| {
            trial("chat", "push", block)
                .events(1_000, [100, 10], 10_000)
                .latencies((0..2_000).map(|it| ns + it))
        };
        let trials: Vec<Trial> = (0..blocks).map(one).collect();
        Evidence::of(vec![run(start, &trials)], vec![trials])
    };
    let undecided = |text: &str, old: &Evidence, new: &Evidence| {
        let condition: Condition = text.parse().expect("it has the form");
        let comparison = compare(old, new, &[condition]);
        assert_eq!(condition.holds(&comparison), Vec::<String>::new());
        condition.undecided(&comparison)
    };
    let old = with(10, 100_000, 5);
    let why = undecided("p99 > +10 %", &old, &with(20, 200_000, 5)).expect("it may be chance");
    let expected = "1 of 1 points are beyond it, none surely: single runs of the same code differ by up to 5.28 ×, \
                    and the sides have no blocks in common: make their runs in turns, as --builds does";
    assert_eq!(why, expected);
    let single =
        undecided("p99 > +10 %", &with(10, 100_000, 1), &with(20, 200_000, 1)).expect("one trial each");
    assert!(single.contains("none surely: a side has a single trial, and the sides"), "{single}");
    assert_eq!(undecided("p99 > +10 %", &old, &with(20, 101_000, 5)), None, "within the limit");
    let unmeasured = undecided("capacity < -5 %", &old, &with(20, 100_000, 5));
    assert_eq!(unmeasured.as_deref(), Some("no point has it on both sides"));
    let text = compare(&old, &old, &[]).text(false, false);
    assert!(text.contains("runs not in turns, so no blocks in common."), "{text}");
}

#[test]
fn conditions_that_cannot_be_read_say_why() {
    for (text, reason) in [
        ("p99", "`p99` is no condition: write a metric, > or <, and a change, such as 'p99 > +10 %'"),
        ("speed > +1 %", "there is no metric `speed`; there are: bytes, "),
        (
            "p99 > -50 %",
            "`> -50 %` would hold for what grew and for what shrank: write > with +, or < with -",
        ),
        ("p99 < +50 %", "`< +50 %` would hold"),
        ("p99 > +inf %", "`+inf %` is no change"),
        ("p99 > 10", "`10` is no change: write a percentage with its sign, such as +10 %"),
        ("p99 > 10 %", "`10 %` is no change"),
        ("p99 > -100 %", "`-100 %` is no change"),
    ] {
        let error = text.parse::<Condition>().expect_err(text).to_string();
        assert!(error.starts_with(reason), "{text}: {error}");
    }
}

#[test]
fn figures_that_are_not_there_are_named_with_those_that_are_and_the_nearest_first() {
    let of = |technique| trial("chat", technique, 0).events(1_000, [100, 10], 1_000);
    let swept = trial("rates", "push", 0).at("events.rate", "1/s");
    let verdict = model::trial::Verdict::Passed;
    let search = model::trial::SearchStep { step: 0, attempt: 0, rate_per_s: 1.0, verdict };
    let searched = trial("most", "push", 0).with(|trial| trial.record.search = Some(search));
    let evidence = evidence(vec![of("push"), of("base"), swept, searched]);
    for (name, expected) in [
        ("chatt/push/cpu", "there is no measured scenario `chatt`; there are: chat, rates, most"),
        ("rate/push/cpu", "there is no measured scenario `rate`; there are: rates, chat, most"),
        ("chat/pusch/cpu", "there is no measured technique `pusch`; there are: push, base"),
        ("chat/push/cpu/bass", "there is no measured technique `bass`; there are: base, push"),
        (
            "chat[a=b]/push/cpu",
            "chat[a=b]/push was not measured, or is not one point only; points: push, base",
        ),
        (
            "rates/base/cpu",
            "rates/base was not measured, or is not one point only; points: [events.rate=1/s]/push",
        ),
        ("chat/push/capacity", "no search for the capacity of chat/push was run; searched scenarios: most"),
        ("most/base/capacity", "most/base was not measured, or is not one point only; points: push"),
    ] {
        let found = FigureName::parse(name).expect("it is a name").find(&evidence);
        let error = found.expect_err(name).to_string();
        assert!(error.starts_with(expected), "{name}: {error}");
    }
}

#[test]
fn citation_has_value_interval_trials_runs_commit_and_an_anchor_without_a_run() {
    let of = |technique, block, cpu_ns| trial("chat", technique, block).events(1_000, [100, 10], cpu_ns);
    let both = |block| [of("push", block, 10_000 + u64::from(block) * 10), of("base", block, 5_000)];
    let evidence = evidence((0..3).flat_map(both).collect());
    let name = FigureName::parse("chat/push/cpu/base").expect("it is a name");
    let figure = name.find(&evidence).expect("it was measured");
    let cited = cite::cite(&evidence, &name, &figure);
    for part in [
        "Pushing ÷ Baseline",
        "2.00 × [2.00–2.01] [95 % interval] (n = 3 trials",
        "one run",
        "pushbench 0.1.0",
        "0123456789ab",
        "chat/push/cpu/base, REPORT.md#chat",
    ] {
        assert!(cited.text.contains(part), "{part}: {}", cited.text);
    }
    let bytes = FigureName::parse("chat/push/bytes").expect("it is a name");
    let exact = cite::cite(&evidence, &bytes, &bytes.find(&evidence).expect("they were counted")).text;
    assert!(exact.contains(" B, exact to these digits (n = 3 trials"), "{exact}");
    assert!(cited.bibtex.starts_with("@misc{pushbench-chat-push-cpu-base,"), "{}", cited.bibtex);
    assert!(cited.badge.starts_with("[![chat/push/cpu/base: 2.00 ×"), "{}", cited.badge);
    assert!(cited.badge.trim_end().ends_with("(REPORT.md#chat)"), "{}", cited.badge);
    assert!(!format!("{cited:?}").contains("run-1"), "a run's name is no part of it");
}
