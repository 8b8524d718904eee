//! `offboard resume`: continues runs that are not finished. Unknown outcomes are queried,
//! orders that were not sent are sent, accepted actions are tracked.

use std::cell::RefCell;

use anyhow::Result;

use super::{
    args::ResumeArgs,
    connect::{connect, end, options},
    drive::{self, Course, NO_TERMINAL},
    exit::Exit,
    hint,
    report::{self, Rows},
    report_file,
    screen::Screen,
    signal::Signals,
};
use offboard::{
    Client,
    client::{Recording, ResumeOptions},
    config::Secrets,
    plan::Draft,
};

pub(super) async fn resume(args: ResumeArgs, secrets: Secrets, screen: &Screen) -> Result<Exit> {
    report_file::check(&args.send)?;
    let signals = Signals::listen(screen);
    let config = args.connect.config(secrets)?;
    let files = drive::files(&args.send);
    let mut options = options("resume", Recording::Ledger, files, &signals, screen);
    options.grace = args.send.grace;
    options.jobs = args.send.jobs.into();
    let Some(client) = connect(&config, options, screen).await? else {
        return Ok(Exit::Interrupted);
    };
    let done = all(&args, &client, &signals, screen).await;
    end(&client, screen).await;
    done
}

async fn all(
    args: &ResumeArgs,
    client: &Client,
    signals: &Signals,
    screen: &Screen,
) -> Result<Exit> {
    if let Some(problem) = client.missing_token() {
        screen.error(&report::words(problem));
        screen.help(&hint::hint(problem, client.claims()));
        return Ok(Exit::of_problem(problem));
    }
    if let Some(error) = client.unrecorded() {
        return Err(error.clone().into());
    }
    let unfinished = client.unfinished(args.run.as_deref()).await?;
    if unfinished.others > 0 {
        screen.say(&format!(
            "note: {} unfinished runs are of another tenant, application or API; `offboard runs` \
             lists them",
            unfinished.others
        ));
    }
    if unfinished.runs.is_empty() {
        screen.say("Nothing is unfinished.");
    }
    let options = ResumeOptions {
        resend_unknown: args.resend_unknown,
        guards: drive::guards(&args.send),
        will_be_shown: !args.send.yes,
    };
    let reopened = client.reopen(unfinished.runs, options).await?;
    if args.send.yes {
        reopened.check_consent().map_err(drive::explain)?;
    }
    if reopened.machines() > 0 && !args.send.yes && !Screen::can_ask() {
        return Err(hint::advised(NO_TERMINAL, "To go ahead, add --yes."));
    }
    // One table, or one array, of all of them.
    let rows = RefCell::new(Rows::new(*screen, args.output.output));
    let mut exit = Exit::Done;
    for draft in reopened.drafts() {
        if signals.stopped() {
            exit = Exit::Interrupted;
            break;
        }
        let done = one(args, client, draft, signals, screen, &rows).await;
        exit = Exit::of([
            exit,
            done.unwrap_or_else(|error| {
                hint::show_failure(&error, screen);
                Exit::Refused
            }),
        ]);
    }
    rows.borrow_mut().end();
    Ok(exit)
}

async fn one(
    args: &ResumeArgs,
    client: &Client,
    draft: &Draft,
    signals: &Signals,
    screen: &Screen,
    rows: &RefCell<Rows>,
) -> Result<Exit> {
    let id = draft.id().to_string();
    screen.say(&format!("Run {}", id.split('-').next().unwrap_or(&id)));
    let course = Course {
        send: &args.send,
        dry: false,
        rows,
    };
    drive::drive(&course, client, draft, signals, screen).await
}
