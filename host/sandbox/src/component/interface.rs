//! Names of interfaces, compared without the patch version.

/// The patch version follows the toolchain that built the component and says
/// nothing about the interface.
pub(super) fn without_patch(name: &str) -> &str {
    match name.rsplit_once('@') {
        Some((_, version)) if version.matches('.').count() == 2 => {
            name.rsplit_once('.').map_or(name, |(name, _)| name)
        }
        _ => name,
    }
}
