//! Entra ID's error codes (Microsoft's reference of authentication error codes), and the
//! remedy for each.

use serde::Serialize;

/// The remedy for a sign-in that Entra ID refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SignInRemedy {
    /// The client secret is wrong: use its value, not its id.
    CorrectSecret,
    /// The client secret has expired: make a new one.
    RenewSecret,
    /// The tenant does not know the app: check the tenant, the app and the cloud.
    CheckClient,
    /// The authority does not know the tenant: check the tenant and the cloud.
    CheckTenant,
    /// The tenant does not know the resource: check the licence and the cloud.
    CheckLicence,
    /// No tokens are issued for the resource: check the resource.
    CheckResource,
    /// The app registration does not know the signing key: upload the certificate.
    UploadCertificate,
    /// The assertion is not accepted: check the clock, and a federated assertion's issuer,
    /// subject and audience.
    CheckAssertion,
    /// No federated credential matches: compare issuer, subject and audience.
    CheckFederation,
    /// The app registration requires a client secret or an assertion of the app.
    AddProof,
    /// The app is disabled in the tenant: enable it.
    EnableApp,
    /// The user declined: start again.
    Agree,
    /// Consent is missing: add the permission and consent to it.
    Consent,
    /// A conditional access policy blocks the sign-in.
    CheckConditionalAccess,
    /// The user is unknown or disabled, or the password has changed.
    CheckUser,
    /// More proof of the user is required: sign in again.
    ProveUser,
    /// The code was not entered in time: start again.
    EnterCodeSooner,
    /// The sign-in was revoked or has expired: sign in again.
    SignInAgain,
    /// A temporary fault, or an account of another tenant: try again.
    TryAgain,
    /// This version does not know the code: read Entra ID's explanation.
    ReadExplanation,
}

impl SignInRemedy {
    /// The remedy for a code, for example `AADSTS7000215`.
    ///
    /// ```
    /// use offboard::advice::SignInRemedy;
    ///
    /// let remedy = SignInRemedy::for_code("AADSTS7000222");
    /// assert_eq!(remedy, SignInRemedy::RenewSecret);
    /// ```
    #[must_use]
    pub fn for_code(code: &str) -> Self {
        let number = code.strip_prefix("AADSTS");
        match number.and_then(|number| number.parse::<u32>().ok()) {
            Some(7_000_215) => Self::CorrectSecret,
            Some(7_000_222) => Self::RenewSecret,
            Some(700_016) => Self::CheckClient,
            Some(90_002 | 900_023) => Self::CheckTenant,
            Some(500_011) => Self::CheckLicence,
            Some(70_011 | 1_002_012 | 28_002) => Self::CheckResource,
            Some(700_027 | 5_002_730) => Self::UploadCertificate,
            Some(700_024 | 700_023 | 50_013) => Self::CheckAssertion,
            Some(70_021 | 700_211 | 700_212 | 700_213) => Self::CheckFederation,
            Some(7_000_218) => Self::AddProof,
            Some(7_000_112 | 7_000_113) => Self::EnableApp,
            Some(65_004) => Self::Agree,
            Some(65_001 | 650_057) => Self::Consent,
            Some(53_003 | 530_003 | 53_000 | 53_001) => Self::CheckConditionalAccess,
            Some(50_034 | 50_126 | 50_057) => Self::CheckUser,
            Some(50_076 | 50_079 | 50_158) => Self::ProveUser,
            Some(70_016 | 70_019 | 70_020) => Self::EnterCodeSooner,
            Some(50_173 | 700_082 | 700_084) => Self::SignInAgain,
            Some(90_033 | 90_022 | 90_072) => Self::TryAgain,
            _ => Self::ReadExplanation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_code_has_its_remedy() {
        for code in [
            "AADSTS7000215",
            "AADSTS700016",
            "AADSTS500011",
            "AADSTS700027",
        ] {
            let remedy = SignInRemedy::for_code(code);
            assert_ne!(remedy, SignInRemedy::ReadExplanation, "{code}");
        }
        for code in ["", "AADSTS", "AADSTS1", "7000215", "AADSTSx"] {
            let remedy = SignInRemedy::for_code(code);
            assert_eq!(remedy, SignInRemedy::ReadExplanation, "{code}");
        }
    }
}
