//! Tokens from elsewhere: in a file, in a variable, from a program, and from the Azure CLI.

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant, SystemTime},
};

use offboard_simulator::TokenRequest;

use super::{
    World, assert_contains, assert_not_sent, assert_offboarded, outcome, run, script, text,
};
use crate::support::{MACHINE, Reply, Scripted};

fn token(world: &World) -> String {
    world.token(TokenRequest::default())
}

#[test]
fn a_token_comes_from_a_file() {
    let world = World::new();
    let machine = world.machine();
    let file = world.secret("token", format!("{}\n", token(&world)));
    let mut command = world.command(&run(&machine));
    assert_offboarded(&world, command.env("OFFBOARD_TOKEN_FILE", file));
    assert_eq!(world.issued(), 0);
}

#[test]
fn a_token_comes_from_a_variable() {
    let world = World::new();
    let machine = world.machine();
    let mut command = world.command(&run(&machine));
    assert_offboarded(&world, command.env("OFFBOARD_TOKEN", token(&world)));
}

/// A run whose token command is this script.
fn with_token_command(world: &World, machine: &str, text: &str) -> Command {
    script(&world.path("token command"), text);
    let mut command = world.command(&run(machine));
    let program = format!("'{}'", world.path("token command").display());
    command.env("OFFBOARD_TOKEN_COMMAND", program);
    command
}

