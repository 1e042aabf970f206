//! Values that several tables of a target file have.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::scenario::error::Fault;
use crate::scenario::reader::{Value, list, table, text, text_that};
use crate::target::{Address, PORTS};

pub(super) fn command(value: &Value<'_>) -> Result<Vec<String>, Fault> {
    let words = list(text)(value)?;
    if words.first().is_none_or(String::is_empty) {
        return Err(
            Fault::new(value.span(), "a command without a program").help("write command = [\"my-server\"]")
        );
    }
    Ok(words)
}

/// A path goes into a request's first line as it is.
pub(super) fn path(value: &Value<'_>) -> Result<String, Fault> {
    let fits = |path: &str| path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    let help = "it begins with a slash and has neither spaces nor letters beyond ASCII, such as \"/ws?channel={channel}\"";
    text_that(value, fits, "is not a path", help)
}

/// It ends with a comma in a packet.
pub(super) fn namespace(value: &Value<'_>) -> Result<String, Fault> {
    let fits = |name: &str| name.starts_with('/') && !name.contains([',', '?']);
    text_that(value, fits, "is not a namespace", "it begins with a slash and has no comma, such as \"/chat\"")
}

/// An event of Socket.IO: a JSON array of its name and arguments.
pub(super) fn event(value: &Value<'_>) -> Result<String, Fault> {
    let fits = |event: &str| event.starts_with("[\"") && event.ends_with(']');
    let help = "write its name and arguments as a JSON array, such as '[\"subscribe\",\"{channel}\"]'";
    text_that(value, fits, "is not an event", help)
}

pub(super) fn is_field_value(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

pub(super) fn address(value: &Value<'_>) -> Result<Address, Fault> {
    let found = text(value)?;
    let address = Address::parse(&found).ok_or_else(|| not_an_address(value, &found))?;
    match address.ip() {
        Some(ip) if !ip.is_loopback() => Err(not_here(value, ip)),
        // What a name stands for is looked up when it is needed.
        _ => Ok(address),
    }
}

/// An address whose port may be a placeholder.
pub(super) fn address_by_port(value: &Value<'_>) -> Result<String, Fault> {
    let found = text(value)?;
    let any_port = PORTS.iter().fold(found.clone(), |text, port| text.replace(&format!("{{{port}}}"), "1"));
    loopback(value, &any_port).map(|_| found)
}

fn loopback(value: &Value<'_>, found: &str) -> Result<SocketAddr, Fault> {
    let address: SocketAddr = found.parse().map_err(|_| not_an_address(value, found))?;
    if address.ip().is_loopback() { Ok(address) } else { Err(not_here(value, address.ip())) }
}

fn not_an_address(value: &Value<'_>, found: &str) -> Fault {
    Fault::new(value.span(), format!("`{found}` is not an address"))
        .help("write \"127.0.0.1:8080\", or with more \"https://localhost:8443/live\"")
}

/// Load goes to this machine alone, regardless of who wrote the file.
fn not_here(value: &Value<'_>, ip: IpAddr) -> Fault {
    Fault::new(value.span(), format!("{ip} is not on this machine"))
        .help("write a loopback address, such as \"127.0.0.1:8080\"")
}

pub(super) fn texts(value: &Value<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let table = table(value, "a table of texts")?;
    table.iter().map(|(key, value)| Ok((key.get_ref().to_string(), text(value)?))).collect()
}

/// Header fields by their names; an empty value is one, too.
pub(super) fn headers(value: &Value<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let fields = texts(value)?;
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    match fields.iter().find(|(name, value)| !is_name(name) || !is_field_value(value)) {
        None => Ok(fields),
        Some((name, found)) => Err(Fault::new(
            value.span(),
            format!("`{name}: {found}` is not a header field"),
        )
        .help(
            "names are small letters, digits and hyphens, such as te; values have no letters beyond ASCII",
        )),
    }
}
