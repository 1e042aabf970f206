//! The stream of figures: a Server-Sent Event every quarter of a second, as long as a page looks.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use tokio::time::{Interval, interval};

use super::Reply;
use crate::demo::Stage;
use crate::demo::statistics::Figures;

const EVERY: Duration = Duration::from_millis(250);

/// Counts as a page that looks.
struct Viewer {
    stage: Arc<Stage>,
    ticks: Interval,
}

pub(super) fn stream(stage: Arc<Stage>) -> Reply {
    stage.board.come();
    let viewer = Viewer { stage, ticks: interval(EVERY) };
    let events = stream::unfold(viewer, |mut viewer| async move {
        viewer.ticks.tick().await;
        let event = event(&viewer.stage);
        Some((Ok::<_, Infallible>(Frame::data(event)), viewer))
    });
    let mut response = Response::new(StreamBody::new(events).boxed_unsync());
    let media_type = HeaderValue::from_static(protocol::sse::MEDIA_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

fn event(stage: &Stage) -> Bytes {
    let figures = serde_json::to_string(&Figures::of(stage)).expect("figures have text for keys");
    Bytes::from(format!("data: {figures}\n\n"))
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.stage.board.go();
    }
}
