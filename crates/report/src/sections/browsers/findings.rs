//! What browsers were found to do, a column each, and what follows for who builds on them.

use model::browser::{BrowserFindings, SeenHead, TimerFinding};

use super::name;
use crate::numbers::{NOTHING, duration, optional, time};
use crate::sections::Chapter;
use crate::sections::markdown::{block, inline, table};

/// Nothing when no browser was looked at.
pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let findings = &chapter.analysis.run.findings;
    if findings.is_empty() {
        return String::new();
    }
    let names = findings.iter().map(|found| name(found.client).to_owned());
    let head: Vec<String> = ["".to_owned()].into_iter().chain(names).collect();
    let lines = plain(findings).into_iter().chain(connections(chapter, findings)).chain(timers(findings));
    let advice = [crowded(chapter, findings), throttled(findings), coarse(findings)];
    let advice: Vec<String> = advice.into_iter().flatten().collect();
    format!(
        "### What these browsers do\n\nLooked at once in this run, beside its trials.\n\n{}\n{}\n\n{}",
        table(head.len(), &head, lines),
        advice.join("\n"),
        heads(findings),
    )
}

fn plain(findings: &[BrowserFindings]) -> Vec<Vec<String>> {
    type Fact = (&'static str, fn(&BrowserFindings) -> String);
    let facts: [Fact; 5] = [
        ("version", |found| inline(&found.version)),
        ("calls itself", |found| format!("`{}`", inline(&found.user_agent))),
        ("its clock's finest step on an isolated page (COOP and COEP)", |found| {
            time(found.clock.isolated_resolution_ns as f64)
        }),
        ("the same on any other page", |found| time(found.clock.plain_resolution_ns as f64)),
        ("offset to the server's clock known to within", |found| {
            format!("± {}", time(found.clock.offset_bound_ns as f64))
        }),
    ];
    let line = |(what, of): Fact| [what.to_owned()].into_iter().chain(findings.iter().map(of)).collect();
    facts.map(line).into()
}

fn connections(chapter: &Chapter<'_>, findings: &[BrowserFindings]) -> Vec<Vec<String>> {
    let all = findings.iter().flat_map(|found| &found.connections);
    let slugs = distinct(all.map(|opened| opened.technique.as_str()));
    let line = |slug: &str| {
        let cells = findings.iter().map(|found| {
            let opened = found.connections.iter().find(|opened| opened.technique == slug);
            optional(opened, |opened| format!("{} of {} that were asked for", opened.opened, opened.asked))
        });
        let what = format!("open to one origin over HTTP/1.1 after a second: {}", label(chapter, slug));
        [what].into_iter().chain(cells).collect()
    };
    slugs.into_iter().map(line).collect()
}

fn timers(findings: &[BrowserFindings]) -> Vec<Vec<String>> {
    let all = findings.iter().flat_map(|found| &found.timers);
    let kinds = distinct(all.map(|timer| (!timer.foreground, timer.asked_ns)));
    let line = |(is_back, asked_ns): (bool, u64)| {
        let cells = findings.iter().map(|found| {
            let is_it = |timer: &&TimerFinding| timer.foreground != is_back && timer.asked_ns == asked_ns;
            optional(found.timers.iter().find(is_it), |timer| {
                format!("every {} ({} intervals)", time(timer.median_ns as f64), timer.count)
            })
        });
        let place = if is_back { "in the background" } else { "in the foreground" };
        let what = format!("a timer of {} {place}", duration(asked_ns as f64));
        [what].into_iter().chain(cells).collect()
    };
    kinds.into_iter().map(line).collect()
}

/// In the order of their first appearance, once each.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut once = Vec::new();
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}

fn label(chapter: &Chapter<'_>, slug: &str) -> String {
    let techniques = &chapter.analysis.run.manifest.techniques;
    let known = techniques.iter().find(|technique| technique.slug == slug);
    inline(known.map_or(slug, |technique| &technique.label))
}

