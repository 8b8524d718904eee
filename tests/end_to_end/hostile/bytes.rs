//! Files that are not components, or that were damaged.

use offboard::{
    component::{Component, ComponentError},
    sandbox::{Limits, Sandbox},
};

use super::{raw_components::plugin, refused};

/// The documented limit of 16 MiB (docs/limits.md), not the constant in the code.
const LARGEST: u64 = 16 * 1024 * 1024;

#[track_caller]
fn assert_no_component(bytes: &[u8]) {
    let compiled = Component::from_bytes(bytes.to_vec());
    assert!(
        matches!(compiled, Err(ComponentError::Compile(_))),
        "it was taken"
    );
}

#[test]
fn nothing_is_no_component() {
    assert_no_component(b"");
}

#[test]
fn a_text_is_no_component() {
    assert_no_component(b"(module");
}

#[test]
fn a_script_is_no_component() {
    assert_no_component(b"#!/bin/sh\nexit 0\n");
}

#[test]
fn a_library_is_no_component() {
    assert_no_component(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0");
}

#[test]
fn a_head_alone_is_no_plugin() {
    let component = Component::from_bytes(b"\0asm\x0d\0\x01\0".to_vec()).unwrap();
    assert_eq!(component.violations().len(), 3);
    refused(&component);
}

/// If the text format were accepted, the digest of the file would not be that of the component.
#[test]
fn a_text_of_a_component_is_no_component() {
    assert_no_component(b"(component)");
}

#[test]
fn a_module_is_no_plugin() {
    assert_no_component(&wat::parse_str("(module)").unwrap());
}

/// Machine code, as the build creates it from the default plugin. If it were loaded from a file,
/// it would run without a check.
#[test]
fn compiled_code_is_no_component() {
    let component = wat::parse_str("(component)").unwrap();
    let engine = wasmtime::Engine::default();
    assert_no_component(&engine.precompile_component(&component).unwrap());
}

#[test]
fn a_component_that_is_cut_off_is_no_component() {
    let whole = Component::embedded().unwrap();
    let whole = whole.bytes();
    let step = whole.len() / 60;
    // Only names and the like follow, which may be left out.
    let custom = b"component-name";
    let mut windows = whole.windows(custom.len());
    let end = windows.position(|window| window == custom).unwrap();
    let last = [1, 2, 3, 100].map(|less| whole.len() - less);
    for length in (0..whole.len()).step_by(step).chain(last) {
        // Truncated between two sections, the rest may be a valid component, but without the
        // exports that are required; or without the optional one that is last.
        if let Ok(component) = Component::from_bytes(whole[..length].to_vec())
            && component.can_send_external_id()
            && length < end
        {
            refused(&component);
        }
    }
}

#[test]
fn a_file_that_is_too_long_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wasm");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(LARGEST + 1).unwrap();
    assert!(matches!(
        Component::from_file(&path, None),
        Err(ComponentError::TooLarge)
    ));
    file.set_len(1 << 40).unwrap();
    assert!(matches!(
        Component::from_file(&path, None),
        Err(ComponentError::TooLarge)
    ));
}

#[test]
fn a_folder_is_no_component() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        Component::from_file(folder.path(), None),
        Err(ComponentError::File(..))
    ));
}

/// The same positions in every run (Knuth's generator of 64 bits).
fn positions(seed: u64, below: usize) -> impl Iterator<Item = (usize, u8)> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(state >> 33).unwrap() % below;
        (at, 1 << ((state >> 30) & 7))
    })
}

/// Flips the last bit of each minor version of the contract: the runtime accepts 1.1 in place of
/// 1.0, and this host does not.
fn versions(bytes: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    const VERSION: &[u8] = b"@1.0.0";
    let found = bytes.windows(VERSION.len()).enumerate();
    found
        .filter(|(_, window)| *window == VERSION)
        .map(|(at, _)| (at + 3, 1))
}

/// Each is refused, or is another component that meets the contract.
fn assert_harmless(bytes: &[u8], flips: impl IntoIterator<Item = (usize, u8)>) {
    for (at, bit) in flips {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= bit;
        if let Ok(component) = Component::from_bytes(bytes) {
            let conforms = component.violations().is_empty();
            let taken = Sandbox::new(&component, Limits::default()).is_ok();
            assert!(conforms || !taken, "at {at}, {bit:#x}");
        }
    }
}

#[test]
fn a_bit_that_is_turned_in_a_plugin_does_no_harm() {
    let bytes = plugin("");
    let anywhere = positions(1, bytes.len()).take(200);
    assert_harmless(&bytes, anywhere.chain(versions(&bytes)));
}

/// Each one that is still a component is compiled, so only a few are tested. The first versions
/// are those of its imports.
#[test]
fn a_bit_that_is_turned_in_the_real_plugin_does_no_harm() {
    let component = Component::embedded().unwrap();
    let bytes = component.bytes();
    let anywhere = positions(1, bytes.len()).take(4);
    assert_harmless(bytes, anywhere.chain(versions(bytes).take(2)));
}
