//! What a trace tells: which exchanges found nothing, which flights share a label, and what the labels say. No pixels.

use model::trial::{Direction, Flight};

use crate::numbers;

/// A trace, understood.
#[derive(Debug)]
pub(super) struct Story<'f> {
    /// Every flight of bytes, in order.
    pub arrows: Vec<Arrow<'f>>,
    /// When connections were opened and closed.
    pub edges: Vec<&'f Flight>,
    /// Requests that were answered with nothing.
    pub empty_polls: usize,
    /// Bytes of these, both ways.
    pub empty_bytes: u64,
    connections: usize,
}

/// A flight, and what it is part of.
#[derive(Debug)]
pub(super) struct Arrow<'f> {
    pub flight: &'f Flight,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It carries events.
    Events,
    /// A request, a head, a handshake.
    Bare,
    /// Part of a request that was answered with nothing.
    Empty,
}

/// What stands beside one flight, or several that lie too close for labels of their own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Label {
    /// The side that sent them.
    pub side: Direction,
    pub first_ns: u64,
    pub last_ns: u64,
    pub flights: usize,
    pub text: String,
}

/// What an opened connection is called in a trace.
const OPENS: &str = "opens";
/// What a closed connection is called in a trace.
const CLOSES: &str = "closes";

impl<'f> Story<'f> {
    pub(super) fn of(flights: impl Iterator<Item = &'f Flight>) -> Self {
        let (edges, flights): (Vec<_>, Vec<_>) = flights.partition(|flight| is_edge(flight));
        let empty = empty_exchanges(&flights);
        let is_empty = |place: usize| empty.iter().any(|exchange| exchange.contains(&place));
        let arrows: Vec<Arrow<'f>> = (0..)
            .zip(&flights)
            .map(|(place, flight)| Arrow { flight, kind: kind(flight, is_empty(place)) })
            .collect();
        let empty_bytes = empty.iter().flatten().map(|place| flights[*place].bytes).sum();
        let connections = edges.iter().chain(&flights).map(|flight| flight.connection + 1).max();
        Self {
            arrows,
            edges,
            empty_polls: empty.len(),
            empty_bytes,
            connections: connections.unwrap_or(0) as usize,
        }
    }

    /// When the last of it was over.
    pub(super) fn end_ns(&self) -> u64 {
        let flights = self.arrows.iter().map(|arrow| arrow.flight).chain(self.edges.iter().copied());
        flights.map(|flight| flight.handed_ns.max(flight.at_ns)).max().unwrap_or(0)
    }

