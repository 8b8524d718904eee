//! Compile-time checks: every future of a client is `Send`, and every type is `Sync`, so that
//! tasks of a multi-threaded runtime, handlers of a web server and Python bindings can hold
//! them. The functions are never called.

#![allow(dead_code)]

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Client, ConnectOptions, Observer, PlanRequest, ResumeOptions, Run};
use crate::{
    config::Config,
    doctor::{self, Report},
    plan::{ConfirmedPlan, Draft, Plan},
    run::Events,
    selection::Selection,
};

fn is_send<T: Send>(_: T) {}
fn is_shared<T: Send + Sync + 'static>() {}

fn types() {
    is_shared::<Client>();
    is_shared::<Config>();
    is_shared::<Selection>();
    is_shared::<Draft>();
    is_shared::<Plan>();
    is_shared::<ConfirmedPlan>();
    is_shared::<Run>();
}

fn of_a_client(
    client: &'static Client,
    config: &'static Config,
    draft: Draft,
    plan: &'static Plan,
) {
    is_send(Client::connect(config, ConnectOptions::new("test")));
    is_send(client.record(PlanRequest::default()));
    is_send(client.preflight(draft, &Events::none()));
    is_send(client.plan(PlanRequest::default(), &Events::none()));
    is_send(client.dry_run(plan));
    is_send(client.unfinished(None));
    is_send(client.reopen(Vec::new(), ResumeOptions::default()));
    is_send(client.bind_tenant_of([]));
    is_send(client.leave_unknown());
    is_send(client.end());
}

fn of_a_run(run: Run) {
    is_send(run.finish());
}

fn of_the_doctor(
    config: &'static Config,
    observer: Arc<dyn Observer>,
    report: &'static mut dyn Report,
) {
    is_send(doctor::check(
        config,
        observer,
        CancellationToken::new(),
        report,
    ));
}
