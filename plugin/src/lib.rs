//! The guest: the only part of `offboard` that knows Defender's API.
//!
//! Requests ([`request`]) and answers ([`answer`], [`action`], [`machine`], [`page`])
//! are pure functions over plain data and are tested natively. The edge, `http`, passes
//! a request to the host and reads the answer up to a limit; it exists only in
//! WebAssembly. The plugin has no state, never waits, never retries, and knows no
//! secret.

mod bindings {
    //! The bindings that `wit-bindgen` generates from the contract.
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
    wit_bindgen::generate!({
        path: "../wit",
        world: "external-id-plugin",
        additional_derives: [PartialEq],
    });
}

pub mod action;
pub mod answer;
#[cfg(target_family = "wasm")]
mod http;
pub mod json;
pub mod machine;
pub mod page;
pub mod request;

pub use bindings::defender::offboard::types;
pub use bindings::exports::defender::offboard::{external_id, offboarding, tagging, tracking};

#[cfg(target_family = "wasm")]
mod component {
    //! The contract's exports: request, send, answer.
    use crate::{
        answer, bindings, bindings::exports::defender::offboard::inventory, external_id, http,
        offboarding, request, tagging, tracking, types,
    };

    struct Plugin;

    bindings::export!(Plugin with_types_in bindings);

    impl offboarding::Guest for Plugin {
        fn offboard(
            machine_id: String,
            comment: String,
        ) -> Result<types::MachineAction, offboarding::OffboardError> {
            let request = request::offboard(&machine_id, &comment)?;
            answer::offboard(&machine_id, http::send(&request))
        }
    }

    impl external_id::Guest for Plugin {
        fn offboard_with_external_id(
            machine_id: String,
            comment: String,
            external_id: String,
        ) -> Result<types::MachineAction, external_id::ExternalIdError> {
            let request = request::offboard_with_external_id(&machine_id, &comment, &external_id)?;
            answer::offboard_with_external_id(&machine_id, http::send(&request))
        }
    }

    impl tagging::Guest for Plugin {
        fn tag(machine_id: String, tag: String) -> Result<(), tagging::TagError> {
            let request = request::tag(&machine_id, &tag)?;
            answer::tag(&machine_id, http::send(&request))
        }
    }

    impl tracking::Guest for Plugin {
        fn get_action(action_id: String) -> Result<types::MachineAction, types::ReadError> {
            let request = request::get_action(&action_id)?;
            answer::get_action(&action_id, http::send(&request))
        }

        fn list_actions(
            filter: tracking::ActionFilter,
            cursor: Option<String>,
            limit: u32,
        ) -> Result<types::ActionPage, types::ReadError> {
            let request = request::list_actions(&filter, cursor.as_deref(), limit)?;
            answer::list_actions(http::send(&request))
        }

        fn cancel_action(
            action_id: String,
            comment: String,
        ) -> Result<types::MachineAction, tracking::CancelError> {
            let request = request::cancel_action(&action_id, &comment)?;
            answer::cancel_action(&action_id, http::send(&request))
        }
    }

    impl inventory::Guest for Plugin {
        fn get_machine(machine_id: String) -> Result<types::Machine, types::ReadError> {
            let request = request::get_machine(&machine_id)?;
            answer::get_machine(&machine_id, http::send(&request))
        }

        fn find_machines(
            name: String,
            cursor: Option<String>,
            limit: u32,
        ) -> Result<types::MachinePage, types::ReadError> {
            let step = request::find_machines(&name, cursor.as_deref(), limit)?;
            answer::find_machines(&step, http::send(&step.request))
        }

        fn list_machines(
            cursor: Option<String>,
            limit: u32,
        ) -> Result<types::MachinePage, types::ReadError> {
            let request = request::list_machines(cursor.as_deref(), limit)?;
            answer::list_machines(http::send(&request))
        }
    }
}
