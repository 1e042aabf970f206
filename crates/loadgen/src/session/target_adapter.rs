//! How to ask a server of another project for its events. Pushbench's own are asked by [`Resume`]'s query.

use std::fmt::Write as _;

use hyper::HeaderMap;
use hyper::header::{
    COOKIE, ETAG, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, SET_COOKIE,
};
use model::target::{Resumes, Subscription};
use protocol::{Resume, Start};

/// WHATWG HTML §9.2.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What to ask for: `path` by `resume`, or what `subscription` has in its place.
pub(crate) fn target(subscription: Option<&Subscription>, path: &str, resume: Resume) -> String {
    let Some(subscription) = subscription else { return format!("{path}?{resume}") };
    let after = match resume.start {
        Start::Fresh => 0,
        Start::After(seq) => seq,
    };
    subscription.path.replace("{channel}", &resume.channel.to_string()).replace("{after}", &after.to_string())
}

/// The values by which a server that numbers messages in its own way resumes a subscriber.
#[derive(Debug, Default)]
pub(crate) struct ResumeFields {
    modified: Option<HeaderValue>,
    tag: Option<HeaderValue>,
    event: String,
    /// As it stands in a path.
    cursor: String,
    /// Names and values, for the server that gave them: there is no other.
    cookies: Vec<(String, String)>,
}

impl ResumeFields {
    pub(crate) fn take_answer(&mut self, resumes: &Resumes, headers: &HeaderMap) {
        if let Resumes::Header(name) = resumes
            && let Some(value) = headers.get(name)
        {
            self.take_cursor(&String::from_utf8_lossy(value.as_bytes()));
        }
        for cookie in headers.get_all(SET_COOKIE) {
            self.take_cookie(&String::from_utf8_lossy(cookie.as_bytes()));
        }
        for (name, place) in [(LAST_MODIFIED, &mut self.modified), (ETAG, &mut self.tag)] {
            if let Some(value) = headers.get(name) {
                *place = Some(value.clone());
            }
        }
    }

    /// What the server names as the next place, as it stands in a path (RFC 3986 §2.1).
    pub(crate) fn take_cursor(&mut self, value: &str) {
        self.cursor.clear();
        for byte in value.bytes() {
            match byte {
                b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                    self.cursor.push(char::from(byte));
                }
                // Writing to a String does not fail.
                _ => _ = write!(self.cursor, "%{byte:02X}"),
            }
        }
    }

    pub(crate) fn cursor(&self) -> &str {
        &self.cursor
    }

    /// Its attributes do not matter: every request goes to one server, as long as a trial lasts.
    fn take_cookie(&mut self, field: &str) {
        let pair = field.split(';').next().unwrap_or_default();
        let Some((name, value)) = pair.split_once('=') else { return };
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        self.cookies.retain(|(other, _)| *other != name);
        self.cookies.push((name, value));
    }

    /// The last event id; empty for none.
    pub(crate) fn event(&self) -> &str {
        &self.event
    }

    pub(crate) fn take_event(&mut self, id: &str) {
        if self.event != id {
            id.clone_into(&mut self.event);
        }
    }

    /// Adds the cookies that the server gave, and the fields that ask for all later events.
    pub(crate) fn ask(&self, resumes: &Resumes, headers: &mut HeaderMap) {
        if !self.cookies.is_empty() {
            let of_profile = headers.get(COOKIE).and_then(|value| Some(value.to_str().ok()?.to_owned()));
            let own = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
            let all: Vec<_> = of_profile.into_iter().chain(own).collect();
            if let Ok(value) = HeaderValue::try_from(all.join("; ")) {
                headers.insert(COOKIE, value);
            }
        }
        let fields = match resumes {
            Resumes::None | Resumes::Query | Resumes::Header(_) | Resumes::Json(_) => return,
            Resumes::Validators => vec![(IF_MODIFIED_SINCE, &self.modified), (IF_NONE_MATCH, &self.tag)],
            Resumes::LastEventId => {
                // Without an id there is no such field, and its value is UTF-8 (WHATWG HTML §9.2.3).
                if let Ok(id) = HeaderValue::try_from(&self.event)
                    && !id.is_empty()
                {
                    headers.insert(LAST_EVENT_ID, id);
                }
                return;
            }
        };
        for (name, value) in fields {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_servers_are_asked_by_the_query_and_others_as_their_path_says() {
        let resume = Resume { channel: 3, start: Start::After(17) };
        assert_eq!(target(None, "/ws", resume), "/ws?channel=3&after=17");
        let other = Subscription::at("/sub/{channel}/from/{after}");
        assert_eq!(target(Some(&other), "/ws", resume), "/sub/3/from/17");
        assert_eq!(target(Some(&other), "/ws", Resume { start: Start::Fresh, ..resume }), "/sub/3/from/0");
    }

    #[test]
    fn a_subscriber_asks_for_what_follows_the_last_response_or_event() {
        let mut fields = ResumeFields::default();
        let asked = |fields: &ResumeFields, resumes| {
            let mut headers = HeaderMap::new();
            fields.ask(&resumes, &mut headers);
            headers
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect::<Vec<_>>()
        };
        assert!(asked(&fields, Resumes::Validators).is_empty());
        let mut answer = HeaderMap::new();
        answer.insert(LAST_MODIFIED, HeaderValue::from_static("now"));
        answer.insert(ETAG, HeaderValue::from_static("1"));
        fields.take_answer(&Resumes::Validators, &answer);
        // An answer without validators changes nothing.
        fields.take_answer(&Resumes::Validators, &HeaderMap::new());
        fields.take_event("5:0");
        assert_eq!(asked(&fields, Resumes::Validators), ["if-modified-since: now", "if-none-match: 1"]);
        assert_eq!(asked(&fields, Resumes::LastEventId), ["last-event-id: 5:0"]);
        fields.take_event("");
        assert!(asked(&fields, Resumes::LastEventId).is_empty(), "an empty id resets it");
        assert!(asked(&fields, Resumes::Query).is_empty());
        let next = Resumes::Header("x-next".to_owned());
        answer.insert("x-next", HeaderValue::from_static("a b/1"));
        for cookie in ["node=a; Path=/", "id=7", "node=b; HttpOnly"] {
            answer.append(SET_COOKIE, HeaderValue::from_static(cookie));
        }
        fields.take_answer(&next, &answer);
        assert_eq!(
            (fields.cursor(), asked(&fields, next)),
            ("a%20b%2F1", vec!["cookie: id=7; node=b".to_owned()])
        );
    }
}
