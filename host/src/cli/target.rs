//! What a user may name: a machine id, a device URL of the portal, a DNS name,
//! an action id. Whatever looks like something else is refused before anything
//! is sent.

use std::fmt;

use url::Url;
use uuid::Uuid;

use crate::{
    contract::{ActionId, MachineId},
    order::Target,
};

/// A machine as a user named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) target: Target,
    /// The tenant whose portal the URL is of, where it says so.
    pub(super) tenant: Option<Uuid>,
}

impl Named {
    /// The same for the same machine, however it is written.
    pub(super) fn key(&self) -> String {
        self.target.to_string().to_lowercase()
    }

    /// Whether this is the same machine; then it also is of the other's tenant.
    /// Of two tenants it cannot be.
    pub(super) fn takes(&mut self, other: &Self) -> bool {
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

/// An action, or a machine that has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Action(ActionId),
    Machine(Named),
}

impl Subject {
    /// The machine id and the name, as far as the user gave them.
    pub(super) fn machine(&self) -> (Option<&str>, Option<&str>) {
        match self.named().map(|named| &named.target) {
            None => (None, None),
            Some(Target::Id(id)) => (Some(id.as_str()), None),
            Some(Target::Name(name)) => (None, Some(name)),
        }
    }

    /// The machine, where one was named.
    pub(super) fn named(&self) -> Option<&Named> {
        match self {
            Self::Action(_) => None,
            Self::Machine(named) => Some(named),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action(id) => id.fmt(formatter),
            Self::Machine(named) => named.target.fmt(formatter),
        }
    }
}

/// Where the portal lives.
const PORTALS: [&str; 4] = ["microsoft.com", "microsoft.us", "windows.com", "windows.us"];
const LISTS: [&str; 7] = [".csv", ".json", ".jsonl", ".tsv", ".txt", ".xls", ".xlsx"];
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// A machine id, a device URL of the portal, or a DNS name.
pub(super) fn machine(text: &str) -> Result<Named, String> {
    if text.starts_with("https://") || text.starts_with("http://") {
        return portal_url(text);
    }
    let target = match text.parse() {
        Ok(id) => Target::Id(id),
        Err(_) => Target::Name(name(text)?),
    };
    Ok(Named {
        target,
        tenant: None,
    })
}

/// An action id, or what [`machine`] takes.
pub(super) fn action(text: &str) -> Result<Subject, String> {
    match text.parse() {
        Ok(id) => Ok(Subject::Action(id)),
        Err(_) => machine(text).map(Subject::Machine),
    }
}

/// A host alone, as `gateway.example.com` or `10.1.2.3`.
pub(super) fn host(text: &str) -> Result<String, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let is_host = url::Host::parse(text).is_ok() || bare.parse::<std::net::IpAddr>().is_ok();
    match is_host {
        true => Ok(text.to_owned()),
        false => Err("a host alone, without https:// and without a port".to_owned()),
    }
}

/// A name to look for. Some devices have names that are no DNS names.
pub(super) fn any_name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        Err("it is blank".to_owned())
    } else if text.chars().count() > MAX_NAME || text.chars().any(char::is_control) {
        Err(format!(
            "a name has at most {MAX_NAME} characters, and no control characters"
        ))
    } else {
        Ok(text.to_owned())
    }
}

