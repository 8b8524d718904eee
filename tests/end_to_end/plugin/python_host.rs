//! The contract with an independent host: the same component, in Python's `wasmtime`
//! package.

use serde_json::{Value, json};

use crate::support::{UNKNOWN_MACHINE, World, offboard, python};

/// Calls functions of the component from Python, and returns their results.
fn call(world: &World, calls: &Value) -> Vec<Value> {
    let component = world.path("plugin.wasm");
    let extracted = offboard([
        "inspect".as_ref(),
        "--extract".as_ref(),
        component.as_os_str(),
    ]);
    assert_eq!(extracted.code, 0, "{extracted:?}");
    let output = python::run(
        "host.py",
        &[component.as_os_str()],
        &[
            ("API_ROOT", world.root()),
            ("TOKEN", world.token()),
            ("CALLS", &calls.to_string()),
        ],
        "",
    );
    output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn python_offboards_a_machine_with_the_same_component() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let results = call(
        &world,
        &json!([
            ["inventory", "get-machine", id],
            ["offboarding", "offboard", id, "From Python"],
        ]),
    );
    assert_eq!(results[0]["ok"]["id"], id.as_str(), "{results:?}");
    let action = &results[1]["ok"];
    assert_eq!(action["machine-id"], id.as_str(), "{results:?}");
    assert_eq!(action["status"], "pending");
    assert_eq!(action["requestor-comment"], "From Python");

    let carried_out = world.offboardings();
    assert_eq!(carried_out.len(), 1);
    assert_eq!(carried_out[0]["actionId"], action["id"]);

    let read = call(&world, &json!([["tracking", "get-action", action["id"]]]));
    assert_eq!(read[0]["ok"]["id"], action["id"], "{read:?}");
    assert_eq!(read[0]["ok"]["action-type"], "offboard");
}

#[test]
fn python_gets_the_contract_s_errors() {
    let world = World::new();
    let results = call(
        &world,
        &json!([
            ["offboarding", "offboard", UNKNOWN_MACHINE, "From Python"],
            ["offboarding", "offboard", "nonsense", "From Python"],
            ["offboarding", "offboard", UNKNOWN_MACHINE, " "],
            ["inventory", "find-machines", world.shared_name(), null, 100],
        ]),
    );
    assert_eq!(
        results[0]["err"]["case"], "machine-not-found",
        "{results:?}"
    );
    assert_eq!(results[0]["err"]["value"]["code"], "ResourceNotFound");
    assert_eq!(results[1]["err"]["case"], "invalid-machine-id");
    assert_eq!(results[2]["err"]["case"], "invalid-comment");
    assert!(
        results[3]["ok"]["machines"].as_array().unwrap().len() > 1,
        "{results:?}"
    );
    assert_eq!(world.posts().len(), 1);
}