    /// Labels of both sides; flights of one side that lie closer than `gap_ns` share one.
    pub(super) fn labels(&self, gap_ns: u64) -> Vec<Label> {
        let sides = [Direction::Up, Direction::Down];
        sides
            .into_iter()
            .flat_map(|side| {
                self.clusters(side, gap_ns)
                    .iter()
                    .map(|cluster| self.label(side, cluster))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    fn clusters(&self, side: Direction, gap_ns: u64) -> Vec<Vec<&'f Flight>> {
        let said = self.arrows.iter().filter(|arrow| arrow.kind != Kind::Empty).map(|arrow| arrow.flight);
        let mut said: Vec<&Flight> = said.filter(|flight| flight.direction == side).collect();
        said.extend(self.edges.iter().filter(|edge| edge.direction == side));
        said.sort_by_key(|flight| flight.at_ns);
        let mut clusters: Vec<Vec<&Flight>> = Vec::new();
        for flight in said {
            let last = clusters
                .last_mut()
                .filter(|cluster| cluster.last().is_some_and(|last| flight.at_ns - last.at_ns < gap_ns));
            match last {
                Some(cluster) => cluster.push(flight),
                None => clusters.push(vec![flight]),
            }
        }
        clusters
    }

    fn label(&self, side: Direction, cluster: &[&Flight]) -> Label {
        let (first, last) = (cluster[0], cluster[cluster.len() - 1]);
        Label {
            side,
            first_ns: first.at_ns,
            last_ns: last.at_ns,
            flights: cluster.len(),
            text: self.text(cluster),
        }
    }

    /// An edge has a mark of its own, and is named only where nothing else stands beside it.
    fn text(&self, cluster: &[&Flight]) -> String {
        let spoken: Vec<&Flight> = cluster.iter().copied().filter(|flight| !is_edge(flight)).collect();
        let cluster = if spoken.is_empty() { cluster } else { &spoken };
        let mut kinds: Vec<(String, usize)> = Vec::new();
        for flight in cluster {
            let name = self.name(flight);
            match kinds.iter_mut().find(|(known, _)| *known == name) {
                Some((_, count)) => *count += 1,
                None => kinds.push((name, 1)),
            }
        }
        let times = |(name, count): &(String, usize)| {
            if *count == 1 { name.clone() } else { format!("{count} × {name}") }
        };
        let what = match kinds.len() {
            ..=2 => kinds.iter().map(times).collect::<Vec<_>>().join(" + "),
            _ => format!(
                "{} flights, {} events",
                cluster.len(),
                cluster.iter().map(|flight| flight.events).sum::<u32>()
            ),
        };
        match cluster.iter().map(|flight| flight.bytes).sum() {
            0 => what,
            bytes if cluster.len() == 1 => format!("{what} · {} B", numbers::whole(bytes)),
            bytes => format!("{what} · {} B in all", numbers::whole(bytes)),
        }
    }

    fn name(&self, flight: &Flight) -> String {
        match is_edge(flight) {
            true if self.connections > 1 => format!("connection {} {}", flight.connection + 1, flight.what),
            true => format!("connection {}", flight.what),
            false => flight.what.clone(),
        }
    }
}

/// Whether it opens or closes a connection.
pub(super) fn is_edge(flight: &Flight) -> bool {
    flight.bytes == 0 && [OPENS, CLOSES].contains(&flight.what.as_str())
}

/// Whether it opens one.
pub(super) fn opens(flight: &Flight) -> bool {
    flight.what == OPENS
}

fn kind(flight: &Flight, is_empty: bool) -> Kind {
    match (is_empty, flight.events) {
        (true, _) => Kind::Empty,
        (false, 0) => Kind::Bare,
        (false, _) => Kind::Events,
    }
}

/// Places of the flights of each exchange that brought nothing: a request whose whole answer carried no event. An
/// answer is known to be whole when its connection asks again, or when its status says that nothing follows.
fn empty_exchanges(flights: &[&Flight]) -> Vec<Vec<usize>> {
    let mut connections: Vec<u32> = flights.iter().map(|flight| flight.connection).collect();
    connections.sort_unstable();
    connections.dedup();
    connections.into_iter().flat_map(|connection| empty_of(flights, connection)).collect()
}

fn empty_of(flights: &[&Flight], connection: u32) -> Vec<Vec<usize>> {
    let places = (0..flights.len()).filter(|place| flights[*place].connection == connection);
    let mut exchanges: Vec<Vec<usize>> = Vec::new();
    for place in places {
        let asks_anew = flights[place].direction == Direction::Up
            && exchanges
                .last()
                .is_some_and(|open| flights[open[open.len() - 1]].direction == Direction::Down);
        match exchanges.last_mut().filter(|_| !asks_anew) {
            Some(exchange) => exchange.push(place),
            None => exchanges.push(vec![place]),
        }
    }
    let last = exchanges.len().saturating_sub(1);
    let whole = |index: usize, exchange: &[usize]| {
        index < last || exchange.iter().any(|place| says_nothing(flights[*place]))
    };
    let found_nothing = |exchange: &[usize]| {
        exchange.iter().all(|place| flights[*place].events == 0)
            && exchange.iter().any(|place| flights[*place].direction == Direction::Down)
    };
    let empty =
        (0..).zip(exchanges).filter(|(index, exchange)| whole(*index, exchange) && found_nothing(exchange));
    empty.map(|(_, exchange)| exchange).collect()
}

/// 204 and 304 have no content (RFC 9110 §6.4.1).
fn says_nothing(flight: &Flight) -> bool {
    flight.direction == Direction::Down && ["204", "304"].iter().any(|status| flight.what.starts_with(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(at_ms: u64, direction: Direction, what: &str, bytes: u64, events: u32) -> Flight {
        let at_ns = at_ms * 1_000_000;
        Flight {
            at_ns,
            handed_ns: at_ns,
            subscriber: 0,
            connection: 0,
            direction,
            bytes,
            what: what.to_owned(),
            events,
        }
    }

    /// Opens, finds nothing, finds two, asks and is cut off.
    fn polls() -> Vec<Flight> {
        let (up, down) = (Direction::Up, Direction::Down);
        vec![
            flight(0, up, "opens", 0, 0),
            flight(1, up, "GET /events", 60, 0),
            flight(2, down, "204", 50, 0),
            flight(500, up, "GET /events", 61, 0),
            flight(501, down, "200, 2 events", 300, 2),
            flight(900, up, "GET /events", 61, 0),
            flight(901, up, "closes", 0, 0),
        ]
    }

    #[test]
    fn poll_that_found_nothing_is_known_with_its_answer() {
        let flights = polls();
        let story = Story::of(flights.iter());
        let kinds: Vec<Kind> = story.arrows.iter().map(|arrow| arrow.kind).collect();
        assert_eq!(kinds, [Kind::Empty, Kind::Empty, Kind::Bare, Kind::Events, Kind::Bare]);
        assert_eq!((story.empty_polls, story.empty_bytes, story.edges.len()), (1, 110, 2));
        assert_eq!(story.end_ns(), 901_000_000);
    }

    #[test]
    fn head_of_a_stream_is_no_empty_answer() {
        let (up, down) = (Direction::Up, Direction::Down);
        let head = [flight(1, up, "GET /stream", 60, 0), flight(2, down, "200", 90, 0)];
        assert_eq!(Story::of(head.iter()).empty_polls, 0);
        let with_chunk = [&head[..], &[flight(9, down, "chunk, 1 event", 150, 1)]].concat();
        assert_eq!(Story::of(with_chunk.iter()).empty_polls, 0);
    }

    #[test]
    fn close_flights_of_a_side_share_a_label_and_empty_ones_have_none() {
        let flights = polls();
        let labels = Story::of(flights.iter()).labels(20_000_000);
        let texts: Vec<&str> = labels.iter().map(|label| label.text.as_str()).collect();
        let expected =
            ["connection opens", "GET /events · 61 B", "GET /events · 61 B", "200, 2 events · 300 B"];
        assert_eq!(texts, expected);
        assert_eq!((labels[2].first_ns, labels[2].last_ns, labels[2].flights), (900_000_000, 901_000_000, 2));
    }

    #[test]
    fn burst_is_one_label_with_a_count() {
        let burst: Vec<Flight> =
            (0..10).map(|step| flight(step, Direction::Down, "text frame, 1 event", 100, 1)).collect();
        let labels = Story::of(burst.iter()).labels(20_000_000);
        assert_eq!(labels.len(), 1);
        assert_eq!(labels[0].text, "10 × text frame, 1 event · 1000 B in all");
    }
}
