#![allow(clippy::unwrap_used)]
use super::*;
use crate::identity::cloud::Cloud;

/// Layers with a configuration file of these contents.
fn layers(text: &str) -> (tempfile::TempDir, ConfigBuilder) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("offboard.toml");
    std::fs::write(&file, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let builder = Config::builder().set("configuration", [file], "--config");
    (folder, builder.unwrap())
}

#[test]
fn the_nearest_layer_counts() {
    let text = "[profiles.a]\ntenant = 'profile'\ncloud = 'dod'\nclient-id = 'profile'";
    let (_folder, builder) = layers(text);
    let config = builder
        .set("tenant", ["given"], "--tenant")
        .unwrap()
        .environment(Environment::from_iter([
            ("OFFBOARD_TENANT", "own"),
            ("OFFBOARD_CLOUD", " "),
            ("AZURE_CLIENT_ID", "other"),
        ]))
        .build()
        .unwrap();
    let given = Source::Override("--tenant".to_owned());
    assert_eq!(
        config.tenant(),
        Some(&Sourced::new("given".parse().unwrap(), given))
    );
    let other = Source::Environment("AZURE_CLIENT_ID".to_owned());
    assert_eq!(
        config.client_id(),
        Some(&Sourced::new("other".parse().unwrap(), other))
    );
    let cloud = config.cloud().unwrap();
    assert_eq!(cloud.value, Cloud::Dod);
    assert!(cloud.source.is_profile());
    assert_eq!(config.region(), None);
}

#[test]
fn limits_of_the_profile_stay_beside_those_that_were_given() {
    use crate::sandbox::Limit;
    let (_folder, builder) = layers("[profiles.a.limits]\nhandles = 7\nstack = 65536");
    let builder = builder.set("limits", ["handles=9"], "--limit").unwrap();
    let config = builder.build().unwrap();
    let limits = &config.plugin_settings().limits;
    assert_eq!(limits.get(Limit::Handles), 9);
    assert_eq!(limits.get(Limit::Stack), 65536);
}

#[test]
fn each_name_is_that_of_one_setting() {
    for setting in SETTINGS {
        let same = |of: fn(&Setting) -> Option<&'static str>| {
            let name = of(setting);
            let others = SETTINGS.iter().filter(|other| of(other) == name);
            name.is_none() || others.count() == 1
        };
        assert!(same(|setting| Some(setting.key)), "{}", setting.key);
        assert!(same(|setting| setting.argument), "{}", setting.key);
        assert!(same(|setting| setting.variable), "{}", setting.key);
        let named = setting.argument.is_some();
        assert_eq!(named, setting.variable.is_some(), "{}", setting.key);
    }
}

#[test]
fn every_key_of_a_profile_is_a_setting_and_has_a_row() {
    let (_folder, builder) = layers("");
    let config = builder.build().unwrap();
    let rows = config.rows().unwrap();
    for setting in SETTINGS {
        assert!(
            rows.iter().any(|row| row.key == setting.key),
            "{}",
            setting.key
        );
        let error = toml::from_str::<Profile>(&format!("{} = 0.5", setting.key)).unwrap_err();
        let is_unknown = error.message().starts_with("unknown field");
        assert_eq!(is_unknown, !setting.in_profile, "{}", setting.key);
    }
}

#[test]
fn a_value_that_is_a_secret_is_rejected_in_every_layer() {
    const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.c2lnbmF0dXJl";
    let (_folder, builder) = layers("");
    let given = builder.clone().set("tenant", [TOKEN], "--tenant").unwrap();
    let own = Environment::from_iter([("OFFBOARD_TENANT", TOKEN)]);
    let other = Environment::from_iter([("AZURE_TENANT_ID", TOKEN)]);
    let (_other, in_profile) = layers(&format!("[profiles.a]\ntenant = '{TOKEN}'"));
    for builder in [
        given,
        builder.clone().environment(own),
        builder.environment(other),
        in_profile,
    ] {
        let error = builder.build().unwrap_err();
        assert!(!error.to_string().contains(TOKEN), "{error}");
    }
}

#[test]
fn nothing_secret_is_printed() {
    let (_folder, builder) = layers("");
    let config = builder
        .environment(Environment::from_iter([(
            "HTTPS_PROXY",
            "http://u:hunter2@h",
        )]))
        .secrets(Secrets::take(|_| Some("hunter2".into())));
    assert!(!format!("{config:?}").contains("hunter2"));
    let config = config.build().unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let rows = config.rows().unwrap();
    assert!(!format!("{rows:?}").contains("hunter2"));
}

#[test]
fn a_key_that_no_setting_has_cannot_be_set() {
    for key in ["tenent", "policy", "client-secret"] {
        let set = Config::builder().set(key, ["x"], "x");
        assert!(set.is_err(), "{key}");
    }
}

#[test]
fn no_layer_writes_a_file_to_standard_output() {
    for (key, variable) in [("audit", "OFFBOARD_AUDIT"), ("ledger", "OFFBOARD_LEDGER")] {
        let (_folder, builder) = layers("");
        let given = builder.clone().set(key, ["-"], key).unwrap();
        let own = builder.environment(Environment::from_iter([(variable, "-")]));
        let (_other, in_profile) = layers(&format!("[profiles.a]\n{key} = '-'"));
        for builder in [given, own, in_profile] {
            let error = builder.build().unwrap_err();
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains(NOT_STANDARD_OUTPUT), "{source}");
        }
        let (folder, in_profile) = layers(&format!("[profiles.a]\n{key} = './-'"));
        let config = in_profile.build().unwrap();
        let found = [config.audit(), config.ledger()].into_iter().flatten();
        let files: Vec<_> = found.map(|file| file.value.0.clone()).collect();
        assert_eq!(files, [folder.path().join("./-")]);
    }
}

#[cfg(unix)]
#[test]
fn the_environment_of_the_caller_decides_and_not_that_of_the_process() {
    let variables = [
        ("HOME", "/home/ada"),
        ("HTTPS_PROXY", "http://proxy.test:8"),
    ];
    let builder = Config::builder().environment(Environment::from_iter(variables));
    let ledger = std::path::Path::new("/home/ada/.local/state/offboard/ledger.db");
    assert_eq!(builder.ledger_path().unwrap().as_deref(), Some(ledger));
    let config = builder.build().unwrap();
    assert_eq!(config.ledger_path().as_deref(), Some(ledger));
    let rows = config.rows().unwrap();
    let value = |key: &str| {
        let row = rows.iter().find(|row| row.key == key).unwrap();
        (row.value.clone().unwrap(), row.source.to_string())
    };
    let file = "/home/ada/.config/offboard/offboard.toml";
    assert_eq!(value("configuration").0, file);
    let (proxy, source) = value("proxy");
    assert_eq!(proxy, "http://proxy.test:8");
    assert_eq!(source, "environment HTTPS_PROXY");

    let without = Config::builder().build().unwrap();
    assert_eq!(without.ledger_path(), None);
    assert_eq!(without.file(), None);
    assert!(without.proxies().unwrap().proxy().is_none());
}
