//! How a subscriber sends to a server of others: by the request that publishes there, on a connection of its own.

use std::collections::BTreeMap;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::http::response::Parts;
use hyper::{Method, Request, Uri, http};
use model::target::{PublishRequest, Resumes, Template, Values};

use super::request_template::RequestBase;
use crate::session::Session;
use crate::session::headers::RequestKind;
use crate::subscriber::SubscribeError;

/// Requests to one channel.
pub(super) struct TargetPost<'a> {
    publish: &'a PublishRequest,
    base: RequestBase,
    uri: Uri,
    body: Template,
    channel: u32,
}

impl<'a> TargetPost<'a> {
    /// Fails when the path and the fields make no request.
    pub(super) fn new(session: &Session, publish: &'a PublishRequest) -> Result<Self, SubscribeError> {
        let channel = session.resume().channel;
        let base = base(session, publish, channel)?;
        let uri = base.uri(&publish.path.replace("{channel}", &channel.to_string()))?;
        let body = Template::text(publish.body.as_deref().unwrap_or("{message}"));
        Ok(Self { publish, base, uri, body, channel })
    }

    pub(super) fn request(&self, session: &Session, message: &[u8]) -> Request<Full<Bytes>> {
        let mut message = message.to_vec();
        if session.subscription().is_some_and(|subscription| subscription.newline) {
            message.push(b'\n');
        }
        let (found, mut bytes) = (BTreeMap::new(), Vec::new());
        let (channel, subscriber) = (self.channel, session.index());
        self.body.append(&Values { channel, subscriber, message: &message, found: &found }, &mut bytes);
        let mut request = self.base.request(self.uri.clone(), Bytes::new());
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        *request.body_mut() = Full::new(Bytes::from(bytes));
        session.resume_fields().ask(&Resumes::None, request.headers_mut());
        request
    }

    /// Fails when the answer is no success by the target's file.
    pub(super) fn check(&self, head: &Parts, body: &[u8]) -> Result<(), SubscribeError> {
        if self.publish.success.is_met(head.status.as_u16(), &String::from_utf8_lossy(body)) {
            return Ok(());
        }
        Err(SubscribeError::status(head.status, &head.headers, body))
    }
}

/// The profile's request, with what the file says of publishing in it.
fn base(session: &Session, publish: &PublishRequest, channel: u32) -> Result<RequestBase, SubscribeError> {
    let method = Method::from_bytes(publish.method.as_bytes()).map_err(http::Error::from)?;
    let mut base = RequestBase::new(session, method, RequestKind::Post);
    let fields = publish.headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
    let host = session.request_headers(RequestKind::Poll).get(HOST).cloned();
    let headers = base.headers_mut();
    if let Some(host) = host {
        headers.insert(HOST, host);
    }
    for (name, value) in [(CONTENT_TYPE.as_str(), publish.content_type.clone())].into_iter().chain(fields) {
        let name = HeaderName::try_from(name).map_err(http::Error::from)?;
        let value = value.replace("{channel}", &channel.to_string());
        headers.insert(name, HeaderValue::try_from(value).map_err(http::Error::from)?);
    }
    Ok(base)
}
