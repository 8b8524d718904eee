//! Device URLs of the Defender portal.

use url::Url;
use uuid::Uuid;

use super::InvalidReference;
use crate::contract::MachineId;

/// The domains of the portal.
const PORTALS: [&str; 4] = ["microsoft.com", "microsoft.us", "windows.com", "windows.us"];
/// The pages of a machine, in the portal's paths.
const PAGES: [&str; 4] = ["machines", "machine", "devices", "device"];

/// Whether a text begins like a URL.
pub(super) fn is_url(text: &str) -> bool {
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

/// Whether this is a URL of the portal with the page of a machine in its path.
pub(super) fn is_device_page(url: &Url) -> bool {
    let mut segments = url.path_segments().into_iter().flatten();
    is_portal(url) && segments.any(|segment| PAGES.contains(&segment))
}

/// `https://security.microsoft.com/machines/v2/{id}/overview?tid={tenant}` and
/// similar URLs: the machine and, if the URL names one, the tenant. Other pages of the
/// portal also have 40 hexadecimal digits in their path, such as the SHA-1 of a file.
///
/// # Errors
/// It is not a URL, not one of the portal, not a device page, or names two machines or
/// tenants.
pub(super) fn machine_of(text: &str) -> Result<(MachineId, Option<Uuid>), InvalidReference> {
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
    Ok((machine, tenant))
}
