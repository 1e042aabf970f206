//! Advice from a model that is made by hand, and the file that it is kept in.

use model::scenario::{Extent, Scenario};
use model::settings::HeaderProfile;
use report::Evidence;
use report::advise::{Basis, advise, random_situations, scenario_file};
use report::cost_model::{
    ByteModel, Cold, CostModel, CpuModel, Kind, LatencyModel, MODEL_VERSION, MemoryModel, Prices, Situation,
    Steps, TechniqueModel, fit,
};

use crate::fixture::{With as _, evidence, run, trial};

fn technique(slug: &str, kind: Kind, exchange: f64) -> TechniqueModel {
    let bytes = ByteModel {
        headers: HeaderProfile::Browser,
        tls: false,
        message: Steps(vec![[1.0, 2.0], [126.0, 4.0]]),
        exchange,
        content: Steps::default(),
        empty: exchange,
        digit: 0.0,
        uplink: Some(Steps(vec![[1.0, 6.0]])),
    };
    TechniqueModel {
        slug: slug.to_owned(),
        label: slug.to_uppercase(),
        baseline: slug == "base",
        kind,
        bytes: vec![bytes],
        cpu: CpuModel { wake: 30e3, response: 4e3, tls: 1.0, spread: 0.2, ..CpuModel::default() },
        cold: Cold::NONE,
        memory: vec![MemoryModel { tls: false, bytes: 2_048.0, spread: 0.1 }],
        p50: LatencyModel { fixed_ns: 100e3, subscriber_ns: 1e3, spread: 0.1 },
        p99: LatencyModel { fixed_ns: 1e6, subscriber_ns: 1e3, spread: 0.9 },
        covered: [[10.0, 147.0, 50.0], [1.0, 100.0, 1.0], [100.0, 1_000.0, 50.0], [10.0, 100.0, 100.0]]
            .map(|[rate, message, subscribers]| [rate, message, subscribers, 0.0, 0.0])
            .into(),
    }
}

fn model() -> CostModel {
    CostModel {
        behind: Vec::new(),
        schema_version: MODEL_VERSION,
        pushbench: "0.1.0".to_owned(),
        commit: None,
        machine: "a CPU".to_owned(),
        runs: 3,
        prices: Prices::LIST,
        techniques: vec![
            technique("asks", Kind::Interval, 600.0),
            technique("holds", Kind::Held, 600.0),
            technique("sends", Kind::Push, 0.0),
            technique("base", Kind::Push, 0.0),
        ],
    }
}

fn situation(rate: f64, subscribers: f64) -> Situation {
    Situation { rate_per_s: rate, subscribers, message_bytes: 100.0, ..Situation::default() }
}

#[test]
fn formulas_are_those_of_the_documentation() {
    let model = model();
    let expect =
        |place: usize, it: &Situation| model.techniques[place].expect(it).expect("these headers are known");
    // A push: λ(m + framing), a wake for each event and a write for each subscriber, half of nothing to wait for.
    let push = expect(2, &situation(10.0, 50.0));
    assert!((push.bytes - 50.0 * 10.0 * 102.0).abs() < 1e-6, "{push:?}");
    assert!((push.cpu_ns - (10.0 * 30e3 + 500.0 * 4e3)).abs() < 1.0, "{push:?}");
    assert!((push.p50_ns - 150e3).abs() < 1.0 && push.memory_bytes == Some(50.0 * 2_048.0), "{push:?}");
    // Asleep between events, it takes twice as much at 10/s.
    let mut model_of_pauses = model.clone();
    model_of_pauses.techniques[2].cold = Cold { core: 2.0, core_per_s: 10.0 };
    let paused =
        model_of_pauses.techniques[2].expect(&situation(10.0, 50.0)).expect("these headers are known");
    assert!((paused.cpu_ns - (10.0 * 30e3 + 500.0 * 4e3) * 2.0).abs() < 1.0, "{paused:?}");
    assert!((paused.p50_ns - 150e3 * 2.0).abs() < 1.0, "{paused:?}");
    // Polls each second, all of which find something: ten events share an exchange.
    let interval = Situation { interval_ns: 1e9, is_constant: true, ..situation(10.0, 1.0) };
    let poll = expect(0, &interval);
    assert!((poll.bytes - (10.0 * 102.0 + 600.0)).abs() < 1e-6 && poll.empties == 0.0, "{poll:?}");
    assert!((poll.p50_ns - (0.5e9 + 101e3)).abs() < 1.0, "{poll:?}");
    // At 100 ms there and back, a tenth of ten events a second more or less meets a client that is not there.
    let held = expect(1, &Situation { transit_ns: [50e6; 2], ..situation(10.0, 1.0) });
    let waits = |quantile: f64| 100e6 * (quantile - 0.5_f64).max(0.0) / 0.5;
    assert!((held.p99_ns - (50e6 + waits(0.99) + 1e6 + 1e3)).abs() < 1.0, "{held:?}");
}

