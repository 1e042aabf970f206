//! `POST /messages?channel=N`: a client's own message.

use std::error::Error;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::{Request, Response};
use tokio::time::timeout;

use super::response::{Rejection, no_content, resume};
use crate::Hub;
use crate::hub::PublishError;
use crate::settings::Limits;

pub(super) async fn post(
    request: Request<Incoming>,
    hub: &Hub,
    limits: &Limits,
) -> Result<Response<Full<Bytes>>, Rejection> {
    let channel = resume(&request)?.channel;
    let body = read(request.into_body(), limits).await?;
    hub.uplink(channel, &body).map_err(|error| match error {
        PublishError::UnknownChannel(_) => Rejection::NoSuchChannel(error.to_string()),
        PublishError::TooLong { limit, .. } => Rejection::BodyTooLarge { limit },
        other => Rejection::BadRequest(other.to_string()),
    })?;
    Ok(no_content())
}

async fn read(body: Incoming, limits: &Limits) -> Result<Bytes, Rejection> {
    let limit = limits.body_bytes;
    if body.size_hint().lower() > limit as u64 {
        return Err(Rejection::BodyTooLarge { limit });
    }
    let whole = timeout(limits.idle, Limited::new(body, limit).collect()).await;
    match whole.map_err(|_| Rejection::TimedOut)? {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if is_over_limit(&*error) => Err(Rejection::BodyTooLarge { limit }),
        Err(error) => Err(Rejection::BadRequest(error.to_string())),
    }
}

fn is_over_limit(error: &(dyn Error + 'static)) -> bool {
    error.is::<LengthLimitError>()
}
