//! A route of a web server, `POST /offboardings/{person}` with `["MACHINE", "COMMENT"]`: plans
//! the offboarding that this person requests, and executes it in the background. The answer is
//! the id of the run.

use std::error::Error;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
};
use offboard::{
    Client, Config,
    client::{ConnectOptions, PlanRequest},
    config::Environment,
    plan::Confirmation,
    run::Events,
    selection::Selection,
};

fn refused(error: impl ToString) -> (StatusCode, String) {
    (StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
}

async fn offboard(
    State(client): State<Client>,
    Path(person): Path<String>,
    Json([machine, comment]): Json<[String; 2]>,
) -> Result<String, (StatusCode, String)> {
    let machine = machine.parse().map_err(refused)?;
    let request = PlanRequest {
        selection: Selection::of([machine], &comment.parse().map_err(refused)?),
        ..PlanRequest::default()
    };
    let plan = client.plan(request, &Events::none()).await;
    let plan = plan.map_err(refused)?;
    if let Some(problem) = plan.problem() {
        return Err(refused(problem));
    }
    let consent = Confirmation::consent().by(person);
    let run = client.execute(plan.confirm(consent).map_err(refused)?, None);
    let id = run.id().to_string();
    tokio::spawn(async move { println!("{:?}", run.finish().await) });
    Ok(id)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let environment = Environment::of_process();
    let config = Config::builder().environment(environment).build()?;
    let client = Client::connect(&config, ConnectOptions::new("axum")).await?;
    let routes = Router::new().route("/offboardings/{person}", post(offboard));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, routes.with_state(client)).await?;
    Ok(())
}
