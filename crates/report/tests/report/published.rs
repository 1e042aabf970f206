//! Published figures and their verdicts, capacities among them.

use model::byte_account::Layers;
use model::manifest::{FileInfo, Replay, ReplayedBytes};
use model::trial::{SearchStep, Verdict};
use report::publications::{Judged, judge};
use report::{Evidence, Run, Trial};

use crate::fixture::{With as _, run, trial};

const HEAD: &str = "id = \"F0\"\ntitle = \"Two polls\"\nsource = \"Somebody, 1999\"\nset_up = \"They polled.\"\nscenario = \"s\"\n";

/// A publication with these figures (what, value, and the rest of each), judged over a run that was changed.
fn judged_in(trials: Vec<Trial>, change: impl FnOnce(&mut Run), figures: &[(&str, f64, &str)]) -> Judged {
    let figure = |(what, value, rest): &(&str, f64, &str)| {
        format!("[[figure]]\nwhat = \"{what}\"\nvalue = {value:?}\nunit = \"B\"\n{rest}\n")
    };
    let exchange = "[[replay]]\nexchange = \"poll\"\nrequest = [\"GET / HTTP/1.1\"]\nresponse = [\"HTTP/1.1 200 OK\"]\nbody = 5\n";
    let table = "[[table]]\ntitle = \"Today\"\nacross = []\n";
    let text = format!("{HEAD}{exchange}{}{table}", figures.iter().map(figure).collect::<String>());
    let mut run = run(1, &trials);
    run.manifest.publications.push(FileInfo { id: "F0".to_owned(), text });
    run.manifest.replays.push(Replay {
        publication: "F0".to_owned(),
        exchange: "poll".to_owned(),
        up: ReplayedBytes { socket: 18, line_ends: 4, body: 0 },
        down: ReplayedBytes { socket: 24, line_ends: 4, body: 5 },
    });
    change(&mut run);
    let judged = judge(&Evidence::of(vec![run], vec![trials])).remove(0);
    assert_eq!(judged.error, None);
    judged
}

fn judged(trials: Vec<Trial>, figures: &[(&str, f64, &str)]) -> Judged {
    judged_in(trials, |_| (), figures)
}

fn cells(judged: &Judged) -> Vec<[&str; 3]> {
    judged
        .figures
        .iter()
        .map(|row| [row.what.as_str(), row.measured.as_str(), row.verdict.as_str()])
        .collect()
}

#[test]
fn counted_figures_are_the_published_ones_or_not() {
    let pushed = trial("s", "push", 0).events(100, [80, 4], 1).measured(|outcome| {
        outcome.bytes.window.down.stamp = 4_700;
        outcome.set_up.subscribers = 10;
        outcome.set_up.account.down = Layers { handshake: 1_660, ..Layers::default() };
    });
    let polled = trial("s", "poll", 0).events(100, [20, 0], 1).measured(|outcome| {
        outcome.bytes.window.up.request_head = 6_000;
        outcome.counts.requests = 100;
    });
    let replay =
        |count: &str| format!("measure = {{ from = \"replay\", exchange = \"poll\", count = \"{count}\" }}");
    let with = |rest: &str| format!("{}\n{rest}", replay("wire"));
    let trials =
        |rest: &str| format!("measure = {{ from = \"trials\", at = {{ technique = \"push\" }}, {rest} }}");
    let up = "{ from = \"trials\", at = { technique = \"poll\" }, way = \"up\", per = \"event\" }";
    let all = "{ from = \"trials\", at = { technique = \"poll\" }, per = \"event\" }";
    let framing = "layers = [\"message framing\"], way = \"down\", per = \"message\"";
    let judged = judged(
        vec![pushed, polled],
        &[
            ("characters", 29.0, &replay("characters")),
            ("on the wire", 29.0, &with("why = \"line ends were left out\"\nexpected = [37, 37]")),
            ("elsewhere than its cause", 29.0, &with("why = \"one more byte\"\nexpected = [31, 33]")),
            ("a cause without arithmetic", 29.0, &with("why = \"heads were others\"")),
            (
                "bandwidth",
                2.2,
                "tolerance = 0.05\nmeasure = { from = \"bandwidth\", clients = 10000, mega = \"binary\", of = { from = \"replay\", exchange = \"poll\", count = \"characters\" } }",
            ),
            ("framing", 4.0, &trials(framing)),
            ("framing less a field", 1.0, &trials(&format!("{framing}, less = 3"))),
            (
                "share",
                50.0,
                &format!(
                    "tolerance = 5\nmeasure = {{ from = \"ratio\", times = 100, of = {up}, to = {all} }}"
                ),
            ),
            (
                "session of five",
                1000.0,
                &trials(
                    "layers = [\"handshake\", \"message framing\"], way = \"down\", per = { session = 5 }",
                ),
            ),
            (
                "requests",
                1.0,
                "tolerance = 0.1\nmeasure = { from = \"requests\", at = { technique = \"poll\" } }",
            ),
            (
                "elsewhere",
                1.0,
                "measure = { from = \"trials\", at = { scenario = \"t\", technique = \"poll\" }, per = \"event\" }",
            ),
            ("latency", 3.0, "why = \"it was drawn, not measured\""),
        ],
    );
    let expected = [
        ["characters", "29 B", "reproduced"],
        ["on the wire", "37 B", "differs because line ends were left out"],
        [
            "elsewhere than its cause",
            "37 B",
            "differs; the known cause does not account for it: one more byte",
        ],
        ["a cause without arithmetic", "37 B", "differs; known cause: heads were others"],
        ["bandwidth", "2.213 B", "reproduced"],
        ["framing", "4 B", "reproduced"],
        ["framing less a field", "1 B", "reproduced"],
        ["share", "75 B", "differs; no cause is known"],
        // 166 B of handshake for each subscriber, and 5 × 4 B.
        ["session of five", "186 B", "differs; no cause is known"],
        ["requests", "1 B", "reproduced"],
        ["elsewhere", "–", "not measured"],
        ["latency", "–", "not measured: it was drawn, not measured"],
    ];
    assert_eq!(cells(&judged), expected);
    assert_eq!(judged.count, "12 figures: 5 reproduced, 5 differ, 2 not measured.");
    assert!(judged.tables[0].contains("| Polling | 60.0 B |"), "{:?}", judged.tables);
}

