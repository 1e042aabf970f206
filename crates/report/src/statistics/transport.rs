//! What a transport costs: each technique compared with itself over plain HTTP/1.1.

use model::settings::{Compression, HttpVersion, Settings, Transport};

use super::estimate::Estimate;
use super::{Row, ScenarioResult, group};

/// A row beside the plain one of the same technique at the same point.
#[derive(Debug)]
pub(crate) struct Comparison<'r> {
    pub row: &'r Row<'r>,
    pub plain: &'r Row<'r>,
    /// Server CPU for each event ÷ the plain one's, drawn in pairs where both have the same repetitions.
    pub cpu: Option<Estimate>,
    /// Wire bytes for each event of both directions ÷ the plain one's.
    pub wire: Option<Estimate>,
}

/// `HTTP/2 + TLS, deflate`.
pub(crate) fn name(transport: &Transport) -> String {
    let http = match transport.http {
        HttpVersion::Http1 => "HTTP/1.1",
        HttpVersion::Http2 => "HTTP/2",
    };
    let tls = if transport.tls { " + TLS" } else { "" };
    let resumed = if transport.resumption { " resumed" } else { "" };
    let shared = match transport.per_connection {
        0 | 1 => String::new(),
        count => format!(", {count} per connection"),
    };
    let compression = match transport.compression {
        Compression::None => "",
        Compression::Deflate => ", deflate",
    };
    format!("{http}{tls}{resumed}{shared}{compression}")
}

impl<'a> ScenarioResult<'a> {
    /// Every row with a transport other than the plain one, where the same technique has a plain one.
    pub(crate) fn comparisons(&self) -> Vec<Comparison<'_>> {
        let plain = Transport::default();
        let others = self.rows.iter().filter(|row| row.settings.transport != plain);
        others.filter_map(|row| self.comparison(row)).collect()
    }

    fn comparison<'r>(&'r self, row: &'r Row<'a>) -> Option<Comparison<'r>> {
        let wanted = over(row.settings, &Transport::default());
        let plain = self.rows_of(row.technique).find(|other| *other.settings == wanted)?;
        let groups = [row, plain].map(Row::group);
        let cpu = group::cpu_ratio(&groups[0], &groups[1]);
        Some(Comparison { row, plain, cpu, wire: group::wire_ratio(&groups[0], &groups[1]) })
    }
}

fn over(settings: &Settings, transport: &Transport) -> Settings {
    Settings { transport: transport.clone(), ..settings.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_are_named_by_what_differs_from_plain_http() {
        let shared =
            Transport { tls: true, http: HttpVersion::Http2, per_connection: 20, ..Transport::default() };
        let resumed = Transport { tls: true, resumption: true, ..Transport::default() };
        let deflated = Transport { compression: Compression::Deflate, ..Transport::default() };
        let names = [&Transport::default(), &shared, &resumed, &deflated].map(name);
        let expected =
            ["HTTP/1.1", "HTTP/2 + TLS, 20 per connection", "HTTP/1.1 + TLS resumed", "HTTP/1.1, deflate"];
        assert_eq!(names, expected);
    }
}
