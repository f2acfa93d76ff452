//! An answer on its way: whole, or as much of it as comes through.

use crate::ground::wire::{Loss, Response};
use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer")]
pub(crate) struct HangUp;

/// How often a byte comes of an answer that drips.
const DRIP: Duration = Duration::from_millis(200);

/// The body of an answer.
pub(crate) struct Delivery {
    rest: Bytes,
    breaks: Option<Break>,
}

/// How a body that is announced as whole breaks off.
enum Break {
    /// After what is there.
    Now { announced: u64 },
    /// A byte at a time until then.
    Slowly {
        until: Instant,
        next: Pin<Box<Sleep>>,
    },
}

impl Delivery {
    pub(super) fn whole(body: Bytes) -> Self {
        Delivery {
            rest: body,
            breaks: None,
        }
    }
}

/// The answer as it comes through.
///
/// # Errors
/// None of it does.
pub(super) async fn deliver(mut response: Response) -> Result<hyper::Response<Delivery>, HangUp> {
    let body = std::mem::take(&mut response.body);
    let body = match response.loss {
        None => Delivery::whole(body),
        Some(Loss::Whole) => return Err(HangUp),
        Some(Loss::Stalled(time)) => {
            sleep(time).await;
            return Err(HangUp);
        }
        // Of one without a body, the connection is all that can break.
        Some(_) if body.is_empty() => return Err(HangUp),
        Some(Loss::Half) => {
            let announced = body.len() as u64;
            Delivery {
                rest: body.slice(..body.len() / 2),
                breaks: Some(Break::Now { announced }),
            }
        }
        Some(Loss::Dripped(time)) => Delivery {
            rest: body,
            breaks: Some(Break::Slowly {
                until: Instant::now() + time,
                next: Box::pin(sleep(Duration::ZERO)),
            }),
        },
    };
    let mut answer = hyper::Response::new(body);
    *answer.status_mut() = response.status;
    *answer.headers_mut() = response.headers;
    Ok(answer)
}

impl Body for Delivery {
    type Data = Bytes;
    type Error = HangUp;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HangUp>>> {
        let this = &mut *self;
        match &mut this.breaks {
            Some(Break::Slowly { until, next }) => {
                if next.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                // The last byte never comes.
                if Instant::now() >= *until || this.rest.len() == 1 {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Poll::Ready(Some(Err(HangUp)));
                    }
                    next.as_mut().reset(Instant::now() + left);
                    return next.as_mut().poll(cx).map(|()| Some(Err(HangUp)));
                }
                next.as_mut().reset(Instant::now() + DRIP);
                Poll::Ready(Some(Ok(Frame::data(this.rest.split_to(1)))))
            }
            Some(Break::Now { .. }) if !this.rest.has_remaining() => Poll::Ready(Some(Err(HangUp))),
            _ if this.rest.has_remaining() => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.rest)))))
            }
            _ => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.breaks.is_none() && !self.rest.has_remaining()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.breaks {
            Some(Break::Now { announced }) => SizeHint::with_exact(*announced),
            _ => SizeHint::with_exact(self.rest.len() as u64),
        }
    }
}
