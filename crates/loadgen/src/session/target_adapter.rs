//! How to ask a server of another project for its events. Pushbench's own are asked by [`Resume`]'s query.

use hyper::HeaderMap;
use hyper::header::{ETAG, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
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
}

impl ResumeFields {
    pub(crate) fn take_answer(&mut self, headers: &HeaderMap) {
        for (name, place) in [(LAST_MODIFIED, &mut self.modified), (ETAG, &mut self.tag)] {
            if let Some(value) = headers.get(name) {
                *place = Some(value.clone());
            }
        }
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

    /// Adds the fields that ask for all later events.
    pub(crate) fn ask(&self, resumes: Resumes, headers: &mut HeaderMap) {
        let fields = match resumes {
            Resumes::None | Resumes::Query => return,
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
            fields.ask(resumes, &mut headers);
            headers
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect::<Vec<_>>()
        };
        assert!(asked(&fields, Resumes::Validators).is_empty());
        let mut answer = HeaderMap::new();
        answer.insert(LAST_MODIFIED, HeaderValue::from_static("now"));
        answer.insert(ETAG, HeaderValue::from_static("1"));
        fields.take_answer(&answer);
        // An answer without validators changes nothing.
        fields.take_answer(&HeaderMap::new());
        fields.take_event("5:0");
        assert_eq!(asked(&fields, Resumes::Validators), ["if-modified-since: now", "if-none-match: 1"]);
        assert_eq!(asked(&fields, Resumes::LastEventId), ["last-event-id: 5:0"]);
        fields.take_event("");
        assert!(asked(&fields, Resumes::LastEventId).is_empty(), "an empty id resets it");
        assert!(asked(&fields, Resumes::Query).is_empty());
    }
}
