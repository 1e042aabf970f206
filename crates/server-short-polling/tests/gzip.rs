//! Answers in gzip, for clients that accept it.

use std::io::Read as _;

use flate2::read::GzDecoder;
use server_kit::Settings;
use server_kit::settings::{Compression, Transport};
use server_kit::testing::{DATE, Running, numbered, start};
use server_short_polling::{encode, serve};

async fn server(compression: Compression) -> Running {
    let transport = Transport { compression, ..Transport::default() };
    start(encode, Settings { transport, ..Settings::default() }, serve).await
}

fn get(after: u64, accepted: &str) -> String {
    format!("GET /events?after={after} HTTP/1.1\r\nhost: x\r\naccept-encoding: {accepted}\r\n\r\n")
}

#[tokio::test]
async fn lines_are_compressed_for_a_client_that_asks_and_nothing_is_without_lines() {
    let server = server(Compression::Deflate).await;
    let payload = "say it again, ".repeat(100);
    server.publish(&payload);
    server.publish(&payload);
    let mut peer = server.send(get(0, "gzip, deflate, br")).await;
    let head = String::from_utf8(peer.until(b"\r\n\r\n").await).unwrap();
    let (before, length) = head.split_once("content-length: ").unwrap();
    let expected = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncache-control: no-store\r\ncontent-encoding: gzip\r\n";
    assert_eq!(before, expected);
    let length: usize = length.lines().next().unwrap().parse().unwrap();
    assert!(length < payload.len() / 2, "{length} bytes for what is said 200 times");
    let mut lines = String::new();
    GzDecoder::new(&peer.take(length).await[..]).read_to_string(&mut lines).unwrap();
    assert_eq!(lines, format!("{}\n{}\n", numbered(1, &payload), numbered(2, &payload)));
    peer.send(get(2, "gzip")).await;
    peer.expect(format!("HTTP/1.1 204 No Content\r\ncache-control: no-store\r\ndate: {DATE}\r\n\r\n")).await;
}

#[tokio::test]
async fn lines_stay_as_they_are_for_who_does_not_ask_or_does_not_get() {
    for (compression, accepted) in [(Compression::Deflate, "br, gzip;q=0"), (Compression::None, "gzip")] {
        let server = server(compression).await;
        server.publish("one");
        let line = numbered(1, "one") + "\n";
        let mut peer = server.send(get(0, accepted)).await;
        peer.expect(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncache-control: no-store\r\ncontent-length: {}\r\ndate: {DATE}\r\n\r\n{line}",
            line.len()
        ))
        .await;
    }
}
