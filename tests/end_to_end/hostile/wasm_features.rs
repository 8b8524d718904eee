//! Features of WebAssembly that are off: what is not there cannot go wrong.

use offboard::component::{Component, ComponentError};

/// A module with a feature that is off; the component is not even compiled.
#[track_caller]
fn assert_off(module: &str) {
    let text = format!(
        "(component (core {}",
        module.trim().strip_prefix('(').unwrap()
    ) + ")";
    let compiled = Component::from_bytes(wat::parse_str(text).unwrap());
    assert!(
        matches!(compiled, Err(ComponentError::Compile(_))),
        "it was taken"
    );
}

#[test]
fn shared_memory_is_off() {
    assert_off("(module (memory 1 1 shared))");
}

#[test]
fn atomics_are_off() {
    assert_off("(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))");
}

#[test]
fn memories_of_64_bits_are_off() {
    assert_off("(module (memory i64 1))");
}

#[test]
fn several_memories_of_a_module_are_off() {
    assert_off("(module (memory 1) (memory 1))");
}

#[test]
fn vectors_are_off() {
    assert_off("(module (func (param v128)))");
}

#[test]
fn tail_calls_are_off() {
    assert_off("(module (func $f return_call $f))");
}

#[test]
fn garbage_collection_is_off() {
    assert_off("(module (type (struct (field i32))))");
}

#[test]
fn exceptions_are_off() {
    assert_off("(module (tag))");
}

#[test]
fn wide_arithmetic_is_off() {
    assert_off(
        "(module (func (param i64 i64 i64 i64) (result i64 i64) local.get 0 local.get 1 local.get 2 local.get 3 i64.add128))",
    );
}

#[test]
fn pages_of_another_size_are_off() {
    assert_off("(module (memory 1 (pagesize 1)))");
}

#[test]
fn typed_function_references_are_off() {
    assert_off("(module (type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0))))");
}

#[test]
fn computed_constants_are_off() {
    assert_off("(module (global i32 (i32.add (i32.const 1) (i32.const 1))))");
}
