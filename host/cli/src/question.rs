//! The question before machines are offboarded: which machines, of which tenant, and the answer
//! that confirms.

use super::plan_summary::{self, MAX_LISTED};
use offboard::{
    Client,
    ledger::LedgerError,
    order::State,
    plan::{Guards, Plan},
    platform::is_server,
};

/// The question, and the answer that confirms.
pub(super) async fn question(
    client: &Client,
    plan: &Plan,
    guards: Guards,
) -> Result<(String, String), LedgerError> {
    let (machines, unresolved) = (plan.machines(), plan.unresolved());
    let subject = if machines == 1 {
        only_machine(client, plan).await?
    } else {
        let servers = servers(client, plan).await?;
        several(machines, servers)
    };
    let tenant = client.who().tenant.as_ref();
    let tenant = tenant.map_or_else(String::new, |tenant| format!(" from tenant {tenant}"));
    let mut question = format!("Offboard {subject}{tenant}? It is hard to undo.");
    if unresolved > 0 {
        question.push_str(&if machines == 1 {
            " It may be offboarded a second time.".to_owned()
        } else {
            format!(" {unresolved} of them may be offboarded a second time.")
        });
    }
    // Of a longer plan, only the first machines are shown.
    let answer = if guards.requires_number(machines, machines.min(MAX_LISTED.into())) {
        machines.to_string()
    } else {
        "yes".to_owned()
    };
    Ok((question, answer))
}

/// The machine of a plan with only one.
async fn only_machine(client: &Client, plan: &Plan) -> Result<String, LedgerError> {
    let ledger = client.ledger();
    let state = if plan.unresolved() > 0 {
        State::Unknown
    } else {
        State::Planned
    };
    let entries = ledger.entries_in(plan.run(), state, 0, 1).await?;
    let name = entries.first().map(plan_summary::name);
    Ok(name.unwrap_or_else(|| "this machine".to_owned()))
}

/// The number of machines that are servers: mistakes with them cost the most.
async fn servers(client: &Client, plan: &Plan) -> Result<u64, LedgerError> {
    let groups = client.ledger().order_groups(plan.run()).await?;
    let servers = groups.iter().filter(|group| {
        let platform = group
            .seen
            .as_ref()
            .and_then(|seen| seen.platform.as_deref());
        platform.is_some_and(is_server)
    });
    Ok(servers.map(|group| group.orders).sum())
}

fn several(machines: u64, servers: u64) -> String {
    match servers {
        0 => format!("these {machines} machines"),
        1 => format!("these {machines} machines, 1 of them a Windows server,"),
        _ => format!("these {machines} machines, {servers} of them Windows servers,"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_counted() {
        assert_eq!(several(30, 0), "these 30 machines");
        assert_eq!(
            several(30, 1),
            "these 30 machines, 1 of them a Windows server,"
        );
        assert_eq!(
            several(30, 7),
            "these 30 machines, 7 of them Windows servers,"
        );
    }
}
