//! The same request again and again; only where to read on changes.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderValue};
use hyper::{Method, Request, Uri, Version};
use model::settings::HttpVersion;
use model::target::Subscription;
use protocol::Resume;

use crate::session::Session;
use crate::session::headers::RequestKind;
use crate::session::target_adapter;
use crate::subscriber::SubscribeError;

/// What requests of one kind have in common.
pub(crate) struct RequestBase {
    method: Method,
    /// What stands before the path: on HTTP/2 scheme and authority (RFC 9113 §8.3.1).
    origin: String,
    version: Version,
    headers: HeaderMap,
}

impl RequestBase {
    /// Requests with the profile's headers of `kind`.
    pub(crate) fn new(session: &Session, method: Method, kind: RequestKind) -> Self {
        let mut headers = session.request_headers(kind).clone();
        let (origin, version) = match session.settings().transport.http {
            HttpVersion::Http1 => (String::new(), Version::HTTP_11),
            HttpVersion::Http2 => (session.origin(), Version::HTTP_2),
        };
        // HTTP/2 has no such field (RFC 9113 §8.2.2); there, the connection just ends.
        let is_kept = session.settings().http.keep_alive || kind.is_stream();
        if !is_kept && version == Version::HTTP_11 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Self { method, origin, version, headers }
    }

    pub(super) fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    pub(crate) fn uri(&self, target: &str) -> Result<Uri, SubscribeError> {
        Ok(Uri::try_from(format!("{}{target}", self.origin)).map_err(hyper::http::Error::from)?)
    }

    pub(crate) fn request(&self, uri: Uri, body: Bytes) -> Request<Full<Bytes>> {
        let length = body.len();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.version_mut() = self.version;
        request.headers_mut().clone_from(&self.headers);
        if self.method == Method::POST {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        request
    }
}

/// Makes requests, and makes again only what has changed.
pub struct RequestTemplate {
    base: RequestBase,
    path: &'static str,
    subscription: Option<Subscription>,
    built: Option<(Resume, Uri)>,
    written: Option<(Resume, Vec<u8>)>,
    /// What the server of a target named last.
    cursor: String,
}

impl RequestTemplate {
    /// Requests for `path` with the profile's headers of `exchange`.
    pub fn new(session: &Session, method: Method, path: &'static str, exchange: RequestKind) -> Self {
        let base = RequestBase::new(session, method, exchange);
        let mut subscription = session.subscription().cloned();
        if let Some(subscription) = &mut subscription {
            subscription.path = subscription.path.replace("{subscriber}", &session.index().to_string());
        }
        Self { base, path, subscription, built: None, written: None, cursor: String::new() }
    }

    /// Asks from here on for what follows `cursor`.
    pub(crate) fn set_cursor(&mut self, cursor: &str) {
        if self.cursor != cursor {
            cursor.clone_into(&mut self.cursor);
            self.built = None;
        }
    }

    /// The request that asks for `resume`.
    /// Fails when the path and `resume` do not make an address.
    pub fn request(&mut self, resume: Resume, body: Bytes) -> Result<Request<Full<Bytes>>, SubscribeError> {
        let uri = self.uri(resume)?;
        Ok(self.base.request(uri, body))
    }

    /// The request without a body that asks for `resume`, as it stands on the wire of HTTP/1.1.
    pub(crate) fn written(&mut self, resume: Resume) -> Result<&[u8], SubscribeError> {
        if self.written.as_ref().is_none_or(|(written, _)| *written != resume) {
            let uri = self.uri(resume)?;
            let mut text = self.written.take().map(|(_, text)| text).unwrap_or_default();
            text.clear();
            write(&self.base.method, &uri, &self.base.headers, &mut text);
            self.written = Some((resume, text));
        }
        Ok(self.written.as_ref().map_or(&[], |(_, text)| text))
    }

    fn uri(&mut self, resume: Resume) -> Result<Uri, SubscribeError> {
        if let Some((built, uri)) = &self.built
            && *built == resume
        {
            return Ok(uri.clone());
        }
        let mut target = target_adapter::target(self.subscription.as_ref(), self.path, resume);
        if self.subscription.is_some() {
            target = target.replace("{cursor}", &self.cursor);
        }
        let uri = self.base.uri(&target)?;
        self.built = Some((resume, uri.clone()));
        Ok(uri)
    }
}

/// A request's head as it stands on the wire of HTTP/1.1 (RFC 9112 §3), byte for byte as hyper writes it.
pub(crate) fn write_head<B>(request: &Request<B>) -> Vec<u8> {
    let mut head = Vec::new();
    write(request.method(), request.uri(), request.headers(), &mut head);
    head
}

fn write(method: &Method, uri: &Uri, headers: &HeaderMap, out: &mut Vec<u8>) {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    for part in [method.as_str(), " ", target, " HTTP/1.1\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use hyper::client::conn::http1;
    use hyper_util::rt::TokioIo;
    use model::settings::{HeaderProfile, Transport};
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::session::headers::headers;

    async fn by_hyper(request: Request<Full<Bytes>>) -> Vec<u8> {
        let (near, mut far) = tokio::io::duplex(16 * 1024);
        let (mut sender, connection) = http1::handshake(TokioIo::new(near)).await.unwrap();
        let mut written = Vec::new();
        let read = async {
            while !written.ends_with(b"\r\n\r\n") {
                written.push(far.read_u8().await.unwrap());
            }
        };
        tokio::select! {
            _ = connection => panic!("the connection ended"),
            _ = sender.send_request(request) => panic!("nobody answers"),
            () = read => {}
        }
        written
    }

    #[tokio::test]
    async fn a_head_is_what_hyper_writes() {
        let address = ([127, 0, 0, 1], 59871).into();
        for profile in [HeaderProfile::Minimal, HeaderProfile::Browser, HeaderProfile::BrowserSession] {
            for target in ["/events?channel=0&after=12", "/sub/3", "/"] {
                let mut request = Request::new(Full::default());
                *request.uri_mut() = Uri::from_static(target);
                *request.headers_mut() = headers(profile, RequestKind::Poll, &Transport::default(), address);
                request.headers_mut().insert(hyper::header::IF_NONE_MATCH, HeaderValue::from_static("\"7\""));
                let head = write_head(&request);
                assert_eq!(head, by_hyper(request).await, "{profile:?} {target}");
            }
        }
    }
}
