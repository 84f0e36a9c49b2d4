//! What a server offers while it runs: looked up at every request, and changed through a handle.

use std::collections::HashSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use mcp_proto::{
    Call, Catalog, CatalogError, Change, McpMethod, OfferKey, Reply, Request, SubscriptionFilter,
};

use crate::offered::{HandlerFn, OfferError, Offerable, Offered, Offering};
use crate::shared_hub::SharedHub;

/// What one server offers, now.
#[derive(Default)]
pub(crate) struct Live {
    /// What the server was told to offer.
    offering: Mutex<Offering>,
    /// The same, ready to be served, since the server has started.
    served: OnceLock<Served>,
    pub(crate) hub: SharedHub,
}

#[expect(clippy::large_enum_variant, reason = "there is one for each server")]
enum Served {
    /// What nobody can change. Calls take no lock.
    Fixed(Ready),
    /// What there is a handle to. The lock is held for as long as it takes to clone or to replace
    /// what is in it.
    Changing(RwLock<Arc<Ready>>),
}

/// An offering and its catalog, which belong together.
struct Ready {
    offering: Offering,
    catalog: Catalog,
}

/// Who answers a call.
pub(crate) enum Answered {
    /// It needed no handler.
    Already(Reply),
    By(HandlerFn),
    Nobody,
}

impl Live {
    /// Changes what the server will offer, before it starts.
    pub(crate) fn describe<R>(&self, change: impl FnOnce(&mut Offering) -> R) -> R {
        change(&mut self.offering())
    }

    /// Makes it ready to be served.
    pub(crate) fn start(self: &Arc<Self>) -> Result<(), CatalogError> {
        // Locked until it is served, so that no change falls in between.
        let offering = self.offering();
        let ready = Ready::new(offering.clone())?;
        // Whoever can change it holds it, too.
        let served = match Arc::strong_count(self) {
            1 => Served::Fixed(ready),
            _ => Served::Changing(RwLock::new(Arc::new(ready))),
        };
        // A server is started once: it is consumed by that.
        let _ = self.served.set(served);
        Ok(())
    }

    /// Changes what the server offers; if clients could not use the result, nothing changes.
    fn change<R>(&self, change: impl FnOnce(&mut Offering) -> R) -> Result<R, OfferError> {
        // What users have put there may call back when it is dropped: so these are declared before
        // the locks are taken, to be dropped after they are released.
        let mut changed;
        let _replaced;
        let mut offering = self.offering();
        changed = offering.clone();
        let result = change(&mut changed);
        let ready = Arc::new(Ready::new(changed.clone())?);
        if let Some(Served::Changing(current)) = self.served.get() {
            let mut current = current.write().unwrap_or_else(PoisonError::into_inner);
            _replaced = std::mem::replace(&mut *current, ready);
        }
        std::mem::swap(&mut *offering, &mut changed);
        Ok(result)
    }

    /// Finds who answers a call.
    pub(crate) fn answer(&self, call: &Call) -> Answered {
        self.with_ready(|ready| ready.answer(call)).unwrap_or(Answered::Nobody)
    }

    /// Those resources of a filter that are there and not for whoever sends `request`.
    pub(crate) fn hidden_of(
        &self,
        filter: &SubscriptionFilter,
        request: &Request,
    ) -> HashSet<String> {
        self.with_ready(|ready| {
            let is_visible = |key: &OfferKey| ready.is_visible(key, request);
            let uris = filter.resource_subscriptions.iter();
            uris.filter(|uri| ready.catalog.hides_resource(uri, is_visible)).cloned().collect()
        })
        .unwrap_or_default()
    }

    /// Whether it asks for changes of a resource that is there and not for whoever sends it.
    pub(crate) fn hides_subject_of(&self, request: &Request) -> bool {
        request.method() == McpMethod::Subscribe
            && self
                .with_ready(|ready| {
                    let is_visible = |key: &OfferKey| ready.is_visible(key, request);
                    ready.catalog.hides_resource(request.name(), is_visible)
                })
                .unwrap_or(false)
    }

    /// Lends out what is served now, with no lock held.
    fn with_ready<R>(&self, with: impl FnOnce(&Ready) -> R) -> Option<R> {
        Some(match self.served.get()? {
            Served::Fixed(ready) => with(ready),
            Served::Changing(current) => {
                let current = current.read().unwrap_or_else(PoisonError::into_inner).clone();
                with(&current)
            }
        })
    }