#[test]
fn a_token_comes_from_a_program_alone_or_as_json() {
    let hour = SystemTime::now() + Duration::from_secs(3600);
    let hour = hour
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    for form in [
        "echo TOKEN".to_owned(),
        r#"echo '{"token": "TOKEN"}'"#.to_owned(),
        r#"echo '{"access_token": "TOKEN", "expires_in": 3600, "token_type": "Bearer"}'"#
            .to_owned(),
        format!(r#"echo '{{"accessToken": "TOKEN", "expires_on": {hour}}}'"#),
    ] {
        let world = World::new();
        let machine = world.machine();
        let text = form.replace("TOKEN", &token(&world));
        assert_offboarded(&world, &mut with_token_command(&world, &machine, &text));
    }
}

#[test]
fn no_shell_is_between_the_host_and_the_program() {
    let world = World::new();
    let machine = world.machine();
    let file = world.path("arguments");
    let text = format!(
        "for word in \"$@\"; do echo \"<$word>\"; done > '{}'; echo {}",
        file.display(),
        token(&world)
    );
    let mut command = with_token_command(&world, &machine, &text);
    let touched = world.path("touched");
    let words = format!(
        "'{}' --name \"two words\" '$HOME' ; touch {} `id` > x | y",
        world.path("token command").display(),
        touched.display()
    );
    // A shell would create its files here.
    command.current_dir(world.path(""));
    assert_offboarded(&world, command.env("OFFBOARD_TOKEN_COMMAND", words));
    let received = fs::read_to_string(file).unwrap();
    let touched_word = format!("<{}>", touched.display());
    let expected = [
        "<--name>",
        "<two words>",
        "<$HOME>",
        "<;>",
        "<touch>",
        &touched_word,
        "<`id`>",
        "<>>",
        "<x>",
        "<|>",
        "<y>",
    ];
    assert_eq!(received.lines().collect::<Vec<_>>(), expected);
    assert!(!touched.exists());
}

#[test]
fn a_program_that_returns_no_token_is_named() {
    let world = World::new();
    let machine = world.machine();
    for (commands, words) in [
        ("exit 7", "exit status: 7"),
        ("echo hunter2 hunter2", "not allowed in bearer tokens"),
        (
            "echo '{\"secret\": \"hunter2\"}'",
            "its JSON has no accessToken",
        ),
        ("true", "the token is empty"),
        ("yes hunter2 | head -c 300000", "token"),
    ] {
        let mut command = with_token_command(&world, &machine, commands);
        let error = assert_not_sent(&world, &mut command, 3);
        assert_contains(text(&error, "message"), &["token command", words]);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let mut command = world.command(&run(&machine));
    command.env("OFFBOARD_TOKEN_COMMAND", "no-such-program-here");
    let error = assert_not_sent(&world, &mut command, 3);
    assert_contains(text(&error, "message"), &["no-such-program-here"]);
    let mut command = world.command(&run(&machine));
    let open = outcome(command.env("OFFBOARD_TOKEN_COMMAND", "program 'open"));
    assert_eq!(open.code, 2, "{open:?}");
}

/// A fake `az`, first on the path, that records its arguments.
fn azure_cli(world: &World, command: &mut Command, text: &str) {
    let folder = world.path("bin");
    fs::create_dir_all(&folder).unwrap();
    let calls = world.path("az calls");
    let text = format!("echo \"$@\" >> '{}'\n{text}", calls.display());
    script(&folder.join("az"), &text);
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("OFFBOARD_AUTH", "azure-cli")
        .env("OFFBOARD_ALLOW_API_HOST", "127.0.0.1");
}

/// The output of `az account get-access-token`.
fn az_output(token: &str) -> String {
    let hour = SystemTime::now() + Duration::from_secs(3600);
    let hour = hour
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    format!(
        r#"cat <<'JSON'
{{
  "accessToken": "{token}",
  "expiresOn": "2030-01-01 00:00:00.000000",
  "expires_on": {hour},
  "subscription": "11111111-2222-3333-4444-555555555555",
  "tenant": "11111111-2222-3333-4444-666666666666",
  "tokenType": "Bearer"
}}
JSON"#
    )
}

#[test]
fn the_azure_cli_gives_the_token_of_its_signed_in_user() {
    let world = World::new();
    let machine = world.machine();
    let mut command = world.command(&run(&machine));
    azure_cli(&world, &mut command, &az_output(&token(&world)));
    assert_offboarded(&world, &mut command);
    let arguments = "account get-access-token -o json --scope \
                 https://api.securitycenter.microsoft.com/.default";
    assert_eq!(world.written("az calls").trim_end(), arguments);

    let world = World::new();
    let mut command = world.command(&run(&machine));
    azure_cli(&world, &mut command, &az_output(&token(&world)));
    assert_offboarded(&world, command.env("AZURE_TENANT_ID", world.tenant()));
    let arguments = format!("{arguments} --tenant {}", world.tenant());
    assert_eq!(world.written("az calls").trim_end(), arguments);
}

/// The Azure CLI writes the commands that the user has to enter at the end.
#[test]
fn the_last_lines_of_the_azure_cli_are_shown() {
    let world = World::new();
    let machine = world.machine();
    let commands = r#"cat >&2 <<'END'
ERROR: AADSTS50076: Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access 'fc780465-2017-40d4-a0c5-307022471b92'. Trace ID: 11111111-2222-4333-8444-555555555555 Correlation ID: 66666666-7777-4888-8999-aaaaaaaaaaaa Timestamp: 2026-03-02 08:11:54Z
Run the command below to authenticate interactively; additional arguments may be added as needed:
az logout
az login --tenant "72f90000-0000-4000-8000-00000000db47" --scope "https://api.securitycenter.microsoft.com/.default"
END
exit 1"#;
    let end = "as needed: `az logout` `az login --tenant \"72f90000-0000-4000-8000-00000000db47\" \
               --scope \"https://api.securitycenter.microsoft.com/.default\"`";
    let mut command = world.command(&run(&machine));
    azure_cli(&world, &mut command, commands);
    let error = assert_not_sent(&world, &mut command, 3);
    assert!(text(&error, "message").ends_with(end), "{error}");
    assert_eq!(error["code"], "AADSTS50076");
    let mut command = world.command(&["check", "--wide"]);
    azure_cli(&world, &mut command, commands);
    let checked = outcome(&mut command);
    assert_contains(&checked.stdout, &[end]);
}

/// Older versions leave out the number, and write the local time.
#[test]
fn the_azure_cli_s_token_is_used_without_the_number_of_its_expiry() {
    let world = World::new();
    let machine = world.machine();
    let output = format!(
        r#"echo '{{"accessToken": "{}", "expiresOn": "2030-01-01 00:00:00.000000"}}'"#,
        token(&world)
    );
    let mut command = world.command(&run(&machine));
    azure_cli(&world, &mut command, &output);
    assert_offboarded(&world, &mut command);
}

#[test]
fn an_error_of_the_azure_cli_is_quoted() {
    let world = World::new();
    let machine = world.machine();
    for (commands, words) in [
        (
            "echo 'ERROR: Please run \"az login\" to setup account.' >&2; exit 1",
            "az login",
        ),
        ("echo nonsense hunter2", "Azure CLI"),
    ] {
        let mut command = world.command(&run(&machine));
        azure_cli(&world, &mut command, commands);
        let error = assert_not_sent(&world, &mut command, 3);
        assert_contains(&error.to_string(), &[words]);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let mut command = world.command(&run(&machine));
    azure_cli(&world, &mut command, "true");
    fs::remove_file(world.path("bin").join("az")).unwrap();
    if ["/usr/bin/az", "/bin/az"]
        .iter()
        .all(|az| !Path::new(az).exists())
    {
        command.env("PATH", "/usr/bin:/bin");
        let error = assert_not_sent(&world, &mut command, 3);
        assert_contains(text(&error, "message"), &["az not found on PATH"]);
    }
}

/// Both at once: each takes the whole time limit.
#[test]
fn programs_that_hang_are_not_waited_for() {
    let hangs = "exec sleep 600";
    let (program, cli) = (World::new(), World::new());
    let (first, second) = (program.machine(), cli.machine());
    let mut with_cli = cli.command(&run(&second));
    azure_cli(&cli, &mut with_cli, hangs);
    let started = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut command = with_token_command(&program, &first, hangs);
            let error = assert_not_sent(&program, &mut command, 3);
            assert_contains(text(&error, "message"), &["took longer than 30s"]);
        });
        let error = assert_not_sent(&cli, &mut with_cli, 3);
        let words = ["the Azure CLI", "took longer than 30s"];
        assert_contains(text(&error, "message"), &words);
    });
    assert!(started.elapsed() < Duration::from_secs(300));
}

