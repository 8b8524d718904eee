//! All settings in use, with their sources and without secrets.

use serde_json::Value;

use super::{
    Config, ConfigError, SETTINGS, Source, Sourced, limit::shown, setting::Setting,
    value::SettingValue,
};
use crate::{Keyword, external_id::ExternalIdMode, identity::cloud::Service, mask, sandbox::Limit};

/// The text that is shown for a secret.
const SET: &str = "[set]";

/// A setting in use.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// Its key, in kebab case.
    pub key: &'static str,
    /// Its value without secrets; `None` if it has none. A value may be a list
    /// or a table.
    pub value: Option<Value>,
    /// The source of the value.
    pub source: Source,
}

impl Row {
    fn new(key: &'static str, found: Option<Sourced<Value>>) -> Self {
        let (value, source) = match found {
            Some(found) => (Some(found.value), found.source),
            None => (None, Source::Default),
        };
        Self { key, value, source }
    }
}

impl Config {
    /// All settings in use, and the proxy.
    ///
    /// # Errors
    /// The parts of the service are inconsistent, or the proxy cannot be used.
    pub fn rows(&self) -> Result<Vec<Row>, ConfigError> {
        let service = self.service()?;
        let mut rows = Vec::new();
        for setting in SETTINGS {
            rows.push(self.row(setting, &service));
            if let Some(secret) = setting.secret {
                let source = self.secrets.source(secret.key);
                let held = source.map(|source| Sourced::new(SET.into(), source));
                rows.push(Row::new(secret.key, held));
            }
            // The proxy is not a setting, but is listed with those of the network.
            if setting.key == "allow-address" {
                rows.push(Row::new("proxy", self.proxy_shown()?));
            }
        }
        Ok(rows)
    }

    fn row(&self, setting: &Setting, service: &Service) -> Row {
        let found = self.values.shown(setting.key);
        let source = found.as_ref().map(|found| found.source.clone());
        let of_cloud = |value: Value| {
            let source = source.clone().unwrap_or(Source::Cloud);
            Some(Sourced::new(value, source))
        };
        let or_default = |value: Option<Value>| {
            found
                .clone()
                .or_else(|| value.map(|value| Sourced::new(value, Source::Default)))
        };
        let found = match setting.key {
            "configuration" => {
                let value = self.file().or_else(|| self.default_file.clone());
                return Row {
                    key: setting.key,
                    value: value.map(|file| file.shown()),
                    source: self
                        .file
                        .as_ref()
                        .map_or(Source::Default, |file| file.source.clone()),
                };
            }
            "profile" => {
                let source = self.profile_source.clone();
                let chosen = self.profile.as_ref();
                return Row {
                    key: setting.key,
                    value: chosen.map(|chosen| chosen.name.clone().into()),
                    source: source
                        .or_else(|| chosen.map(|chosen| chosen.source()))
                        .unwrap_or(Source::Default),
                };
            }
            "api-root" => of_cloud(service.api_root.shown()),
            "authority" => of_cloud(service.authority.shown()),
            "resource" => of_cloud(mask::value(&service.resource).into()),
            "auth" => {
                let auth = self.chosen_auth();
                auth.map(|auth| auth.map(|auth| auth.name().into()))
            }
            "external-id" => or_default(Some(ExternalIdMode::default().name().into())),
            "quota" => or_default(Some(self.effective_quota().shown())),
            "ledger" => or_default(self.default_ledger.as_ref().map(SettingValue::shown)),
            "limits" => {
                let limits = &self.plugin.limits;
                let all = Limit::ALL.into_iter();
                let value = shown(all.map(|limit| (limit, limits.get(limit))));
                let source = source.unwrap_or(Source::Default);
                Some(Sourced::new(value, source))
            }
            _ => found,
        };
        Row::new(setting.key, found)
    }

    /// The proxy without its credential, and the variable that configures it.
    fn proxy_shown(&self) -> Result<Option<Sourced<Value>>, ConfigError> {
        let proxies = self.proxies()?;
        Ok(proxies.proxy().map(|(proxy, variable)| {
            let source =
                variable.map_or(Source::Default, |name| Source::Environment(name.to_owned()));
            Sourced::new(proxy.to_string().into(), source)
        }))
    }
}
