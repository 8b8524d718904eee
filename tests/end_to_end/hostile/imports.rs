//! Components that import more than the contract offers, or export less than it requires.

use offboard::component::Component;

use super::{raw_components::plugin, refused};

/// A component with this import that is otherwise permitted.
fn wanting(import: &str) -> Component {
    component(&format!(r#"(component (import "{import}" (instance)))"#))
}

fn component(text: &str) -> Component {
    Component::from_bytes(wat::parse_str(text).unwrap()).unwrap()
}

/// The import is in the list of violations, and no sandbox is created.
#[track_caller]
fn assert_not_granted(import: &str) {
    let component = wanting(import);
    let complaint = format!("it imports {import}");
    assert!(
        component.violations().contains(&complaint),
        "{:?}",
        component.violations()
    );
    assert!(refused(&component).contains(&complaint));
}

#[test]
fn the_file_system_is_not_granted() {
    assert_not_granted("wasi:filesystem/types@0.2.2");
}

#[test]
fn folders_are_not_granted() {
    assert_not_granted("wasi:filesystem/preopens@0.2.2");
}

#[test]
fn the_environment_is_not_granted() {
    assert_not_granted("wasi:cli/environment@0.2.2");
}

#[test]
fn exiting_is_not_granted() {
    assert_not_granted("wasi:cli/exit@0.2.2");
}

#[test]
fn tcp_is_not_granted() {
    assert_not_granted("wasi:sockets/tcp@0.2.2");
}

#[test]
fn udp_is_not_granted() {
    assert_not_granted("wasi:sockets/udp@0.2.2");
}

#[test]
fn looking_names_up_is_not_granted() {
    assert_not_granted("wasi:sockets/ip-name-lookup@0.2.2");
}

#[test]
fn random_numbers_are_not_granted() {
    assert_not_granted("wasi:random/random@0.2.2");
}

#[test]
fn insecure_random_numbers_are_not_granted() {
    assert_not_granted("wasi:random/insecure-seed@0.2.2");
}

#[test]
fn the_time_of_day_is_not_granted() {
    assert_not_granted("wasi:clocks/wall-clock@0.2.2");
}

#[test]
fn standard_input_is_not_granted() {
    assert_not_granted("wasi:cli/stdin@0.2.2");
}

#[test]
fn standard_output_is_not_granted() {
    assert_not_granted("wasi:cli/stdout@0.2.2");
}

#[test]
fn standard_error_is_not_granted() {
    assert_not_granted("wasi:cli/stderr@0.2.2");
}

#[test]
fn the_terminal_is_not_granted() {
    assert_not_granted("wasi:cli/terminal-output@0.2.2");
}

#[test]
fn incoming_requests_are_not_granted() {
    assert_not_granted("wasi:http/incoming-handler@0.2.2");
}

#[test]
fn logging_is_not_granted() {
    assert_not_granted("wasi:logging/logging");
}

#[test]
fn configuration_is_not_granted() {
    assert_not_granted("wasi:config/store@0.2.0-draft");
}

#[test]
fn an_unknown_interface_is_not_granted() {
    assert_not_granted("evil:backdoor/shell@1.0.0");
}

#[test]
fn another_version_of_the_connection_is_not_granted() {
    assert_not_granted("defender:offboard/connection@2.0.0");
}

#[test]
fn an_older_version_of_the_connection_is_not_granted() {
    assert_not_granted("defender:offboard/connection@0.9.0");
}

#[test]
fn a_connection_without_a_version_is_not_granted() {
    assert_not_granted("defender:offboard/connection");
}

#[test]
fn another_s_connection_is_not_granted() {
    assert_not_granted("defender:onboard/connection@1.0.0");
}

#[test]
fn another_version_of_wasi_is_not_granted() {
    assert_not_granted("wasi:http/outgoing-handler@0.3.0");
}

#[test]
fn its_own_exports_are_not_granted() {
    assert_not_granted("defender:offboard/offboarding@1.0.0");
}

#[test]
fn a_function_of_no_interface_is_not_granted() {
    let component = component(r#"(component (import "shell" (func (param "command" string))))"#);
    assert!(refused(&component).contains("it imports shell"));
}

#[test]
fn an_imported_module_is_not_granted() {
    let component = component(r#"(component (import "native" (core module)))"#);
    assert!(refused(&component).contains("it imports native"));
}

/// A component with the contract's exports, all of one type, except this one.
fn exporting(version: &str, without: Option<&str>) -> Component {
    let functions = [
        ("inventory", "find-machines get-machine list-machines"),
        ("offboarding", "offboard"),
        ("tracking", "cancel-action get-action list-actions"),
    ];
    let mut exports = String::new();
    for (interface, names) in functions {
        if Some(interface) == without {
            continue;
        }
        let names: String = names
            .split(' ')
            .map(|name| format!(r#"(export "{name}" (func $f))"#))
            .collect();
        exports += &format!(
            r#"(instance ${interface} {names})
            (export "defender:offboard/{interface}@{version}" (instance ${interface}))"#
        );
    }
    component(&format!(
        r#"(component
            (core module $m (func (export "f") (result i32) i32.const 0))
            (core instance $c (instantiate $m))
            (func $f (result u32) (canon lift (core func $c "f")))
            {exports}
        )"#
    ))
}

/// The exports that it does not have at all.
fn missing(component: &Component) -> Vec<String> {
    let mut violations = component.violations();
    violations.retain(|violation| violation.starts_with("it does not export"));
    violations
}

#[test]
fn a_plugin_without_inventory_is_refused() {
    let complaint = "it does not export defender:offboard/inventory@1.0";
    let component = exporting("1.0.0", Some("inventory"));
    assert_eq!(missing(&component), [complaint]);
    assert!(refused(&component).contains(complaint));
}

#[test]
fn a_plugin_without_offboarding_is_refused() {
    let complaint = "it does not export defender:offboard/offboarding@1.0";
    let component = exporting("1.0.0", Some("offboarding"));
    assert_eq!(missing(&component), [complaint]);
    assert!(refused(&component).contains(complaint));
}

#[test]
fn a_plugin_without_tracking_is_refused() {
    let complaint = "it does not export defender:offboard/tracking@1.0";
    let component = exporting("1.0.0", Some("tracking"));
    assert_eq!(missing(&component), [complaint]);
    assert!(refused(&component).contains(complaint));
}

#[test]
fn exports_of_another_version_are_refused() {
    for version in ["2.0.0", "1.1.0", "0.1.0"] {
        let component = exporting(version, None);
        assert_eq!(component.violations().len(), 3, "{version}");
        assert!(
            refused(&component).contains("it does not export defender:offboard/offboarding@1.0")
        );
    }
}

/// Only the names are right.
#[test]
fn functions_of_another_type_are_refused() {
    let refused = refused(&exporting("1.0.0", None));
    for function in [
        "offboard of defender:offboard/offboarding@1.0",
        "get-machine of defender:offboard/inventory@1.0",
    ] {
        let complaint = format!("its {function} has another type");
        assert!(refused.contains(&complaint), "{refused}");
    }
}

/// The names and the exports are right, but the import is not: the sandbox refuses to link
/// it.
#[track_caller]
fn assert_not_linked(import: &str) {
    let idle = wasmprinter::print_bytes(plugin("")).unwrap();
    let (idle, end) = idle.split_at(idle.rfind(')').unwrap());
    let component = component(&format!("{idle}{import}{end}"));
    assert_eq!(component.violations(), [""; 0]);
    refused(&component);
}

#[test]
fn a_function_that_the_connection_does_not_have_is_not_granted() {
    assert_not_linked(
        r#"(import "defender:offboard/connection@1.0.0" (instance (export "read-file" (func (param "path" string) (result string)))))"#,
    );
}

#[test]
fn a_function_of_the_connection_with_another_type_is_not_granted() {
    assert_not_linked(
        r#"(import "defender:offboard/connection@1.0.0" (instance (export "api-root" (func (param "path" string) (result string)))))"#,
    );
}

#[test]
fn a_granted_name_of_something_else_is_not_granted() {
    assert_not_linked(r#"(import "wasi:io/poll@0.2.2" (func))"#);
}

#[test]
fn a_function_that_wasi_does_not_have_is_not_granted() {
    assert_not_linked(
        r#"(import "wasi:io/streams@0.2.2" (instance (export "open-file" (func (param "path" string)))))"#,
    );
}
