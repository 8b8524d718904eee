//! Entra ID's error codes (Microsoft's reference of authentication error codes), and the
//! remedy for each.

use serde::Serialize;

use crate::identity::EntraErrorClass;

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
    /// A temporary fault: try again.
    TryAgain,
    /// The tenant has no service principal of the app: consent to the app.
    AddServicePrincipal,
    /// The account is not one of this tenant: use another one.
    UseTenantAccount,
    /// The user or the app has no role for the application: assign it.
    AssignRole,
    /// Another error of the app registration, its consent or its request.
    CheckApp,
    /// Another error of the client secret.
    CheckSecret,
    /// Another error of the certificate or the assertion.
    CheckCertificate,
    /// Another error of the user's sign-in.
    CheckSignIn,
    /// Another policy rejects the sign-in.
    CheckPolicy,
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
        let number = number.and_then(|number| number.parse::<u32>().ok());
        let known = number.and_then(Self::known);
        let class = || Some(Self::of_class(EntraErrorClass::of(number?)?));
        known.or_else(class).unwrap_or(Self::ReadExplanation)
    }

    /// The remedy for the code in an error's text, if it has one.
    pub(super) fn for_text(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once("AADSTS")?;
        let end = rest.find(|c: char| !c.is_ascii_digit());
        let digits = &rest[..end.unwrap_or(rest.len())];
        (!digits.is_empty()).then(|| Self::for_code(&format!("AADSTS{digits}")))
    }

    /// The remedies for codes with a cause of their own.
    fn known(code: u32) -> Option<Self> {
        Some(match code {
            7_000_215 => Self::CorrectSecret,
            7_000_222 => Self::RenewSecret,
            700_016 | 700_011 => Self::CheckClient,
            7_000_229 => Self::AddServicePrincipal,
            90_002 | 900_023 => Self::CheckTenant,
            500_011 | 650_052 => Self::CheckLicence,
            70_011 | 1_002_012 | 28_002 => Self::CheckResource,
            700_027 | 5_002_730 => Self::UploadCertificate,
            700_024 | 700_023 | 50_013 | 50_027 => Self::CheckAssertion,
            70_021 | 700_211 | 700_212 | 700_213 => Self::CheckFederation,
            7_000_218 | 7_000_216 => Self::AddProof,
            70_001 | 7_000_112 | 7_000_113 => Self::EnableApp,
            65_004 => Self::Agree,
            65_001 | 650_056 | 650_057 | 90_008 | 90_094 | 90_095 => Self::Consent,
            50_105 | 501_051 => Self::AssignRole,
            53_003 | 530_003 | 53_000 | 53_001 => Self::CheckConditionalAccess,
            50_034 | 50_126 | 50_057 | 50_055 | 50_056 | 50_144 => Self::CheckUser,
            50_020 | 50_014 | 51_004 | 90_072 => Self::UseTenantAccount,
            50_072 | 50_074 | 50_076 | 50_078 | 50_079 | 50_158 => Self::ProveUser,
            70_016 | 70_019 | 70_020 => Self::EnterCodeSooner,
            50_132 | 50_133 | 50_173 | 70_008 | 70_043 | 700_082 | 700_084 => Self::SignInAgain,
            _ => return None,
        })
    }

    /// The remedy for all other codes of a class.
    fn of_class(class: EntraErrorClass) -> Self {
        match class {
            EntraErrorClass::App => Self::CheckApp,
            EntraErrorClass::Secret => Self::CheckSecret,
            EntraErrorClass::Certificate => Self::CheckCertificate,
            EntraErrorClass::Resource => Self::CheckResource,
            EntraErrorClass::User => Self::CheckSignIn,
            EntraErrorClass::Policy => Self::CheckPolicy,
            EntraErrorClass::Tenant => Self::CheckTenant,
            EntraErrorClass::Transient => Self::TryAgain,
            // A class that a newer version adds.
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
        // Other codes have the remedy of their class.
        for (code, remedy) in [
            ("AADSTS7000229", SignInRemedy::AddServicePrincipal),
            ("AADSTS50027", SignInRemedy::CheckAssertion),
            ("AADSTS700025", SignInRemedy::CheckApp),
            ("AADSTS7000299", SignInRemedy::CheckSecret),
            ("AADSTS50017", SignInRemedy::CheckCertificate),
            ("AADSTS650053", SignInRemedy::CheckResource),
            ("AADSTS500121", SignInRemedy::CheckSignIn),
            ("AADSTS530032", SignInRemedy::CheckPolicy),
            ("AADSTS900382", SignInRemedy::CheckTenant),
            ("AADSTS90033", SignInRemedy::TryAgain),
        ] {
            assert_eq!(SignInRemedy::for_code(code), remedy, "{code}");
            let text = format!("no token: {code}: a message");
            assert_eq!(SignInRemedy::for_text(&text), Some(remedy), "{code}");
        }
        assert_eq!(SignInRemedy::for_text("no AADSTS code"), None);
        for code in ["", "AADSTS", "AADSTS1", "7000215", "AADSTSx"] {
            let remedy = SignInRemedy::for_code(code);
            assert_eq!(remedy, SignInRemedy::ReadExplanation, "{code}");
        }
    }
}
