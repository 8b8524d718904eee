//! The layers of a setting: overrides, the environment, the profile.

use std::{collections::HashMap, ffi::OsString};

use super::{
    Environment, Setting, Source, Sourced, error::ConfigError, setting::InvalidValue,
    value::SettingValue,
};
use crate::mask;

/// An override of a setting.
#[derive(Debug, Clone)]
pub(super) struct Override {
    /// The front end's name of the setting.
    pub(super) name: String,
    /// The values: one, or several for a list.
    pub(super) texts: Vec<OsString>,
}

/// The layers, by falling precedence.
pub(super) struct Layers<'a> {
    pub(super) overrides: &'a HashMap<&'static str, Override>,
    pub(super) environment: &'a Environment,
    pub(super) profile: Option<&'a Source>,
}

impl Layers<'_> {
    /// The value of the layer with the highest precedence that has one.
    pub(super) fn pick<T: SettingValue>(
        &self,
        setting: &Setting,
        in_profile: Option<T>,
    ) -> Result<Option<Sourced<T>>, ConfigError> {
        if let Some(Override { name, texts }) = self.overrides.get(setting.key) {
            let value = read(name, texts, T::parse)?;
            return Ok(Some(Sourced::new(value, Source::Override(name.clone()))));
        }
        if let Some(name) = setting.variable
            && let Some(text) = self.environment.get(name)
        {
            let value = read(name, &split::<T>(text), T::parse)?;
            return Ok(Some(Sourced::new(
                value,
                Source::Environment(name.to_owned()),
            )));
        }
        for name in setting.others {
            let found = self.environment.get(name);
            if let Some(text) = found.and_then(|text| text.to_str()) {
                let value = read(name, &[text.into()], |_| T::parse_other(text))?;
                let source = Source::Environment((*name).to_owned());
                return Ok(Some(Sourced::new(value, source)));
            }
        }
        let source = self.profile.cloned();
        let in_profile = in_profile.zip(source);
        Ok(in_profile.map(|(value, source)| Sourced::new(value, source)))
    }
}

/// Parses values. None of them may contain a secret, because values are shown, recorded or
/// sent.
fn read<T>(
    name: &str,
    texts: &[OsString],
    parse: impl FnOnce(&[OsString]) -> Result<T, InvalidValue>,
) -> Result<T, ConfigError> {
    for text in texts {
        mask::check(name, &text.to_string_lossy())?;
    }
    parse(texts).map_err(|source| ConfigError::Invalid {
        name: name.to_owned(),
        source,
    })
}

/// The values of a variable.
fn split<T: SettingValue>(text: &OsString) -> Vec<OsString> {
    match text.to_str() {
        Some(list) if T::IS_LIST => list.split(',').map(OsString::from).collect(),
        _ => vec![text.clone()],
    }
}
