//! Every cloud is one consistent set of endpoints. Each is tested with a sign-in and an
//! offboarding against a simulator with that cloud's resource.

use offboard_simulator::TokenRequest;

use super::{CHECK, World, assert_contains, assert_offboarded, outcome, run, shown, step, text};
use crate::support::command;

const LOGIN: &str = "https://login.microsoftonline.com";
const LOGIN_US: &str = "https://login.microsoftonline.us";
const RESOURCE: &str = "https://api.securitycenter.microsoft.com";
const GCC_ROOT: &str = "https://api-gcc.securitycenter.microsoft.us";
const GOV: &str = "https://api-gov.securitycenter.microsoft.us";

/// Flags, and the API, authority and resource that they select.
const SETS: [(&[&str], &str, &str, &str); 21] = [
    (&[], "https://api.security.microsoft.com", LOGIN, RESOURCE),
    (
        &["--cloud=commercial"],
        "https://api.security.microsoft.com",
        LOGIN,
        RESOURCE,
    ),
    (&["--cloud=gcc"], GCC_ROOT, LOGIN, GCC_ROOT),
    (&["--cloud=gcc-high"], GOV, LOGIN_US, GOV),
    (&["--cloud=dod"], GOV, LOGIN_US, GOV),
    (
        &["--region=us"],
        "https://us.api.security.microsoft.com",
        LOGIN,
        RESOURCE,
    ),
    (
        &["--region=eu"],
        "https://eu.api.security.microsoft.com",
        LOGIN,
        RESOURCE,
    ),
    (
        &["--region=uk"],
        "https://uk.api.security.microsoft.com",
        LOGIN,
        RESOURCE,
    ),
    (
        &["--region=au"],
        "https://au.api.security.microsoft.com",
        LOGIN,
        RESOURCE,
    ),
    (
        &["--region=swa"],
        "https://swa.api.security.microsoft.com",
        LOGIN,
        RESOURCE,
    ),
    (
        &["--region=ina"],
        "https://ina.api.security.microsoft.com",
        LOGIN,
        RESOURCE,
    ),
    (
        &["--cloud=commercial", "--region=aea"],
        "https://aea.api.security.microsoft.com",
        LOGIN,
        RESOURCE,
    ),
    // The first two generations of hosts.
    (
        &["--api-root=https://api.securitycenter.windows.com"],
        "https://api.securitycenter.windows.com",
        LOGIN,
        RESOURCE,
    ),
    (
        &["--api-root=https://api-eu.securitycenter.microsoft.com"],
        "https://api-eu.securitycenter.microsoft.com",
        LOGIN,
        RESOURCE,
    ),
    // One part determines the cloud.
    (
        &["--api-root=https://api-gcc.securitycenter.microsoft.us"],
        GCC_ROOT,
        LOGIN,
        GCC_ROOT,
    ),
    (
        &["--api-root=https://api-gov.securitycenter.microsoft.us"],
        GOV,
        LOGIN_US,
        GOV,
    ),
    (
        &["--authority=https://login.microsoftonline.us"],
        GOV,
        LOGIN_US,
        GOV,
    ),
    (
        &["--resource=https://api-gcc.securitycenter.microsoft.us"],
        GCC_ROOT,
        LOGIN,
        GCC_ROOT,
    ),
    // Each part overridden by itself.
    (
        &[
            "--cloud=gcc-high",
            "--resource=https://api.securitycenter.microsoft.com",
        ],
        GOV,
        LOGIN_US,
        RESOURCE,
    ),
    (
        &["--authority=https://login.example.test"],
        "https://api.security.microsoft.com",
        "https://login.example.test",
        RESOURCE,
    ),
    (
        &["--cloud=gcc", "--api-root=https://gateway.example.test"],
        "https://gateway.example.test",
        LOGIN,
        GCC_ROOT,
    ),
];

#[test]
fn each_cloud_is_one_consistent_set() {
    for (flags, api, authority, resource) in SETS {
        let mut command = command(["config", "show", "--output", "json"]);
        let shown = shown(command.args(flags));
        for (name, value, flag) in [
            ("apiRoot", api, "--api-root"),
            ("authority", authority, "--authority"),
            ("resource", resource, "--resource"),
        ] {
            assert_eq!(shown[name]["value"], value, "{flags:?}");
            let overridden = flags.iter().any(|given| given.starts_with(flag));
            let source = if overridden { flag } else { "cloud" };
            assert_eq!(shown[name]["source"], source, "{flags:?}");
        }
    }
}

