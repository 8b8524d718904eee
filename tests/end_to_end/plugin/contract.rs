//! The component conforms to the contract, and one that does not is refused.

use offboard::{
    component::{Component, ComponentError},
    contract,
    sandbox::{Limits, Sandbox, SandboxError},
};
use serde_json::{Value, json};

use crate::support::offboard;

const IMPORTS: [&str; 8] = [
    "defender:offboard/connection@1.0.0",
    "defender:offboard/types@1.0.0",
    "wasi:clocks/monotonic-clock@0.2.2",
    "wasi:http/outgoing-handler@0.2.2",
    "wasi:http/types@0.2.2",
    "wasi:io/error@0.2.2",
    "wasi:io/poll@0.2.2",
    "wasi:io/streams@0.2.2",
];
const EXPORTS: [&str; 5] = [
    "defender:offboard/external-id@1.0.0",
    "defender:offboard/inventory@1.0.0",
    "defender:offboard/offboarding@1.0.0",
    "defender:offboard/tagging@1.0.0",
    "defender:offboard/tracking@1.0.0",
];

#[test]
fn the_plugin_imports_exactly_what_the_contract_allows() {
    let plugin = Component::embedded().unwrap();
    assert_eq!(plugin.imports(), IMPORTS);
    assert_eq!(plugin.exports(), EXPORTS);
    assert!(plugin.violations().is_empty());
}

#[test]
fn inspect_shows_the_imports_and_exports() {
    let outcome = offboard(["inspect", "--output", "json"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let row: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(row["imports"], json!(IMPORTS));
    assert_eq!(row["exports"], json!(EXPORTS));
    assert_eq!(row["contract"], "defender:offboard@1.0.0");
    assert_eq!(row["conforms"], true);
    assert_eq!(
        row["sha256"],
        Component::embedded().unwrap().digest().as_str()
    );
    let table = offboard(["inspect"]).stdout;
    assert!(
        table.contains("wasi:http/outgoing-handler@0.2.2"),
        "{table}"
    );
}

#[test]
fn component_and_contract_come_out_of_the_one_binary() {
    let folder = tempfile::tempdir().unwrap();
    let wasm = folder.path().join("plugin.wasm");
    let wit = folder.path().join("wit");
    let outcome = offboard([
        "inspect".as_ref(),
        "--extract".as_ref(),
        wasm.as_os_str(),
        "--wit".as_ref(),
        wit.as_os_str(),
    ]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(
        std::fs::read(&wasm).unwrap(),
        Component::embedded().unwrap().bytes()
    );
    assert_eq!(
        std::fs::read_to_string(wit.join("offboard.wit")).unwrap(),
        contract::WIT
    );

    // The extracted component is accepted as the same plugin.
    let again = offboard(["inspect".as_ref(), "--plugin".as_ref(), wasm.as_os_str()]);
    assert_eq!(
        (again.code, &again.stdout),
        (0, &offboard(["inspect"]).stdout)
    );
}

#[test]
fn the_compiled_form_is_of_the_embedded_component() {
    let embedded = Component::embedded().unwrap();
    let compiled_now = Component::from_bytes(embedded.bytes().to_vec()).unwrap();
    assert_eq!(embedded.imports(), compiled_now.imports());
    assert_eq!(embedded.exports(), compiled_now.exports());
    assert_eq!(embedded.digest(), compiled_now.digest());
}

fn component(text: &str) -> Component {
    Component::from_bytes(wat::parse_str(text).unwrap()).unwrap()
}

#[test]
fn a_component_that_wants_more_is_refused_with_the_full_list() {
    let greedy = component(
        r#"(component
            (import "wasi:cli/environment@0.2.0" (instance))
            (import "wasi:filesystem/types@0.2.0" (instance))
            (import "wasi:io/poll@0.2.9" (instance))
            (import "unheard:of/interface" (instance))
        )"#,
    );
    let Err(SandboxError::Contract(violations)) = Sandbox::new(&greedy, Limits::default()) else {
        panic!("the component was accepted");
    };
    assert_eq!(
        violations,
        [
            "it imports unheard:of/interface",
            "it imports wasi:cli/environment@0.2.0",
            "it imports wasi:filesystem/types@0.2.0",
            "it does not export defender:offboard/inventory@1.0",
            "it does not export defender:offboard/offboarding@1.0",
            "it does not export defender:offboard/tracking@1.0",
        ]
    );
}

#[test]
fn a_component_with_other_types_is_refused() {
    let other = component(
        r#"(component
            (instance $empty)
            (export "defender:offboard/inventory@1.0.0" (instance $empty))
            (export "defender:offboard/offboarding@1.0.0" (instance $empty))
            (export "defender:offboard/tracking@1.0.0" (instance $empty))
        )"#,
    );
    assert!(other.violations().is_empty());
    assert!(matches!(
        Sandbox::new(&other, Limits::default()),
        Err(SandboxError::Contract(_))
    ));
}

#[test]
fn inspect_shows_what_a_refused_component_wants() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("greedy.wasm");
    let text = r#"(component (import "wasi:sockets/tcp@0.2.0" (instance)))"#;
    std::fs::write(&file, wat::parse_str(text).unwrap()).unwrap();
    let outcome = offboard([
        "inspect".as_ref(),
        "--plugin".as_ref(),
        file.as_os_str(),
        "--output".as_ref(),
        "json".as_ref(),
    ]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let row: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(row["conforms"], false);
    assert_eq!(row["violations"][0], "it imports wasi:sockets/tcp@0.2.0");
}

#[test]
fn a_module_is_not_a_component() {
    let module = wat::parse_str("(module)").unwrap();
    assert!(matches!(
        Component::from_bytes(module),
        Err(ComponentError::Compile(_))
    ));
}
