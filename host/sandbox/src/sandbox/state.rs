//! What an instance can access: the contract's `connection`, and WASI's streams, monotonic
//! clock and outgoing HTTP. Nothing else is linked.

use wasmtime::{
    Result,
    component::{HasData, HasSelf, Linker, Resource, ResourceTable},
};
use wasmtime_wasi::{
    clocks::{WasiClocks, WasiClocksCtx, WasiClocksCtxView},
    p2::bindings::{clocks::monotonic_clock, io},
};
use wasmtime_wasi_http::{
    WasiHttpCtx, WasiHttpCtxView, WasiHttpView,
    p2::{
        bindings::http::types::{HostOutgoingRequest as _, Method},
        types::HostOutgoingRequest,
    },
};

use super::{
    limiter::{StoreLimiter, size},
    limits::Limits,
};
use crate::{contract::connection, egress::Egress};

/// Size limit of the headers of one request or answer, in bytes.
const MAX_FIELDS: usize = 32 * 1024;

pub(super) struct State {
    api_root: String,
    credential: std::result::Result<Option<String>, String>,
    pub(super) limiter: StoreLimiter,
    table: ResourceTable,
    clocks: WasiClocksCtx,
    http: WasiHttpCtx,
    egress: Egress,
}

impl State {
    /// The initial state of a call: the service's origin, whether there is a
    /// credential, and the egress.
    pub(super) fn new(
        api_root: &str,
        has_credential: bool,
        egress: Egress,
        limits: &Limits,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(size(limits.handles));
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(MAX_FIELDS);
        Self {
            api_root: api_root.to_owned(),
            // No value: egress adds the token.
            credential: if has_credential {
                Ok(None)
            } else {
                Err("there is no credential".to_owned())
            },
            limiter: StoreLimiter::new(limits),
            table,
            clocks: WasiClocksCtx::default(),
            http,
            egress,
        }
    }
}

impl State {
    /// The bound that the guest exceeded, as text.
    pub(super) fn exceeded(&self) -> Option<&str> {
        self.limiter.exceeded()
    }
}

/// Links the permitted imports, and nothing else.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    connection::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    io::error::add_to_linker::<_, Io>(linker, |state| &mut state.table)?;
    io::poll::add_to_linker::<_, Io>(linker, |state| &mut state.table)?;
    io::streams::add_to_linker::<_, Io>(linker, |state| &mut state.table)?;
    monotonic_clock::add_to_linker::<_, WasiClocks>(linker, |state| WasiClocksCtxView {
        ctx: &mut state.clocks,
        table: &mut state.table,
    })?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    bound_methods(linker)
}

/// The runtime's name of the interface with the replaced function.
const HTTP_TYPES: &str = "wasi:http/types@0.2.12";

/// The longest method, in bytes. Without this limit, the runtime would keep a method of
/// any length for each request that a guest holds.
const MAX_METHOD: usize = 32;

/// Limits the one function with which a guest could fill the host's memory.
fn bound_methods(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    linker.instance(HTTP_TYPES)?.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store, (request, method): (Resource<HostOutgoingRequest>, Method)| {
            let set = match &method {
                Method::Other(name) if name.len() > MAX_METHOD => Err(()),
                _ => store.data_mut().http().set_method(request, method)?,
            };
            Ok((set,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

impl connection::Host for State {
    fn api_root(&mut self) -> String {
        self.api_root.clone()
    }

    fn authorization(&mut self) -> std::result::Result<Option<String>, String> {
        self.credential.clone()
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.egress,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}
