//! What charts are worth to a reader: a true title, no chart that says nothing, labels that can be read.

use report::catalogue::Unit;
use report::charts::{self, Axis, ChartSpec, Kind, Mark, Request, Series};
use report::{Evidence, Trial};

use crate::fixture::{With, evidence, trial};

fn request(kind: Kind, metric: &str, x: &str) -> Request {
    Request {
        name: "chart".to_owned(),
        kind,
        scenarios: vec!["feed".to_owned()],
        metric: metric.to_owned(),
        x: x.to_owned(),
        at: Default::default(),
        who: "own".to_owned(),
        x_title: None,
    }
}

/// Three blocks in which an event costs so much CPU of each technique, more or less.
fn blocks(poll_ns: u64, push_ns: u64) -> Evidence {
    let block = |block: u64| -> [Trial; 3] {
        let of = |technique, overhead, cpu_ns| {
            trial("feed", technique, block as u32).events(100, [100, overhead], cpu_ns + 10 * block)
        };
        [of("poll", 300, poll_ns), of("push", 4, push_ns), of("base", 4, 1_000)]
    };
    evidence((0..3).flat_map(block).collect())
}

fn chart(evidence: &Evidence, request: &Request) -> Option<ChartSpec> {
    request.chart(evidence).expect("there is such a metric")
}

#[test]
fn title_states_who_is_best_and_by_how_much_the_other_differs() {
    let dots = chart(&blocks(2_400, 1_200), &request(Kind::Dots, "cpu/baseline", "")).expect("they differ");
    assert_eq!(dots.title, "Pushing has the lowest server CPU per event; Polling 2.0\u{a0}×");
    assert_eq!(dots.x.title, "server CPU per event ÷ Baseline");
    let names: Vec<&str> = dots.series.iter().map(|series| series.name.as_str()).collect();
    assert_eq!(names, ["Polling", "Pushing"], "the baseline is 1 by definition");
    let bars = chart(&blocks(2_400, 1_200), &request(Kind::Bars, "", "")).expect("they differ");
    assert_eq!(bars.title, "Of each byte that is sent, payload is 25 % with Polling and 96 % with Pushing");
}

#[test]
fn charts_that_say_nothing_are_not_drawn() {
    assert!(chart(&blocks(1_210, 1_200), &request(Kind::Dots, "cpu", "")).is_none(), "all tie");
    let one = evidence(vec![trial("feed", "push", 0).events(100, [100, 4], 1_000)]);
    for kind in [Kind::Dots, Kind::Lines, Kind::Bars, Kind::Timeline] {
        assert!(chart(&one, &request(kind, "cpu", "events.rate")).is_none(), "{kind:?} of one point");
    }
}

#[test]
fn marks_are_the_estimates() {
    let evidence = blocks(2_400, 1_200);
    let dots = chart(&evidence, &request(Kind::Dots, "cpu", "")).expect("they differ");
    for (point, series) in evidence.points.iter().zip(&dots.series) {
        let metric = report::catalogue::metric("cpu").expect("it is in the catalogue");
        let estimate = evidence.estimate(point, metric).expect("it was measured");
        let mark = &series.marks[0];
        assert_eq!(
            (mark.value, mark.low.zip(mark.high)),
            (estimate.value, estimate.interval.map(|[a, b]| (a, b)))
        );
        assert_eq!(mark.text, report::numbers::show(metric.unit, estimate));
    }
}

#[test]
fn labels_of_lines_that_end_together_stand_apart() {
    let axis = |title: &str| Axis { title: title.to_owned(), unit: Unit::Rate, is_log: false };
    let mark = |x: f64| Mark {
        technique: "push".to_owned(),
        x,
        value: 5.0,
        low: Some(4.0),
        high: Some(6.0),
        text: "5 [4–6]".to_owned(),
        ..Mark::default()
    };
    let series = |number: u32| Series {
        name: format!("Technique <{number}>"),
        colour: "#4A6FE3".to_owned(),
        shape: None,
        marks: vec![mark(1.0), mark(2.0)],
    };
    let chart = ChartSpec {
        name: "chart".to_owned(),
        kind: Kind::Lines,
        title: "All & sundry".to_owned(),
        scenarios: Vec::new(),
        x: axis("rate"),
        y: axis("deliveries"),
        series: (0..8).map(series).collect(),
    };
    let svg = charts::draw(&chart).expect("it is drawn");
    check_elements(&svg);
    let texts = texts(&svg);
    assert!(texts.len() > 12, "{texts:?}");
    for (place, a) in texts.iter().enumerate() {
        for b in &texts[place + 1..] {
            let apart = a.0[1] <= b.0[0] || b.0[1] <= a.0[0] || a.1[1] <= b.1[0] || b.1[1] <= a.1[0];
            assert!(apart, "{a:?} lies over {b:?}");
        }
    }
}

/// Every element is closed, in order, and what is text holds no bare sign of markup.
fn check_elements(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let (first, rest) = svg.split_once('<').expect("there are elements");
    assert_eq!(first, "");
    for part in rest.split('<') {
        let (tag, text) = part.split_once('>').expect("a tag ends before the next begins");
        assert!(!text.contains('>'), "{text}");
        let entities = text.match_indices('&').map(|(at, _)| &text[at..]);
        entities.for_each(|entity| {
            assert!(["&amp;", "&lt;", "&gt;"].iter().any(|known| entity.starts_with(known)), "{text}");
        });
        match (tag.strip_prefix('/'), tag.ends_with('/')) {
            (Some(name), _) => assert_eq!(open.pop(), Some(name)),
            (None, true) => {}
            (None, false) => open.push(tag.split(' ').next().unwrap_or(tag)),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// Where each text lies, from left to right and from top to bottom, and what it says.
fn texts(svg: &str) -> Vec<([f64; 2], [f64; 2], String)> {
    let number = |tag: &str, name: &str| -> f64 {
        let rest = tag.split(&format!("{name}=\"")).nth(1).expect("the attribute is there");
        rest.split('"').next().and_then(|number| number.parse().ok()).expect("it is a number")
    };
    let text = |part: &str| {
        let (tag, text) = part.split_once('>').expect("the tag ends");
        let text = text.split('<').next().unwrap_or_default().replace("&lt;", "<").replace("&gt;", ">");
        let size = number(tag, "font-size");
        let width = text.chars().count() as f64 * size * 0.6;
        let x = number(tag, "x");
        let left = match () {
            () if tag.contains("text-anchor=\"end\"") => x - width,
            () if tag.contains("text-anchor=\"middle\"") => x - width / 2.0,
            () => x,
        };
        let y = number(tag, "y");
        ([left, left + width], [y - size / 2.0, y + size / 2.0], text)
    };
    svg.split("<text ").skip(1).map(text).collect()
}