#[test]
fn unreadable_publication_is_named_and_the_rest_is_judged() {
    let mut run = run(1, &[]);
    for (id, text) in [("F10", HEAD.to_owned() + "figure = []\n"), ("F9", "id = 9".to_owned())] {
        run.manifest.publications.push(FileInfo { id: id.to_owned(), text: text.replace("F0", id) });
    }
    let judged = judge(&Evidence::of(vec![run], vec![Vec::new()]));
    let ids: Vec<&str> = judged.iter().map(|judged| judged.id.as_str()).collect();
    assert_eq!(ids, ["F9", "F10"]);
    assert!(
        judged[0].error.as_ref().is_some_and(|error| error.contains("F9 does not describe")),
        "{judged:?}"
    );
}

fn loaded(technique: &str, block: u32, load: f64, batch: u64) -> Trial {
    let trial = trial("s", technique, block)
        .events(1_000 * batch, [80, 20], 1)
        .at("events.rate", &format!("{block}/s"));
    trial.measured(|outcome| outcome.counts.responses = 1_000).with(|trial| trial.record.load = Some(load))
}

/// A search that passed at 800 events a second to ten subscribers, times this, and failed twice at 880.
fn search(technique: &str, block: u32, times: f64) -> Vec<Trial> {
    let step = |step: u32, attempt: u32, rate: f64, verdict: Verdict| {
        let trial =
            trial("s", technique, block).events(100, [80, 20], 1).at("events.rate", &format!("{rate}/s"));
        trial.with(|trial| {
            trial.record.settings.subscribers.count = 10;
            trial.record.search = Some(SearchStep { step, attempt, rate_per_s: rate * times, verdict });
        })
    };
    let late = || Verdict::Failed { why: "late".to_owned() };
    vec![
        step(0, 0, 400.0, Verdict::Passed),
        step(1, 0, 800.0, Verdict::Passed),
        step(2, 0, 880.0, late()),
        step(2, 1, 880.0, late()),
    ]
}

fn searches(change: impl Fn(&mut SearchStep, u32)) -> Vec<Trial> {
    let times = [0.97, 1.0, 1.03];
    let blocks = (0..3).flat_map(|block| {
        let factor = times[block as usize];
        [search("push", block, factor), search("poll", block, factor / 2.0)].concat()
    });
    blocks
        .map(|trial| {
            trial.with(|trial| {
                let (block, is_push) = (trial.record.key.repetition, trial.record.key.technique == "push");
                let step = trial.record.search.as_mut().expect("it is a search");
                if is_push {
                    change(step, block);
                }
            })
        })
        .collect()
}

