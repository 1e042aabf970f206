//! A million connections, on paper: the fitted lines drawn on, and what would end first.

use super::{Chapter, begin, shown};
use crate::numbers::{NOTHING, Scale, bytes, optional, significant, whole};
use crate::sections::markdown::word_table;
use crate::statistics::{Estimate, Fit, Growing, Growth, ScenarioResult, Shape};

const MILLION: f64 = 1e6;
const GIB: Scale = Scale { name: "GiB", size: 1_073_741_824.0 };
const CORES: Scale = Scale { name: "cores", size: 1e9 };
const SECONDS: Scale = Scale { name: "s", size: 1e9 };

/// What a kernel lets clients of one address use where it was not asked: 32768 to 60999.
const USUAL_PORTS: f64 = 28_232.0;

/// Nothing where no line can be drawn on.
pub(super) fn extrapolated(
    chapter: &Chapter<'_>,
    answer: &ScenarioResult<'_>,
    growing: &[Growing<'_>],
) -> String {
    let drawn: Vec<(&Growing<'_>, Fits)> =
        growing.iter().filter_map(|one| Some((one, Fits::of(one)?))).collect();
    if drawn.is_empty() {
        return String::new();
    }
    let head = [
        "technique",
        "transport",
        "server's memory",
        "kernel's memory, one end",
        "idle CPU",
        "time to connect all",
    ];
    let rows = drawn.iter().map(|(one, fits)| begin(chapter, one).into_iter().chain(fits.cells()).collect());
    format!(
        "**A million connections, on paper**\n\n{}\n\n{}\n{}",
        note(growing),
        word_table(&head, rows),
        breaking(chapter, answer, &drawn)
    )
}

fn note(growing: &[Growing<'_>]) -> String {
    let most = growing.iter().map(Growing::most).fold(0.0, f64::max);
    format!(
        "The lines above, drawn on to 1,000,000 from {} at most: slope × 1,000,000 + intercept, with 95 % prediction intervals. These know of chance only, and nothing of \
         what changes on the way: a line that is bent here (\\*) is not to be trusted there. Of the kernel's memory half is taken, one end of each connection, since the other is the client's.",
        whole(most as u64)
    )
}

/// The lines of one technique.
struct Fits {
    user: Option<Fit>,
    kernel: Option<Fit>,
    cpu: Option<Fit>,
    connecting: Option<Fit>,
}

impl Fits {
    /// None where nothing could be fitted.
    fn of(growing: &Growing<'_>) -> Option<Self> {
        let [user, kernel, cpu, connecting] = Growth::ALL.map(|growth| growing.fit(growth));
        let fits = Self { user, kernel, cpu, connecting };
        [fits.user, fits.kernel, fits.cpu, fits.connecting].iter().any(Option::is_some).then_some(fits)
    }

    fn cells(&self) -> [String; 4] {
        let at_a_million = |fit: Option<Fit>, scale: Scale| {
            let bent = fit.is_some_and(|fit| matches!(fit.shape, Shape::Bent(_)));
            shown(fit.map(|fit| fit.predicted(MILLION)), scale) + if bent { " \\*" } else { "" }
        };
        [
            at_a_million(self.user, GIB),
            shown(self.kernel.map(|fit| halved(fit.predicted(MILLION))), GIB)
                + if self.kernel.is_some_and(|fit| matches!(fit.shape, Shape::Bent(_))) {
                    " \\*"
                } else {
                    ""
                },
            at_a_million(self.cpu, CORES),
            at_a_million(self.connecting, SECONDS),
        ]
    }

    /// Bytes for each connection at its server, and those that it takes without any.
    fn memory(&self) -> Option<[f64; 2]> {
        let (user, kernel) = (self.user?, self.kernel?);
        Some([
            user.slope.value + kernel.slope.value / 2.0,
            user.intercept.value + kernel.intercept.value / 2.0,
        ])
    }

    /// CPU nanoseconds in a second for each idle connection.
    fn idle_ns(&self) -> Option<f64> {
        self.cpu.map(|fit| fit.slope.value)
    }
}

fn halved(estimate: Estimate) -> Estimate {
    let half = |value: f64| value / 2.0;
    let interval = estimate.interval.map(|mut interval| {
        (interval.low, interval.high) = (half(interval.low), half(interval.high));
        interval
    });
    Estimate { value: half(estimate.value), interval }
}

/// What ends first on this machine, each with its arithmetic.
fn breaking(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>, drawn: &[(&Growing<'_>, Fits)]) -> String {
    let host = &chapter.analysis.run.manifest.host;
    let cores = host.server_cores.len().max(1) as f64;
    let rows = drawn.iter().map(|(one, fits)| {
        let memory = memory_ends(fits, host.memory_bytes as f64);
        let cpu = cpu_ends(fits, cores);
        let ends = [("memory", memory.as_ref()), ("CPU", cpu.as_ref())];
        let ends = ends.into_iter().filter_map(|(name, end)| Some((name, end?.0)));
        let first = ends.min_by(|a, b| a.1.total_cmp(&b.1));
        let said = |end: Option<(f64, String)>| optional(end, |(_, said)| said);
        let first =
            first.map_or_else(|| NOTHING.to_owned(), |(name, at)| format!("{name}, at {}", count(at)));
        begin(chapter, one).into_iter().chain([said(memory), said(cpu), first]).collect()
    });
    let head = ["technique", "transport", "memory is full at", "idle CPU is used up at", "first of both"];
    format!("{}\n\n{}\n", shared(chapter, answer), word_table(&head, rows))
}

/// What is the same for all techniques.
fn shared(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let host = &chapter.analysis.run.manifest.host;
    let processes = (MILLION / host.descriptors.max(1) as f64).ceil();
    let range = host.sysctls.get("net.ipv4.ip_local_port_range").and_then(|range| ports(range));
    let (ports, whose) = match range {
        Some(ports) => (ports, "here"),
        None => (USUAL_PORTS, "as is usual on Linux"),
    };
    let used = answer.rows.iter().map(|row| row.settings.processes.server).max().unwrap_or(1);
    format!(
        "*Where it will break.* **Descriptors**: a process may open {} here, so a million connections need 1,000,000 ÷ {} = {} server processes, or a higher limit (`ulimit -n`; up to {} were used \
         here). **Ports**: an address has {} for its connections to one address and port ({whose}), so one client machine's address reaches no further than that; 1,000,000 ÷ {} = {} client addresses \
         or server ports are needed. Clients out in the world have addresses of their own, so that this ends a test and not a service. **Memory** and **idle CPU** by the lines above, on this machine \
         with {} and {}: the number of connections at which they are used up, if nothing else ends first.",
        count(host.descriptors as f64),
        count(host.descriptors as f64),
        count(processes),
        if used == 1 { "1".to_owned() } else { used.to_string() },
        count(ports),
        count(ports),
        count((MILLION / ports).ceil()),
        bytes(host.memory_bytes as f64),
        match host.server_cores.len() {
            0 | 1 => "one core for the server".to_owned(),
            cores => format!("{cores} cores for the server"),
        },
    )
}

/// `32768 60999`, both included.
fn ports(range: &str) -> Option<f64> {
    let (first, last) = range.split_once(char::is_whitespace)?;
    let (first, last): (f64, f64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some(last - first + 1.0)
}

/// The number of connections at which it is used up, with its arithmetic; none where it does not grow.
fn memory_ends(fits: &Fits, all: f64) -> Option<(f64, String)> {
    let [each, fixed] = fits.memory().filter(|[each, _]| *each > 0.0)?;
    let at = (all - fixed).max(0.0) / each;
    let sign = if fixed < 0.0 { "+" } else { "−" };
    Some((at, format!("({} {sign} {}) ÷ {} = {}", bytes(all), bytes(fixed.abs()), bytes(each), count(at))))
}

fn cpu_ends(fits: &Fits, cores: f64) -> Option<(f64, String)> {
    let each = fits.idle_ns().filter(|each| *each > 0.0)?;
    let at = cores * 1e9 / each;
    Some((at, format!("{} s ÷ {} µs = {}", significant(cores), significant(each / 1e3), count(at))))
}

/// A number of connections: three digits are more than it is known to.
fn count(number: f64) -> String {
    if number < 1e5 {
        return whole(number as u64);
    }
    let step = 10_f64.powf(number.log10().floor() - 2.0);
    whole(((number / step).round() * step) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_those_between_both_ends() {
        assert_eq!(ports("32768 60999"), Some(USUAL_PORTS));
        assert_eq!(ports("1024\t65535"), Some(64_512.0));
        assert_eq!([ports("9 1"), ports("many"), ports("")], [None; 3]);
    }

    #[test]
    fn counts_are_told_to_three_digits() {
        assert_eq!([20_000.0, 772_513.0, 12_345_678.0].map(count), ["20,000", "773,000", "12,300,000"]);
    }
}
