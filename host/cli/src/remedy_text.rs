//! Remedies as text, with the names of this command's flags and commands.

use std::time::Duration;

use super::aadsts;
use offboard::{
    advice::{Purpose, Remedy, SignInRemedy, TokenSummary},
    platform::SUPPORTED,
};

/// What a delegated token needs besides its permissions (Microsoft's documentation of roles).
const USER: &str = " It is a user's token: the user also needs a role with \"Manage security \
    settings in Security Center\", and access to the machine's device group.";

/// What to do if this computer lacks something that signing in needs.
pub(super) const REPAIR_CREDENTIAL: &str = "Fix the cause and try again, or use another sign-in method (see \
    docs/connect.md). `offboard config show` shows the source of each setting.";

/// What to do about an expired token.
pub(super) const TOKEN_EXPIRED: &str = "A token is valid for about an hour. Get a new one, or use \
    a credential, with which tokens are renewed automatically. If the token is new, correct this \
    computer's clock.";

/// What to do about a token that is not a JWT.
pub(super) const NOT_A_TOKEN: &str = "The token cannot be read: tokens of Entra ID are JWTs, which \
    begin with eyJ. Check that it is complete, and that it is a token. For a client secret, use \
    --client-secret-file.";

/// What to do about a token of another tenant.
pub(super) const WRONG_TENANT: &str = "The token belongs to another tenant, whose machines must \
    not be changed. Check --tenant, --profile and the environment variables. `offboard config show` \
    shows the source of each setting.";

/// What to check if a host cannot be reached.
pub(super) const NETWORK: &str = "Check the network, --api-root and --authority. `offboard config \
    show` shows the effective proxy. For a private certification authority, use --ca-file. For a \
    private address, use --allow-address.";

/// A remedy as text, with the names of this command's flags and commands.
pub(super) fn words(remedy: &Remedy) -> String {
    match remedy {
        Remedy::SignIn(SignInRemedy::CheckLicence) => format!(
            "{} `offboard check` tries the resources of the cloud.",
            aadsts::CHECK_LICENCE
        ),
        Remedy::SignIn(remedy) => aadsts::text(*remedy).to_owned(),
        Remedy::RepairCredential => {
            format!("{REPAIR_CREDENTIAL} `offboard check` shows what is missing.")
        }
        Remedy::ConfigureCredential(remedy) => {
            format!("{remedy} `offboard config show` shows the source of each setting.")
        }
        Remedy::CheckConnection => format!("The request was not sent. {NETWORK}"),
        Remedy::ReplaceToken => NOT_A_TOKEN.to_owned(),
        Remedy::CheckLicence { token } => format!(
            "Get a new token. If it is rejected as well, the tenant may not have an active licence \
             for Defender for Endpoint.{}",
            token_text(token.as_ref())
        ),
        Remedy::GrantPermission {
            purpose,
            is_granted,
            token,
        } => permission_text(*purpose, *is_granted, token.as_ref()),
        Remedy::FindMachine { is_delegated } => {
            let user = if *is_delegated {
                " This token is a user's: it can only see the machines of the user's device \
                 groups, and the user's role must permit that."
            } else {
                ""
            };
            format!(
                "Find the machine with `offboard find NAME`, or in the portal: its id is in the \
                 URL of the device page. Machines leave the inventory after 180 days, and a token \
                 of another tenant cannot see them.{user}"
            )
        }
        Remedy::UseAnotherMeans => format!(
            "The service can offboard {SUPPORTED}. For other systems, run an offboarding package \
             on the device, or uninstall the app."
        ),
        Remedy::RetryAfter { seconds } => {
            let after = match seconds {
                Some(seconds) => {
                    let after = Duration::from_secs(*seconds);
                    format!("in {}", humantime::format_duration(after))
                }
                None => "in a minute".to_owned(),
            };
            format!(
                "The request was not carried out. Retry {after}. `offboard resume` continues a run."
            )
        }
        remedy => request_text(remedy)
            .or_else(|| ledger_text(remedy))
            // Also for remedies that a newer version of the library adds.
            .unwrap_or("See the service's message. For Microsoft support, quote the tracking id.")
            .to_owned(),
    }
}

