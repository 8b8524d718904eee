//! The hostile guests of `tests/hostile`: built once, and compiled once in each test
//! process. An attack has the name `THEME/CASE`: the guest, and a case in its table.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, OnceLock},
    thread,
};

use offboard::{
    component::Component,
    connection::Connection,
    contract::{MachineId, OffboardError},
    egress::Audit,
    sandbox::{CallError, Limits, Sandbox},
};
use tokio::runtime::Runtime;

use super::{
    Offboarding, assert_nothing_left, call, connection, machine, sandbox_of, service, wrapped,
};
use crate::support::builder;

/// The themes, one guest each.
pub(super) const THEMES: [&str; 12] = [
    "addresses",
    "bodies",
    "credential",
    "external_ids",
    "headers",
    "reads",
    "record",
    "requests",
    "resources",
    "results",
    "routes",
    "tags",
];

/// One guest.
pub(super) struct Guest {
    /// Its component, in the world `plugin`.
    pub(super) component: Component,
    /// The names of its cases, as the guest reports them.
    pub(super) cases: Vec<String>,
}

/// The guest of this theme.
pub(super) fn guest(theme: &str) -> &'static Guest {
    static GUESTS: [OnceLock<Guest>; THEMES.len()] = [const { OnceLock::new() }; THEMES.len()];
    let index = THEMES.iter().position(|known| *known == theme);
    let index = index.unwrap_or_else(|| panic!("no guest has the theme {theme}"));
    GUESTS[index].get_or_init(|| {
        let component = Component::from_bytes(wrapped(module(theme))).unwrap();
        let cases = cases(&component);
        Guest { component, cases }
    })
}

/// A guest's component, as a file would contain it.
pub(crate) fn component_bytes(theme: &str) -> Vec<u8> {
    guest(theme).component.bytes().to_vec()
}

/// A guest's core module.
pub(super) fn module(theme: &str) -> Vec<u8> {
    let module = modules().join(theme).with_extension("wasm");
    fs::read(&module).unwrap_or_else(|error| panic!("{module:?}: {error}"))
}

/// The folder of the modules. The first call builds all guests.
fn modules() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        const TARGET: &str = "wasm32-unknown-unknown";
        // The outer build may hold the lock of its own folder.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile");
        let mut cargo = builder(env!("CARGO"));
        cargo
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hostile"))
            .args(["build", "--examples", "--locked", "--target", TARGET])
            .arg("--target-dir")
            .arg(&folder);
        // These are for the outer build only.
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTC_WORKSPACE_WRAPPER",
        ] {
            cargo.env_remove(name);
        }
        let output = cargo.output().expect("cargo runs");
        assert!(
            output.status.success(),
            "the hostile guests do not build:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        folder.join(TARGET).join("debug/examples")
    });
    &FOLDER
}

/// The names of a guest's cases, in the order of its table.
fn cases(component: &Component) -> Vec<String> {
    let sandbox = sandbox_of(component, Limits::default());
    let called = async move {
        let comment = "cases".parse().unwrap();
        let connection = connection("http://127.0.0.1:1");
        sandbox.offboard(&connection, &machine(), &comment).await
    };
    // A thread of its own, because the caller's thread may run another runtime.
    let called = thread::spawn(|| Runtime::new().unwrap().block_on(called));
    match called.join().unwrap().result {
        Ok(Err(OffboardError::Denied(names))) => names.lines().map(ToOwned::to_owned).collect(),
        other => panic!("the guest does not report its cases: {other:?}"),
    }
}

/// One attack: a sandbox for the guest, and the arguments that select the case. Which
/// argument selects it depends on the function, see `tests/hostile/src/case.rs`.
pub(super) struct Attack {
    pub(super) sandbox: Sandbox,
    pub(super) machine: MachineId,
    /// The name of the case, and its parameter.
    pub(super) comment: String,
    /// The number of the case in the guest's table.
    pub(super) number: u32,
}

impl Attack {
    /// The attack with this name, `THEME/CASE`, in a sandbox with the default limits.
    #[track_caller]
    pub(super) fn new(name: &str) -> Self {
        Self::limited(name, |_| {})
    }

    /// The same with other limits.
    #[track_caller]
    pub(super) fn limited(name: &str, change: impl FnOnce(&mut Limits)) -> Self {
        let (theme, case) = name.split_once('/').expect("a theme and a case");
        let guest = guest(theme);
        let index = guest.cases.iter().position(|known| known == case);
        let index = index.unwrap_or_else(|| panic!("no guest has the case {name}"));
        let mut limits = Limits::default();
        change(&mut limits);
        Self {
            sandbox: sandbox_of(&guest.component, limits),
            machine: machine(),
            comment: case.to_owned(),
            number: u32::try_from(index + 1).unwrap(),
        }
    }

    /// The same with a parameter, which the guest cannot know, for example a port.
    pub(super) fn with_parameter(self, parameter: &str) -> Self {
        Self {
            comment: format!("{} {parameter}", self.comment),
            ..self
        }
    }

    /// The same for the machine whose id selects the case.
    pub(super) fn of_numbered_machine(self) -> Self {
        Self {
            machine: format!("{:040x}", self.number).parse().unwrap(),
            ..self
        }
    }

    /// The same with an audit.
    pub(super) fn audited(self, audit: Arc<dyn Audit>) -> Self {
        Self {
            sandbox: self.sandbox.audited(audit),
            ..self
        }
    }

    /// Calls the guest's `offboard`.
    pub(super) async fn offboard(&self, connection: &Connection) -> Offboarding {
        call(&self.sandbox, connection, &self.machine, &self.comment).await
    }
}

/// The names of the attacks in the tests' sources: string literals that begin with a theme.
fn tested() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/end_to_end/hostile");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let sources = files.filter(|file| file.extension().is_some_and(|name| name == "rs"));
    let mut names = BTreeSet::new();
    for source in sources {
        let source = fs::read_to_string(source).unwrap();
        let literals = source.split('"').map(ToOwned::to_owned);
        names.extend(literals.filter(|literal| {
            let theme = literal.split_once('/').map(|(theme, _)| theme);
            theme.is_some_and(|theme| THEMES.contains(&theme))
        }));
    }
    names
}

/// Each case of a guest has a test, and each test a case. The numbers of the cases come
/// from the guests' own tables.
#[test]
fn the_cases_of_the_guests_and_of_the_tests_are_the_same() {
    let cases: Vec<String> = THEMES
        .iter()
        .flat_map(|theme| {
            let cases = guest(theme).cases.iter();
            cases.map(move |case| format!("{theme}/{case}"))
        })
        .collect();
    let names: BTreeSet<String> = cases.iter().cloned().collect();
    assert_eq!(names.len(), cases.len(), "a case has two attacks");
    assert_eq!(names, tested());
}

#[test]
fn each_guest_has_a_theme() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hostile/guests");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let stems = files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned());
    let guests: BTreeSet<String> = stems.collect();
    assert_eq!(guests, THEMES.map(ToOwned::to_owned).into());
}

#[tokio::test]
async fn a_guest_traps_for_an_unknown_case() {
    let server = service();
    let attack = Attack {
        comment: "an-unknown-case".to_owned(),
        ..Attack::new("credential/reads_the_answer")
    };
    let called = attack.offboard(&connection(server.root())).await;
    assert!(
        matches!(called.result, Err(CallError::Trap(_))),
        "{called:?}"
    );
    assert_nothing_left(&called, &server);
}
