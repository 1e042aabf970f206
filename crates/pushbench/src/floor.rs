//! The floor: a bare TCP ping between two processes on the cores of server and load generator.
//!
//! Nothing of pushbench is in it but two blocking sockets, so half of its round trip is what one transit costs on this
//! machine; raw TCP's delivery latency beside it tells how much is pushbench's own.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use hdrhistogram::Histogram;
use loadgen::{histogram, os};
use schema::manifest::Floor;

/// Low enough that both cores fall idle between two pings, as they do between two events at a low rate.
const RATE_PER_S: f64 = 20.0;
/// The size of a raw TCP frame with the payload of a small event.
const PING_BYTES: usize = 128;
/// A peer that takes longer than this is gone.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What the echoing process does: accepts one connection, and returns what it reads until the other side closes.
///
/// # Errors
///
/// When the socket fails.
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

/// Pings the process that echoes at `address`, `pings` times.
///
/// # Errors
///
/// When the socket fails or the peer takes longer than five seconds.
pub(crate) fn ping(address: SocketAddr, pings: u32) -> io::Result<Floor> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    os::precise_timers()?;
    let (mut one_way, mut round_trip) = (histogram::empty(), histogram::empty());
    let begin = os::now_ns();
    for index in 0..pings {
        os::sleep_until_ns(begin + (f64::from(index) * 1e9 / RATE_PER_S) as u64);
        let took_ns = exchange(&mut stream)?;
        record(&mut round_trip, took_ns);
        record(&mut one_way, took_ns / 2);
    }
    let quantiles = |histogram| histogram::quantiles(histogram).ok_or_else(|| io::Error::other("no ping was made"));
    Ok(Floor { rate_per_s: RATE_PER_S, one_way: quantiles(&one_way)?, round_trip: quantiles(&round_trip)? })
}

fn exchange(stream: &mut TcpStream) -> io::Result<u64> {
    let mut bytes = [b'x'; PING_BYTES];
    let sent = os::now_ns();
    stream.write_all(&bytes)?;
    stream.read_exact(&mut bytes)?;
    Ok(os::now_ns() - sent)
}

fn record(histogram: &mut Histogram<u64>, value_ns: u64) {
    histogram.saturating_record(value_ns);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ping_comes_back() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let echoing = std::thread::spawn(move || echo(&listener));
        let floor = ping(address, 3).unwrap();
        echoing.join().unwrap().unwrap();
        assert_eq!(floor.round_trip.count, 3);
        assert!(floor.one_way.max_ns <= floor.round_trip.max_ns);
    }
}
