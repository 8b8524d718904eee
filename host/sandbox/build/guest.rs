//! Builds the plugin and wraps it as a component. The build is reproducible: the same sources
//! give the same bytes on every machine, so that digests can be compared.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

/// The target triple of the guest.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Paths and tools for the build of the guest.
pub(crate) struct Build<'a> {
    /// The root of the workspace.
    pub(crate) root: &'a Path,
    /// The target folder of the guest's build. It differs from that of the outer build: cargo
    /// locks its target folder, and the two would deadlock.
    pub(crate) target: &'a Path,
    /// The program `cargo`.
    pub(crate) cargo: &'a Path,
    /// The program `rustc`.
    pub(crate) rustc: &'a Path,
    /// Cargo's home, with the sources of the registry.
    pub(crate) home: &'a Path,
}

impl Build<'_> {
    /// Builds the component.
    ///
    /// # Errors
    /// The plugin does not compile, or is not a component.
    pub(crate) fn component(&self) -> Result<Vec<u8>> {
        wit_component::ComponentEncoder::default()
            .validate(true)
            .module(&self.module()?)
            .context("the guest is not a module that can become a component")?
            .encode()
            .context("the guest could not be wrapped as a component")
    }

    fn module(&self) -> Result<Vec<u8>> {
        let mut cargo = Command::new(self.cargo);
        cargo
            .current_dir(self.root)
            .args([
                "rustc",
                "--package",
                "offboard-plugin",
                "--lib",
                "--crate-type",
                "cdylib",
            ])
            .args(["--profile", "plugin", "--target", TARGET, "--target-dir"])
            .arg(self.target)
            .env("CARGO_HOME", self.home)
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags()?.join("\x1f"));
        // These variables apply to the outer build: flags for another target, and the wrapper
        // with which `cargo clippy` replaces `cargo check`.
        for name in ["RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER"] {
            cargo.env_remove(name);
        }
        let output = cargo.output().context("cargo cannot be run")?;
        ensure!(
            output.status.success(),
            "the plugin does not build:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let module = self
            .target
            .join(TARGET)
            .join("plugin")
            .join("offboard_plugin.wasm");
        fs::read(&module).with_context(|| format!("{} is missing", module.display()))
    }

    /// Flags that replace this machine's paths with fixed names. Panics would otherwise write
    /// the paths into the module. If several prefixes match, rustc uses the last one.
    fn flags(&self) -> Result<Vec<String>> {
        let (library, name) = self.standard_library()?;
        let mut places = vec![
            (library, name),
            (self.home.to_owned(), "/cargo".to_owned()),
            (self.root.to_owned(), "/offboard".to_owned()),
            (self.target.to_owned(), "/target".to_owned()),
        ];
        // Each registry has a folder of its own: a mirror has another name than the original.
        let registries =
            fs::read_dir(self.home.join("registry/src")).context("cargo's home has no registry")?;
        for registry in registries {
            places.push((registry?.path(), "/registry".to_owned()));
        }
        // Also the canonical paths: rustc may get either form.
        let spelled = |(path, name): (PathBuf, String)| {
            let whole = path.canonicalize().unwrap_or_else(|_| path.clone());
            [(path, name.clone()), (whole, name)]
        };
        let flag = |(path, name): (PathBuf, String)| {
            let path = path.to_str().context("a path is not UTF-8")?;
            Ok(format!("--remap-path-prefix={path}={name}"))
        };
        places.into_iter().flat_map(spelled).map(flag).collect()
    }

    /// The folder of the standard library's sources if they are installed, and the name that
    /// they have otherwise.
    fn standard_library(&self) -> Result<(PathBuf, String)> {
        let sysroot = self.rustc(&["--print", "sysroot"])?;
        let version = self.rustc(&["--version", "--verbose"])?;
        let commit = version
            .lines()
            .find_map(|line| line.strip_prefix("commit-hash: "))
            .context("rustc does not name its commit")?;
        let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
        Ok((library, format!("/rustc/{commit}")))
    }

    fn rustc(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(self.rustc)
            .args(arguments)
            .output()
            .context("rustc does not run")?;
        String::from_utf8(output.stdout).context("rustc prints something that is not UTF-8")
    }
}

/// Cargo's home, as cargo finds it.
///
/// # Errors
/// There is neither `CARGO_HOME` nor a home directory.
pub(crate) fn cargo_home() -> Result<PathBuf> {
    let home = env::home_dir().map(|home| home.join(".cargo"));
    let named = env::var_os("CARGO_HOME").filter(|home| !home.is_empty());
    named
        .map(PathBuf::from)
        .or(home)
        .context("there is no home directory: set CARGO_HOME")
}
