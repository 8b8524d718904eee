//! Python with its own packages: independent implementations, to check the product against.

use std::{
    ffi::OsStr,
    io::Write,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::OnceLock,
};

use super::{builder, program};

/// `wasmtime` 50 only: the next major version may change its interface.
const PACKAGES: [&str; 3] = [
    "azure-identity>=1.25,<2",
    "jsonschema>=4.20,<5",
    "wasmtime>=50,<51",
];

/// The interpreter of a virtual environment with the packages. It is checked, and created if
/// necessary, once in a process: to import the packages takes seconds.
fn interpreter() -> &'static Path {
    static INTERPRETER: OnceLock<PathBuf> = OnceLock::new();
    INTERPRETER.get_or_init(prepared)
}

fn prepared() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let python = folder.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    let probe = program(&python)
        .args([
            "-c",
            "import azure.identity, jsonschema, wasmtime.component",
        ])
        .output();
    if !probe.is_ok_and(|output| output.status.success()) {
        let venv = builder("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder)
            .output();
        succeeded(venv.expect("these tests need python3"), "python3 -m venv");
        let pip = builder(&python)
            .args(["-m", "pip", "install", "--quiet"])
            .args(PACKAGES)
            .output();
        succeeded(pip.unwrap(), "pip install");
    }
    python
}

/// Runs a script of `tests/python`, and returns its standard output.
pub(crate) fn run(
    script: &str,
    args: &[&OsStr],
    environment: &[(&str, &str)],
    input: &str,
) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python");
    let mut child = program(interpreter())
        .arg(folder.join(script))
        .args(args)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    succeeded(child.wait_with_output().unwrap(), script)
}

/// Validates these values against a schema of `docs/schema`: one line for each error.
pub(crate) fn faults(schema: &str, values: &[serde_json::Value]) -> String {
    assert!(!values.is_empty());
    let schema = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/schema")
        .join(schema);
    let lines: String = values.iter().map(|value| format!("{value}\n")).collect();
    run("validate.py", &[schema.as_os_str()], &[], &lines)
}

fn succeeded(output: Output, what: &str) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{what}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}
