//! The loader: any file is loaded without a panic or a hang, and no import beyond the
//! contract reaches a sandbox.
#![no_main]

use libfuzzer_sys::fuzz_target;
use offboard_sandbox::{
    component::{Component, Digest},
    sandbox::{Limits, Sandbox},
};

fuzz_target!(|data: &[u8]| {
    let Ok(component) = Component::from_bytes(data.to_vec()) else {
        return;
    };
    assert_eq!(component.bytes(), data);
    assert_eq!(*component.digest(), Digest::of(data));
    let sandbox = Sandbox::new(&component, Limits::default());
    if !component.violations().is_empty() {
        assert!(sandbox.is_err());
        return;
    }
    let foreign = |name: &&String| {
        ![
            "defender:offboard/connection@1.",
            "defender:offboard/types@1.",
            "wasi:clocks/monotonic-clock@0.2",
            "wasi:http/",
            "wasi:io/",
        ]
        .iter()
        .any(|known| name.starts_with(known))
    };
    assert_eq!(component.imports().iter().find(foreign), None);
    assert!(component.exports().len() >= 3);
    assert!(component.contract().is_some());
});
