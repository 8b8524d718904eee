//! Why a text does not refer to a machine.

use thiserror::Error;

/// The most characters of a device name, as DNS allows.
pub(super) const MAX_DNS_NAME: usize = 253;

/// Why a text does not refer to a machine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidReference {
    /// Only white space.
    #[error("the text is blank")]
    Blank,
    /// Longer than any device name, or with control characters.
    #[error("a device name has at most {MAX_DNS_NAME} characters and no control characters")]
    Characters,
    /// A GUID: the id of a device in Entra ID or Intune, or of an action in Defender.
    #[error(
        "this is a GUID, such as an Entra device id, an Intune device id or an action id. A machine id \
         has 40 hexadecimal digits. It is in the URL of the portal's device page"
    )]
    Guid,
    /// Hexadecimal digits, but not 40.
    #[error("this has {0} hexadecimal digits, but a machine id has 40. It may have been truncated")]
    Digits(usize),
    /// A machine id with something around it.
    #[error("this contains a machine id and other text: give only the 40 hexadecimal digits")]
    Decorated,
    /// A number or a duration.
    #[error("this is a number or a duration, not a machine")]
    Number,
    /// A file path.
    #[error("this is a file path, not a machine")]
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
    /// Not an Entra device id, where only one can be used.
    #[error("this is not an Entra device id (a GUID that is not all zeros)")]
    NotEntraDevice,
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
