//! What to do next: one sentence or two for each problem, and what an
//! offboarding does not do.

use std::{error::Error, fmt};

use super::{aadsts, screen::Screen};
use offboard::{
    advice::{Purpose, Remedy, TokenSummary, remedy, tag_remedy},
    client::{ConnectError, PlanError},
    contract::Problem,
    identity::TokenClaims,
    ledger::{LedgerError, LedgerErrorKind, SentOrder},
    platform::SUPPORTED,
    text::clean_error,
};

pub(super) use offboard::output::remarks::{JOINED, aftermath, doubts, warnings};

/// What to do about a tag that was not set.
pub(super) fn of_tag(problem: &Problem, claims: Option<&TokenClaims>) -> String {
    words(&tag_remedy(problem, claims))
}

/// An error, and what the user can do about it.
#[derive(Debug)]
struct Advised {
    error: String,
    help: String,
}

impl fmt::Display for Advised {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.error)
    }
}

impl Error for Advised {}

/// An error with what the user can do about it.
pub(super) fn advised(error: impl fmt::Display, help: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Advised {
        error: error.to_string(),
        help: help.into(),
    })
}

/// What to do about an error, if this command has a remedy for it.
fn of_error(error: &anyhow::Error) -> Option<&str> {
    if let Some(advised) = error.downcast_ref::<Advised>() {
        return Some(&advised.help);
    }
    // Errors that pass one of the ledger on are not in its place.
    let ledger = error.downcast_ref::<LedgerError>();
    let planned = || match error.downcast_ref::<PlanError>()? {
        PlanError::Ledger(error) => Some(error),
        _ => None,
    };
    let connected = || match error.downcast_ref::<ConnectError>()? {
        ConnectError::Ledger(error) => Some(error),
        _ => None,
    };
    of_ledger(ledger.or_else(planned).or_else(connected)?)
}

/// Shows an error that ends the command, and what to do about it.
pub(super) fn show_error(error: &anyhow::Error, screen: &Screen) {
    screen.error(&clean_error(&format!("{error:#}")));
    if let Some(help) = of_error(error) {
        screen.help(help);
    }
}

/// Shows an error that makes the command fail without ending it, and what to do about it.
pub(super) fn show_failure(error: &anyhow::Error, screen: &Screen) {
    screen.fail(&format!("{error:#}"));
    if let Some(help) = of_error(error) {
        screen.help(help);
    }
}

/// What to do about an error of the ledger, if this command has a remedy for it.
pub(super) fn of_ledger(error: &LedgerError) -> Option<&'static str> {
    match error.kind() {
        LedgerErrorKind::Full => Some("Make room, then continue with `offboard resume`."),
        LedgerErrorKind::ReadOnly(_) => Some(
            "Correct its permissions, or name another file with --ledger. For one machine, \
             --no-ledger does without.",
        ),
        LedgerErrorKind::Newer => Some("Use that version, or name another file with --ledger."),
        LedgerErrorKind::Damaged(_) => {
            Some("Keep it for analysis, and name another file with --ledger.")
        }
        LedgerErrorKind::Ended => Some("Continue with `offboard resume`."),
        LedgerErrorKind::NoHome => {
            Some("Name a file with --ledger. For one machine, --no-ledger does without.")
        }
        LedgerErrorKind::NoRun(_) => Some("`offboard runs` lists the runs."),
        _ => None,
    }
}

/// What to do about a problem.
pub(super) fn hint(problem: &Problem, claims: Option<&TokenClaims>) -> String {
    words(&remedy(problem, claims))
}

