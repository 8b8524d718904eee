//! What to do about a sign-in that Entra ID refused, in words.

use offboard::advice::SignInRemedy;

/// A remedy, with the names of this command's settings.
pub(super) fn words(remedy: SignInRemedy) -> &'static str {
    match remedy {
        SignInRemedy::CorrectSecret => {
            "The client secret is wrong. A secret has a value and an id: the value is needed, and \
             the portal shows it once."
        }
        SignInRemedy::RenewSecret => {
            "The client secret has expired: make a new one in the app registration."
        }
        SignInRemedy::CheckClient => {
            "The app is not known in this tenant: check --client-id and --tenant, and the cloud; \
             each national cloud has registrations of its own."
        }
        SignInRemedy::CheckTenant => {
            "There is no such tenant at this authority: check --tenant and --cloud."
        }
        SignInRemedy::CheckLicence => {
            "The tenant does not know the resource: it may have no Defender for Endpoint, or the \
             cloud wants another --resource (`offboard check` tries those of its cloud)."
        }
        SignInRemedy::CheckResource => {
            "The resource is not one that tokens are given for: check --resource."
        }
        SignInRemedy::UploadCertificate => {
            "The signature is by no key that the app registration knows: upload the certificate that \
             --certificate names; of a federated assertion, look at its issuer."
        }
        SignInRemedy::CheckAssertion => {
            "The signed statement is not accepted: check this machine's clock, and for a federated \
             one its issuer, subject and audience."
        }
        SignInRemedy::CheckFederation => {
            "No federated credential of the app registration fits: issuer, subject and audience \
             must be the same to the letter."
        }
        SignInRemedy::AddProof => {
            "The app registration takes no sign-in without a proof of the app's. For a device code, \
             public client flows are allowed under its authentication settings; with another \
             credential, what was sent was empty: look at its file."
        }
        SignInRemedy::EnableApp => {
            "The app is disabled in this tenant: enable its enterprise application."
        }
        SignInRemedy::Agree => {
            "The person who was asked declined: start again and agree, or use another account."
        }
        SignInRemedy::Consent => {
            "Consent is missing: add the permission under WindowsDefenderATP and have an \
             administrator consent to it."
        }
        SignInRemedy::CheckConditionalAccess => {
            "A policy of conditional access blocks this sign-in: ask whoever keeps it, with the \
             correlation id."
        }
        SignInRemedy::CheckUser => "The user is not known, is disabled, or has another password.",
        SignInRemedy::ProveUser => "More proof of the user is asked for: sign in again.",
        SignInRemedy::EnterCodeSooner => "Nobody typed the code in time: start again.",
        SignInRemedy::SignInAgain => "The sign-in was taken back or has ended: sign in again.",
        SignInRemedy::TryAgain => {
            "Entra ID has a passing fault, or the account is of another tenant: try again."
        }
        // Also what a newer library adds.
        _ => OTHER,
    }
}

/// What to do about one that is not known here.
const OTHER: &str = "Entra ID's own words say why; its reference of error codes has more, \
    and the correlation id is what Microsoft's support asks for.";
