//! Builds the plugin, wraps it as a component, and compiles that for the
//! target's baseline, so that the command can carry both inside itself.

#[path = "src/component/engine.rs"]
mod engine;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

const GUEST: &str = "wasm32-unknown-unknown";

fn main() -> Result<()> {
    let root = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("..");
    for input in [
        "plugin/src",
        "plugin/Cargo.toml",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
        "host/build.rs",
        "host/src/component/engine.rs",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }
    let out = PathBuf::from(variable("OUT_DIR")?);

    ensure_target()?;
    let module = build_guest(&root, &out)?;
    let component = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .context("the guest is not a module that can become a component")?
        .encode()
        .context("the guest could not be wrapped as a component")?;
    let compiled = wasmtime::Engine::new(engine::config().target(&variable("TARGET")?)?)?
        .precompile_component(&component)
        .map_err(anyhow::Error::from)
        .context("the component could not be compiled")?;

    fs::write(out.join("plugin.wasm"), component)?;
    fs::write(out.join("plugin.cwasm"), compiled)?;
    Ok(())
}

fn variable(name: &str) -> Result<String> {
    env::var(name).with_context(|| format!("{name} is not set"))
}

/// Gets the guest's target where it is missing.
fn ensure_target() -> Result<()> {
    if has_target()? {
        return Ok(());
    }
    println!("cargo::warning=getting the target {GUEST} through rustup");
    let added = Command::new("rustup")
        .args(["target", "add", GUEST])
        .output();
    let reason = match added {
        Ok(output) if output.status.success() && has_target()? => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    bail!(
        "the Rust target {GUEST} is missing and rustup could not add it ({reason}); \
         run this, then build again: rustup target add {GUEST}"
    )
}

fn has_target() -> Result<bool> {
    let output = Command::new(variable("RUSTC")?)
        .args(["--print", "target-libdir", "--target", GUEST])
        .output()
        .context("rustc does not run")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && Path::new(folder.trim()).is_dir())
}

fn build_guest(root: &Path, out: &Path) -> Result<Vec<u8>> {
    // A folder of its own: the outer build holds the lock of its own.
    let target = out.join("guest");
    let mut cargo = Command::new(variable("CARGO")?);
    cargo
        .current_dir(root)
        .args([
            "rustc",
            "--package",
            "offboard-plugin",
            "--lib",
            "--crate-type",
            "cdylib",
        ])
        .args(["--profile", "plugin", "--target", GUEST, "--target-dir"])
        .arg(&target);
    // Meant for the outer build alone: flags of another target, and the
    // wrapper that makes `cargo clippy` out of `cargo check`.
    for name in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
    ] {
        cargo.env_remove(name);
    }
    let output = cargo.output().context("cargo does not run")?;
    ensure!(
        output.status.success(),
        "the plugin does not build:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let module = target
        .join(GUEST)
        .join("plugin")
        .join("offboard_plugin.wasm");
    fs::read(&module).with_context(|| format!("{} is missing", module.display()))
}
