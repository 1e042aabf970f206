//! Futures that are seldom ready, in tasks that are woken often.
//!
//! A task that waits for several things polls all of them whenever one has woken it. A stop, which comes once, is polled
//! with each event then, and takes a lock each time.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Polls a future only when it has asked for that itself, and not when something else has woken the task.
pub struct WakeGated<F> {
    future: Pin<Box<F>>,
    flag: Arc<WakeFlag>,
    /// Sets the flag, and wakes the task.
    waker: Waker,
    /// The task that the flag's waker wakes.
    task: Waker,
}

struct WakeFlag {
    woken: AtomicBool,
    task: Mutex<Waker>,
}

impl<F: Future> WakeGated<F> {
    /// Such a future; it is polled when this is polled first.
    pub fn new(future: F) -> Self {
        let task = Waker::noop().clone();
        let flag = Arc::new(WakeFlag { woken: AtomicBool::new(true), task: Mutex::new(task.clone()) });
        Self { future: Box::pin(future), waker: flag.clone().into(), flag, task }
    }
}

impl<F: Future> Future for WakeGated<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        // Set before the flag is read: a later change wakes this task.
        if !this.task.will_wake(cx.waker()) {
            this.task.clone_from(cx.waker());
            this.flag.task.lock().unwrap_or_else(PoisonError::into_inner).clone_from(cx.waker());
        }
        if !this.flag.woken.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        this.future.as_mut().poll(&mut Context::from_waker(&this.waker))
    }
}

impl Wake for WakeFlag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
    }
}

impl<F> std::fmt::Debug for WakeGated<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WakeGated").field("woken", &self.flag.woken).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn it_is_polled_first_and_then_when_it_has_asked_for_that() {
        let (sender, mut receiver) = oneshot::channel();
        let polls = Cell::new(0);
        let mut gated = WakeGated::new(poll_fn(|cx| {
            polls.set(polls.get() + 1);
            Pin::new(&mut receiver).poll(cx)
        }));
        for _ in 0..10 {
            let mut woken_otherwise = Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut gated).poll(&mut woken_otherwise).is_pending());
        }
        assert_eq!(polls.get(), 1);
        sender.send(7).unwrap();
        assert_eq!(gated.await, Ok(7));
        assert_eq!(polls.get(), 2);
    }

    #[tokio::test]
    async fn a_task_that_came_to_it_later_is_woken() {
        let (sender, receiver) = oneshot::channel();
        let mut gated = WakeGated::new(receiver);
        assert!(Pin::new(&mut gated).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let task = tokio::spawn(gated);
        tokio::task::yield_now().await;
        sender.send(()).unwrap();
        assert_eq!(task.await.unwrap(), Ok(()));
    }
}
