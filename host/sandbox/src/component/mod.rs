//! Components: bytes, digest, imports and exports, and the compiled form. A
//! component whose imports go beyond the contract never reaches the sandbox,
//! and the bytes that were hashed are the bytes that were compiled.

mod cost;
mod digest;
mod engine;
mod interface;
mod signature;

use std::{
    borrow::Cow,
    io::{self, Read},
    path::{Path, PathBuf},
};

use thiserror::Error;
use wasmtime::{Engine, component::Component as Compiled};

pub use cost::CostError;
pub use digest::{Digest, InvalidDigest};
pub(crate) use engine::config;
use interface::without_patch;

use crate::input_file::InputFile;

/// The size limit of a component file, in bytes.
pub const MAX_COMPONENT: u64 = 16 * 1024 * 1024;

/// The default plugin: the component, and the code that the build compiled it to.
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

/// The interfaces that a plugin may export in addition, without the patch version.
const TAGGING: &str = "defender:offboard/tagging@1.0";
const EXTERNAL_ID: &str = "defender:offboard/external-id@1.0";

/// A compiled component, and what is known about it.
#[derive(Clone)]
pub struct Component {
    bytes: Cow<'static, [u8]>,
    /// The compiled code, made by this process or by the build.
    image: Cow<'static, [u8]>,
    digest: Digest,
    imports: Vec<String>,
    exports: Vec<String>,
    /// Functions whose type differs from the contract's, as text.
    mistyped: Vec<String>,
}

