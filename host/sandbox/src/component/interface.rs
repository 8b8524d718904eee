//! Names of interfaces, compared without the patch version.

/// An interface name without its patch version. That version follows the toolchain that
/// built the component, not the interface.
pub(super) fn without_patch(name: &str) -> &str {
    match name.rsplit_once('@') {
        Some((_, version)) if version.matches('.').count() == 2 => {
            name.rsplit_once('.').map_or(name, |(name, _)| name)
        }
        _ => name,
    }
}
