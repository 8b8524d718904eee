//! A machine as people refer to it: by its id, by the URL of its page in the portal,
//! or by its DNS name. Text that looks like something else is an error, so that it is
//! never looked up as if it were a name.

use std::str::FromStr;

use thiserror::Error;
use url::Url;
use uuid::Uuid;

use crate::{
    contract::{ActionId, MachineId},
    order::Target,
};

/// Why a text does not refer to a machine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidReference {
    /// Nothing but white space.
    #[error("it is blank")]
    Blank,
    /// Longer than any name, or with characters that no name has.
    #[error("a name has at most {MAX_NAME} characters, and no control characters")]
    Characters,
    /// A GUID: Entra ID and Intune name devices by one, Defender names actions.
    #[error(
        "this is a GUID: an Entra device id, an Intune device id or an action id. A machine id has \
         40 hexadecimal digits; the portal's device page has it in its URL"
    )]
    Guid,
    /// Hexadecimal digits, and not 40 of them.
    #[error("this has {0} hexadecimal digits, and a machine id has 40: was it cut?")]
    Digits(usize),
    /// A machine id with something around it.
    #[error("this contains a machine id and other text: give only the 40 hexadecimal digits")]
    Decorated,
    /// A number or a duration.
    #[error("this is a number or a duration, not a machine")]
    Number,
    /// A file.
    #[error("this is a path; name the machines themselves")]
    Path,
    /// Not a DNS name either.
    #[error(
        "this is neither a machine id (40 hexadecimal digits), nor a device URL of the portal, nor \
         a DNS name"
    )]
    Name,
    /// A machine id or a device URL, where only a name can be used.
    #[error("this is a machine id, not a name")]
    Id,
    /// A name, where only an id can be used.
    #[error("this is not a machine id (40 hexadecimal digits) or a device URL of the portal")]
    NotId,
    /// Not a URL.
    #[error("this is not a URL: {0}")]
    Url(url::ParseError),
    /// A URL of another site.
    #[error("this is not a URL of the Defender portal")]
    Site,
    /// A page that is not a device's.
    #[error(
        "this is not the URL of a device page, which has /machines/ and the machine id in its path"
    )]
    Page,
    /// Two machines, or two tenants.
    #[error("this URL names two {0}")]
    Two(&'static str),
    /// A tenant that is not a GUID.
    #[error("the tenant of this URL (tid) is not a GUID")]
    Tenant,
}

/// A machine, as a user refers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineReference {
    /// Its id or its name.
    pub target: Target,
    /// The tenant of the portal's URL, if it names one.
    pub tenant: Option<Uuid>,
}

impl MachineReference {
    /// Whether it is a machine id, and not a name.
    #[must_use]
    pub fn id(&self) -> Option<&MachineId> {
        match &self.target {
            Target::Id(id) => Some(id),
            Target::Name(_) => None,
        }
    }

    /// A key that is the same for the same machine, however it is written.
    pub(crate) fn key(&self) -> String {
        self.target.to_string().to_lowercase()
    }