/// A DNS name, or a plain label.
fn name(text: &str) -> Result<String, String> {
    let bare = text.trim_start_matches('{').trim_end_matches('}');
    let hex = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit());
    any_name(text)?;
    if bare.parse::<ActionId>().is_ok() {
        return Err(
            "this is a GUID: an Entra device id or an action id. A machine id has 40 \
                    hexadecimal digits; the portal's device page has it in its URL"
                .to_owned(),
        );
    }
    if hex(text) && text.len() >= 20 {
        return Err(format!(
            "this has {} hexadecimal digits, and a machine id has 40: was it cut?",
            text.len()
        ));
    }
    if humantime::parse_duration(text).is_ok() || text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!(
            "this is a number or a duration, and no machine (one to wait for is written --wait={text})"
        ));
    }
    let lower = text.to_lowercase();
    if text.contains(['/', '\\'])
        || text.starts_with(['.', '~'])
        || LISTS.iter().any(|ending| lower.ends_with(ending))
    {
        return Err("this is a path; name the machines themselves".to_owned());
    }
    let labels_fit = text.trim_end_matches('.').split('.').all(|label| {
        (1..=MAX_LABEL).contains(&label.chars().count())
            && !label.starts_with('-')
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    });
    if !labels_fit {
        return Err(
            "this is neither a machine id (40 hexadecimal digits), nor a device URL of \
                    the portal, nor a DNS name; `offboard find` finds devices of other names"
                .to_owned(),
        );
    }
    Ok(text.trim_end_matches('.').to_owned())
}

/// `https://security.microsoft.com/machines/v2/{id}/overview?tid={tenant}` and
/// its like.
fn portal_url(text: &str) -> Result<Named, String> {
    let url = Url::parse(text).map_err(|error| format!("this is no URL: {error}"))?;
    let host = url.host_str().unwrap_or_default();
    let known = PORTALS.iter().any(|portal| {
        host.strip_suffix(portal)
            .is_some_and(|rest| rest.ends_with('.'))
    });
    if !known {
        return Err("this URL is not of the Defender portal".to_owned());
    }
    let machine: Option<MachineId> = url
        .path_segments()
        .into_iter()
        .flatten()
        .find_map(|segment| segment.parse().ok());
    let machine = machine
        .ok_or_else(|| "this URL is not of a device page: it has no machine id".to_owned())?;
    let mut tenant = None;
    for (name, value) in url.query_pairs() {
        if !name.eq_ignore_ascii_case("tid") {
            continue;
        }
        let named: Uuid = value
            .parse()
            .map_err(|_| "the tenant of this URL (tid) is no tenant's id".to_owned())?;
        if tenant.is_some_and(|known| known != named) {
            return Err("this URL names two tenants".to_owned());
        }
        tenant = Some(named);
    }
    Ok(Named {
        target: Target::Id(machine),
        tenant,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

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
        // Named twice, it is of the tenant that one of the two names.
        let mut bare = machine(ID).unwrap();
        assert!(bare.takes(&machine(&url(&format!("?tid={tenant}"))).unwrap()));
        assert_eq!(bare.tenant, Some(tenant.parse().unwrap()));
        let other = tenant.replace('1', "2");
        assert!(!bare.takes(&machine(&url(&format!("?tid={other}"))).unwrap()));
    }

    #[test]
    fn trap_aad_device_id_is_no_machine_id() {
        for guid in [
            "11111111-2222-3333-4444-555555555555",
            "{11111111-2222-3333-4444-555555555555}",
        ] {
            assert!(machine(guid).unwrap_err().contains("GUID"));
        }
    }

    #[test]
    fn a_host_is_one_alone() {
        for taken in [
            "gateway.example.com",
            "10.1.2.3",
            "[fd00::1]",
            "fd00::1",
            "localhost",
        ] {
            assert!(host(taken).is_ok(), "{taken}");
        }
        for refused in [
            "https://gateway.example.com",
            "a.test:443",
            "a.test/x",
            "",
            "a b",
        ] {
            assert!(host(refused).is_err(), "{refused}");
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
        ] {
            assert!(machine(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn an_action_is_a_guid_or_a_machine() {
        let guid = "11111111-2222-3333-4444-555555555555";
        assert_eq!(
            action(guid).unwrap(),
            Subject::Action(guid.parse().unwrap())
        );
        assert!(matches!(
            action(ID).unwrap(),
            Subject::Machine(Named {
                target: Target::Id(_),
                ..
            })
        ));
        assert!(matches!(
            action("laptop-7").unwrap(),
            Subject::Machine(Named {
                target: Target::Name(_),
                ..
            })
        ));
    }
}
