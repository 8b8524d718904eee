//! What the hostile guests share: the table of cases, the contract's exports, and
//! requests with full control over every part.
//!
//! A guest has one theme and a table of cases, each of them one attack. It keeps to the
//! contract's types and to nothing else. It reports what it observed as text, which a
//! test then checks. How an order selects a case is documented in [`case`].

pub mod case;
mod contract;
mod memory;
pub mod request;

pub mod bindings {
    //! The bindings that `wit-bindgen` generates from the contract.
    #![allow(missing_docs, clippy::all, clippy::pedantic)]
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package hostile:guest;

            world guest {
                import defender:offboard/connection@1.0.0;
                export defender:offboard/offboarding@1.0.0;
            }
        ",
        world: "hostile:guest/guest",
        generate_all,
    });
}

pub use bindings::{
    defender::offboard::{
        connection,
        types::{ActionStatus, ActionType, MachineAction, ServiceError},
    },
    exports::defender::offboard::offboarding::OffboardError,
};
pub use case::{Attack, Case, IdentifiedOrder, Order, TagOrder};
pub use contract::{action, action_json, actions_of};
pub use request::{Request, Started, response_of, write};
pub use waki::{
    ErrorCode, Method,
    bindings::wasi::{
        clocks::monotonic_clock,
        http::types::{Fields, HeaderError, OutgoingBody, OutgoingRequest, Scheme},
        io::poll::{self, Pollable},
    },
};