/// Which techniques share the few connections of an origin: those that every browser left short. One alone may only have
/// been slow to open them.
fn crowded(chapter: &Chapter<'_>, findings: &[BrowserFindings]) -> Option<String> {
    let all = || findings.iter().flat_map(|found| &found.connections);
    let is_short = |slug: &&str| {
        all().filter(|opened| opened.technique == **slug).all(|opened| opened.opened < opened.asked)
    };
    let slugs: Vec<&str> =
        distinct(all().map(|opened| opened.technique.as_str())).into_iter().filter(is_short).collect();
    let most = all()
        .filter(|opened| slugs.contains(&opened.technique.as_str()))
        .map(|opened| opened.opened)
        .max()?;
    let labels: Vec<String> = slugs.iter().map(|slug| label(chapter, slug)).collect();
    Some(format!(
        "- **Over HTTP/1.1 a browser leaves all but {most} waiting** ({}): the next page, tab or request to this origin gets nothing until one of \
         them ends, and the limit is one for all tabs together. Serve HTTP/2, share one connection among the tabs, or use a second host name.",
        labels.join(", ")
    ))
}

/// Timers that came far later in the background than they were asked for.
fn throttled(findings: &[BrowserFindings]) -> Option<String> {
    let late = |timer: &&TimerFinding| !timer.foreground && timer.median_ns > 2 * timer.asked_ns;
    let late = |found: &BrowserFindings| {
        let worst =
            found.timers.iter().filter(late).max_by_key(|timer| timer.median_ns / timer.asked_ns.max(1))?;
        Some(format!(
            "{} each {} for {}",
            name(found.client),
            time(worst.median_ns as f64),
            duration(worst.asked_ns as f64)
        ))
    };
    let words: Vec<String> = findings.iter().filter_map(late).collect();
    (!words.is_empty()).then(|| {
        format!(
            "- **The browser delays the timers of a page in the background** ({}): polling by a timer is late there, a push is not.",
            words.join("; ")
        )
    })
}

/// Clocks that are finer where the page is isolated.
fn coarse(findings: &[BrowserFindings]) -> Option<String> {
    let finer =
        |found: &&BrowserFindings| found.clock.isolated_resolution_ns < found.clock.plain_resolution_ns;
    let names: Vec<&str> = findings.iter().filter(finer).map(|found| name(found.client)).collect();
    (!names.is_empty()).then(|| {
        format!(
            "- **A page that measures time must be isolated**, by `cross-origin-opener-policy: same-origin` and `cross-origin-embedder-policy: \
             require-corp`: without them the clock is coarser in {}.",
            names.join(" and ")
        )
    })
}

/// Every head as it arrived, and what it weighs.
fn heads(findings: &[BrowserFindings]) -> String {
    let kinds = distinct(findings.iter().flat_map(|found| &found.heads).map(|head| head.kind.as_str()));
    let names = findings.iter().map(|found| name(found.client).to_owned());
    let table_head: Vec<String> = ["the head of".to_owned()].into_iter().chain(names).collect();
    let lines = kinds.iter().map(|kind| {
        let cells = findings.iter().map(|found| {
            let head = found.heads.iter().find(|head| head.kind == *kind);
            head.map_or_else(
                || NOTHING.to_owned(),
                |head| format!("{} B in {} fields", bytes(head), head.fields.len()),
            )
        });
        [format!("`{}`", inline(kind))].into_iter().chain(cells).collect()
    });
    let whole = findings.iter().map(|found| {
        let text: Vec<String> = found.heads.iter().map(text).collect();
        format!(
            "<details>\n<summary>Every head that {} sent</summary>\n\n{}\n</details>\n",
            name(found.client),
            block("http", &text.join("\n\n"))
        )
    });
    let whole = whole.collect::<Vec<_>>().join("\n");
    format!("What they send with each kind of request:\n\n{}\n{whole}", table(1, &table_head, lines))
}

fn text(head: &SeenHead) -> String {
    let fields = head.fields.iter().map(|(name, value)| format!("\n{name}: {value}"));
    format!("{}{}", head.request_line, fields.collect::<String>())
}

/// With the line ends that stand on the wire (RFC 9112 §2.1).
fn bytes(head: &SeenHead) -> usize {
    let fields = head.fields.iter().map(|(name, value)| name.len() + value.len() + 4);
    head.request_line.len() + 2 + fields.sum::<usize>() + 2
}
