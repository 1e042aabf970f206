//! The static table of RFC 7541 appendix A.

/// How many entries it has; the dynamic table's indices follow.
pub(super) const LEN: u64 = ENTRIES.len() as u64;

const ENTRIES: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// The index of a field with this name and this value. An entry without a value only lends its name.
pub(super) fn whole(name: &str, value: &str) -> Option<u64> {
    let is_it = |entry: &&(&str, &str)| **entry == (name, value) && !value.is_empty();
    ENTRIES.iter().position(|entry| is_it(&entry)).map(index)
}

/// The first index with this name.
pub(super) fn named(name: &str) -> Option<u64> {
    ENTRIES.iter().position(|entry| entry.0 == name).map(index)
}

/// Indices begin with 1 (RFC 7541 §2.3.3).
fn index(position: usize) -> u64 {
    position as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_those_of_appendix_a() {
        assert_eq!((whole(":method", "GET"), whole(":status", "500"), LEN), (Some(2), Some(14), 61));
        assert_eq!(whole("accept-encoding", "gzip, deflate"), Some(16));
        assert_eq!(
            (named("accept-encoding"), named("cookie"), named("date")),
            (Some(16), Some(32), Some(33))
        );
        assert_eq!((named("user-agent"), named("www-authenticate")), (Some(58), Some(61)));
        assert_eq!((whole("accept", ""), named("sec-fetch-mode")), (None, None));
    }
}
