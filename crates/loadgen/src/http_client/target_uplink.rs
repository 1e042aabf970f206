//! How a subscriber sends to a server of others: by the request that publishes there, on a connection of its own.

use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{Method, Request, http};
use model::target::{PublishRequest, Template, Values};

use super::{KeptConnection, RequestBase};
use crate::session::Session;
use crate::session::headers::RequestKind;
use crate::subscriber::SubscribeError;

/// Posts one message after another.
/// Fails when the connection breaks, or the answer is no success by the target's file. Never ends otherwise.
pub(super) async fn post(session: &Session, publish: &PublishRequest) -> Result<Infallible, SubscribeError> {
    let channel = session.resume().channel;
    let base = base(session, publish, channel)?;
    let uri = base.uri(&publish.path.replace("{channel}", &channel.to_string()))?;
    let body = Template::text(publish.body.as_deref().unwrap_or("{message}"));
    let mut kept = KeptConnection::new();
    kept.open(session).await?;
    loop {
        let mut message = session.outgoing().await.to_vec();
        if session.subscription().is_some_and(|subscription| subscription.newline) {
            message.push(b'\n');
        }
        let mut bytes = Vec::new();
        let values =
            Values { channel, subscriber: session.index(), message: &message, found: &BTreeMap::new() };
        body.append(&values, &mut bytes);
        let mut request: Request<Full<Bytes>> = base.request(uri.clone(), Bytes::new());
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        *request.body_mut() = Full::new(Bytes::from(bytes));
        session.resume_fields().ask(&model::target::Resumes::None, request.headers_mut());
        let (head, body) = kept.exchange(session, request).await?.into_parts();
        let answer = body.collect().await?.to_bytes();
        if !publish.success.is_met(head.status.as_u16(), &String::from_utf8_lossy(&answer)) {
            return Err(SubscribeError::status(head.status, &head.headers, &answer));
        }
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
