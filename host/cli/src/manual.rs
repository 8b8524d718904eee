//! `offboard man`: manual pages, generated from the arguments and their help texts.

use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::{
    args::{Cli, ManArgs},
    exit::Exit,
    new_file,
    terminal::Terminal,
};

/// Prints the page of the command, or writes the pages of all commands.
///
/// # Errors
/// A page cannot be written.
pub(super) fn man(args: &ManArgs, terminal: &Terminal) -> Result<Exit> {
    let mut command = Cli::command().disable_help_subcommand(true);
    // Gives each command its full name.
    command.build();
    let Some(folder) = &args.write else {
        terminal.write_bytes(&page(&command)?);
        return Ok(Exit::Done);
    };
    let mut commands = vec![command];
    let mut written = 0;
    while let Some(command) = commands.pop() {
        let page = page(&command)?;
        let file = folder.join(Man::new(command.clone()).get_filename());
        // An earlier version of the page is replaced.
        new_file::write(&file, &page, true)?;
        written += 1;
        let visible = command
            .get_subcommands()
            .filter(|inner| !inner.is_hide_set());
        commands.extend(visible.cloned());
    }
    terminal.print(&format!("{written} pages were written."));
    Ok(Exit::Done)
}

fn page(command: &Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render(&mut page)
        .context("the page cannot be generated")?;
    Ok(page)
}
