//! `offboard run`: from arguments to a draft, which is then driven.

use std::cell::RefCell;

use anyhow::{Result, ensure};

use super::{
    args::{ListSource, RunArgs},
    connect::{connect, end, options},
    drive::{self, Course, NO_TERMINAL},
    exit::Exit,
    hint,
    report::Rows,
    report_file,
    screen::Screen,
    selection::selection,
    signal::Signals,
};
use offboard::{
    Client,
    client::{PlanError, PlanRequest, Recording},
    config::Secrets,
    plan::Origin,
};

pub(super) async fn run(args: RunArgs, secrets: Secrets, screen: &Screen) -> Result<Exit> {
    args.connect.check_no_ledger(args.no_ledger.no_ledger)?;
    let selection = selection(&args, screen)?;
    guard(&args, selection.len() as u64)?;
    let signals = Signals::listen(screen);
    let recording = if args.no_ledger.no_ledger {
        Recording::Nowhere
    } else {
        Recording::Ledger
    };
    let mut files = drive::files(&args.send);
    if let Some(ListSource::File(path)) = &args.from {
        files.reads("the list", path);
    }
    let config = args.connect.config(secrets)?;
    let mut options = options("run", recording, files, &signals, screen);
    options.grace = args.send.grace;
    options.jobs = args.send.jobs.into();
    let Some(client) = connect(&config, options, screen).await? else {
        drive::nothing_was_done(&args.output, &selection, args.correlate, screen)?;
        return Ok(Exit::Interrupted);
    };
    let request = PlanRequest {
        selection,
        correlate: args.correlate,
        tag: args.tag.clone(),
        again: args.again,
        request_id: args.request_id.clone(),
        guards: drive::guards(&args.send),
        will_be_shown: !args.send.yes,
    };
    let rows = RefCell::new(Rows::new(*screen, args.output.output));
    let done = order(&args, &client, request, &signals, screen, &rows).await;
    if done.is_ok() {
        rows.borrow_mut().end();
    }
    end(&client, screen).await;
    done
}

/// What can be said before the user is asked anything.
fn guard(args: &RunArgs, count: u64) -> Result<()> {
    let send = &args.send;
    report_file::check(send)?;
    drive::guard(drive::guards(send), send, count, args.dry_run)?;
    if !send.yes && !args.dry_run && !Screen::can_ask() {
        let help = "To go ahead, add --yes; to see what would happen, add --dry-run.";
        return Err(hint::advised(NO_TERMINAL, help));
    }
    ensure!(
        count == 1 || !args.no_ledger.no_ledger || args.dry_run,
        "--no-ledger is for one machine, not for {count}: what became of several has to be on record"
    );
    Ok(())
}

async fn order(
    args: &RunArgs,
    client: &Client,
    request: PlanRequest,
    signals: &Signals,
    screen: &Screen,
    rows: &RefCell<Rows>,
) -> Result<Exit> {
    let draft = match client.record(request).await {
        Ok(draft) => draft,
        Err(PlanError::Interrupted) => return Ok(Exit::Interrupted),
        Err(error @ PlanError::RequestIdBusy { .. }) => {
            screen.fail(&error.to_string());
            return Ok(Exit::NotSent);
        }
        Err(error) => return Err(error.into()),
    };
    if draft.origin() == Origin::Repeated {
        screen.say(&format!(
            "note: the request id is that of run {}: nothing is sent twice",
            draft.id()
        ));
    }
    let course = Course {
        send: &args.send,
        dry: args.dry_run,
        rows,
    };
    drive::drive(&course, client, &draft, signals, screen).await
}
