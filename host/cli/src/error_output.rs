//! An error that ends a command, as JSON: a program that requested JSON gets no rows then.

#[cfg(unix)]
use std::os::fd::AsFd;
#[cfg(windows)]
use std::os::windows::io::AsHandle;
use std::{ffi::OsString, fs::File, io::stdout};

use super::{exit::Exit, terminal::Terminal};
use offboard::{
    mask::words,
    output::{CommandError, ErrorOutput},
    text::{clean_error, clean_json},
};

/// The options that select a format.
const OUTPUT: [&str; 2] = ["--output", "-o"];

/// Whether these arguments select JSON, even if other arguments are invalid.
pub(super) fn is_json(args: impl Iterator<Item = OsString>) -> bool {
    let mut found = false;
    let mut is_value = false;
    for argument in args {
        let Some(argument) = argument.to_str() else {
            is_value = false;
            continue;
        };
        if argument == "--" {
            break;
        }
        let value = if is_value {
            Some(argument)
        } else {
            let value = argument.strip_prefix("--output=");
            value.or_else(|| Some(argument.strip_prefix("-o")?.trim_start_matches('=')))
        };
        is_value = !is_value && OUTPUT.contains(&argument);
        match value {
            Some("json" | "jsonl") => found = true,
            Some("table" | "csv" | "html") => found = false,
            _ => {}
        }
    }
    found
}

/// Whether standard output is a file that has content. An error may come before the check that
/// standard output is not the ledger or another file of the command, and must not damage it.
fn appends_to_file() -> bool {
    #[cfg(unix)]
    let out = stdout().as_fd().try_clone_to_owned();
    #[cfg(windows)]
    let out = stdout().as_handle().try_clone_to_owned();
    let metadata = out.and_then(|out| File::from(out).metadata());
    metadata.is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0)
}

/// Prints an error to standard output, unless data was already written to it.
pub(super) fn print(is_json: bool, message: &str, hint: Option<&str>, exit: Exit) {
    let terminal = Terminal::new(true, 0);
    if !is_json || Terminal::has_written() || appends_to_file() {
        return;
    }
    let kind = match exit {
        Exit::Usage => "usage",
        Exit::NotSent => "not-sent",
        _ => "failed",
    };
    let error = ErrorOutput {
        error: CommandError {
            kind: kind.to_owned(),
            message: clean_error(&words(message)),
            hint: hint.map(|hint| clean_error(&words(hint))),
            exit_code: exit.into(),
        },
    };
    if let Ok(json) = serde_json::to_string(&error) {
        terminal.print_data(&clean_json(&json));
    }
}

/// Prints a usage error, whose text is that of standard error.
pub(super) fn print_usage(is_json: bool, text: &str) {
    let (message, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let message = message.trim().trim_start_matches("error:").trim();
    let help = rest.lines().find_map(|line| line.strip_prefix("help: "));
    let hint = help.unwrap_or("For more information, try '--help'.");
    print(is_json, message, Some(hint), Exit::Usage);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_found_in_arguments_that_are_not_valid() {
        let format = |args: &str| is_json(args.split(' ').map(OsString::from));
        for (args, expected) in [
            ("run --nope -o json", true),
            ("run -ojsonl", true),
            ("run -o=json x", true),
            ("run --output json", true),
            ("run --output=jsonl", true),
            ("run -o json -o table", false),
            ("run --comment json", false),
            ("run -- -o json", false),
            ("run -o", false),
        ] {
            assert_eq!(format(args), expected, "{args}");
        }
    }
}
