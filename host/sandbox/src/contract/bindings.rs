//! Types and functions generated from `wit/`.

pub(crate) mod required {
    //! The interfaces that every plugin imports and exports.
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "plugin",
        exports: { default: async },
        additional_derives: [PartialEq],
    });
}

pub(crate) mod optional {
    //! An interface that a plugin may export. It has a world of its own, so that
    //! the required world does not need it.
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package offboard:host;

            world tagger {
                export defender:offboard/tagging@1.0.0;
            }
        ",
        world: "offboard:host/tagger",
        exports: { default: async },
        additional_derives: [PartialEq],
        with: {
            "defender:offboard/types@1.0.0": super::required::defender::offboard::types,
        },
    });
}

pub(crate) mod external_id {
    //! Another interface that a plugin may export, with a world of its own for the same reason.
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package offboard:host;

            world identifier {
                export defender:offboard/external-id@1.0.0;
            }
        ",
        world: "offboard:host/identifier",
        exports: { default: async },
        additional_derives: [PartialEq],
        with: {
            "defender:offboard/types@1.0.0": super::required::defender::offboard::types,
        },
    });
}
