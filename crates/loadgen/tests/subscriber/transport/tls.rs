//! Whom a session trusts, what it asks for, and what it resumes.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;

use loadgen::byte_accounting::Protocol;
use loadgen::subscriber::{SubscribeError, http_streaming, polling, raw_tcp};
use model::settings::{HttpVersion, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_local;
use tokio_rustls::TlsAcceptor;

use crate::rig::{Identity, Rig, run, settings_of};

fn tls() -> Transport {
    Transport { tls: true, ..Transport::default() }
}

/// An error with its causes.
fn chain(error: &SubscribeError) -> String {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}")
}

#[test]
fn another_certificate_than_the_named_one_is_not_trusted() {
    run(async {
        let (named, shown) = (Identity::new(), Identity::new());
        let rig = Rig::trusting(settings_of(tls()), Some(&named)).await;
        let subscriber = spawn_local(raw_tcp::subscribe(rig.session_of(0)));
        let refused = shown.acceptor(&[], 0).accept(rig.accept_counted().await).await;
        assert!(refused.unwrap_err().to_string().contains("alert"));
        let error = subscriber.await.unwrap().unwrap_err();
        assert!(matches!(error, SubscribeError::Tls(_)), "{error:?}");
        assert!(chain(&error).contains("another than the server named"), "{}", chain(&error));
    });
}

#[test]
fn a_server_that_does_not_agree_to_the_protocol_is_reported() {
    run(async {
        let identity = Identity::new();
        for (http, wanted) in [(HttpVersion::Http1, "http/1.1"), (HttpVersion::Http2, "h2")] {
            let rig = Rig::trusting(settings_of(Transport { http, ..tls() }), Some(&identity)).await;
            let subscriber = spawn_local(http_streaming::sse(rig.session_of(0)));
            let _without_alpn = rig.accept_tls(&identity.acceptor(&[], 0)).await;
            let error = subscriber.await.unwrap().unwrap_err();
            let expected = format!("the server was offered {wanted} and agreed to nothing");
            assert_eq!(error.to_string(), expected);

            let subscriber = spawn_local(http_streaming::sse(rig.session_of(0)));
            let refused = identity.acceptor(&["other"], 0).accept(rig.accept_counted().await).await;
            assert!(refused.is_err());
            let error = subscriber.await.unwrap().unwrap_err();
            assert!(matches!(error, SubscribeError::Tls(_)), "{error:?}");
        }
    });
}

#[test]
fn a_server_that_speaks_no_tls_is_reported() {
    run(async {
        let rig = Rig::trusting(settings_of(tls()), Some(&Identity::new())).await;
        for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b""] {
            let subscriber = spawn_local(polling::short(rig.session_of(0)));
            let mut stream = rig.accept_counted().await;
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
            let error = subscriber.await.unwrap().unwrap_err();
            assert!(matches!(error, SubscribeError::Tls(_)), "{error:?}");
        }
    });
}

#[test]
fn a_broken_record_ends_a_subscription_as_what_it_is() {
    run(async {
        let identity = Identity::new();
        let acceptor = identity.acceptor(&["http/1.1"], 0);
        let rig = Rig::trusting(settings_of(tls()), Some(&identity)).await;
        for http in [false, true] {
            let session = rig.session_of(0);
            let subscriber = spawn_local(async move {
                if http { http_streaming::ndjson(session).await } else { raw_tcp::subscribe(session).await }
            });
            let mut stream = rig.accept_tls(&acceptor).await;
            stream.read_exact(&mut [0; 21]).await.unwrap();
            let mut socket = stream.into_inner().0;
            socket.write_all(&[b"\x17\x03\x03\x00\x20", &[0; 32][..]].concat()).await.unwrap();
            let error = subscriber.await.unwrap().unwrap_err();
            assert!(matches!(error, SubscribeError::Tls(_)), "{error:?}");
            assert!(chain(&error).contains("decrypt"), "{}", chain(&error));
        }
    });
}

/// Accepts every client, and reads to its end.
async fn serve(rig: Rc<Rig>, acceptor: TlsAcceptor, accepted: Rc<Cell<u32>>) {
    loop {
        let (stream, acceptor, accepted) =
            (rig.accept_counted().await, acceptor.clone(), Rc::clone(&accepted));
        spawn_local(async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            accepted.set(accepted.get() + 1);
            drop(stream.read_to_end(&mut Vec::new()).await);
            drop(stream.shutdown().await);
        });
    }
}