fn ratio(of: &str, to: &str) -> String {
    format!("measure = {{ from = \"ratio\", of = {of}, to = {to} }}")
}

fn capacity(technique: &str) -> String {
    format!("{{ from = \"capacity\", at = {{ technique = \"{technique}\" }} }}")
}

fn batch(technique: &str, load: f64) -> String {
    format!(
        "{{ from = \"figure\", at = {{ technique = \"{technique}\" }}, load = {load:?}, figure = \"events-per-response\" }}"
    )
}

#[test]
fn bounds_are_reproduced_when_the_whole_interval_lies_on_their_side() {
    let loads = |blocks: u32| -> Vec<Trial> {
        let block = |block: u32| {
            [
                loaded("poll", block, 0.5, 1),
                loaded("poll", block, 1.5, 4),
                loaded("push", block, 0.5, 1),
                loaded("push", block, 1.5, 1),
            ]
        };
        (0..blocks).flat_map(block).collect()
    };
    let batches = ratio(&batch("poll", 1.5), &batch("poll", 0.5));
    let same = ratio(&batch("push", 1.5), &batch("push", 0.5));
    let figures = |trials: Vec<Trial>| {
        let [above, below, even] = [
            format!("is = \"above\"\n{batches}"),
            format!("is = \"below\"\n{batches}"),
            format!("is = \"above\"\n{same}"),
        ];
        judged(
            trials,
            &[
                ("above", 1.0, &above),
                ("below", 1.0, &below),
                ("at the bound", 1.0, &even),
                ("equal", 1.0, &same),
            ],
        )
    };
    let both_sides = "too close to tell: the interval lies on both sides";
    let three = figures(loads(3));
    assert_eq!(cells(&three)[0], ["above", "4.00 B", "reproduced"]);
    assert_eq!(cells(&three)[1][2], "differs; no cause is known");
    assert_eq!([cells(&three)[2][2], cells(&three)[3][2]], [both_sides, "reproduced"]);
    let once = figures(loads(1));
    assert_eq!(
        cells(&once)[0],
        ["above", "4.00 B", "too close to tell: it was measured once, so it has no interval"]
    );
    // Of shares of a capacity that may be higher, nothing follows.
    let busy = |step: &mut SearchStep, _: u32| {
        if step.step == 2 {
            step.verdict = Verdict::NotJudged { why: "busy".to_owned() };
        }
    };
    let limited = figures([loads(3), searches(busy)].concat());
    assert!(cells(&limited)[3][2].contains("a share of a capacity that may be higher"), "{limited:?}");
    assert_eq!(cells(&limited)[0][2], "reproduced", "the other's capacity is known");
}

#[test]
fn capacities_are_paired_and_one_sided_where_the_load_generator_was_the_limit() {
    let quotient = ratio(&capacity("push"), &capacity("poll"));
    let alone = format!("measure = {}", capacity("push"));
    let of = |change: fn(&mut SearchStep, u32)| {
        judged(searches(change), &[("carried", 1.0, &quotient), ("alone", 1.0, &alone)])
    };
    let exact = of(|_, _| ());
    // Both drift alike, so only the searches' own width is left: each ± 4.9 %.
    assert_eq!(cells(&exact)[0], ["carried", "2.00 [1.82–2.20] B", "differs; no cause is known"]);
    assert!(cells(&exact)[1][1].starts_with("8388 ["), "√(800 × 880) × 10: {exact:?}");
    let busy = of(|step, block| {
        if step.step == 2 && block == 1 {
            step.verdict = Verdict::NotJudged { why: "busy".to_owned() };
        }
    });
    assert!(
        cells(&busy)[0][1].starts_with("at least ") && cells(&busy)[1][1].starts_with("at least "),
        "{busy:?}"
    );
    let second_passes = of(|step, _| {
        if (step.step, step.attempt) == (2, 1) {
            step.verdict = Verdict::Passed;
        }
    });
    assert!(cells(&second_passes)[1][1].starts_with("at least 8797"), "880 passed: {second_passes:?}");
    let cut_off = of(|step, _| {
        if (step.step, step.attempt) == (2, 1) {
            (step.step, step.rate_per_s, step.verdict) = (0, 1.0, Verdict::Passed);
        }
    });
    assert!(cells(&cut_off)[1][1].starts_with("at least 7998"), "one attempt says too little: {cut_off:?}");
    let nothing = of(|step, block| {
        if block == 0 {
            (step.rate_per_s, step.verdict) = (1.0, Verdict::Failed { why: "late".to_owned() });
        }
    });
    assert_eq!(cells(&nothing)[0][2], "too close to tell: in some searches no rate passed at all");
}

