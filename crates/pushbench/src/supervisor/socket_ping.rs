//! The socket ping: a bare TCP ping between two processes on the cores of server and load generator.
//!
//! It uses two blocking sockets and nothing else of pushbench. Half of its round trip is the cost of one transit on this
//! machine; the difference to raw TCP's delivery latency is pushbench's own share.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use hdrhistogram::Histogram;
use loadgen::recorder::histogram;
use model::manifest::SocketPing;
use model::trial::Quantiles;

use super::process::Process;
use crate::store::histograms::{self, Tagged};
use crate::store::host::{Pinning, with_cores};

/// Both cores fall idle between two pings, as they do between the events of the lightest scenario, whose rate this is:
/// a colder cache makes a slower ping.
const RATE_PER_S: f64 = 200.0;
/// The size of a raw TCP frame with the payload of a small event.
const PING_BYTES: usize = 128;
/// A peer that takes longer than this is gone.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The tag of the pings in the run's folder.
const ROUND_TRIP: &str = "round-trip";

/// What the echoing process does: accepts one connection, and returns what it reads until the other side closes.
pub(crate) fn echo(listener: &TcpListener) -> io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut bytes = [0; PING_BYTES];
    loop {
        match stream.read(&mut bytes)? {
            0 => return Ok(()),
            count => stream.write_all(&bytes[..count])?,
        }
    }
}

/// Pings the process that echoes at `address`, `pings` times; the round trips in nanoseconds.
pub(crate) fn ping(address: SocketAddr, pings: u32) -> io::Result<Histogram<u64>> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    os::precise_timers()?;
    let mut round_trips = histogram::empty();
    let start_ns = os::now_ns();
    for index in 0..pings {
        os::sleep_until_ns(start_ns + (f64::from(index) * 1e9 / RATE_PER_S) as u64);
        round_trips.saturating_record(exchange(&mut stream)?);
    }
    Ok(round_trips)
}

fn exchange(stream: &mut TcpStream) -> io::Result<u64> {
    let mut bytes = [b'x'; PING_BYTES];
    let sent = os::now_ns();
    stream.write_all(&bytes)?;
    stream.read_exact(&mut bytes)?;
    Ok(os::now_ns() - sent)
}

/// How many pings suit a run whose trials take `trials_ns`, at its start and again at its end: about a hundredth of its
/// time each, but enough for a median, and no more than 3 s.
pub(crate) fn pings_beside(trials_ns: u64) -> u32 {
    ((trials_ns as f64 / 1e9 * RATE_PER_S / 100.0) as u32).clamp(100, 600)
}

/// How long this number of pings takes.
pub(crate) fn expected_ns(pings: u32) -> u64 {
    (f64::from(pings) * 1e9 / RATE_PER_S) as u64
}

/// Pings between two processes on the cores of the two sides.
pub(crate) async fn measure(program: &Path, pinning: &Pinning, pings: u32) -> anyhow::Result<Tagged> {
    let arguments = with_cores(vec!["socket-ping-echo".to_owned()], &pinning.server);
    let mut echo = Process::start("socket ping's echo", program, arguments)?;
    let address = echo.read_line(TIMEOUT).await?;
    let arguments = ["socket-ping", "--to", &address, "--pings", &pings.to_string()].map(str::to_owned);
    let arguments = with_cores(arguments.into(), &pinning.load);
    let mut ping = Process::start("socket ping", program, arguments)?;
    let base64 = ping.output(Duration::from_nanos(expected_ns(pings)) + TIMEOUT * 2).await?;
    echo.end().await;
    Ok(Tagged::from([(ROUND_TRIP.to_owned(), histograms::decode(base64.trim())?)]))
}

/// All pings of a run as the manifest stores them; none when there were none.
pub(crate) fn describe(pings: &Tagged) -> Option<SocketPing> {
    let round_trip = histogram::quantiles(pings.get(ROUND_TRIP)?)?;
    Some(SocketPing { rate_per_s: RATE_PER_S, one_way: halved(&round_trip), round_trip })
}

/// One way is half of a round trip, and half of a quantile is the quantile of the halves.
fn halved(round_trip: &Quantiles) -> Quantiles {
    Quantiles {
        count: round_trip.count,
        min_ns: round_trip.min_ns / 2,
        mean_ns: round_trip.mean_ns / 2.0,
        p50_ns: round_trip.p50_ns / 2,
        p90_ns: round_trip.p90_ns / 2,
        p99_ns: round_trip.p99_ns / 2,
        p99_9_ns: round_trip.p99_9_ns / 2,
        max_ns: round_trip.max_ns / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ping_comes_back() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let echoing = std::thread::spawn(move || echo(&listener));
        let round_trips = ping(address, 3).unwrap();
        echoing.join().unwrap().unwrap();
        let ping = describe(&Tagged::from([(ROUND_TRIP.to_owned(), round_trips)])).unwrap();
        assert_eq!((ping.round_trip.count, ping.one_way.count), (3, 3));
        assert_eq!(ping.one_way.p50_ns, ping.round_trip.p50_ns / 2);
        assert_eq!(describe(&Tagged::new()), None);
    }
}