/// TLS's own bytes of three connections, and how many the server saw.
async fn handshakes(identity: &Identity, resumption: bool) -> ([u64; 3], u32) {
    let transport = Transport { resumption, ..tls() };
    let rig = Rc::new(Rig::trusting(settings_of(transport), Some(identity)).await);
    let accepted = Rc::default();
    spawn_local(serve(Rc::clone(&rig), identity.acceptor(&[], 2), Rc::clone(&accepted)));
    rig.worker.prime().await.unwrap_or_else(|error| assert!(matches!(error, SubscribeError::Alpn { .. })));
    let mut bytes = [0; 3];
    let mut before = 0;
    for handshake in &mut bytes {
        let stream = rig.session_of(0).connect(Protocol::RawTcp).await.unwrap();
        stream.close().await;
        let account = rig.closed().await.account;
        *handshake = account.up.tls_handshake + account.down.tls_handshake - before;
        before += *handshake;
    }
    assert_eq!(rig.worker.snapshot().counters.connections, 3);
    (bytes, accepted.get())
}

#[test]
fn a_resumed_handshake_is_smaller_and_what_fetched_the_ticket_is_not_counted() {
    run(async {
        let identity = Identity::new();
        let (full, accepted) = handshakes(&identity, false).await;
        assert_eq!(accepted, 3);
        let (resumed, accepted) = handshakes(&identity, true).await;
        assert_eq!(accepted, 4, "one fetches the first ticket");
        for (resumed, full) in resumed.into_iter().zip(full) {
            // Certificate and signature are left out; a ticket is shown.
            assert!(resumed + 200 < full, "{resumed} against {full}");
        }
    });
}

#[test]
fn a_server_without_tickets_resumes_nothing_and_is_reported() {
    run(async {
        let identity = Identity::new();
        let transport = Transport { resumption: true, ..tls() };
        let rig = Rc::new(Rig::trusting(settings_of(transport), Some(&identity)).await);
        spawn_local(serve(Rc::clone(&rig), identity.acceptor(&[], 0), Rc::default()));
        let error = raw_tcp::subscribe(rig.session_of(0)).await.unwrap_err();
        assert_eq!(error.to_string(), "the server gives no session ticket");
    });
}

#[test]
fn sessions_that_connect_at_the_same_time_resume_with_tickets_of_their_own() {
    run(async {
        let identity = Identity::new();
        let (full, _) = handshakes(&identity, false).await;
        let transport = Transport { resumption: true, ..tls() };
        let rig = Rc::new(Rig::trusting(settings_of(transport), Some(&identity)).await);
        spawn_local(serve(Rc::clone(&rig), identity.acceptor(&[], 2), Rc::default()));
        let opening: Vec<_> = (0..5)
            .map(|index| {
                let session = rig.session_of(index);
                spawn_local(async move { session.connect(Protocol::RawTcp).await.unwrap().close().await })
            })
            .collect();
        for opened in opening {
            opened.await.unwrap();
        }
        let account = rig.closed().await.account;
        let each = (account.up.tls_handshake + account.down.tls_handshake) / 5;
        assert!(each + 200 < full[0], "{each} against {}", full[0]);
    });
}

#[test]
fn a_server_that_takes_no_ticket_of_its_own_is_reported() {
    run(async {
        let identity = Identity::new();
        let rig = Rig::trusting(settings_of(Transport { resumption: true, ..tls() }), Some(&identity)).await;
        let forgetful = async {
            loop {
                // What an acceptor remembers, another one does not.
                let mut stream = rig.accept_tls(&identity.acceptor(&[], 2)).await;
                spawn_local(async move {
                    drop(stream.read_to_end(&mut Vec::new()).await);
                    drop(stream.shutdown().await);
                });
            }
        };
        let ended = tokio::select! {
            ended = raw_tcp::subscribe(rig.session_of(0)) => ended,
            () = forgetful => unreachable!("it accepts for ever"),
        };
        assert_eq!(ended.unwrap_err().to_string(), "the server did not resume the session");
        assert_eq!(rig.worker.connected(), 0);
    });
}