/// A remedy, with the names of this command's settings and commands.
fn words(remedy: &Remedy) -> String {
    match remedy {
        Remedy::CheckMachineId => "A machine id has 40 hexadecimal digits; the portal's device page \
            has it in its URL, and `offboard find NAME` lists it."
            .to_owned(),
        Remedy::GiveComment => "Say why in --comment; the service keeps it.".to_owned(),
        Remedy::CheckTag => "A tag has from 1 to 200 characters, no control characters, and no white \
            space at either end."
            .to_owned(),
        Remedy::SignIn(remedy) => aadsts::words(*remedy).to_owned(),
        Remedy::RepairCredential => NO_CREDENTIAL.to_owned(),
        Remedy::UseRightTenant => WRONG_TENANT.to_owned(),
        Remedy::CheckConnection => format!("Nothing was sent. {NETWORK}"),
        Remedy::RenewToken => ENDED.to_owned(),
        Remedy::CheckLicence { token } => format!(
            "A fresh token was asked for where there is another one to be had. If that is refused \
             too, the tenant may have no active licence for Defender for Endpoint.{}",
            carried(token.as_ref())
        ),
        Remedy::GrantPermission {
            purpose,
            is_granted,
            token,
        } => forbidden(*purpose, *is_granted, token.as_ref()),
        Remedy::FindMachine { is_delegated } => format!(
            "Look the machine up with `offboard find NAME`, or in the portal: the id is in the URL \
             of its device page. Devices leave the inventory after 180 days, and a token of \
             another tenant does not see it.{}",
            match is_delegated {
                true =>
                    " This token is a user's, who sees the machines of the user's own device \
                    groups alone, and needs a role that may see them.",
                false => "",
            }
        ),
        Remedy::ChooseMachine => "Choose one of the candidates by its id; a device that was onboarded \
            again has a new record, and the old one is inactive."
            .to_owned(),
        Remedy::UseAnotherMeans => format!(
            "The service offboards {SUPPORTED}. Remove others by \
            their own means: an offboarding package, or uninstalling the app."
        ),
        Remedy::TrackExisting => "An offboarding of this machine is under way: follow it with \
            `offboard status MACHINE --wait`."
            .to_owned(),
        Remedy::RetryAfter { seconds } => match seconds {
            Some(seconds) => format!("Repeat it in {seconds} seconds: it was not carried out."),
            None => "Repeat it in a minute: it was not carried out.".to_owned(),
        },
        Remedy::RetryRead => "Nothing was changed; try again.".to_owned(),
        Remedy::ReconcileFirst => {
            "It may have been carried out. Do not repeat it blindly: look with `offboard \
                status MACHINE` first."
                .to_owned()
        }
        Remedy::SetTag => {
            "Set it in the portal, where it is missing; a tag that is there already stays, once."
                .to_owned()
        }
        Remedy::InspectPlugin => "This host let nothing out: the plugin asked for more than was ordered. Look \
            at it with `offboard inspect`."
            .to_owned(),
        Remedy::RetryRequest => "It was not sent, and may be repeated. If the service could not be reached, \
            check the network and --api-root; `offboard config show` tells which proxy is in \
            force. An authority of your own is named by --ca-file, a private address by \
            --allow-address."
            .to_owned(),
        Remedy::CheckNetwork => {
            "Nothing was changed. Check the network and --api-root, then repeat.".to_owned()
        }
        Remedy::OrderAgain => "Nothing was sent for this one: it may be ordered again.".to_owned(),
        Remedy::CheckPlugin => "Nothing was sent. The plugin is at fault, or a limit is too narrow for it: \
            `offboard inspect` shows them, --limit NAME=VALUE changes one, and -v shows what it \
            asked for."
            .to_owned(),
        Remedy::RepairLedger => "Nothing was sent, because it could not be put on record. Make room, correct \
            the permissions, or name another file with --ledger. For one machine, --no-ledger does \
            without."
            .to_owned(),
        Remedy::ReadEarlier => {
            "Nothing was sent. `offboard show RUN`, or `offboard status ACTION`, shows the \
            earlier offboarding. To offboard the machine again, for example after it was onboarded \
            again, use `offboard run` with --again."
                .to_owned()
        }
        Remedy::CheckUse => "The machine has reported since it was offboarded, so it may have been \
            onboarded again. Check the machine. To offboard it again, use `offboard run` with \
            --again."
            .to_owned(),
        Remedy::AskAgain => {
            "An earlier order of this machine was taken, and had not ended when it was \
            last asked about: `offboard resume RUN` asks again. `offboard run` with --again \
            sends another."
                .to_owned()
        }
        Remedy::CheckMachine => "The service took it, and may have dropped the action since, with its age; or this \
            sign-in does not see it. Waiting tells no more: look at the machine with `offboard find \
            NAME`, or in the portal, which shows it as inactive 7 days after it was offboarded. \
            `offboard run` with --again offboards it once more."
            .to_owned(),
        Remedy::ReconcileEarlier => {
            "Nothing was sent: it may be on its way already. `offboard resume RUN` finds \
            out what became of that order."
                .to_owned()
        }
        Remedy::RepairAudit => "Nothing more was sent, because it could not be put on record. Make room or \
            name another file with --audit."
            .to_owned(),
        Remedy::CheckActionId => "Check the action id; `offboard status MACHINE` shows that of a \
            machine's newest offboarding."
            .to_owned(),
        Remedy::Onboard => "What has ended cannot be withdrawn. Where it succeeded, the device is \
            offboarded: onboard it again to undo that."
            .to_owned(),
        Remedy::OffboardFirst => "That proves nothing shortly after an order: the service may list it \
            later. If a request of this machine got no answer, `offboard resume` finds out what \
            became of it; do not order it again before that."
            .to_owned(),
        Remedy::CorrectEntry => {
            "Nothing was sent. See which of the two is meant, and mend that line.".to_owned()
        }
        Remedy::ReviewPolicy => {
            "Nothing was sent. The rules stand in the configuration, which `offboard config \
            show` names; whoever keeps them may change them."
                .to_owned()
        }
        Remedy::RemoveDuplicate => "This run has the machine once already, by another name. If both have the same \
            comment, there is nothing to do. If not, change one of the comments."
            .to_owned(),
        _ => "The service's own words say why; quote its tracking id to Microsoft's support."
            .to_owned(),
    }
}

