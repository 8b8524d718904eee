//! The exports of a component, instantiated for each call.

use wasmtime::Store;

use super::state::State;
use crate::contract::{Identifier, IdentifierPre, Plugin, PluginPre, Tagger, TaggerPre};

/// The exports of a component, ready to be instantiated for each call.
pub(super) trait Exports {
    /// The exports of one instance.
    type Instance;

    /// Makes a new instance.
    fn instantiate(
        &self,
        store: &mut Store<State>,
    ) -> impl Future<Output = wasmtime::Result<Self::Instance>> + Send;
}

impl Exports for PluginPre<State> {
    type Instance = Plugin;

    async fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Plugin> {
        self.instantiate_async(store).await
    }
}

impl Exports for TaggerPre<State> {
    type Instance = Tagger;

    async fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Tagger> {
        self.instantiate_async(store).await
    }
}

impl Exports for IdentifierPre<State> {
    type Instance = Identifier;

    async fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Identifier> {
        self.instantiate_async(store).await
    }
}
