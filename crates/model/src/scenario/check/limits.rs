//! Contradictions of what looks for limits: searches, several processes, restarts, slow consumers, coalescing, counters.

use super::At;
use crate::quantity::show_duration;
use crate::scenario::error::Fault;
use crate::settings::{Client, Publisher, Settings, UplinkTo};

/// Refuses settings that contradict themselves.
pub(super) fn check(settings: &Settings, at: &At<'_>) -> Result<(), Fault> {
    coalescing(settings, at)?;
    processes(settings, at)?;
    restart(settings, at)?;
    slow_consumers(settings, at)?;
    counted(settings, at)
}

/// Refuses a search whose trials could not be judged.
pub(super) fn search(settings: &Settings, at: &At<'_>) -> Result<(), Fault> {
    let rules = [
        (
            settings.bound.is_none(),
            "a search for the bound, and there is none",
            "write [bound] with p99 = \"100ms\"",
        ),
        (settings.stall.is_some(), "a search, and a stall in each of its trials", "leave [stall] out"),
        (settings.restart.is_some(), "a search, and a restart in each of its trials", "leave [restart] out"),
        (
            settings.counted.is_some(),
            "a search, and a tool that slows the server down",
            "leave `counted` out: the rate that is found would be the tool's",
        ),
        (
            settings.traced,
            "a search whose trials are traced",
            "leave `traced` out: their flights are too many to be kept",
        ),
        (
            settings.client != Client::Native,
            "a search by a browser's page",
            "write client = \"native\": nobody knows how busy a page is, so nobody could tell which side did not keep up",
        ),
    ];
    refuse(at, "search", &rules)
}

/// Events flow from the warm-up's start, so a shorter warm-up would have the window begin in the middle of what is held.
fn coalescing(settings: &Settings, at: &At<'_>) -> Result<(), Fault> {
    let (window_ns, warm_up_ns) = (settings.coalescing.window_ns, settings.phases.warm_up_ns);
    if window_ns <= warm_up_ns {
        return Ok(());
    }
    let (window, warm_up) = (show_duration(window_ns), show_duration(warm_up_ns));
    let found = format!("events are held for {window}, longer than the warm-up of {warm_up}");
    Err(at("coalescing.window", found)
        .help("the window would begin with too few of them; raise phases.warm_up"))
}

fn processes(settings: &Settings, at: &At<'_>) -> Result<(), Fault> {
    let (processes, count) = (&settings.processes, settings.subscribers.count);
    let (servers, loads) = (processes.server > 1, processes.load > 1);
    let to = settings.uplink.as_ref().map(|uplink| uplink.to);
    let rules = [
        (
            processes.server.max(processes.load) > count,
            "more processes than subscribers",
            "raise subscribers.count, or lower what [processes] says",
        ),
        (
            (servers || loads) && settings.client != Client::Native,
            "several processes, and a browser whose one page holds all subscribers",
            "write client = \"native\", or leave [processes] out",
        ),
        (
            servers && processes.cpu_contention > 0,
            "several servers, and neighbours that leave one of them a share of its core",
            "leave processes.cpu_contention out, or processes.server",
        ),
        (
            servers && settings.publisher == Publisher::Post,
            "several servers, and events are posted to one",
            "write publisher = \"feed\", which every server has, or leave processes.server out",
        ),
        (
            servers && to == Some(UplinkTo::Channel),
            "several servers, and what a subscriber says reaches those of its own server only",
            "write to = \"application\" in [uplink], or leave processes.server out",
        ),
        (
            servers && settings.stall.is_some(),
            "several servers, and a stall of one",
            "leave [stall] out, or processes.server",
        ),
        (
            loads && settings.uplink.is_some(),
            "several load generators, and subscribers that one of them tells when to send",
            "leave [uplink] out, or processes.load",
        ),
    ];
    refuse(at, "processes", &rules)
}

