//! Writes the seeds of the target `component`: small components that are nearly plugins,
//! because mutation never creates a component from nothing.

use std::{fs, io, path::Path};

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

const EXPORTS: [&str; 3] = ["inventory", "offboarding", "tracking"];

fn main() -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = here.join("seeds/component");
    fs::create_dir_all(&seeds)?;
    let write = |name: &str, bytes: Vec<u8>| fs::write(seeds.join(name), bytes);

    let contract = fs::read_to_string(here.join("../wit/offboard.wit"))?;
    write("contract", dummy(&contract, "plugin")?)?;
    // Every function of an interface that the world does not have.
    let tracking = format!("{contract}\nworld other {{ export tracking; }}\n");
    write("tracking", dummy(&tracking, "other")?)?;

    for (name, text) in wat_components() {
        write(&name, wat::parse_str(text).map_err(io::Error::other)?)?;
    }
    Ok(())
}

/// A component of this world whose functions only trap.
fn dummy(wit: &str, world: &str) -> io::Result<Vec<u8>> {
    let build = || {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("offboard.wit", wit)?;
        let world = resolve.select_world(&[package], Some(world))?;
        let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
        ComponentEncoder::default()
            .validate(true)
            .module(&module)?
            .encode()
    };
    build().map_err(io::Error::other)
}

fn wat_components() -> Vec<(String, String)> {
    // Instances with the right names and without content.
    let exports: String = EXPORTS
        .iter()
        .map(|name| {
            format!("(instance ${name}) (export \"defender:offboard/{name}@1.0.0\" (instance ${name}))\n")
        })
        .collect();
    let with = |imports: &str| format!("(component {imports}\n{exports})");
    let import = |name: &str, body: &str| with(&format!("(import \"{name}\" (instance {body}))"));
    [
        ("empty", "(component)".to_owned()),
        ("module", "(module (memory 1) (func (export \"a\") (unreachable)))".to_owned()),
        ("exports", with("")),
        (
            "connection",
            import(
                "defender:offboard/connection@1.0.0",
                "(export \"api-root\" (func (result string)))
                 (export \"authorization\" (func (result (result (option string) (error string)))))",
            ),
        ),
        (
            "connection-of-another-type",
            import(
                "defender:offboard/connection@1.0.0",
                "(export \"api-root\" (func (param \"a\" u8) (result (list u8))))",
            ),
        ),
        (
            "poll",
            import(
                "wasi:io/poll@0.2.6",
                "(export \"pollable\" (type $pollable (sub resource)))
                 (export \"[method]pollable.block\"
                     (func (param \"self\" (borrow $pollable))))
                 (export \"poll\"
                     (func (param \"in\" (list (borrow $pollable))) (result (list u32))))",
            ),
        ),
        (
            "clock",
            import(
                "wasi:clocks/monotonic-clock@0.2.6",
                "(export \"now\" (func (result u64)))",
            ),
        ),
        (
            "sockets",
            import("wasi:sockets/instance-network@0.2.6", ""),
        ),
        ("function", with("(import \"run\" (func))")),
        (
            // Code that runs at start, a memory, a table, and a lifted function.
            "code",
            with(
                "(core module $m
                    (memory (export \"memory\") 1 2)
                    (table 4 funcref)
                    (global (mut i32) (i32.const 7))
                    (func $f (export \"f\") (param i32 i32) (result i32)
                        (local i64 f64)
                        (loop $again
                            (br_if $again (i32.lt_u (local.get 0) (i32.const 3))))
                        (if (result i32) (local.get 1)
                            (then (i32.load (local.get 0)))
                            (else (call $f (local.get 1) (i32.const 0)))))
                    (func (export \"realloc\") (param i32 i32 i32 i32) (result i32)
                        (unreachable))
                    (func $start)
                    (start $start)
                    (elem (i32.const 0) $f)
                    (data (i32.const 0) \"data\"))
                 (core instance $i (instantiate $m))
                 (func $lifted (param \"a\" string) (result u32)
                     (canon lift (core func $i \"f\")
                         (memory $i \"memory\") (realloc (func $i \"realloc\"))))
                 (export \"f\" (func $lifted))",
            ),
        ),
        (
            "nested",
            with(
                "(component $inner
                     (import \"a\" (func $a (param \"x\" (tuple u8 (option string)))))
                     (type $r (resource (rep i32)))
                     (export \"r\" (type $r))
                     (export \"b\" (func $a)))
                 (type $variant (variant (case \"a\" u32) (case \"b\")))
                 (type $record (record (field \"a\" (list f32)) (field \"b\" (flags \"x\" \"y\"))))
                 (alias outer 0 $record (type $again))",
            ),
        ),
        (
            // Disabled features: each has to be refused.
            "simd",
            with("(core module (func (result v128) (v128.const i64x2 1 2)))"),
        ),
        ("memory64", with("(core module (memory i64 1))")),
        ("threads", with("(core module (memory 1 1 shared))")),
        (
            "tail-call",
            with("(core module (func $f (return_call $f)))"),
        ),
        (
            "types",
            with(&"(type (list u8))".repeat(200)),
        ),
    ]
    .map(|(name, text)| (name.to_owned(), text))
    .into()
}
