//! The W3C WebDriver protocol (<https://www.w3.org/TR/webdriver2/>): each command is one HTTP exchange with JSON bodies.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, client};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// A command that the driver did not carry out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebDriverError {
    /// No connection to the driver.
    #[error("connect to the driver")]
    Connect(#[source] io::Error),
    /// The exchange broke off.
    #[error("exchange a request with the driver")]
    Http(#[from] hyper::Error),
    /// The response does not follow the protocol.
    #[error("the driver's response is not WebDriver: {0}")]
    Malformed(String),
    /// The driver reported an error.
    #[error("{error}: {message}")]
    Rejected {
        /// The error code (§6.6), such as `script timeout`.
        error: String,
        message: String,
    },
}

/// An open session.
#[derive(Debug)]
pub(crate) struct Session {
    driver: SocketAddr,
    path: String,
    /// `browserName` and `browserVersion`, with a space between them.
    pub(crate) version: String,
}

impl Session {
    /// Starts a browser with these capabilities (§8.1).
    pub(crate) async fn open(driver: SocketAddr, capabilities: Value) -> Result<Self, WebDriverError> {
        let body = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let opened = exchange(driver, Method::POST, "/session", Some(body)).await?;
        let id = opened["sessionId"].as_str().ok_or_else(|| malformed(&opened.to_string()))?;
        let word = |key: &str| opened["capabilities"][key].as_str().unwrap_or("unknown");
        let version = format!("{} {}", word("browserName"), word("browserVersion"));
        Ok(Self { driver, path: format!("/session/{id}"), version })
    }

    pub(crate) async fn get(&self, command: &str) -> Result<Value, WebDriverError> {
        exchange(self.driver, Method::GET, &format!("{}/{command}", self.path), None).await
    }

    pub(crate) async fn post(&self, command: &str, parameters: Value) -> Result<Value, WebDriverError> {
        exchange(self.driver, Method::POST, &format!("{}/{command}", self.path), Some(parameters)).await
    }

    /// Ends the browser (§8.2).
    pub(crate) async fn delete(&self) -> Result<(), WebDriverError> {
        exchange(self.driver, Method::DELETE, &self.path, None).await.map(|_| ())
    }
}

/// Returns the `value` of the response (§6.3), on a connection of its own.
async fn exchange(
    driver: SocketAddr,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Result<Value, WebDriverError> {
    let stream = TcpStream::connect(driver).await.map_err(WebDriverError::Connect)?;
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with `sender`, and what breaks it is an error of `sender` too.
    tokio::spawn(connection);
    let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, driver.to_string())
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .header(CONNECTION, "close")
        .body(Full::new(body))
        .map_err(|error| malformed(&error.to_string()))?;
    let response = sender.send_request(request).await?;
    let is_success = response.status().is_success();
    let body = response.into_body().collect().await?.to_bytes();
    let value =
        serde_json::from_slice::<Value>(&body).ok().and_then(|mut body| Some(body.get_mut("value")?.take()));
    let value = value.ok_or_else(|| malformed(&String::from_utf8_lossy(&body)))?;
    if is_success {
        return Ok(value);
    }
    let word = |key: &str| value[key].as_str().unwrap_or("unknown").to_owned();
    Err(WebDriverError::Rejected { error: word("error"), message: word("message") })
}

/// Quotes the beginning of a response.
pub(crate) fn malformed(body: &str) -> WebDriverError {
    WebDriverError::Malformed(body.chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Sends `navigate to` to a driver that answers with this; returns the request and the result.
    async fn navigate(status: &str, body: &str) -> (String, Result<Value, WebDriverError>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let session = Session {
            driver: listener.local_addr().unwrap(),
            path: "/session/7".to_owned(),
            version: String::new(),
        };
        let driver = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\"about:blank\"}") {
                assert!(stream.read_buf(&mut request).await.unwrap() > 0);
            }
            let length = body.len();
            let response = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
            stream.write_all(response.as_bytes()).await.unwrap();
            String::from_utf8(request).unwrap()
        };
        tokio::join!(driver, session.post("url", json!({ "url": "about:blank" })))
    }

    #[tokio::test]
    async fn a_command_is_a_json_request_and_its_value_is_returned() {
        let (request, value) = navigate("200 OK", r#"{"value":[1,null]}"#).await;
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let head: Vec<_> = head.split("\r\n").filter(|line| !line.starts_with("host: ")).collect();
        let expected = [
            "POST /session/7/url HTTP/1.1",
            "content-type: application/json; charset=utf-8",
            "connection: close",
            "content-length: 21",
        ];
        assert_eq!((head, body), (expected.to_vec(), r#"{"url":"about:blank"}"#));
        assert_eq!(value.unwrap(), json!([1, null]));
    }

    #[tokio::test]
    async fn errors_quote_the_driver() {
        let timeout = r#"{"value":{"error":"script timeout","message":"it took 30 s","stacktrace":""}}"#;
        for (status, body, expected) in [
            ("500 Internal Server Error", timeout, "script timeout: it took 30 s"),
            ("200 OK", "<html>", "the driver's response is not WebDriver: <html>"),
            ("404 Not Found", "{}", "the driver's response is not WebDriver: {}"),
        ] {
            let (_, result) = navigate(status, body).await;
            assert_eq!(result.unwrap_err().to_string(), expected);
        }
    }
}
