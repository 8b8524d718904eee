//! Resumes every run of this account that is not finished, for example after a crash.
//! Unknown outcomes are queried, and orders that were confirmed and not sent are sent.

use std::error::Error;

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
    let client = Client::connect(&config, ConnectOptions::new("resume")).await?;
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