#[test]
fn a_tenant_is_never_run_by_the_azure_cli_s_shell() {
    let world = World::new();
    let machine = world.machine();
    let mut command = world.command(&run(&machine));
    azure_cli(&world, &mut command, &az_output(&token(&world)));
    let touched = world.path("touched");
    command.env("OFFBOARD_TENANT", format!("x; touch {}", touched.display()));
    let refused = outcome(&mut command);
    assert_eq!(refused.code, 2, "{refused:?}");
    let mut command = world.command(&run(&machine));
    azure_cli(&world, &mut command, &az_output(&token(&world)));
    let resource = format!("https://x.test/$(touch {})", touched.display());
    command.env("OFFBOARD_RESOURCE", resource);
    assert_not_sent(&world, &mut command, 3);
    assert!(!touched.exists());
    assert_eq!(world.written("az calls"), "");
}

/// A token command may return another tenant's token after the user signs in there.
#[test]
fn a_later_token_of_another_tenant_is_not_used() {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    let soon = SystemTime::now() + Duration::from_secs(6);
    let service = Scripted::new(move |request, _| {
        // Until the first token has expired.
        if request.starts_with("GET /api/machines/") {
            let left = soon.duration_since(SystemTime::now()).unwrap_or_default();
            std::thread::sleep(left + Duration::from_millis(500));
        }
        request.starts_with("POST ").then(|| Reply::new(200, "{}"))
    });
    let soon = soon.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let token = |tenant: &str, expires: u64| {
        let claims = format!(r#"{{"tid":"{tenant}","exp":{expires}}}"#);
        format!("h.{}.s", BASE64_URL_SAFE_NO_PAD.encode(claims))
    };
    let one = token("11111111-0000-4000-8000-000000000001", soon.as_secs());
    let other = token(
        "66666666-0000-4000-8000-000000000001",
        soon.as_secs() + 3600,
    );
    let program = service.path("program");
    let marker = service.path("known");
    script(
        &program,
        &format!(
            "[ -e '{0}' ] && echo {other} && exit; touch '{0}'; echo {one}",
            marker.display()
        ),
    );
    let mut command = crate::support::command(run(MACHINE));
    command
        .env("OFFBOARD_API_ROOT", service.root())
        .env("OFFBOARD_LEDGER", service.path("ledger.db"))
        .env("OFFBOARD_TOKEN_COMMAND", &program);
    let ended = outcome(&mut command);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(marker.exists());
    assert_contains(
        text(&ended.row()["error"], "message"),
        &["belongs to the tenant 66666666", "11111111"],
    );
    assert_eq!(service.posts(), 0);
    for request in service.received() {
        assert!(!request.head.contains(&other), "{}", request.head);
    }
}
