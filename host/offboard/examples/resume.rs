//! Resumes every run of this account that is not finished, for example after a crash.
//! Unknown outcomes are queried, and orders that were confirmed and not sent are sent:
//!
//! ```text
//! resume [SECONDS]
//! ```
//!
//! `SECONDS` is the longest time for which an unknown outcome is queried.

use std::{env, error::Error, time::Duration};

use offboard::{
    Client, Config,
    client::{ConnectOptions, ResumeOptions},
    config::Environment,
    plan::Confirmation,
    run::Events,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let environment = Environment::of_process();
    let config = Config::builder().environment(environment).build()?;
    let mut options = ConnectOptions::new("resume");
    if let Some(seconds) = env::args().nth(1) {
        options.grace = Duration::from_secs(seconds.parse()?);
    }
    let client = Client::connect(&config, options).await?;
    let runs = client.unfinished(None).await?.runs;
    let reopened = client.reopen(runs, ResumeOptions::default()).await?;
    for draft in reopened.drafts() {
        let plan = client.preflight(draft.clone(), &Events::none()).await?;
        let confirmed = plan.confirm(Confirmation::consent())?;
        let summary = client.execute(confirmed, None).finish().await?;
        for (state, count) in summary.counts.each() {
            println!("{}: {count} {state}", summary.id);
        }
    }
    Ok(client.end().await?)
}
