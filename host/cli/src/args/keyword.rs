//! Keywords as values of arguments: listed in help, completed by shells.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use offboard::Keyword;

/// Parses a keyword. Errors and help list every value with its description.
pub(super) fn keyword<K>() -> impl TypedValueParser<Value = K>
where
    K: Keyword + Send + Sync,
{
    let values = K::ALL
        .iter()
        .map(|value| PossibleValue::new(value.name()).help(value.description()));
    PossibleValuesParser::new(values).try_map(|word| K::from_name(&word))
}
