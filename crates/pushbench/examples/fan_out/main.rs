//! What an event to each of a thousand subscribers costs the server, ours and others', in one interleaved run: nchan, `ws` and
//! Socket.IO on Node, each where it has the technique. Who is not installed is left out by name.
//!
//! Events of 64 bytes come by `POST`, one or several of them in flight on average: the next is published once so many are left that
//! not everybody has. Subscribers are bare sockets that count what comes, on one core; the server has another. CPU time of
//! the server process is compared, with the reads that an event took beside it: who sends several events together pays less.
//! Socket.IO is spoken by either transport. Its pings are not answered: the first comes after 25 s, behind the measurement.
//!
//! ```text
//! cargo build --release && cargo run --release --example fan_out [ROUNDS [SUBSCRIBERS]]
//! ```
//!
//! `FAN_OUT_TECHNIQUE` names the one technique to compare, `FAN_OUT_PROGRAM` another `pushbench` than that of this build.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a small program whose figures are for the terminal"
)]

mod audience;
mod contest;
mod dialect;
mod server;
mod socketio;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use audience::Board;
use contest::{Contestant, Way};
use dialect::Dialect;
use loadgen::os;
use server::Server;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Long enough that Node has compiled what it runs.
const WARM_UP: Duration = Duration::from_secs(3);
const WINDOW: Duration = Duration::from_millis(1_500);
const FLIGHTS: [u64; 2] = [1, 8];
/// How long it may take until all are subscribed and have one event.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, or| arguments.get(at).map_or(Ok(or), |text| text.parse::<usize>());
    let outcome = match (number(0, 3), number(1, 1_000)) {
        (Ok(rounds), Ok(subscribers)) => run(rounds.max(1), subscribers.max(1)),
        _ => Err("usage: fan_out [ROUNDS [SUBSCRIBERS]]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(rounds: usize, subscribers: usize) -> Outcome<()> {
    os::pin(&[1])?;
    let only = std::env::var("FAN_OUT_TECHNIQUE").ok();
    let is_wanted = |way: &Way| only.as_ref().is_none_or(|only| only == way.slug());
    let ways: Vec<Way> = Way::ALL.into_iter().filter(is_wanted).collect();
    if let (true, Some(only)) = (ways.is_empty(), &only) {
        return Err(
            format!("FAN_OUT_TECHNIQUE is {only}, which is no technique that is compared here").into()
        );
    }
    let present = present(&ways);
    for way in ways {
        let taking_part = way.contestants().iter().filter(|server| present.contains(server));
        let dialects: Vec<_> = taking_part.map(|&server| Dialect::new(server, way)).collect();
        for flight in FLIGHTS {
            compare(&dialects, rounds, subscribers, flight)?;
        }
    }
    Ok(())
}

/// Who is installed of those that take part; the others are told.
fn present(ways: &[Way]) -> Vec<Contestant> {
    let takes_part = |server: &Contestant| ways.iter().any(|way| way.contestants().contains(server));
    let mut present: Vec<_> = Contestant::ALL.into_iter().filter(takes_part).collect();
    present.retain(|server| {
        let remedy = server.remedy();
        if let Some(remedy) = remedy {
            println!("skipped: {}: not installed; {remedy}", server.name());
        }
        remedy.is_none()
    });
    present
}

fn compare(dialects: &[Dialect], rounds: usize, subscribers: usize, flight: u64) -> Outcome<()> {
    let mut found = vec![Vec::new(); dialects.len()];
    for _ in 0..rounds {
        for (dialect, found) in dialects.iter().zip(&mut found) {
            found.push(measure(dialect, subscribers, flight)?);
        }
    }
    for (dialect, found) in dialects.iter().zip(found) {
        show(&format!("{}, {}, {flight} in flight", dialect.way, dialect.server.name()), found);
    }
    Ok(())
}

/// CPU of the server in µs, and reads of the subscribers, per delivered event.
type Found = (f64, f64);

fn measure(dialect: &Dialect, subscribers: usize, flight: u64) -> Outcome<Found> {
    let server = Server::start(dialect.server, dialect.way)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let board = Board::new(dialect.way, subscribers as u64, flight);
        let begun = async {
            audience::connect(dialect, server.address, &board).await?;
            audience::publish_one(dialect, server.address, &board).await
        };
        tokio::time::timeout(PATIENCE, begun).await.map_err(|_| {
            format!("{}, {}: {} have the first event", dialect.way, dialect.server.name(), board.delivered())
        })??;
        audience::publish(dialect, server.address, &board);
        tokio::time::sleep(WARM_UP).await;
        let (cpu, delivered, reads) = (server.cpu_ns()?, board.delivered(), board.reads());
        tokio::time::sleep(WINDOW).await;
        let (cpu, delivered, reads) =
            (server.cpu_ns()? - cpu, board.delivered() - delivered, board.reads() - reads);
        if delivered == 0 || board.has_lost() {
            let what = if delivered == 0 { "nothing was delivered" } else { "a subscriber was let go" };
            return Err(format!("{}, {}: {what}", dialect.way, dialect.server.name()).into());
        }
        Ok((cpu as f64 / 1e3 / delivered as f64, reads as f64 / delivered as f64))
    })
}

fn show(name: &str, mut found: Vec<Found>) {
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (least, median, most) = (found[0].0, found[found.len() / 2], found[found.len() - 1].0);
    println!("{name:50} {:6.2} µs   ({least:.2} … {most:.2})   {:.2} reads", median.0, median.1);
}