    /// Whether this is the same machine. If so, it gets the other's tenant. References
    /// with two different tenants are never the same machine.
    pub fn takes(&mut self, other: &Self) -> bool {
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

/// The domains of the portal.
const PORTALS: [&str; 4] = ["microsoft.com", "microsoft.us", "windows.com", "windows.us"];
const LISTS: [&str; 7] = [".csv", ".json", ".jsonl", ".tsv", ".txt", ".xls", ".xlsx"];
/// The pages of a machine, in the portal's paths.
const PAGES: [&str; 4] = ["machines", "machine", "devices", "device"];
const ID_DIGITS: usize = 40;
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

impl FromStr for MachineReference {
    type Err = InvalidReference;

    /// A machine id, a device URL of the portal, or a DNS name.
    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        if is_url(text) {
            return portal_url(text);
        }
        let target = match text.parse() {
            Ok(id) => Target::Id(id),
            Err(_) => Target::Name(dns_name(text)?),
        };
        Ok(Self {
            target,
            tenant: None,
        })
    }
}

/// Whether a text contains the id of another machine than the expected one, whatever is
/// around it: exactly 40 hexadecimal digits in a row, perhaps in groups with dashes
/// between them. More digits in a row are something else, such as a SHA-256.
pub(super) fn has_id(text: &str, expected: Option<&MachineId>) -> bool {
    if text.len() < ID_DIGITS {
        return false;
    }
    let is_digit = |c: char| c.is_ascii_hexdigit();
    let text: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    // The digits of an escape such as `%2F` belong to neither what precedes nor follows.
    let escape = |piece: &str| {
        piece
            .get(..2)
            .is_some_and(|code| code.chars().all(is_digit))
    };
    let pieces = text.split('%').flat_map(|piece| {
        let after = escape(piece).then(|| &piece[2..]);
        after.into_iter().chain([piece])
    });
    pieces
        .flat_map(|piece| piece.split(move |c: char| !is_digit(c) && c != '-'))
        .filter(|digits| digits.len() >= ID_DIGITS)
        .any(|digits| {
            let groups: Vec<&str> = digits
                .split('-')
                .filter(|group| !group.is_empty())
                .collect();
            (0..groups.len()).any(|begin| {
                let id = id_of(&groups[begin..], begin == 0);
                id.is_some_and(|id| Some(&id) != expected)
            })
        })
}

/// The id that begins with these groups of digits: one group, or several of one length,
/// or all there are. Numbers in groups are something else, such as the SID of a user.
fn id_of(groups: &[&str], is_all: bool) -> Option<MachineId> {
    let mut digits = String::new();
    let mut count = 0;
    while digits.len() < ID_DIGITS {
        digits.push_str(groups.get(count)?);
        count += 1;
    }
    let is_even = groups[..count - 1]
        .windows(2)
        .all(|pair| pair[0].len() == pair[1].len());
    let is_grouped = (is_even || (is_all && count == groups.len()))
        && digits.contains(|c: char| c.is_ascii_alphabetic());
    if count == 1 || is_grouped {
        digits.parse().ok()
    } else {
        None
    }
}

/// Characters that are not seen, and may stand inside what was copied.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// Whether a text is a machine id and nothing else, perhaps in quotation marks or
/// braces, or a device URL of the portal, perhaps without its scheme.
pub(super) fn is_id(text: &str) -> bool {
    let text = text.trim_matches(|c: char| !c.is_alphanumeric() && c != '/');
    if !text.contains('/') {
        return text.parse::<MachineId>().is_ok();
    }
    let url = match is_url(text) {
        true => Url::parse(text),
        false => Url::parse(&format!("https://{text}")),
    };
    url.is_ok_and(|url| {
        let mut segments = url.path_segments().into_iter().flatten();
        is_portal(&url)
            && segments.any(|segment| PAGES.contains(&segment))
            && has_id(url.as_str(), None)
    })
}

/// A name to search for. Some devices have names that are not DNS names.
///
/// # Errors
/// It is blank, too long, or refers to a machine in another way.
pub fn any_name(text: &str) -> Result<String, InvalidReference> {
    if text.trim().is_empty() {
        Err(InvalidReference::Blank)
    } else if text.chars().count() > MAX_NAME || text.chars().any(char::is_control) {
        Err(InvalidReference::Characters)
    } else if is_id(text) {
        Err(InvalidReference::Id)
    } else {
        Ok(text.to_owned())
    }
}

/// A DNS name, or a plain label.
fn dns_name(text: &str) -> Result<String, InvalidReference> {
    let bare = text.trim_start_matches('{').trim_end_matches('}');
    if text.trim().is_empty() {
        return Err(InvalidReference::Blank);
    }
    if text.chars().count() > MAX_NAME || text.chars().any(char::is_control) {
        return Err(InvalidReference::Characters);
    }
    if bare.parse::<ActionId>().is_ok() {
        return Err(InvalidReference::Guid);
    }
    let longest = text
        .split(|c: char| !c.is_ascii_hexdigit())
        .map(str::len)
        .max()
        .unwrap_or_default();
    if longest == text.len() && longest >= 20 {
        return Err(InvalidReference::Digits(longest));
    }
    if longest >= ID_DIGITS || has_id(text, None) {
        return Err(InvalidReference::Decorated);
    }
    if humantime::parse_duration(text).is_ok() || text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(InvalidReference::Number);
    }
    let lower = text.to_lowercase();
    if text.contains(['/', '\\'])
        || text.starts_with(['.', '~'])
        || LISTS.iter().any(|ending| lower.ends_with(ending))
    {
        return Err(InvalidReference::Path);
    }
    let labels_fit = text.trim_end_matches('.').split('.').all(|label| {
        (1..=MAX_LABEL).contains(&label.chars().count())
            && !label.starts_with('-')
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    });
    match labels_fit {
        true => Ok(text.trim_end_matches('.').to_owned()),
        false => Err(InvalidReference::Name),
    }
}

fn is_url(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
    })
}

fn is_portal(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    PORTALS.iter().any(|portal| {
        host.strip_suffix(portal)
            .is_some_and(|rest| rest.ends_with('.'))
    })
}

/// `https://security.microsoft.com/machines/v2/{id}/overview?tid={tenant}` and
/// its like. The portal has other pages with 40 hexadecimal digits in their path: a
/// file's, with the SHA-1 of the file.
fn portal_url(text: &str) -> Result<MachineReference, InvalidReference> {
    let url = Url::parse(text).map_err(InvalidReference::Url)?;
    if !is_portal(&url) {
        return Err(InvalidReference::Site);
    }
    let segments: Vec<&str> = url.path_segments().into_iter().flatten().collect();
    let is_version = |text: &&str| {
        text.len() == 2 && text.starts_with('v') && text.ends_with(|c: char| c.is_ascii_digit())
    };
    let page = segments.iter().position(|segment| PAGES.contains(segment));
    let mut after = segments
        .iter()
        .skip(page.ok_or(InvalidReference::Page)? + 1);
    let id = after.find(|segment| !is_version(segment));
    let machine: MachineId = id
        .and_then(|id| id.parse().ok())
        .ok_or(InvalidReference::Page)?;
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let others = segments.iter().copied();
    let others = others.chain(query.iter().map(|(_, value)| value.as_str()));
    if others
        .filter_map(|text| text.parse::<MachineId>().ok())
        .any(|other| other != machine)
    {
        return Err(InvalidReference::Two("machines"));
    }
    let mut tenant = None;
    for (name, value) in query {
        if !name.eq_ignore_ascii_case("tid") {
            continue;
        }
        let named: Uuid = value.parse().map_err(|_| InvalidReference::Tenant)?;
        if tenant.is_some_and(|known| known != named) {
            return Err(InvalidReference::Two("tenants"));
        }
        tenant = Some(named);
    }
    Ok(MachineReference {
        target: Target::Id(machine),
        tenant,
    })
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
            // A file's page, with its SHA-1.
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

    #[test]
    fn a_machine_id_is_not_a_name_to_search_for() {
        for id in [
            ID.to_owned(),
            format!(" {{{ID}}}"),
            format!("https://security.microsoft.com/machines/{ID}"),
        ] {
            assert_eq!(any_name(&id), Err(InvalidReference::Id), "{id}");
        }
        assert!(any_name("Ada's phone / 2").is_ok());
    }
}