fn restart(settings: &Settings, at: &At<'_>) -> Result<(), Fault> {
    let Some(restart) = &settings.restart else { return Ok(()) };
    if restart.at_ns == 0 {
        return Err(at("restart.at", "the restart comes with the window's start".to_owned())
            .help("restart.at must lie behind it, at which what the server costs is read"));
    }
    if restart.at_ns >= settings.phases.window_ns {
        let (when, window) = (show_duration(restart.at_ns), show_duration(settings.phases.window_ns));
        return Err(at(
            "restart.at",
            format!("the restart comes at {when}, and the window ends at {window}"),
        )
        .help("restart.at must lie before the end of phases.window"));
    }
    let rules = [
        (
            settings.stall.is_some(),
            "the server stands still and starts again in the same trial",
            "leave [stall] or [restart] out",
        ),
        (
            settings.publisher == Publisher::Post,
            "a restart, and events that are posted",
            "write publisher = \"feed\": by it a new server is given what it missed",
        ),
        (
            settings.processes.server > 1,
            "a restart of one server, and there are several",
            "leave processes.server out",
        ),
        (
            settings.transport.tls,
            "a restart over TLS",
            "leave transport.tls out: the new server has a certificate of its own, which nobody trusts",
        ),
        (
            settings.uplink.is_some(),
            "a restart, and subscribers that send",
            "leave [uplink] out: what they said is in no log that a new server could be given",
        ),
        (
            settings.processes.load > 1,
            "a restart, and subscribers in several processes",
            "leave processes.load out: only one process knows when the server was killed",
        ),
        (
            settings.client != Client::Native,
            "a restart under a browser's page",
            "write client = \"native\": a page's reconnecting is the browser's own",
        ),
        (
            settings.observed,
            "a restart under the kernel's counters",
            "leave `observed` out: what a killed server had still to send is in no account",
        ),
        (
            settings.slow_consumers.is_some(),
            "a restart, and subscribers that do not keep up",
            "leave [slow_consumers] or [restart] out: nobody could tell the kill from being cut off",
        ),
    ];
    refuse(at, "restart", &rules)
}

fn slow_consumers(settings: &Settings, at: &At<'_>) -> Result<(), Fault> {
    let Some(slow_consumers) = &settings.slow_consumers else { return Ok(()) };
    let count = settings.subscribers.count;
    let rules = [
        (
            slow_consumers.share > 0.0 && slow_consumers.of(count) == 0,
            "a share that is less than one subscriber",
            "raise slow_consumers.share or subscribers.count",
        ),
        (
            slow_consumers.of(count) == count,
            "a share that leaves nobody who keeps up",
            "lower slow_consumers.share: the others are who is measured",
        ),
        (
            settings.transport.per_connection > 1,
            "slow consumers on connections that they share with others",
            "leave transport.per_connection out",
        ),
        (
            settings.client != Client::Native,
            "slow consumers in a browser's page",
            "write client = \"native\": a page cannot leave bytes unread",
        ),
        (
            settings.uplink.is_some(),
            "slow consumers that send",
            "leave [uplink] out: what they send would be counted, and nothing else of them is",
        ),
    ];
    refuse(at, "slow_consumers.share", &rules)
}

fn counted(settings: &Settings, at: &At<'_>) -> Result<(), Fault> {
    let is = settings.counted.is_some();
    let rules = [
        (is && settings.stall.is_some(), "a counting tool, and a stall", "leave [stall] out, or `counted`"),
        (
            is && settings.restart.is_some(),
            "a counting tool, and a restart",
            "leave [restart] out, or `counted`",
        ),
        (
            is && settings.processes.server > 1,
            "a tool that counts one server, and there are several",
            "leave processes.server out, or `counted`",
        ),
        (
            is && settings.observed,
            "a counting tool, and the kernel's counters",
            "leave `observed` out, or `counted`: each runs the trial in its own way",
        ),
    ];
    refuse(at, "counted", &rules)
}

/// The first rule that is so: what is found, and the remedy.
fn refuse(at: &At<'_>, path: &str, rules: &[(bool, &str, &str)]) -> Result<(), Fault> {
    match rules.iter().find(|(is_so, ..)| *is_so) {
        Some((_, found, help)) => Err(at(path, (*found).to_owned()).help(*help)),
        None => Ok(()),
    }
}