/// Why a component is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// The file cannot be read.
    #[error("{} cannot be read", crate::mask::path(.0))]
    File(PathBuf, #[source] io::Error),
    /// The file is too large.
    #[error("the component is longer than {MAX_COMPONENT} bytes")]
    TooLarge,
    /// The component does not have the pinned digest.
    #[error("the component has the digest {found}, but {pinned} is pinned")]
    Digest {
        /// The expected digest.
        pinned: Digest,
        /// The actual digest.
        found: Digest,
    },
    /// The engine cannot be set up.
    #[error("the engine cannot be set up: {0:#}")]
    Engine(wasmtime::Error),
    /// Compiling it could take minutes or gigabytes.
    #[error("the component is not compiled, because that could take minutes or gigabytes")]
    Cost(#[source] CostError),
    /// Not a component, or one that needs disabled features.
    #[error("not a component that this host can run: {0:#}")]
    Compile(wasmtime::Error),
}

impl Component {
    /// The default plugin, compiled when the command was built.
    ///
    /// # Errors
    /// The engine cannot be set up on this machine.
    pub fn embedded() -> Result<Self, ComponentError> {
        let engine = new_engine()?;
        let image = Cow::Borrowed(EMBEDDED_COMPILED);
        let compiled = deserialize(&engine, &image).map_err(ComponentError::Engine)?;
        Ok(Self::new(
            &engine,
            &compiled,
            EMBEDDED.into(),
            image,
            Vec::new(),
        ))
    }

    /// A component from a file, compiled now. If a digest is pinned, a component with another
    /// digest is not compiled.
    ///
    /// # Errors
    /// As [`Component::read`] and [`Component::from_bytes`]. They do not check the contract;
    /// [`Component::violations`] does.
    pub fn from_file(path: &Path, pinned: Option<&Digest>) -> Result<Self, ComponentError> {
        Self::from_bytes(Self::read(path, pinned)?)
    }

    /// The bytes of a component's file, not validated yet.
    ///
    /// # Errors
    /// The file cannot be read, is too large, or does not have the pinned digest.
    pub fn read(path: &Path, pinned: Option<&Digest>) -> Result<Vec<u8>, ComponentError> {
        let fail = |error| ComponentError::File(path.to_owned(), error);
        let mut bytes = Vec::new();
        let file = InputFile::open(path).map_err(fail)?;
        file.take(MAX_COMPONENT + 1)
            .read_to_end(&mut bytes)
            .map_err(fail)?;
        if bytes.len() as u64 > MAX_COMPONENT {
            return Err(ComponentError::TooLarge);
        }
        if let Some(pinned) = pinned {
            check(pinned, &Digest::of(&bytes))?;
        }
        Ok(bytes)
    }

    /// A component from its bytes, compiled now, on this thread. That takes seconds at most: a
    /// component whose compilation could take minutes or gigabytes is refused before.
    ///
    /// # Errors
    /// The bytes exceed [`MAX_COMPONENT`], are too complex, or are not a component.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ComponentError> {
        if bytes.len() as u64 > MAX_COMPONENT {
            return Err(ComponentError::TooLarge);
        }
        cost::check(&bytes).map_err(|error| match error {
            cost::Error::Cost(error) => ComponentError::Cost(error),
            cost::Error::Parse(error) => ComponentError::Compile(wasmtime::Error::new(error)),
        })?;
        let engine = new_engine()?;
        let compiled = Compiled::from_binary(&engine, &bytes).map_err(ComponentError::Compile)?;
        let image = compiled.serialize().map_err(ComponentError::Compile)?;
        let reference = deserialize(&engine, EMBEDDED_COMPILED).map_err(ComponentError::Engine)?;
        let mistyped = signature::differences(&engine, &compiled, &reference);
        Ok(Self::new(
            &engine,
            &compiled,
            bytes.into(),
            image.into(),
            mistyped,
        ))
    }

    fn new(
        engine: &Engine,
        compiled: &Compiled,
        bytes: Cow<'static, [u8]>,
        image: Cow<'static, [u8]>,
        mistyped: Vec<String>,
    ) -> Self {
        let kind = compiled.component_type();
        let mut imports: Vec<String> = kind
            .imports(engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        let mut exports: Vec<String> = kind
            .exports(engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        imports.sort();
        exports.sort();
        Self {
            digest: Digest::of(&bytes),
            bytes,
            image,
            imports,
            exports,
            mistyped,
        }
    }

    /// Checks that this is the pinned component.
    ///
    /// # Errors
    /// It has another digest.
    pub fn check(&self, pinned: &Digest) -> Result<(), ComponentError> {
        check(pinned, &self.digest)
    }

    /// The component itself.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest of the bytes.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
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

    /// The package and version of the contract, taken from the export names:
    /// `defender:offboard@1.0.0`.
    #[must_use]
    pub fn contract(&self) -> Option<String> {
        self.exports.iter().find_map(|name| {
            let (interface, version) = name.rsplit_once('@')?;
            let (package, _) = interface.rsplit_once('/')?;
            (package == "defender:offboard").then(|| format!("{package}@{version}"))
        })
    }

    /// Every import beyond the contract, and every export that is missing or has
    /// another type, as text. Empty for a component that keeps to the contract.
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
        surplus
            .chain(missing)
            .chain(self.mistyped.iter().cloned())
            .collect()
    }

    /// Whether it exports `tagging`. This checks the name only;
    /// [`Component::violations`] checks the types.
    #[must_use]
    pub fn can_tag(&self) -> bool {
        let is_tagging = |name: &String| without_patch(name) == TAGGING;
        self.exports.iter().any(is_tagging)
    }

    /// Whether it exports `external-id`. This checks the name only;
    /// [`Component::violations`] checks the types.
    #[must_use]
    pub fn can_send_external_id(&self) -> bool {
        let is_external_id = |name: &String| without_patch(name) == EXTERNAL_ID;
        self.exports.iter().any(is_external_id)
    }

    /// The compiled component in this engine.
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Compiled> {
        deserialize(engine, &self.image)
    }
}

fn check(pinned: &Digest, found: &Digest) -> Result<(), ComponentError> {
    if pinned == found {
        return Ok(());
    }
    Err(ComponentError::Digest {
        pinned: pinned.clone(),
        found: found.clone(),
    })
}

/// Loads compiled code: machine instructions, which run outside any sandbox. So the code comes
/// from the build or from this process, and never from a disk, where an attacker could forge
/// it.
fn deserialize(engine: &Engine, image: &[u8]) -> wasmtime::Result<Compiled> {
    // SAFETY: both callers pass what wasmtime itself compiled from a component, in this
    // crate's build script or in this process. An attacker who can alter it can also
    // alter the command or its memory.
    unsafe { Compiled::deserialize(engine, image) }
}

fn new_engine() -> Result<Engine, ComponentError> {
    Engine::new(&engine::config()).map_err(ComponentError::Engine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_that_is_too_complex_is_not_compiled() {
        let functions = "(func)".repeat(30_000);
        let bytes = wat::parse_str(format!("(component (core module {functions}))"));
        let refused = bytes.map(Component::from_bytes);
        let refused = refused.map(|component| component.map(|_| ()));
        assert!(matches!(
            refused,
            Ok(Err(ComponentError::Cost(CostError::Code)))
        ));
    }

    /// The compiled code of the build. The engine would execute it without validation.
    #[test]
    fn compiled_code_is_not_a_component() {
        let compiled = include_bytes!(concat!(env!("OUT_DIR"), "/plugin.cwasm"));
        assert!(matches!(
            Component::from_bytes(compiled.to_vec()),
            Err(ComponentError::Compile(_))
        ));
    }

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
