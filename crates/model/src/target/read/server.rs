//! The tables of a target file that say how its server comes about.

use std::collections::BTreeMap;

use super::values::{address, command, path, texts};
use crate::scenario::error::Fault;
use crate::scenario::reader::{Table, Value, count, duration, list, text, text_that, word, yes_or_no};
use crate::target::{Address, Ready, ReadyWhen, Running, Server, Start, StopSignal, Tls};

const READY_WITHIN_NS: u64 = 10_000_000_000;
const LONGEST_START_NS: u64 = 300_000_000_000;

const STOP: [(&str, StopSignal); 5] = [
    ("TERM", StopSignal::Term),
    ("INT", StopSignal::Int),
    ("QUIT", StopSignal::Quit),
    ("HUP", StopSignal::Hup),
    ("KILL", StopSignal::Kill),
];

pub(super) fn server(root: &Table<'_>) -> Result<Server, Fault> {
    let (start, address) = (root.section("start"), root.read("address", address));
    let process = root.section("process")?;
    match (start?, address?, process) {
        (Some(start), None, None) => started(&start).map(Server::Started),
        (None, Some(address), process) => Ok(Server::Running(match process {
            Some(process) => running(address, &process)?,
            None => Running { address, pid: None, pid_file: None, ports: Vec::new() },
        })),
        (Some(start), Some(_), _) => {
            Err(Fault::new(start.span(), "a target is started or has an address, not both")
                .help("leave one of them out: `address` is for a server that is running already"))
        }
        (Some(_), None, Some(process)) => {
            Err(Fault::new(process.span(), "[process] is for a server that is running already")
                .help("leave it out: of a server that is started, all processes below it are measured"))
        }
        (None, None, _) => Err(Fault::new(0..0, "`start` is missing in a target").help(
            "write [start] with command = [\"my-server\", \"--port\", \"{port}\"], or address = \"127.0.0.1:8080\"",
        )),
    }
}

fn started(start: &Table<'_>) -> Result<Start, Fault> {
    let command = start.required("command", command, "[\"my-server\", \"--port\", \"{port}\"]");
    let config = start.read("config", texts)?.unwrap_or_default();
    let env = start.read("env", variables)?.unwrap_or_default();
    let folder = start.read("folder", text)?;
    let stop = start.read("stop", word(&STOP))?.unwrap_or_default();
    start.finish()?;
    Ok(Start { command: command?, config, env, folder, stop })
}

fn variables(value: &Value<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let variables = texts(value)?;
    match variables.keys().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
        None => Ok(variables),
        Some(name) => Err(Fault::new(value.span(), format!("`{name}` is not a variable's name"))
            .help("write env = { NODE_ENV = \"production\" }")),
    }
}

fn running(address: Address, table: &Table<'_>) -> Result<Running, Fault> {
    let pid = table.read("pid", count(i32::MAX as u32))?;
    let pid_file = table.read("pid_file", text)?.map(Into::into);
    let ports = table.read("ports", list(port))?.unwrap_or_default();
    table.finish()?;
    Ok(Running { address, pid, pid_file, ports })
}

fn port(value: &Value<'_>) -> Result<u16, Fault> {
    Ok(count(u32::from(u16::MAX))(value)? as u16)
}

/// TLS by the table `[tls]`, which an address with `https` needs.
pub(super) fn tls(root: &Table<'_>, server: &Server) -> Result<Option<Tls>, Fault> {
    let address = match server {
        Server::Running(running) => Some(&running.address),
        Server::Started(_) => None,
    };
    let Some(table) = root.section("tls")? else {
        let Some(address) = address.filter(|address| address.tls) else { return Ok(None) };
        return Err(Fault::new(
            0..0,
            format!("nothing says how the certificate of {} is checked", address.host),
        )
        .help("write [tls] with ca = \"ca.pem\", or with insecure = true, which takes any certificate"));
    };
    let (ca, insecure) = (table.read("ca", text)?, table.read("insecure", yes_or_no)?.unwrap_or(false));
    let name = table.read("name", text)?;
    table.finish()?;
    if ca.is_some() == insecure {
        return Err(Fault::new(table.span(), "a certificate is checked by `ca`, or not at all")
            .help("write either ca = \"ca.pem\" or insecure = true"));
    }
    let host = || address.map_or_else(|| "localhost".to_owned(), |address| address.host.clone());
    Ok(Some(Tls { name: name.unwrap_or_else(host), ca }))
}

pub(super) fn ready(root: &Table<'_>) -> Result<Ready, Fault> {
    let table = root.section_or_empty("ready")?;
    let within_ns = table.read("within", start_limit)?.unwrap_or(READY_WITHIN_NS);
    let is_line = |line: &str| !line.trim().is_empty() && !line.contains('\n');
    let line = |value: &Value<'_>| {
        text_that(value, is_line, "is not a part of a line", "write line = \"listening on\"")
    };
    let when = match (table.read("path", path)?, table.read("line", line)?) {
        (None, None) => ReadyWhen::Connects,
        (Some(path), None) => ReadyWhen::Answers(path),
        (None, Some(line)) => ReadyWhen::Writes(line),
        (Some(_), Some(_)) => {
            return Err(Fault::new(table.span(), "a target is ready by a path or by a line, not both")
                .help("leave one of them out"));
        }
    };
    table.finish()?;
    if root.section("tls")?.is_some() && matches!(when, ReadyWhen::Answers(_)) {
        return Err(Fault::new(table.span(), "a path is asked for without TLS")
            .help("leave `path` out: the server is ready when it accepts connections; or write line = \"listening\""));
    }
    if root.section("start")?.is_none() && matches!(when, ReadyWhen::Writes(_)) {
        return Err(Fault::new(table.span(), "what a server writes that is running already cannot be read")
            .help("leave `line` out, or write path = \"/\""));
    }
    Ok(Ready { when, within_ns })
}

pub(super) fn version(root: &Table<'_>) -> Result<Option<Vec<String>>, Fault> {
    let Some(table) = root.section("version")? else { return Ok(None) };
    let command = table.required("command", command, "[\"my-server\", \"--version\"]");
    table.finish()?;
    command.map(Some)
}

fn start_limit(value: &Value<'_>) -> Result<u64, Fault> {
    let ns = duration(value)?;
    if (1..=LONGEST_START_NS).contains(&ns) {
        return Ok(ns);
    }
    Err(Fault::new(value.span(), "a server cannot have so long to start").help("write \"10s\"; up to 5min"))
}
