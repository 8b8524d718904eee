//! Offboards the machines of a list, and shows the progress as lines of JSON:
//!
//! ```text
//! list <FILE> <COMMENT> <COUNT>
//! ```
//!
//! Nothing is sent unless the list has exactly `COUNT` machines.

use std::{env, error::Error, fs::File, time::Duration};

use futures_util::StreamExt;
use offboard::{
    Client, Config,
    client::{ConnectOptions, PlanRequest},
    config::Environment,
    plan::{Confirmation, Guards},
    run::Events,
    selection::{ListOptions, MachineList},
};

/// How long the actions are tracked.
const TRACKING: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let mut next = |name: &str| arguments.next().ok_or(format!("{name} is missing"));
    let file = File::open(next("the file")?)?;
    let options = ListOptions {
        comment: Some(next("the comment")?.parse()?),
        ..ListOptions::default()
    };
    let guards = Guards {
        expected: Some(next("the count")?.parse()?),
        ..Guards::default()
    };
    let environment = Environment::of_process();
    let config = Config::builder().environment(environment).build()?;
    let client = Client::connect(&config, ConnectOptions::new("list")).await?;
    let request = PlanRequest {
        selection: MachineList::read(file, &options)?.into(),
        guards,
        ..PlanRequest::default()
    };
    let plan = client.plan(request, &Events::none()).await?;
    let mut run = client.execute(plan.confirm(Confirmation::consent())?, Some(TRACKING));
    while let Some(event) = run.next().await {
        println!("{}", serde_json::to_string(&event)?);
    }
    let summary = run.finish().await?;
    eprintln!("run {} has ended", summary.id);
    Ok(client.end().await?)
}