/// What to do about a machine that an order was sent for, if the service lists no
/// offboarding of it, or perhaps only an earlier one.
pub(super) fn of_sent(sent: &SentOrder) -> String {
    let run = short(&sent.run);
    match sent.is_unknown() {
        true => format!(
            "Run {run} sent an order for this machine, and its outcome is not known: it may have \
             been carried out, although the service does not list it, or lists an earlier action \
             only. Do not order it again: `offboard resume {run}` finds out what became of it."
        ),
        false => format!(
            "Run {run} sent an order for this machine, which is {}: `offboard show {run}` shows \
             it. The service may list it later, may have dropped it, or this sign-in does not see \
             it.",
            sent.state
        ),
    }
}

/// The first part of a run's id, by which commands find the run.
fn short(run: &str) -> &str {
    run.split('-').next().unwrap_or(run)
}

/// The likeliest cause first, as far as the token tells.
fn forbidden(purpose: Purpose, is_granted: bool, token: Option<&TokenSummary>) -> String {
    const AUDIENCE: &str = "that the token's audience is the resource that `offboard config show` \
        names: a wrong audience is answered with 403, too.";
    match token {
        Some(token) if is_granted && token.is_delegated => format!(
            "The permission is there.{USER} Or check {AUDIENCE} This token is for {}.",
            token.audience.as_deref().unwrap_or("none")
        ),
        Some(token) if is_granted => format!(
            "The permission is there: check {AUDIENCE} This token is for {}.",
            token.audience.as_deref().unwrap_or("none")
        ),
        _ => format!(
            "{} Check that it is there with admin consent, and {AUDIENCE}{}",
            match purpose {
                Purpose::Offboard => "The token needs the permission Machine.Offboard.",
                Purpose::Tag =>
                    "A tag needs the permission Machine.ReadWrite.All, besides Machine.Offboard.",
                Purpose::Read =>
                    "Reading needs the permission Machine.Read.All or \
                    Machine.ReadWrite.All, besides Machine.Offboard.",
            },
            carried(token)
        ),
    }
}

fn carried(token: Option<&TokenSummary>) -> String {
    let Some(token) = token else {
        return String::new();
    };
    let audience = token.audience.as_deref().unwrap_or("none");
    let permissions = match token.permissions.is_empty() {
        true => "no permission at all".to_owned(),
        false => token.permissions.join(", "),
    };
    let user = match token.is_delegated {
        true => USER,
        false => "",
    };
    format!(" This token is for {audience} and carries {permissions}.{user}")
}

/// What counts besides a user's permissions (Microsoft's documentation of
/// roles).
const USER: &str = " It is a user's: the user also needs a role with \"Manage security settings in \
    Security Center\", and access to the machine's device group.";

/// What to do where this machine lacks what signing in takes.
const NO_CREDENTIAL: &str = "Mend that and try again, or sign in another way (docs/connect.md has \
    each). `offboard config show` tells where a setting comes from, `offboard check` what is missing.";

/// What it means that a token's time is over.
pub(super) const ENDED: &str = "A token holds for about an hour: fetch another one, or sign in with a \
    credential, which fetches them as they are needed. If it is fresh, set this machine's clock.";

/// What a token of another tenant means.
pub(super) const WRONG_TENANT: &str = "Machines of another tenant must not be touched: check --tenant, \
    --profile, and what is left in the environment; `offboard config show` tells where each comes from.";

/// What to look at where a host is not reached.
pub(super) const NETWORK: &str = "Check the network, --api-root and --authority; `offboard config show` \
    tells which proxy is in force. A certification authority of your own is named by --ca-file, a \
    private address by --allow-address.";
