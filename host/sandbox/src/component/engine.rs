//! The engine configuration. The build script compiles the default plugin with it, and the
//! command runs the plugin with it. Only the features of WebAssembly that the guest needs are
//! enabled.

use wasmparser::WasmFeatures;
use wasmtime::Config;

/// The configuration of every engine.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .wasm_tail_call(false)
        .wasm_simd(false)
        .wasm_relaxed_simd(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .wasm_extended_const(false)
        .wasm_features(WasmFeatures::FUNCTION_REFERENCES, false)
        .shared_memory(false);
    config
}