/// Remedies that concern a request, the connection or the plugin.
fn request_text(remedy: &Remedy) -> Option<&'static str> {
    Some(match remedy {
        Remedy::CheckMachineId => {
            "A machine id has 40 hexadecimal digits. It is in the URL of the portal's device page, \
             and `offboard find NAME` shows it."
        }
        Remedy::GiveComment => "Give the reason with --comment. The service records it.",
        Remedy::CheckTag => {
            "A tag has 1 to 200 characters, without control characters, and without white space at \
             the beginning or the end."
        }
        Remedy::UseRightTenant => WRONG_TENANT,
        Remedy::RenewToken => TOKEN_EXPIRED,
        Remedy::ChooseMachine => {
            "Select one of the candidates by its id. A device that was onboarded again has a new \
             record, and the old record is inactive."
        }
        Remedy::TrackExisting => {
            "An action of this machine is in progress. `offboard status MACHINE --wait` tracks an \
             offboarding, if the service lists one. Otherwise, another action blocks the machine: \
             see its action center in the portal. When that action has ended, order the machine \
             again with `offboard run`."
        }
        Remedy::Track => {
            "The device has not carried it out yet, and does so when it comes online. `offboard \
             status MACHINE --wait` tracks it, and `offboard cancel MACHINE` withdraws it."
        }
        Remedy::ProvisionTenant => {
            "The service accepted the token, but this tenant has no active Defender for Endpoint. \
             Check that the API and the tenant belong together: `offboard config show`. Check the \
             tenant's licence. If it is new, open the Defender portal once as an administrator, \
             which provisions it. Another permission does not help."
        }
        Remedy::EnableFeature => {
            "The service reports that this feature is disabled in the tenant. Enable it in the \
             settings of the Defender portal. Another permission does not help."
        }
        Remedy::RetryRead => "Nothing was changed. Try again. `offboard resume` continues a run.",
        Remedy::ReconcileFirst => {
            "The request may have been carried out. Do not order the machine again: `offboard \
             resume` queries the outcome. For a cancellation, or without a ledger, use `offboard \
             status MACHINE`."
        }
        Remedy::SetTag => {
            "If the tag is missing, set it in the portal. Setting an existing tag changes nothing."
        }
        Remedy::InspectPlugin => {
            "The request was blocked: the plugin attempted more than the order allows. Examine it \
             with `offboard inspect`."
        }
        Remedy::RetryRequest => {
            "The request was not sent. `offboard resume` continues a run. If the service cannot be reached, check \
             the network and --api-root. `offboard config show` shows the effective proxy. For a \
             private certification authority, use --ca-file. For a private address, use \
             --allow-address."
        }
        Remedy::CheckNetwork => {
            "Nothing was changed. Check the network and --api-root, then try again. `offboard \
             resume` continues a run."
        }
        Remedy::CheckPlugin => {
            "The request was not sent. Either the plugin has an error, or a limit is too low for it. \
             `offboard inspect` shows the limits, --limit NAME=VALUE changes one, and -v shows the \
             requests of the plugin."
        }
        Remedy::CheckActionId => {
            "Check the action id. `offboard status MACHINE` shows the newest offboarding of a \
             machine."
        }
        Remedy::Onboard => {
            "An action that has ended cannot be cancelled. If it succeeded, the device is \
             offboarded: to undo that, onboard it again."
        }
        _ => return None,
    })
}

