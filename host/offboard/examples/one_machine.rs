//! Offboards one machine, after a question:
//!
//! ```text
//! one_machine <MACHINE> <COMMENT>
//! ```
//!
//! `OFFBOARD_API_ROOT`, `OFFBOARD_TOKEN_FILE` and the other variables are those of the command.

use std::{env, error::Error, io};

use offboard::{
    Client, Config,
    client::{ConnectOptions, PlanRequest},
    config::Environment,
    plan::Confirmation,
    run::Events,
    selection::Selection,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let machine = arguments.next().ok_or("the machine is missing")?.parse()?;
    let comment = arguments.next().ok_or("the comment is missing")?.parse()?;
    let environment = Environment::of_process();
    let config = Config::builder().environment(environment).build()?;
    let client = Client::connect(&config, ConnectOptions::new("one_machine")).await?;
    let request = PlanRequest {
        selection: Selection::of([machine], &comment),
        ..PlanRequest::default()
    };
    let plan = client.plan(request, &Events::none()).await?;
    if let Some(problem) = plan.problem() {
        return Err(problem.clone().into());
    }
    println!("{} machine, plan {}", plan.machines(), plan.digest());
    println!("Type yes to offboard it:");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if answer.trim() == "yes" {
        let confirmed = plan.clone().confirm(Confirmation::answer(plan.digest()))?;
        let summary = client.execute(confirmed, None).finish().await?;
        for (state, count) in summary.counts.each() {
            println!("{count} {state}");
        }
    }
    Ok(client.end().await?)
}
