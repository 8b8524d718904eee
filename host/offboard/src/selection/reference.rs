//! References to a machine, as users write them: its id, the URL of its page in the portal, or
//! its DNS name. Text that looks like something else is an error, so that it is never looked
//! up as a name.

use std::str::FromStr;

use uuid::Uuid;

use super::{InvalidReference, device_name::dns_name, portal};
use crate::{contract::MachineId, order::Target};

/// A machine, as a user refers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineReference {
    /// Its id or its name.
    pub target: Target,
    /// The tenant of the portal's URL, if it names one.
    pub tenant: Option<Uuid>,
}

impl MachineReference {
    /// The machine id; `None` if the machine is named.
    #[must_use]
    pub fn id(&self) -> Option<&MachineId> {
        match &self.target {
            Target::Id(id) => Some(id),
            Target::Name(_) => None,
        }
    }

    /// A key that is the same for all spellings of a machine.
    pub(crate) fn key(&self) -> String {
        self.target.to_string().to_lowercase()
    }

    /// Merges another reference to the same machine into this one, which takes the other's
    /// tenant if it has none. Returns whether both are the same machine. References with two
    /// different tenants never are.
    pub fn merge(&mut self, other: &Self) -> bool {
        let same_tenant = match (self.tenant, other.tenant) {
            (Some(own), Some(other)) => own == other,
            _ => true,
        };
        let same = self.key() == other.key() && same_tenant;
        if same {
            self.tenant = self.tenant.or(other.tenant);
        }
        same
    }
}

impl From<MachineId> for MachineReference {
    fn from(id: MachineId) -> Self {
        Self {
            target: Target::Id(id),
            tenant: None,
        }
    }
}

impl FromStr for MachineReference {
    type Err = InvalidReference;

    /// A machine id, a device URL of the portal, or a DNS name.
    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let (target, tenant) = if portal::is_url(text) {
            let (id, tenant) = portal::machine_of(text)?;
            (Target::Id(id), tenant)
        } else if let Ok(id) = text.parse() {
            (Target::Id(id), None)
        } else {
            (Target::Name(dns_name(text)?), None)
        };
        Ok(Self { target, tenant })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn machine(text: &str) -> Result<MachineReference, InvalidReference> {
        text.parse()
    }

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_machine_is_an_id_a_portal_url_or_a_name() {
        let id = Target::Id(ID.parse().unwrap());
        let machine = |text: &str| machine(text).map(|named| named.target);
        assert_eq!(machine(ID).unwrap(), id);
        assert_eq!(machine(&ID.to_uppercase()).unwrap(), id);
        for url in [
            format!("https://security.microsoft.com/machines/v2/{ID}/overview?tab=x"),
            format!("https://security.microsoft.com/machines/{ID}"),
            format!("https://securitycenter.microsoft.us/machines/{ID}/timeline"),
            format!(
                "HTTPS://Security.Microsoft.com/machines/{}?id={ID}",
                ID.to_uppercase()
            ),
        ] {
            assert_eq!(machine(&url).unwrap(), id, "{url}");
        }
        for name in [
            "laptop-7",
            "laptop-7.example.test",
            "SRV_01.corp",
            "7up.example.test",
            "deadbeef",
        ] {
            assert_eq!(machine(name).unwrap(), Target::Name(name.to_owned()));
        }
    }

    #[test]
    fn a_portal_url_names_its_tenant() {
        let tenant = "11111111-2222-3333-4444-555555555555";
        let url = |query: &str| format!("https://security.microsoft.com/machines/v2/{ID}{query}");
        let of = |query: &str| machine(&url(query)).unwrap().tenant;
        assert_eq!(of(&format!("?tid={tenant}")), Some(tenant.parse().unwrap()));
        assert_eq!(
            of(&format!("/overview?a=b&tid={}#x", tenant.to_uppercase())),
            Some(tenant.parse().unwrap())
        );
        assert_eq!(
            of(&format!("?TID={tenant}&tid={tenant}")),
            Some(tenant.parse().unwrap())
        );
        assert_eq!(of(""), None);
        let other = tenant.replace('1', "2");
        for unusable in [
            "?tid=contoso.example".to_owned(),
            format!("?tid={tenant}&tid={other}"),
        ] {
            assert!(machine(&url(&unusable)).is_err(), "{unusable}");
        }
        // If only one of two references has a tenant, the machine has that tenant.
        let mut bare = machine(ID).unwrap();
        assert!(bare.merge(&machine(&url(&format!("?tid={tenant}"))).unwrap()));
        assert_eq!(bare.tenant, Some(tenant.parse().unwrap()));
        let other = tenant.replace('1', "2");
        assert!(!bare.merge(&machine(&url(&format!("?tid={other}"))).unwrap()));
    }

    #[test]
    fn trap_aad_device_id_is_not_a_machine_id() {
        for guid in [
            "11111111-2222-3333-4444-555555555555",
            "{11111111-2222-3333-4444-555555555555}",
        ] {
            assert!(machine(guid) == Err(InvalidReference::Guid));
        }
    }

    #[test]
    fn what_is_meant_otherwise_is_refused() {
        for text in [
            "",
            " ",
            &ID[1..],
            &format!("{ID}0"),
            &ID[..20],
            "5m",
            "90s",
            "1h30m",
            "600",
            "./machines.csv",
            "/etc/hosts",
            "C:\\machines.csv",
            "machines.csv",
            "MACHINES.TXT",
            "~",
            "..",
            "a..b",
            "-x",
            "a b",
            "a,b",
            "host\u{1b}[2J",
            "https://evil.test/machines/0123456789abcdef0123456789abcdef01234567",
            "https://security.microsoft.com.evil.test/machines/0123456789abcdef0123456789abcdef01234567",
            "https://security.microsoft.com/incidents/12",
            // The page of a file, with its SHA-1.
            "https://security.microsoft.com/file/0123456789abcdef0123456789abcdef01234567/",
            "https://security.microsoft.com/machines/v2/overview/0123456789abcdef0123456789abcdef01234567",
            "https://security.microsoft.com/machines/0123456789abcdef0123456789abcdef01234567/\
             1111111111111111111111111111111111111111",
            "https://security.microsoft.com/machines/0123456789abcdef0123456789abcdef01234567\
             ?id=1111111111111111111111111111111111111111",
            "security.microsoft.com/machines/0123456789abcdef0123456789abcdef01234567",
            "0x0123456789abcdef0123456789abcdef01234567",
            "id_0123456789abcdef0123456789abcdef01234567",
            "0123456789abcdef0123456789abcdef01234567.corp.test",
            "0123456789abcdef0123456789abcdef01234567,pc-1",
            "\"0123456789abcdef0123456789abcdef01234567\"",
            "\u{feff}0123456789abcdef0123456789abcdef01234567",
            "pc-1\u{2028}pc-2",
        ] {
            assert!(machine(text).is_err(), "{text:?} was taken");
        }
    }
}
