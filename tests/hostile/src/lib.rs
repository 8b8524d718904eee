//! What the hostile guests share: the contract's exports, and requests with
//! full control over every part. A guest keeps to the contract's types and to
//! nothing else; it reports what it saw as text, so that a test can look.

pub mod ask;
pub mod contract;
mod memory;

pub mod bindings {
    //! What `wit-bindgen` makes of the contract.
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

pub use ask::{Ask, Asked, answer_of, code};
pub use bindings::{
    defender::offboard::{
        connection,
        types::{ActionStatus, ActionType, MachineAction, ServiceError},
    },
    exports::defender::offboard::offboarding::OffboardError,
};
pub use contract::{Plugin, action, action_json, actions_of};
pub use waki::{
    ErrorCode, Method,
    bindings::wasi::{
        clocks::monotonic_clock,
        http::types::{Fields, HeaderError, Scheme},
        io::poll::{self, Pollable},
    },
};
