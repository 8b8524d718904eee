//! The argument that selects the source of a list.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use offboard::mask;

/// The source of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ListSource {
    Stdin,
    File(PathBuf),
}

impl fmt::Display for ListSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => formatter.write_str("standard input"),
            Self::File(path) => formatter.write_str(&mask::path(path)),
        }
    }
}

/// Parses a file, or `-` for standard input.
pub(super) fn list_source(text: &str) -> Result<ListSource, String> {
    match text {
        "" => Err("the file name is empty".to_owned()),
        "-" => Ok(ListSource::Stdin),
        path => Ok(ListSource::File(Path::new(path).to_owned())),
    }
}
