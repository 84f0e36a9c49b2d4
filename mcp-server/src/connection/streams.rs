//! What clients listen to: changes, and the streams of sessions.

use std::mem::take;
use std::task::Context;

use mcp_proto::{CallKey, FromStream, Input, Notification, Now, ReaderKey, Reply, SubscribeError};

use super::{Connection, Work};
use crate::counters::Counted;
use crate::machine::Machine;
use crate::runtime::Timer;
use crate::session_call::Reading;
use crate::sight::Sight;
use crate::subscription::Subscription;

impl<S, T: Timer, M: Machine> Connection<S, T, M> {
    /// Reads a stream for a call.
    pub(super) fn read(
        &mut self,
        endpoint: usize,
        reader: ReaderKey,
        call: CallKey,
        counted: Option<Counted>,
    ) {
        let shared = self.entry.shared.clone();
        let work = self.work();
        if let Some(known) = work.readings.iter_mut().find(|reading| reading.key == reader) {
            return known.calls.push(call);
        }
        let mut reading = Reading::new(shared, endpoint, reader, counted);
        reading.calls.push(call);
        // Mostly there is one.
        work.readings.reserve_exact(1);
        work.readings.push(reading);
    }

    fn reading_at(&self, at: usize) -> Option<&Reading> {
        self.work.as_ref()?.readings.get(at)
    }

    /// Passes on what there is in the streams of sessions, as fast as the client reads.
    pub(super) fn poll_readings(&mut self, cx: &Context<'_>, now: Now) -> bool {
        let (mut happened, mut at) = (false, 0);
        // All of it, so that the last event and the end of the stream leave in one write.
        while let Some(reading) = self.reading_at(at).filter(|_| self.session.can_notify()) {
            let next = reading.poll_next(cx, now.instant);
            happened |= next.is_some();
            match next {
                Some(next) => self.pass_on(now, at, next),
                None => at += 1,
            }
        }
        happened
    }

    /// Passes on all that there is, at once: the client is about to hear no more.
    pub(super) fn flush_readings(&mut self, now: Now) {
        let mut at = 0;
        while let Some(reading) = self.reading_at(at) {
            match reading.next(now.instant) {
                Some(next) => self.pass_on(now, at, next),
                None => at += 1,
            }
        }
    }

    /// Passes on what the stream at that position has. After its end there is another in its place.
    fn pass_on(&mut self, now: Now, at: usize, next: FromStream) {
        match next {
            FromStream::Event(event) => {
                if let Some(key) = self.reading_at(at).and_then(|it| it.calls.first()).copied() {
                    self.handle(now, Input::Notify(key, Notification::Event(event)));
                }
            }
            FromStream::End => {
                let calls = take(&mut self.work().readings.swap_remove(at).calls);
                for key in calls {
                    // If the call is not done, its client will come back for the rest.
                    let work = self.work();
                    work.handed_over.extend(work.calls.take(key));
                    self.handle(now, Input::Reply(key, Reply::NoResponse));
                }
            }
        }
    }

    pub(super) fn begin_subscription(
        &mut self,
        now: Now,
        key: CallKey,
        subscription: Result<Subscription, SubscribeError>,
        mut sight: Sight,
    ) {
        match subscription {
            Ok(subscription) => {
                let subscriptions = &mut self.work().subscriptions;
                // Mostly there is one.
                subscriptions.reserve_exact(1);
                subscriptions.push(subscription);
                self.awaited.changes = false;
                // What counts is how long it takes until it is there, not how long the client listens.
                sight.end(&Reply::SubscriptionEnded);
                self.handle(now, Input::Notify(key, Notification::Subscribed));
            }
            Err(error) => self.answer_at_once(now, key, Reply::Error(error.into()), sight),
        }
    }

    /// Passes on changes that the client listens for, as fast as it reads.
    pub(super) fn poll_subscriptions(&mut self, cx: &Context<'_>, now: Now) -> bool {
        if self.awaited.changes {
            return false;
        }
        let (mut happened, mut has_more) = (false, false);
        for subscription in self.work.iter().flat_map(|work| &work.subscriptions) {
            if !self.session.can_notify() {
                has_more = true;
                break;
            }
            let (change, more) = subscription.poll_change(cx);
            has_more |= more;
            if let Some(change) = change {
                let changed = Notification::Changed(change);
                self.session.handle(now, Input::Notify(subscription.call, changed));
                happened = true;
            }
        }
        self.awaited.changes = !has_more;
        happened
    }

    /// Passes on all that is pending, at once: the client is about to hear no more. It is no more
    /// than what it asked for.
    pub(super) fn flush_subscriptions(&mut self, now: Now) {
        for subscription in self.work.iter().flat_map(|work| &work.subscriptions) {
            while let Some(change) = subscription.next_change() {
                let changed = Notification::Changed(change);
                self.session.handle(now, Input::Notify(subscription.call, changed));
            }
        }
    }
}

impl Work {
    /// That call gets nothing more from the stream that is read for it.
    pub(super) fn stop_reading_for(&mut self, call: CallKey) {
        self.readings.retain_mut(|reading| {
            reading.calls.retain(|other| *other != call);
            !reading.calls.is_empty()
        });
    }
}