#[test]
fn a_set_of_several_clouds_is_refused_with_its_parts() {
    let root = |host: &str| format!("--api-root=https://{host}");
    for (flags, words) in [
        (
            vec![
                "--cloud=commercial".to_owned(),
                root("api-gov.securitycenter.microsoft.us"),
            ],
            [
                "the cloud commercial (commercial)",
                "api-gov.securitycenter.microsoft.us (gcc-high or dod)",
            ],
        ),
        (
            vec![
                "--cloud=gcc".to_owned(),
                "--authority=https://login.microsoftonline.us".to_owned(),
            ],
            [
                "the cloud gcc (gcc)",
                "login.microsoftonline.us (gcc-high or dod)",
            ],
        ),
        (
            vec![
                "--cloud=dod".to_owned(),
                "--authority=https://login.microsoftonline.com".to_owned(),
            ],
            [
                "the cloud dod (dod)",
                "login.microsoftonline.com (commercial or gcc)",
            ],
        ),
        (
            vec![
                root("api.security.microsoft.com"),
                format!("--resource={GCC_ROOT}"),
            ],
            [
                "api.security.microsoft.com (commercial)",
                "microsoft.us (gcc)",
            ],
        ),
        (
            vec![
                "--region=eu".to_owned(),
                "--authority=https://login.microsoftonline.us".to_owned(),
            ],
            [
                "the region eu (commercial)",
                "login.microsoftonline.us (gcc-high or dod)",
            ],
        ),
        (
            vec![
                "--cloud=commercial".to_owned(),
                "--authority=https://login.chinacloudapi.cn".to_owned(),
            ],
            [
                "the cloud commercial",
                "login.chinacloudapi.cn (another cloud)",
            ],
        ),
    ] {
        for subcommand in ["config show", "run m --comment x --yes", "check --wide"] {
            let mut command = command(subcommand.split(' '));
            let outcome = outcome(command.args(&flags));
            // `check` reports it as its first step.
            let output = match subcommand {
                "check --wide" => &outcome.stdout,
                _ => &outcome.stderr,
            };
            assert_eq!(outcome.code, 2, "{flags:?} {outcome:?}");
            assert_contains(output, &["these belong to different clouds"]);
            assert_contains(output, &words);
        }
    }
}

#[test]
fn contradictory_settings_are_refused() {
    for (flags, words) in [
        (
            vec!["--cloud=gcc", "--region=eu"],
            "the cloud gcc has no regions",
        ),
        (
            vec!["--region=eu", "--api-root=https://api.example.test"],
            "two hosts",
        ),
        (
            vec!["--authority=http://login.microsoftonline.com"],
            "the scheme https and a host",
        ),
        (
            vec!["--authority=https://login.microsoftonline.com/tenant"],
            "the scheme https and a host",
        ),
        (
            vec!["--resource=https://api.security.microsoft.com"],
            "the Defender XDR API",
        ),
        (
            vec!["--api-root=http://api.security.microsoft.com"],
            "plain HTTP",
        ),
        (vec!["--cloud=china"], "gcc-high"),
    ] {
        let outcome = outcome(command(["config", "show"]).args(&flags));
        assert_eq!(outcome.code, 2, "{flags:?} {outcome:?}");
        assert_contains(&outcome.stderr, &[words]);
    }
}

/// A simulator whose API and Entra ID have a cloud's resource.
fn with_resource(resource: &str) -> World {
    World::with(|config| {
        config.accept_resources = vec![resource.to_owned()];
        config.audience = resource.to_owned();
    })
}

#[test]
fn each_cloud_is_signed_in_to_for_its_own_resource() {
    for (cloud, resource) in [
        ("commercial", RESOURCE),
        ("gcc", GCC_ROOT),
        ("gcc-high", GOV),
        ("dod", GOV),
    ] {
        let world = with_resource(resource);
        let machine = world.machine();
        let mut command = world.with_secret(&run(&machine));
        assert_offboarded(&world, command.env("OFFBOARD_CLOUD", cloud));
        let mut command = world.with_secret(&CHECK);
        let checked = outcome(command.env("OFFBOARD_CLOUD", cloud));
        assert_eq!(checked.code, 0, "{checked:?}");
        assert_eq!(step(&checked, "audience")["reason"], resource);
    }
}

#[test]
fn a_resource_with_a_slash_comes_back_with_it() {
    let world = World::new();
    let mut command = world.with_secret(&CHECK);
    let resource = format!("{RESOURCE}/");
    let checked = outcome(command.env("OFFBOARD_RESOURCE", &resource));
    assert_eq!(checked.code, 0, "{checked:?}");
    assert_eq!(step(&checked, "audience")["reason"], resource.as_str());
}

