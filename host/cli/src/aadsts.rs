//! What Entra ID's error codes mean and what mends them (Microsoft's reference
//! of authentication error codes).

/// What to do about a code.
pub(super) fn advice(code: &str) -> Option<&'static str> {
    let number = code.strip_prefix("AADSTS")?.parse::<u32>().ok()?;
    Some(match number {
        7_000_215 => {
            "The client secret is wrong. A secret has a value and an id: the value is needed, and \
             the portal shows it once."
        }
        7_000_222 => "The client secret has expired: make a new one in the app registration.",
        700_016 => {
            "The app is not known in this tenant: check --client-id and --tenant, and the cloud; \
             each national cloud has registrations of its own."
        }
        90_002 | 900_023 => {
            "There is no such tenant at this authority: check --tenant and --cloud."
        }
        500_011 => {
            "The tenant does not know the resource: it may have no Defender for Endpoint, or the \
             cloud wants another --resource (`offboard check` tries those of its cloud)."
        }
        70_011 | 1_002_012 | 28_002 => {
            "The resource is not one that tokens are given for: check --resource."
        }
        700_027 | 5_002_730 => {
            "The signature is by no key that the app registration knows: upload the certificate that \
             --certificate names; of a federated assertion, look at its issuer."
        }
        700_024 | 700_023 | 50_013 => {
            "The signed statement is not accepted: check this machine's clock, and for a federated \
             one its issuer, subject and audience."
        }
        70_021 | 700_211 | 700_212 | 700_213 => {
            "No federated credential of the app registration fits: issuer, subject and audience \
             must be the same to the letter."
        }
        7_000_218 => {
            "The app registration takes no sign-in without a proof of the app's. For a device code, \
             public client flows are allowed under its authentication settings; with another \
             credential, what was sent was empty: look at its file."
        }
        7_000_112 | 7_000_113 => {
            "The app is disabled in this tenant: enable its enterprise application."
        }
        65_004 => {
            "The person who was asked declined: start again and agree, or use another account."
        }
        65_001 | 650_057 => {
            "Consent is missing: add the permission under WindowsDefenderATP and have an \
             administrator consent to it."
        }
        53_003 | 530_003 | 53_000 | 53_001 => {
            "A policy of conditional access blocks this sign-in: ask whoever keeps it, with the \
             correlation id."
        }
        50_034 | 50_126 | 50_057 => "The user is not known, is disabled, or has another password.",
        50_076 | 50_079 | 50_158 => "More proof of the user is asked for: sign in again.",
        70_016 | 70_019 | 70_020 => "Nobody typed the code in time: start again.",
        50_173 | 700_082 | 700_084 => "The sign-in was taken back or has ended: sign in again.",
        90_033 | 90_022 | 90_072 => {
            "Entra ID has a passing fault, or the account is of another tenant: try again."
        }
        _ => return None,
    })
}

/// What to do about one that is not known here.
pub(super) const OTHER: &str = "Entra ID's own words say why; its reference of error codes has more, \
    and the correlation id is what Microsoft's support asks for.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_is_met_has_its_advice() {
        for code in [
            "AADSTS7000215",
            "AADSTS700016",
            "AADSTS500011",
            "AADSTS700027",
        ] {
            assert!(advice(code).is_some(), "{code}");
        }
        for code in ["", "AADSTS", "AADSTS1", "7000215", "AADSTSx"] {
            assert_eq!(advice(code), None, "{code}");
        }
    }
}
