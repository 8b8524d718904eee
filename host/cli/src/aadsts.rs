//! What to do about a sign-in that Entra ID rejected.

use offboard::advice::SignInRemedy;

/// What to do if the tenant does not have the resource, without a reference to `offboard check`.
pub(super) const CHECK_LICENCE: &str = "The tenant does not have this resource. Either it has no \
    Defender for Endpoint, or the cloud needs another --resource.";

/// A remedy as text, with the names of this command's settings.
pub(super) fn text(remedy: SignInRemedy) -> &'static str {
    app_remedy(remedy)
        .or_else(|| proof_remedy(remedy))
        .or_else(|| user_remedy(remedy))
        // Also for remedies that a newer version of the library adds.
        .unwrap_or(OTHER_ERROR)
}

/// Remedies that concern the app registration, the tenant and the resource.
fn app_remedy(remedy: SignInRemedy) -> Option<&'static str> {
    Some(match remedy {
        SignInRemedy::CheckClient => {
            "The tenant does not have this app. Check --client-id, --tenant and --cloud. Each \
             national cloud has its own app registrations."
        }
        SignInRemedy::CheckTenant => {
            "The authority does not have this tenant. Check --tenant and --cloud."
        }
        SignInRemedy::CheckLicence => CHECK_LICENCE,
        SignInRemedy::CheckResource => {
            "Entra ID does not issue tokens for this resource. Check --resource."
        }
        SignInRemedy::EnableApp => {
            "The app is disabled in this tenant. Enable its enterprise application."
        }
        SignInRemedy::AddServicePrincipal => {
            "The tenant has no service principal (enterprise application) for this app. Check \
             --client-id and --tenant. If they are right, have an administrator of the tenant \
             grant consent to the app, which creates it."
        }
        SignInRemedy::AssignRole => {
            "The enterprise application requires an assignment. Assign the user or the app to it \
             in the portal, or do not require assignments."
        }
        SignInRemedy::CheckApp => {
            "The error concerns the app registration. Check --client-id and --tenant, and in the \
             portal the app registration, its enterprise application, its permissions and its \
             consent."
        }
        SignInRemedy::Consent => {
            "Consent is missing. Add the permissions of the API WindowsDefenderATP to the app \
             registration, and have an administrator grant consent."
        }
        _ => return None,
    })
}

/// Remedies that concern the secret, the certificate or the assertion.
fn proof_remedy(remedy: SignInRemedy) -> Option<&'static str> {
    Some(match remedy {
        SignInRemedy::CorrectSecret => {
            "The client secret is wrong. Use the value of the secret, not its id. The portal shows \
             the value only once."
        }
        SignInRemedy::RenewSecret => {
            "The client secret has expired. Create a new one in the app registration."
        }
        SignInRemedy::UploadCertificate => {
            "The app registration does not have the certificate that signed the assertion. Upload \
             the certificate of --certificate. For a federated assertion, check its issuer."
        }
        SignInRemedy::CheckAssertion => {
            "The signed assertion was rejected. Check this computer's clock. For a federated \
             assertion, also check its issuer, subject and audience."
        }
        SignInRemedy::CheckFederation => {
            "The app registration has no matching federated credential. Issuer, subject and \
             audience must be identical, including upper and lower case."
        }
        SignInRemedy::AddProof => {
            "The app registration requires a client credential. For a device code, allow public \
             client flows in its authentication settings. Otherwise, check that the file of the \
             credential is not empty."
        }
        SignInRemedy::CheckSecret => {
            "The error concerns the client secret. Check --client-id and the secret. If in doubt, \
             create a new secret in the app registration."
        }
        SignInRemedy::CheckCertificate => {
            "The error concerns the certificate or the signed assertion. Check that the \
             certificate is valid and uploaded to the app registration, and this computer's clock. \
             For a federated assertion, check its issuer, subject and audience."
        }
        _ => return None,
    })
}

/// Remedies that concern the user, or the sign-in itself.
fn user_remedy(remedy: SignInRemedy) -> Option<&'static str> {
    Some(match remedy {
        SignInRemedy::Agree => {
            "The user declined the sign-in. Start again and accept, or use another account."
        }
        SignInRemedy::CheckConditionalAccess => {
            "A conditional access policy blocks this sign-in. Send the correlation id to the \
             administrator of the policy."
        }
        SignInRemedy::CheckUser => {
            "The user does not exist or is disabled, or the password is wrong."
        }
        SignInRemedy::ProveUser => "Entra ID requires further authentication. Sign in again.",
        SignInRemedy::EnterCodeSooner => "The code was not entered in time. Start again.",
        SignInRemedy::SignInAgain => "The sign-in was revoked or has expired. Sign in again.",
        SignInRemedy::TryAgain => {
            "Entra ID has a temporary error. Nothing was sent. Try again in a few minutes."
        }
        SignInRemedy::UseTenantAccount => {
            "The account does not exist in this tenant. Check --tenant, sign in with an account of \
             the tenant, or have the account invited as a guest."
        }
        SignInRemedy::CheckSignIn => {
            "The error concerns the user's sign-in. Sign in again. If it fails again, send the \
             correlation id to the administrator of the tenant, who finds it in the sign-in logs."
        }
        SignInRemedy::CheckPolicy => {
            "A policy of the tenant rejects this sign-in. Send the correlation id to the \
             administrator of the tenant."
        }
        _ => return None,
    })
}

/// The advice for other errors.
const OTHER_ERROR: &str = "Look up the error code in Microsoft's list of AADSTS error codes. For \
    Microsoft support, quote the correlation id.";
