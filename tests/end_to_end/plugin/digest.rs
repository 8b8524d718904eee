//! The plugin's digest does not depend on where it is built, so that users can compare it
//! with their own build's.

use std::{env, fs, path::Path};

use offboard::{component::Component, plan::PlanHasher};

#[path = "../../../host/sandbox/build/guest.rs"]
mod guest;

/// The files of the workspace that a build of the plugin reads.
const SOURCES: [&str; 8] = [
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "wit",
    "plugin",
    "host",
    "simulator",
    "tests/kit",
];

#[test]
fn the_digest_is_the_same_in_another_folder_with_another_cargo_home() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let other_folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("another-folder");
    fs::create_dir_all(other_folder.join("workspace")).unwrap();
    for source in SOURCES {
        copy(
            &root.join(source),
            &other_folder.join("workspace").join(source),
        );
    }
    let home = other_folder.join("another-home");
    // The same registry sources, by another path.
    fs::create_dir_all(&home).unwrap();
    let registry = guest::cargo_home().unwrap().join("registry");
    let link = home.join("registry");
    if fs::read_link(&link).ok().as_ref() != Some(&registry) {
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(&registry, &link).unwrap();
    }
    let component = guest::Build {
        root: &other_folder.join("workspace"),
        target: &other_folder.join("another-target"),
        cargo: env!("CARGO").as_ref(),
        rustc: "rustc".as_ref(),
        home: &home,
    }
    .component()
    .unwrap();
    let product = Component::embedded().unwrap();
    assert!(product.bytes() == component, "the two components differ");
    // The reason: no path of either build is in it.
    for path in [&root.canonicalize().unwrap(), &other_folder, &registry] {
        let path = path.to_str().unwrap().as_bytes();
        let mut windows = component.windows(path.len());
        assert!(!windows.any(|window| window == path), "{path:?}");
    }
}

/// The documents show the digest of every build.
#[test]
fn the_documents_name_the_digest_of_the_plugin() {
    let plugin = Component::embedded().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for document in ["docs/embed.md", "docs/connect.md"] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let digest = plugin.digest().as_str();
        assert!(text.contains(digest), "{document} does not name {digest}");
    }
    let text = fs::read_to_string(root.join("docs/embed.md")).unwrap();
    let size = format!("{} bytes of WebAssembly", plugin.bytes().len());
    assert!(text.contains(&size), "docs/embed.md does not say {size}");
}

/// The plugin's digest is part of the plan's, and so of the README's example.
#[test]
fn the_readme_shows_the_digest_of_its_plan() {
    let plugin = Component::embedded().unwrap();
    let tenant = Some("7e4a4700-0000-4000-8000-000000000001");
    let mut plan = PlanHasher::new(tenant, plugin.digest().as_str(), None);
    let machine = "e36ea923124a3636b26069dfd79384eeaf195e5c".parse().unwrap();
    plan.add(&machine, &"Retired, INC-1234".parse().unwrap());
    let shown = format!("Plan digest: {}", plan.finish());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    assert!(readme.contains(&shown), "README.md does not say {shown}");
}

/// Copies only files that differ, so that nothing is rebuilt without need.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(name));
        }
    } else if fs::read(from).ok() != fs::read(to).ok() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}