#[test]
fn a_check_finds_the_resource_that_a_government_tenant_knows() {
    let world = with_resource(RESOURCE);
    let mut command = world.with_secret(&CHECK);
    let checked = outcome(command.env("OFFBOARD_CLOUD", "gcc-high"));
    assert_eq!(checked.code, 3, "{checked:?}");
    let token = step(&checked, "token");
    assert_contains(text(&token, "reason"), &["AADSTS500011"]);
    assert_contains(text(&token, "hint"), &["--resource"]);
    let mut found = checked.rows();
    found.retain(|step| step["step"] == "resource" && step["status"] == "warning");
    assert_eq!(found.len(), 1, "{checked:?}");
    assert_contains(text(&found[0], "reason"), &[RESOURCE]);
    // The advice works.
    let mut command = world.with_secret(&CHECK);
    command
        .env("OFFBOARD_CLOUD", "gcc-high")
        .env("OFFBOARD_RESOURCE", RESOURCE);
    assert_eq!(outcome(&mut command).code, 0);
}

#[test]
fn a_check_finds_another_resource_of_the_commercial_cloud() {
    let other = "https://securitycenter.onmicrosoft.com/windowsatpservice";
    let world = with_resource(other);
    let checked = outcome(&mut world.with_secret(&CHECK));
    assert_eq!(checked.code, 3, "{checked:?}");
    let mut found = checked.rows();
    found.retain(|step| step["step"] == "resource" && step["status"] == "warning");
    assert_eq!(found.len(), 1, "{checked:?}");
    let hint = format!("Add --resource {other}.");
    assert_eq!(text(&found[0], "hint"), hint, "{checked:?}");
    assert!(!checked.stdout.contains("check again"), "{checked:?}");
    assert!(!checked.stdout.contains("offboard check"), "{checked:?}");
    // A resource that the user chose may be misspelled.
    let world = World::new();
    let mut command = world.with_secret(&CHECK);
    command.env("OFFBOARD_RESOURCE", "https://nope.example.test");
    let checked = outcome(&mut command);
    assert_eq!(checked.code, 3, "{checked:?}");
    let words = "https://api.securitycenter.microsoft.com works";
    assert!(checked.stdout.contains(words), "{checked:?}");
    // A wrong secret fails for every resource.
    let world = World::new();
    world.simulator.revoke_secret();
    let checked = outcome(&mut world.with_secret(&CHECK));
    assert!(!checked.stdout.contains("\"resource\""), "{checked:?}");
}

/// The API's answer outweighs the claims of a token.
#[test]
fn a_check_does_not_fail_a_token_that_the_api_accepts() {
    let other = "https://api.securitycenter.windows.com";
    let world = with_resource(other);
    let token = world.token(TokenRequest::default().audience(other));
    let file = world.secret("token", token);
    let mut command = world.command(&CHECK);
    let checked = outcome(command.env("OFFBOARD_TOKEN_FILE", &file));
    assert_eq!(checked.code, 0, "{checked:?}");
    let audience = step(&checked, "audience");
    assert_eq!(audience["status"], "passed", "{checked:?}");
    assert_contains(text(&audience, "reason"), &[other, "the API accepts it"]);

    // The clock of this computer is ahead of the API's.
    let world = World::with(|config| config.clock_skew = -7200);
    let token = world.token(TokenRequest::default());
    let file = world.secret("token", token);
    let mut command = world.command(&CHECK);
    let checked = outcome(command.env("OFFBOARD_TOKEN_FILE", &file));
    assert_eq!(checked.code, 0, "{checked:?}");
    let token = step(&checked, "token");
    assert_eq!(token["status"], "warning", "{checked:?}");
    assert_contains(text(&token, "reason"), &["the API accepts it"]);
    assert_eq!(step(&checked, "reading")["status"], "passed");
}

#[test]
fn a_microsoft_token_is_not_sent_to_an_unlisted_host() {
    let world = World::new();
    let machine = world.machine();
    let mut command = world.with_secret(&run(&machine));
    command.env_remove("OFFBOARD_AUTHORITY");
    let refused = outcome(&mut command);
    assert_eq!(refused.code, 2, "{refused:?}");
    let words = [
        "not a listed host",
        "login.microsoftonline.com",
        "--allow-api-host 127.0.0.1",
    ];
    assert_contains(&refused.stderr, &words);
    // A name that only resembles a listed one.
    for host in [
        "api.security.microsoft.com.evil.test",
        "evil-api.security.microsoft.com",
    ] {
        let mut command = world.with_secret(&["config", "show"]);
        command.env_remove("OFFBOARD_AUTHORITY");
        command.env("OFFBOARD_API_ROOT", format!("https://{host}"));
        let refused = outcome(&mut command);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert_contains(&refused.stderr, &[&format!("--allow-api-host {host}")]);
    }
    // Only the host that the setting names.
    let mut command = world.with_secret(&["config", "show"]);
    command.env_remove("OFFBOARD_AUTHORITY");
    assert_eq!(
        outcome(command.env("OFFBOARD_ALLOW_API_HOST", "127.0.0.2")).code,
        2
    );
    let mut command = world.with_secret(&["config", "show", "--allow-api-host", "127.0.0.1"]);
    assert_eq!(outcome(command.env_remove("OFFBOARD_AUTHORITY")).code, 0);
    assert!(world.requests().is_empty());
}
