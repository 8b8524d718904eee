//! Components: bytes, digest, imports and exports, and the compiled form. A
//! component whose imports go beyond the contract never reaches the sandbox,
//! and the bytes that were hashed are the bytes that were compiled.

mod engine;

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use sha2::{Digest, Sha256};
use thiserror::Error;
use wasmtime::{Engine, component::Component as Compiled};

/// The largest file that is read, in bytes.
pub const MAX_COMPONENT: u64 = 16 * 1024 * 1024;

/// How often the engine looks whether a computation has gone on too long.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// The default plugin: a component, and what the build compiled it to.
static EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plugin.wasm"));
static EMBEDDED_COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plugin.cwasm"));

/// The interfaces that a plugin may import, without the patch version.
const IMPORTS: [&str; 8] = [
    "defender:offboard/connection@1.0",
    "defender:offboard/types@1.0",
    "wasi:clocks/monotonic-clock@0.2",
    "wasi:http/outgoing-handler@0.2",
    "wasi:http/types@0.2",
    "wasi:io/error@0.2",
    "wasi:io/poll@0.2",
    "wasi:io/streams@0.2",
];

/// The interfaces that a plugin must export, without the patch version.
const EXPORTS: [&str; 3] = [
    "defender:offboard/inventory@1.0",
    "defender:offboard/offboarding@1.0",
    "defender:offboard/tracking@1.0",
];

/// A compiled component, and what is known about it.
#[derive(Clone)]
pub struct Component {
    engine: Engine,
    compiled: Compiled,
    bytes: Vec<u8>,
    sha256: String,
    imports: Vec<String>,
    exports: Vec<String>,
}

/// Why a component is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// The file cannot be read.
    #[error("{0} cannot be read")]
    File(PathBuf, #[source] io::Error),
    /// The file is too large.
    #[error("{0} is longer than {MAX_COMPONENT} bytes")]
    TooLarge(PathBuf),
    /// The engine cannot be set up.
    #[error("the engine cannot be set up: {0:#}")]
    Engine(wasmtime::Error),
    /// Not a component, or one that needs features which are off.
    #[error("not a component that this host runs: {0:#}")]
    Compile(wasmtime::Error),
    /// It does not keep to the contract.
    #[error("the component does not keep to the contract: {}", .0.join("; "))]
    Contract(Vec<String>),
}

impl Component {
    /// The default plugin, compiled when the command was built.
    ///
    /// # Errors
    /// The engine cannot be set up on this machine.
    pub fn embedded() -> Result<Self, ComponentError> {
        let engine = new_engine()?;
        // SAFETY: these bytes are what this crate's build script made with the
        // same wasmtime and the same configuration; nobody could alter them
        // without altering the command itself.
        let compiled = unsafe { Compiled::deserialize(&engine, EMBEDDED_COMPILED) }
            .map_err(ComponentError::Engine)?;
        Ok(Self::new(engine, compiled, EMBEDDED.to_vec()))
    }

    /// A component from a file, compiled now.
    ///
    /// # Errors
    /// The file cannot be read, is too large, or is no component. Whether it
    /// keeps to the contract is another question: see
    /// [`Component::violations`].
    pub fn from_file(path: &Path) -> Result<Self, ComponentError> {
        let fail = |error| ComponentError::File(path.to_owned(), error);
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(fail)?;
        file.take(MAX_COMPONENT + 1)
            .read_to_end(&mut bytes)
            .map_err(fail)?;
        if bytes.len() as u64 > MAX_COMPONENT {
            return Err(ComponentError::TooLarge(path.to_owned()));
        }
        Self::from_bytes(bytes)
    }

    /// A component from its bytes, compiled now.
    ///
    /// # Errors
    /// They are no component.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ComponentError> {
        let engine = new_engine()?;
        let compiled = Compiled::from_binary(&engine, &bytes).map_err(ComponentError::Compile)?;
        Ok(Self::new(engine, compiled, bytes))
    }

    fn new(engine: Engine, compiled: Compiled, bytes: Vec<u8>) -> Self {
        let kind = compiled.component_type();
        let mut imports: Vec<String> = kind
            .imports(&engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        let mut exports: Vec<String> = kind
            .exports(&engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        imports.sort();
        exports.sort();
        let sha256 = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            engine,
            compiled,
            bytes,
            sha256,
            imports,
            exports,
        }
    }

    /// The component itself.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The SHA-256 digest of the bytes, in lower-case hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The names of all imports, sorted.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// The names of all exports, sorted.
    #[must_use]
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    /// The package and version of the contract that it exports, as its export
    /// names say: `defender:offboard@1.0.0`.
    #[must_use]
    pub fn contract(&self) -> Option<String> {
        self.exports.iter().find_map(|name| {
            let (interface, version) = name.rsplit_once('@')?;
            let (package, _) = interface.rsplit_once('/')?;
            (package == "defender:offboard").then(|| format!("{package}@{version}"))
        })
    }

    /// Every import beyond the contract and every export that is missing, in
    /// words; empty for a component that keeps to it.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let surplus = self
            .imports
            .iter()
            .filter(|name| !IMPORTS.contains(&without_patch(name)))
            .map(|name| format!("it imports {name}"));
        let missing = EXPORTS
            .iter()
            .filter(|needed| {
                !self
                    .exports
                    .iter()
                    .any(|name| without_patch(name) == **needed)
            })
            .map(|name| format!("it does not export {name}"));
        surplus.chain(missing).collect()
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn compiled(&self) -> &Compiled {
        &self.compiled
    }
}

/// The patch version follows the toolchain that built the component and says
/// nothing about the interface.
fn without_patch(name: &str) -> &str {
    match name.rsplit_once('@') {
        Some((_, version)) if version.matches('.').count() == 2 => {
            name.rsplit_once('.').map_or(name, |(name, _)| name)
        }
        _ => name,
    }
}

/// An engine with its clock: a thread that ends when the engine does.
fn new_engine() -> Result<Engine, ComponentError> {
    let engine = Engine::new(&engine::config()).map_err(ComponentError::Engine)?;
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("offboard-epoch".to_owned())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })
        .map_err(|error| ComponentError::Engine(error.into()))?;
    Ok(engine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_patch_version_is_left_out() {
        assert_eq!(
            without_patch("wasi:io/streams@0.2.6"),
            "wasi:io/streams@0.2"
        );
        assert_eq!(
            without_patch("wasi:io/streams@0.3.0"),
            "wasi:io/streams@0.3"
        );
        assert_eq!(without_patch("wasi:io/streams@0.2"), "wasi:io/streams@0.2");
        assert_eq!(without_patch("wasi:io/streams"), "wasi:io/streams");
        assert_eq!(without_patch("run"), "run");
    }
}
