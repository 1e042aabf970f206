//! What one technique costs over others, by its own ways.

use super::fixture::contests::ways;
use super::fixture::runs::full;
use super::{folder, line, report, section};

#[test]
fn each_way_is_divided_by_techniques_that_have_no_such_ways() {
    let root = folder();
    let report = report(root.path(), &ways("ways", 0));
    let answers = section(&report, "results");
    let (_, price) = answers.split_once("**The price of Server-Sent Events**").expect("it is there");
    assert_eq!(
        line(price, "| socketio.transports |"),
        "| socketio.transports | ÷ Long polling | ÷ WebSocket |"
    );
    // 168 B of 100 B payloads against 151: 100 + 47 + 21 + 6 and 100 + 47 + 4.
    let row = line(price, "| polling |");
    assert!(row.contains(" | bytes × 1.15<br>CPU × "), "{row}");
    let cpu = |way: &str| {
        let (_, ratio) = line(price, &format!("| {way} |")).rsplit_once("CPU × ").expect("there is a ratio");
        ratio.split(' ').next().and_then(|ratio| ratio.parse::<f64>().ok()).expect("it is a number")
    };
    // 7.9 µs, four, three and two times, ÷ 6.9 µs.
    for (way, times) in [("polling", 4.0), ("upgrade", 3.0), ("websocket", 2.0)] {
        assert!((cpu(way) / (times * 7.9 / 6.9) - 1.0).abs() < 0.1, "{way}: {price}");
    }
    assert!(!price.contains("÷ Raw TCP"), "{price}");
    assert!(!price.contains("time to the first event"), "{price}");
}

#[test]
fn added_delay_tells_the_time_to_the_first_event() {
    let root = folder();
    let report = report(root.path(), &ways("ways-handshake", 20_000_000));
    let (_, price) = section(&report, "results")
        .split_once("Until a subscriber has its first event")
        .expect("it is there");
    assert!(price.starts_with(", the server's greeting, with 20 ms of delay"), "{price}");
    // One answer is waited for, and the connection is opened: 20 ms and a little, twice that in the median.
    assert!(
        line(price, "| – | WebSocket |").starts_with("| – | WebSocket | 21.2 ms | 42.4 ms | 2 | "),
        "{price}"
    );
}

#[test]
fn sweeps_of_numbers_or_of_what_all_techniques_share_have_no_price() {
    let root = folder();
    let report = report(root.path(), &full());
    assert!(!report.contains("**The price of"), "{report}");
}
