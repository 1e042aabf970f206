//! `pushbench serve`: one technique's server in a process of its own.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::FutureExt as _;
use model::scenario;
use model::settings::SocketIo;
use protocol::ready::ReadyLine;
use server_kit::settings::{Limits, Pages};
use server_kit::tls::{Certificate, Resumption, TlsServer};
use server_kit::{Hub, Settings, Stop, feed, lifetime};
use server_socketio::protocol_tests;
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio::runtime::{Builder, Runtime};

use crate::browsers::client::browser_of;
use crate::cli::{Application, Serve};
use crate::page_files;
use crate::registry::{self, Technique};
use crate::store::host;

pub(super) fn serve(arguments: &Serve) -> anyhow::Result<ExitCode> {
    os::raise_open_files().context("raise the number of open files")?;
    os::pin(&arguments.cores.cores).with_context(|| format!("keep to cores {:?}", arguments.cores.cores))?;
    runtime()?.block_on(run(arguments))?;
    Ok(ExitCode::SUCCESS)
}

/// As many threads as there are cores; on a single core none but this one, so that no event crosses threads.
fn runtime() -> anyhow::Result<Runtime> {
    let runtime = match host::allowed_cores().len() {
        0 | 1 => Builder::new_current_thread().enable_all().build(),
        cores => Builder::new_multi_thread().worker_threads(cores).enable_all().build(),
    };
    runtime.context("start the server's runtime")
}

async fn run(arguments: &Serve) -> anyhow::Result<()> {
    let (_, technique) = registry::find(&arguments.technique).context("find the technique")?;
    let serve = server(technique, arguments.application)?;
    let settings = settings(arguments)?;
    let hub = Hub::new((technique.encode)(&settings), &settings);
    let ended = async {
        tokio::select! {
            () = lifetime::end_of_input() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted.context("listen for Ctrl-C"),
        }
    };
    tokio::pin!(ended);
    let (stopper, stop) = lifetime::channel();
    let listener = tokio::select! {
        // A port that is in use is reported, also where the input has ended already.
        biased;
        listener = open(arguments, &hub, &stop) => listener?,
        ended = &mut ended => return ended,
    };
    print_ready_line(
        technique.slug,
        &listener,
        arguments.feed.as_deref(),
        settings.transport.tls.as_deref(),
    )?;
    let serving = serve(listener, hub.clone(), settings, stop);
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => return served.context("serve"),
        ended = ended => ended?,
    }
    stopper.stop();
    serving.await.context("serve")?;
    report_losses(&hub);
    report_rejections(&hub);
    Ok(())
}

/// Listens, and serves the feed: beside each other, or when the application has given its log.
async fn open(arguments: &Serve, hub: &Hub, stop: &Stop) -> anyhow::Result<TcpListener> {
    let bind = || {
        listen(arguments.listen).with_context(|| {
            format!("listen on {}; name another port with --listen, or 0 for a free one", arguments.listen)
        })
    };
    let (listener, log, feed) = match &arguments.feed {
        None => return bind(),
        Some(path) if arguments.after_feed => {
            let feed = bind_feed(path)?;
            let mut log = feed::take_log(&feed, hub).await.context("take the application's log")?;
            // Taken before it listens, so that every connection comes after it.
            let since_ns = os::now_ns();
            let listener = bind()?;
            log.send_listening(since_ns).await.context("report to the application that this listens")?;
            (listener, Some(log), feed)
        }
        Some(path) => (bind()?, None, bind_feed(path)?),
    };
    tokio::spawn(feed::serve_behind(log, feed, hub.clone(), stop.clone()));
    Ok(listener)
}

/// With the longest accept queue that the kernel allows: what does not fit it is retried after a second.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A server may come back to its port at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(u32::MAX >> 1)
}

fn bind_feed(path: &Path) -> anyhow::Result<UnixListener> {
    UnixListener::bind(path)
        .with_context(|| format!("listen on the feed {}; the path must be free and short", path.display()))
}

fn server(technique: &Technique, application: Application) -> anyhow::Result<registry::Serve> {
    match application {
        Application::Events => Ok(technique.serve),
        Application::ProtocolTests if technique.slug == SocketIo::TECHNIQUE => {
            Ok(|listener, hub, settings, stop| protocol_tests::serve(listener, hub, settings, stop).boxed())
        }
        Application::ProtocolTests => bail!("--application protocol-tests is for socketio only"),
    }
}

/// On standard error, if connections were rejected: a client that does not speak what is served here.
fn report_rejections(hub: &Hub) {
    if let Some((count, reason)) = hub.rejected() {
        // An error means that the reader of standard error has ended.
        let _ = writeln!(io::stderr(), "connections rejected: {count}; the last: {reason}");
    }
}

/// On standard error, if subscribers skipped events or the application did not take messages.
fn report_losses(hub: &Hub) {
    for (count, what) in [
        (hub.skipped(), "events were skipped by subscribers that were too slow"),
        (hub.undelivered(), "messages to the application were dropped, since it did not take them"),
    ] {
        if count > 0 {
            // As above.
            let _ = writeln!(io::stderr(), "{count} {what}");
        }
    }
}

/// The trial's settings as the supervisor passes them, or those that a person has set.
fn settings(arguments: &Serve) -> anyhow::Result<Settings> {
    let trial = match &arguments.settings {
        Some(text) => serde_json::from_str(text).context("read --settings")?,
        None => scenario::settings_from(&arguments.set)?,
    };
    if !trial.transport.tls && (arguments.certificate.is_some() || arguments.no_resumption) {
        bail!("--certificate, --key and --no-resumption need TLS: add --set transport.tls=true");
    }
    let mut settings = Settings::from(&trial);
    if arguments.settings.is_none() && trial.slow_consumers.is_none() {
        // A trial's server retains more, so that no subscriber but a slow consumer falls behind.
        settings.limits.replay_events = Limits::default().replay_events;
    }
    settings.lag_policy = arguments.lag.into();
    settings.pages = browser_of(trial.client).map(|_| Arc::new(Pages::new(page_files::of_a_trial())));
    if trial.transport.tls {
        settings.transport.tls = Some(Arc::new(tls(arguments).context("set up TLS")?));
    }
    Ok(settings)
}

fn tls(arguments: &Serve) -> anyhow::Result<TlsServer> {
    let certificate = match (&arguments.certificate, &arguments.key) {
        (Some(certificate), Some(key)) => Certificate::read(certificate, key)?,
        // The command line takes both or neither.
        _ => Certificate::made()?,
    };
    let resumption = if arguments.no_resumption { Resumption::Off } else { Resumption::Tickets };
    Ok(TlsServer::new(certificate, resumption)?)
}

fn print_ready_line(
    technique: &str,
    listener: &TcpListener,
    feed: Option<&Path>,
    tls: Option<&TlsServer>,
) -> anyhow::Result<()> {
    let ready = ReadyLine {
        technique: technique.to_owned(),
        address: listener.local_addr().context("find the address that this listens on")?,
        certificate: tls.map(|tls| BASE64_STANDARD.encode(tls.certificate())),
        feed: feed.map(|path| path.display().to_string()),
        pid: std::process::id(),
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{}", ready.to_line()).and_then(|()| out.flush()).context("write the ready line")
}
