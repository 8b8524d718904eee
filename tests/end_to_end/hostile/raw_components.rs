//! Plugins that keep to the contract's types, written down as text: what no compiler would make.

use offboard::{
    component::Component,
    sandbox::{CallError, Limits},
};

use super::{
    Offboarding, assert_limit, assert_nothing_left, briefly, call, connection, machine, sandbox_of,
    service, shorten, wrapped,
};

/// The contract's functions as a module must export them, all of them idle, and
/// beside them whatever an attack needs.
pub(super) fn plugin(more: &str) -> Vec<u8> {
    plugin_with(r#"(memory (export "memory") 1)"#, "unreachable", more)
}

fn plugin_with(memory: &str, offboard: &str, more: &str) -> Vec<u8> {
    let idle: String = [
        ("tracking", "get-action", 2),
        ("tracking", "cancel-action", 4),
        ("tracking", "list-actions", 15),
        ("inventory", "get-machine", 2),
        ("inventory", "find-machines", 6),
        ("inventory", "list-machines", 4),
    ]
    .iter()
    .map(|(interface, function, count)| {
        let params = "i32 ".repeat(*count);
        format!(
            r#"(func (export "defender:offboard/{interface}@1.0.0#{function}")
                (param {params}) (result i32) unreachable)"#
        )
    })
    .collect();
    let module = wat::parse_str(format!(
        r#"(module {memory}
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
            (func (export "defender:offboard/offboarding@1.0.0#offboard")
                (param i32 i32 i32 i32) (result i32) {offboard})
            {idle}
            {more}
        )"#
    ))
    .unwrap();
    wrapped(module)
}

/// Calls `offboard` of a component, with a short deadline that the call must not exceed.
async fn attack(component: Vec<u8>) -> Offboarding {
    let mut limits = Limits::default();
    shorten(&mut limits);
    let component = Component::from_bytes(component).unwrap();
    let sandbox = sandbox_of(&component, limits);
    let server = service();
    let connection = connection(server.root());
    let called = briefly(call(&sandbox, &connection, &machine(), "Retired")).await;
    assert_nothing_left(&called, &server);
    called
}

#[tokio::test]
async fn an_idle_plugin_can_be_started() {
    // What the others are measured against: only what they add is the attack.
    let called = attack(plugin("")).await;
    assert!(
        matches!(called.result, Err(CallError::Trap(_))),
        "{called:?}"
    );
}

#[tokio::test]
async fn an_endless_loop_in_the_start_is_ended() {
    let called = attack(plugin("(start $s) (func $s (loop $l (br $l)))")).await;
    assert!(
        matches!(called.result, Err(CallError::Computation(_))),
        "{called:?}"
    );
}

#[tokio::test]
async fn a_trap_in_the_start_is_the_plugin_s_alone() {
    let called = attack(plugin("(start $s) (func $s unreachable)")).await;
    assert!(
        matches!(called.result, Err(CallError::Start(_))),
        "{called:?}"
    );
}

#[tokio::test]
async fn a_plugin_that_begins_with_too_much_memory_is_not_started() {
    let memory = r#"(memory (export "memory") 4096)"#;
    let called = attack(plugin_with(memory, "unreachable", "")).await;
    assert_limit(&called, "bytes of memory");
}

#[tokio::test]
async fn a_plugin_that_begins_with_too_large_a_table_is_not_started() {
    let called = attack(plugin("(table 1000000 funcref)")).await;
    assert_limit(&called, "table elements");
}

#[tokio::test]
async fn a_plugin_whose_table_grows_is_ended() {
    let grow =
        "(loop $l (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $l)) unreachable";
    let memory = r#"(memory (export "memory") 1) (table $t 1 funcref)"#;
    let called = attack(plugin_with(memory, grow, "")).await;
    assert_limit(&called, "table elements");
}

#[tokio::test]
async fn a_plugin_whose_memory_grows_is_ended() {
    let grow = "(loop $l (drop (memory.grow (i32.const 16))) (br $l)) unreachable";
    let called = attack(plugin_with(r#"(memory (export "memory") 1)"#, grow, "")).await;
    assert_limit(&called, "bytes of memory");
}

/// A component with one more module, instantiated this often.
fn with_instances(mut component: Vec<u8>, module: &str, count: u8) -> Vec<u8> {
    let module = wat::parse_str(module).unwrap();
    let size = u8::try_from(module.len()).unwrap();
    // A core module, and core instances of it: the second module, without
    // arguments (component model, binary format).
    component.extend([1, size]);
    component.extend(module);
    let instances = [0, 1, 0].repeat(count.into());
    let size = u8::try_from(instances.len() + 1).unwrap();
    component.extend([2, size, count]);
    component.extend(instances);
    component
}

#[tokio::test]
async fn a_plugin_of_a_great_many_instances_is_not_started() {
    let called = attack(with_instances(plugin(""), "(module)", 40)).await;
    assert_limit(&called, "instance");
}

#[tokio::test]
async fn a_plugin_of_a_great_many_memories_is_not_started() {
    let called = attack(with_instances(plugin(""), "(module (memory 0))", 7)).await;
    assert_limit(&called, "memor");
}

#[tokio::test]
async fn a_plugin_of_a_great_many_tables_is_not_started() {
    let module = "(module (table 0 funcref) (table 0 funcref) (table 0 funcref) (table 0 funcref))";
    let called = attack(with_instances(plugin(""), module, 3)).await;
    assert_limit(&called, "table");
}

#[tokio::test]
async fn many_small_memories_count_together() {
    let called = attack(with_instances(plugin(""), "(module (memory 600))", 3)).await;
    assert_limit(&called, "bytes of memory");
}

#[tokio::test]
async fn a_result_outside_of_memory_is_not_read() {
    let called = attack(plugin_with(
        r#"(memory (export "memory") 1)"#,
        "i32.const 0x7ffffff0",
        "",
    ))
    .await;
    assert!(
        matches!(called.result, Err(CallError::Trap(_))),
        "{called:?}"
    );
}

#[tokio::test]
async fn a_result_that_is_no_case_of_the_contract_is_not_read() {
    let data = r#"(data (i32.const 4096) "\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff")"#;
    let called = attack(plugin_with(
        r#"(memory (export "memory") 1)"#,
        "i32.const 4096",
        data,
    ))
    .await;
    assert!(
        matches!(called.result, Err(CallError::Trap(_))),
        "{called:?}"
    );
}

#[tokio::test]
async fn a_text_longer_than_memory_is_not_read() {
    // An error, its first case, and a text at 0 of nearly four gigabytes.
    let data = r#"(data (i32.const 4096) "\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\ff\ff\ff\ff\ff\ff\ff\ff")"#;
    let called = attack(plugin_with(
        r#"(memory (export "memory") 1)"#,
        "i32.const 4096",
        data,
    ))
    .await;
    assert!(
        matches!(called.result, Err(CallError::Trap(_))),
        "{called:?}"
    );
}

#[tokio::test]
async fn arguments_are_not_written_outside_of_memory() {
    let mut module = plugin("");
    // What `cabi_realloc` gives: 1024, as signed LEB128, and in its place -1.
    let at = module
        .windows(4)
        .position(|bytes| bytes == [0x41, 0x80, 0x08, 0x0b])
        .unwrap();
    module[at + 1] = 0xff;
    module[at + 2] = 0x7f;
    let called = attack(module).await;
    assert!(
        matches!(called.result, Err(CallError::Trap(_))),
        "{called:?}"
    );
}