#[test]
fn advice_excludes_the_baseline_and_chooses_the_longest_interval_that_fits() {
    let advice = advise(&model(), &situation(10.0, 50.0), Some(250e6), false);
    let slugs: Vec<&str> = advice.prospects.iter().map(|it| it.slug.as_str()).collect();
    assert_eq!(slugs, ["asks", "holds", "sends"]);
    let polls = &advice.prospects[0];
    assert_eq!(polls.interval_ns, Some(251e6), "(250 − 1.05) ÷ 0.99");
    assert!(polls.expected.p99_ns <= 250e6);
    let recommendation = advice.recommendation.as_ref().expect("a push is quick enough");
    assert_eq!(advice.prospects[recommendation.best[0]].slug, "sends");
    assert!(advise(&model(), &situation(10.0, 50.0), Some(10e3), false).recommendation.is_none());
    let text = advice.text(250e6, "measure it");
    assert!(text.starts_with("SENDS (p99 within 250 ms). Next: ASKS, at "), "{text}");
    assert!(text.contains("ASKS, every 251 ms") && !text.contains("BASE"), "{text}");
}

#[test]
fn technique_whose_work_or_tls_was_not_measured_is_not_advised() {
    let slugs = |model: &CostModel, it: &Situation| {
        advise(model, it, None, false).prospects.into_iter().map(|it| it.slug).collect::<Vec<_>>()
    };
    let mut model = model();
    let with_tls = ByteModel { tls: true, ..model.techniques[2].bytes[0].clone() };
    model.techniques[2].bytes.push(with_tls);
    let over_tls = Situation { tls: true, ..situation(10.0, 50.0) };
    assert_eq!(slugs(&model, &over_tls), ["sends"]);
    model.techniques[2].cpu.tls = 0.0;
    assert!(slugs(&model, &over_tls).is_empty());
    model.techniques[1].cpu = CpuModel::default();
    model.techniques[2].p50 = LatencyModel::default();
    assert_eq!(slugs(&model, &situation(10.0, 50.0)), ["asks"]);
}

#[test]
fn the_model_speaks_of_the_machine_with_most_points() {
    let one = |scenario: &str| trial(scenario, "push", 0).events(1_000, [100, 10], 10_000);
    let trials = [vec![one("a")], vec![one("a"), one("b")], vec![one("b")]];
    let mut runs = [3, 2, 1].map(|second| run(second, &trials[3 - second as usize]));
    runs[0].manifest.host.cpu = "a newer CPU".to_owned();
    let evidence = Evidence::of(runs.into(), trials.into());
    let chosen = evidence.on_the_machine_with_most_points();
    assert_eq!(chosen.runs.iter().map(|run| run.manifest.started_unix_s).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((chosen.points.len(), fit(&evidence).machine.as_str()), (2, "a CPU"));
}

#[test]
fn basis_says_what_was_measured() {
    let basis = |it: &Situation| advise(&model(), it, None, false).prospects.pop().expect("three").basis;
    assert_eq!(basis(&situation(10.0, 50.0)), Basis::Measured);
    assert_eq!(basis(&situation(20.0, 50.0)), Basis::Interpolated);
    let Basis::Extrapolated(outside) = basis(&situation(0.2, 5_000.0)) else { panic!("nobody measured it") };
    assert_eq!(outside, ["rate 0.2/s (measured: 1/s to 100/s)", "subscribers 5000 (measured: 1 to 100)"]);
    // All are within their own ranges, and not together.
    assert!(matches!(basis(&situation(90.0, 90.0)), Basis::Extrapolated(_)));
}

#[test]
fn model_is_read_as_it_was_written_and_the_built_in_one_is_whole() {
    let text = model().text().expect("all of it is finite");
    assert_eq!(CostModel::parse(&text), Ok(model()), "{text}");
    let other = text.replace("\"schema_version\":4", "\"schema_version\":9");
    let reason = "it has version 9, and this pushbench reads version 4".to_owned();
    assert_eq!(CostModel::parse(&other), Err(reason));
    let mut broken = model();
    broken.techniques[1].cpu.wake = f64::NAN;
    let reason = broken.text().expect_err("it would be `null`");
    assert!(reason.starts_with("a value of the model is not finite: invalid type: null"), "{reason}");
    let built_in = CostModel::built_in().expect("it is committed");
    assert!(built_in.techniques.len() > 5, "{}", built_in.techniques.len());
}

#[test]
fn a_run_with_too_few_events_for_latencies_has_a_model() {
    let of = |technique| trial("s", technique, 0).events(100, [80, 20], 1_000_000);
    let model = fit(&evidence(vec![of("push"), of("base")]));
    let fitted = &model.techniques[0];
    assert!(fitted.p50.fixed_ns == 0.0 && fitted.p50.spread > 1.0, "{fitted:?}");
    assert!(model.text().is_ok(), "{model:?}");
}

#[test]
fn situations_of_a_seed_are_the_same_and_are_scenarios() {
    assert_eq!(random_situations(7, 40), random_situations(7, 40));
    for (situation, within) in random_situations(7, 40) {
        let text = scenario_file(&situation, Some(within), 20e6);
        let scenario = Scenario::parse(&text, "situation.toml", "situation", &["sends"], Extent::Full);
        let scenario = scenario.unwrap_or_else(|error| panic!("{error}\n{text}"));
        let read = Situation::of(&scenario.points[0].settings).expect("the model speaks of it");
        assert_eq!(read.subscribers, situation.subscribers, "{text}");
        assert!((read.received_per_s() / situation.rate_per_s - 1.0).abs() < 1e-3, "{text}");
        assert!((read.message_bytes - situation.message_bytes).abs() <= 1.0, "{text}");
    }
}