#[test]
fn equal_latency_takes_the_cheapest_point_that_is_quick_enough() {
    let point = |technique: &str, block: u32, window: &str, ms: u64, cpu: u64| {
        trial("s", technique, block)
            .events(2_000, [80, 20], cpu)
            .latencies((1..=2_000).map(|_| ms * 1_000_000))
            .at("window", window)
    };
    let block = |block: u32| {
        [
            point("push", block, "0", 1, 4_000),
            point("push", block, "9", 90, 2_000),
            point("push", block, "99", 990, 1_000),
            point("poll", block, "1", 50, 8_000),
        ]
    };
    let rule = |ms: u32| {
        let at = |technique: &str| format!("{{ technique = \"{technique}\" }}");
        format!(
            "measure = {{ from = \"equal-latency\", of = {}, to = {}, within_ms = {ms} }}",
            at("poll"),
            at("push")
        )
    };
    let judged = judged(
        (0..3).flat_map(block).collect(),
        &[("100 ms", 4.0, &rule(100)), ("60 ms", 4.0, &rule(60)), ("2 ms", 4.0, &rule(2))],
    );
    let expected = [
        ["100 ms", "4.00 B", "reproduced"],
        ["60 ms", "2.00 B", "differs; no cause is known"],
        ["2 ms", "–", "not measured"],
    ];
    assert_eq!(cells(&judged), expected);
}

#[test]
fn steps_pass_a_limit_between_the_last_that_kept_it_and_the_next() {
    let step = |subscribers: u32, ms: u64| {
        let trial =
            trial("s", "push", 0).events(2_000, [80, 20], 1).latencies((1..=2_000).map(|_| ms * 1_000_000));
        trial
            .at("clients", &subscribers.to_string())
            .with(|trial| trial.record.settings.subscribers.count = subscribers)
    };
    let rule = |ms: u32| {
        format!(
            "tolerance = 500\nmeasure = {{ from = \"steps\", at = {{ technique = \"push\" }}, p95_ms = {ms} }}"
        )
    };
    let steps = || vec![step(1_000, 5), step(2_000, 10), step(2_700, 900)];
    let all = judged(
        steps(),
        &[("passed", 2_500.0, &rule(20)), ("never", 4_000.0, &rule(90_000)), ("at once", 1.0, &rule(1))],
    );
    assert_eq!(cells(&all)[0], ["passed", "2324 [2000–2700] B", "reproduced"]);
    assert_eq!(
        cells(&all)[1],
        [
            "never",
            "at least 2700 B",
            "too close to tell: what was measured is a bound, and may lie on either side"
        ]
    );
    assert_eq!(cells(&all)[2][2], "not measured");
    let mut busy = steps();
    busy[2] = busy[2]
        .clone()
        .measured(|outcome| outcome.warnings.push(model::warning::Warning::LoadGeneratorBusy { busy: 0.97 }));
    assert!(cells(&judged(busy, &[("busy", 2_500.0, &rule(20))]))[0][1].starts_with("at least 2000"));
}

#[test]
fn capacity_at_several_points_is_not_guessed() {
    let mut trials = searches(|_, _| ());
    let swept = trials.iter().map(|trial| trial.clone().at("fan-out", "10")).collect::<Vec<_>>();
    trials = trials.into_iter().map(|trial| trial.at("fan-out", "1")).chain(swept).collect();
    let alone = format!("measure = {}", capacity("push"));
    let one =
        "measure = { from = \"capacity\", at = { technique = \"push\", point = { \"fan-out\" = \"10\" } } }";
    // The fixture sweeps over all keys that a point names; a search's own rate is none.
    let swept = |run: &mut Run| run.manifest.scenarios[0].sweeps = vec!["fan-out".to_owned()];
    let judged = judged_in(trials, swept, &[("anywhere", 1.0, &alone), ("at one", 1.0, one)]);
    assert_eq!([cells(&judged)[0][2], cells(&judged)[1][2]], ["not measured", "differs; no cause is known"]);
}