/// Remedies that concern the ledger, the audit, the selection or an earlier order.
fn ledger_text(remedy: &Remedy) -> Option<&'static str> {
    Some(match remedy {
        Remedy::OrderAgain => {
            "The order was not carried out. Continue a confirmed run with `offboard resume`, \
             or repeat the command."
        }
        Remedy::OffboardLocally => {
            "The offboarding failed on the device, which is still onboarded. Check that it is \
             online and healthy, and order it again with `offboard run`. Otherwise, run an \
             offboarding package from the portal on the device."
        }
        Remedy::BringOnline => {
            "The device did not fetch the action in time, and is still onboarded. Bring the device \
             online, and order it again with `offboard run`. Otherwise, run an offboarding package \
             from the portal on the device."
        }
        Remedy::RepairLedger => {
            "The order was not sent, because it could not be recorded. Fix the cause that the \
             message reports. If no other order of the run was sent, you can use another file with \
             --ledger. Otherwise, keep this ledger and continue with `offboard resume`: a new \
             ledger does not have the orders that were sent. For one machine, --no-ledger needs no \
             file."
        }
        Remedy::ReadEarlier => {
            "The order was not sent. `offboard show RUN` or `offboard status ACTION` shows the earlier \
             offboarding. To offboard the machine again, for example after it was onboarded again, \
             use `offboard run` with --again."
        }
        Remedy::CheckUse => {
            "The machine has reported since it was offboarded, so it may have been onboarded \
             again. Check the machine. To offboard it again, use `offboard run` with --again."
        }
        Remedy::AskAgain => {
            "The service accepted an earlier order for this machine, and its action had not ended \
             when it was last read. `offboard resume RUN` reads it again. `offboard run` with \
             --again sends another order."
        }
        Remedy::CheckMachine => {
            "The service accepted the order. It may have removed the old action, or this account \
             cannot see it. Check the machine with `offboard find NAME`, or in the portal, which \
             shows it as inactive 7 days after it was offboarded. To offboard it again, use \
             `offboard run` with --again."
        }
        Remedy::ReconcileEarlier => {
            "The order was not sent, because an earlier one may have been carried out. `offboard \
             resume RUN` queries its outcome."
        }
        Remedy::RepairAudit => {
            "No further request was sent, because it could not be recorded. Free disk space, or \
             use another file with --audit."
        }
        Remedy::OffboardFirst => {
            "The service may list a recent offboarding later. If a request for this machine got no \
             answer, query its outcome with `offboard resume` before you offboard it again."
        }
        Remedy::CorrectEntry => {
            "The order was not sent. Check which of the two is right, and correct the line."
        }
        Remedy::ReviewPolicy => {
            "The order was not sent. The policy is in the configuration file, which `offboard config \
             show` shows. Its owner can change the rules."
        }
        Remedy::OrderInNewRun => {
            "The order was not carried out, and no resume sends it. To offboard the machine after all, \
             use `offboard run`."
        }
        Remedy::RemoveDuplicate => {
            "The same run already has an order for this machine under another name. If the \
             comments differ, decide which one applies. Otherwise, there is nothing to do."
        }
        _ => return None,
    })
}

/// The most likely cause of a missing permission, according to the token.
fn permission_text(purpose: Purpose, is_granted: bool, token: Option<&TokenSummary>) -> String {
    const AUDIENCE: &str = "that the token's audience is the resource that `offboard config show` \
        shows, because the service also rejects a wrong audience with 403.";
    let Some(token) = token.filter(|_| is_granted) else {
        let needed = match purpose {
            Purpose::Offboard => "The token needs the permission Machine.Offboard.",
            Purpose::Tag => {
                "A tag needs the permission Machine.ReadWrite.All in addition to Machine.Offboard."
            }
            Purpose::Read => {
                "Reading needs the permission Machine.Read.All or Machine.ReadWrite.All in \
                 addition to Machine.Offboard."
            }
        };
        return format!(
            "{needed} Check that an administrator granted consent, and {AUDIENCE}{}",
            token_text(token)
        );
    };
    let audience = token.audience.as_deref().unwrap_or("none");
    let user = if token.is_delegated { USER } else { "" };
    format!(
        "The token has the permission.{user} Check {AUDIENCE} The audience of this token is \
         {audience}."
    )
}

/// The audience and the permissions of a token.
fn token_text(token: Option<&TokenSummary>) -> String {
    let Some(token) = token else {
        return String::new();
    };
    let audience = token.audience.as_deref().unwrap_or("none");
    let permissions = if token.permissions.is_empty() {
        "no permissions".to_owned()
    } else {
        format!("the permissions {}", token.permissions.join(", "))
    };
    let user = if token.is_delegated { USER } else { "" };
    format!(" This token has the audience {audience} and {permissions}.{user}")
}