    fn offering(&self) -> MutexGuard<'_, Offering> {
        // A panic of `change` leaves a clone behind, and not the offering.
        self.offering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ready {
    fn new(offering: Offering) -> Result<Self, CatalogError> {
        Ok(Self { catalog: Catalog::new(&offering.offer)?, offering })
    }

    fn answer(&self, call: &Call) -> Answered {
        let request = call.request();
        if let Some(reply) = self.catalog.answer_to(call, |key| self.is_visible(key, request)) {
            return Answered::Already(reply);
        }
        match self.offering.handler(&self.catalog, request) {
            Some(handler) => Answered::By(handler.clone()),
            None => Answered::Nobody,
        }
    }

    fn is_visible(&self, key: &OfferKey, request: &Request) -> bool {
        let Some(is_visible) = self.offering.visible.get(key) else {
            return false;
        };
        // It may trip over what a client has sent, which must not take others along.
        catch_unwind(AssertUnwindSafe(|| is_visible(request))).unwrap_or_else(|_| {
            let name = key.name();
            tracing::warn!(name, "hidden: what says who may see it has panicked");
            false
        })
    }
}

/// Changes a server while it runs, from anywhere. Cheap to clone.
///
/// Made by [`Server::handle`](crate::Server::handle). Each change is told to the clients that
/// listen for it (2026-07-28, basic/patterns/subscriptions).
///
/// ```
/// use mcp_server::{Server, tool};
///
/// let mut server = Server::new("plugins", "1.0.0");
/// let handle = server.handle();
/// // Later, while it is served:
/// handle.add(tool("new", "Has just been installed", || "Hello!"))?;
/// # Ok::<(), mcp_server::OfferError>(())
/// ```
#[derive(Clone)]
pub struct ServerHandle {
    live: Arc<Live>,
}

impl ServerHandle {
    pub(crate) fn new(live: Arc<Live>) -> Self {
        Self { live }
    }

    /// Offers something more, at the end of its list.
    ///
    /// # Errors
    ///
    /// If clients could not make use of it, such as for a name that is taken. Then nothing changes.
    pub fn add<D: Offerable>(&self, item: Offered<D>) -> Result<(), OfferError> {
        self.put(item, false)
    }

    /// Offers something in the place of what has its name, or at the end if nothing has.
    ///
    /// # Errors
    ///
    /// If clients could not make use of it. Then nothing changes.
    pub fn replace<D: Offerable>(&self, item: Offered<D>) -> Result<(), OfferError> {
        self.put(item, true)
    }

    /// Offers something no more, and returns whether it was offered. Calls that are in flight go
    /// on.
    pub fn remove(&self, key: &OfferKey) -> bool {
        // What is left is as good as it was.
        let was_there = self.live.change(|offering| offering.remove(key)).unwrap_or(false);
        if was_there {
            self.notify(&change_of(key));
        }
        was_there
    }

    /// Tells clients that the list of tools has changed. Only needed when something has that this
    /// handle does not know of, such as who may see what.
    pub fn notify_tools_list_changed(&self) {
        self.notify(&Change::Tools);
    }

    /// Tells clients that the list of prompts has changed, likewise.
    pub fn notify_prompts_list_changed(&self) {
        self.notify(&Change::Prompts);
    }

    /// Tells clients that the list of resources or of templates has changed, likewise.
    pub fn notify_resources_list_changed(&self) {
        self.notify(&Change::Resources);
    }

    /// Tells clients that what they get when they read `uri` has changed.
    pub fn notify_resource_updated(&self, uri: &str) {
        self.notify(&Change::resource(uri));
    }

    fn put<D: Offerable>(&self, item: Offered<D>, replaces: bool) -> Result<(), OfferError> {
        let item = item.prepared()?;
        let change = change_of(&item.description.key());
        self.live.change(|offering| offering.put(item, replaces))?;
        self.notify(&change);
        Ok(())
    }

    fn notify(&self, change: &Change) {
        self.live.hub.publish(change);
    }
}

fn change_of(key: &OfferKey) -> Change {
    match key {
        OfferKey::Tool(_) => Change::Tools,
        OfferKey::Prompt(_) => Change::Prompts,
        OfferKey::Resource(_) | OfferKey::ResourceTemplate(_) => Change::Resources,
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle").finish_non_exhaustive()
    }
}
