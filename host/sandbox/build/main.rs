//! Builds the plugin as a component and compiles it for the target's baseline,
//! so that the library can carry both.

#[path = "../src/component/engine.rs"]
mod engine;
mod guest;

use std::{env, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

fn main() -> Result<()> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?)
        .join("../..")
        .canonicalize()?;
    for input in [
        "plugin/src",
        "plugin/Cargo.toml",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
        "host/sandbox/build",
        "host/sandbox/src/component/engine.rs",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }
    println!("cargo::rerun-if-env-changed=CARGO_HOME");
    let out = PathBuf::from(variable("OUT_DIR")?);

    ensure_target()?;
    let component = guest::Build {
        root: &root,
        target: &out.join("guest"),
        cargo: variable("CARGO")?.as_ref(),
        rustc: variable("RUSTC")?.as_ref(),
        home: &guest::cargo_home()?,
    }
    .component()?;
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

/// Adds the guest's target if it is missing.
fn ensure_target() -> Result<()> {
    if has_target()? {
        return Ok(());
    }
    let target = guest::TARGET;
    println!("cargo::warning=adding the target {target} through rustup");
    let added = Command::new("rustup")
        .args(["target", "add", target])
        .output();
    let reason = match added {
        Ok(output) if output.status.success() && has_target()? => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    bail!(
        "the Rust target {target} is missing and rustup could not add it ({reason}); \
         run this, then build again: rustup target add {target}"
    )
}

fn has_target() -> Result<bool> {
    let output = Command::new(variable("RUSTC")?)
        .args(["--print", "target-libdir", "--target", guest::TARGET])
        .output()
        .context("rustc does not run")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && PathBuf::from(folder.trim()).is_dir())
}
