//! What a subscriber makes of a response that never ends.

use loadgen::subscriber::http_streaming;
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_local;

use crate::rig::{Rig, event, run, settings};

const HEAD: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// Every chunk holds 40 events and comes in two pieces, the first of which ends within an event.
async fn serve_chunks(rig: &Rig, encode: fn(u64) -> Vec<u8>) {
    let (mut stream, _) = rig.accept().await;
    stream.write_all(HEAD.as_bytes()).await.unwrap();
    for nth in 0..3u64 {
        let before = 40 * nth;
        let halves: [Vec<u8>; 2] =
            [0, 20].map(|from| (1..=20).flat_map(|at| encode(before + from + at)).collect());
        let (begun, rest) = halves[1].split_at(3);
        let size = format!("{:x}\r\n", halves.concat().len());
        stream.write_all(&[size.as_bytes(), &halves[0], begun].concat()).await.unwrap();
        rig.until_events(before + 20).await;
        stream.write_all(&[rest, b"\r\n"].concat()).await.unwrap();
        rig.until_events(before + 40).await;
        assert_eq!(rig.worker.snapshot().counters.responses, nth + 1);
    }
}

#[test]
fn a_chunk_that_comes_in_pieces_is_one_response() {
    run(async {
        let mut rig = Rig::new(settings()).await;
        let _subscriber = spawn_local(http_streaming::sse(rig.session()));
        serve_chunks(&rig, |seq| protocol::sse::encode(seq, &event(seq)).to_vec()).await;

        let mut rig = Rig::new(settings()).await;
        let _subscriber = spawn_local(http_streaming::ndjson(rig.session()));
        serve_chunks(&rig, |seq| protocol::lines::encode(&event(seq)).to_vec()).await;
    });
}
