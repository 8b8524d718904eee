//! `offboard config show`: every setting that is in force, and where it was
//! found. Secrets are masked, and nothing is asked of anybody.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Map, Value};

use super::{
    args::{ConfigArgs, Format},
    exit::Exit,
    limit, report,
    screen::Screen,
    settings::{Settings, Source, Sourced, default_ledger, usual},
    sheet::csv,
};
use offboard::{
    Keyword,
    connection::Proxies,
    mask,
    output::{CsvRow, EffectiveSettings, SettingRow},
    policy::Policy,
    sandbox::Limit,
    text::clean_json,
};

/// What stands where a secret is.
const MASK: &str = "[set]";

/// One setting, as people and programs see it.
struct Row {
    /// As JSON has it.
    name: &'static str,
    value: Option<Value>,
    source: String,
}

pub(super) fn show(mut args: ConfigArgs, screen: &Screen) -> Result<Exit> {
    let settings = args.connect.settings()?;
    let mut rows = rows(&settings)?;
    let plugin = &args.connect.plugin;
    let limits = plugin.limits()?;
    let origins = &settings.origins;
    let file = plugin.plugin.as_ref();
    rows.push(from(
        "plugin",
        file.map(|file| mask::path(file)),
        &origins.plugin,
    ));
    let pinned = plugin.plugin_sha256.as_ref();
    rows.push(from(
        "pluginSha256",
        pinned.map(|digest| digest.as_str().to_owned()),
        &origins.plugin_sha256,
    ));
    let limits: Map<String, Value> = Limit::ALL
        .into_iter()
        .map(|limit| {
            let value = limit::words(limit.unit(), limits.get(limit));
            (limit.name().to_owned(), value.into())
        })
        .collect();
    rows.push(Row {
        name: "limits",
        value: Some(limits.into()),
        source: origins.limits.to_string(),
    });
    match args.output.output {
        Format::Table => screen.line(&report::table(
            &["SETTING", "VALUE", "SOURCE"],
            rows.iter().map(CsvRow::cells),
        )),
        Format::Csv => csv(screen, &rows, true),
        Format::Json => {
            let json = serde_json::to_string_pretty(&object(&rows)?)?;
            let lines: Vec<String> = json.lines().map(clean_json).collect();
            screen.line(&lines.join("\n"));
        }
        Format::Jsonl => screen.line(&clean_json(&serde_json::to_string(&object(&rows)?)?)),
    }
    Ok(Exit::Done)
}

/// The settings in the shape that `docs/schema/config.json` promises.
fn object(rows: &[Row]) -> Result<EffectiveSettings> {
    let setting = |row: &Row| {
        let setting = SettingRow {
            value: &row.value,
            source: row.source.clone(),
        };
        Ok((row.name.to_owned(), serde_json::to_value(setting)?))
    };
    let settings = rows.iter().map(setting).collect::<Result<_>>()?;
    Ok(serde_json::from_value(Value::Object(settings))?)
}

fn rows(settings: &Settings) -> Result<Vec<Row>> {
    let service = settings.service()?;
    let sign_in = &settings.sign_in;
    let named = |setting: &Option<Sourced<PathBuf>>, shown: fn(&Path) -> String| {
        let setting = setting.as_ref()?;
        Some(Sourced::new(shown(&setting.value), setting.source.clone()))
    };
    let path = |setting| named(setting, mask::path);
    let secret_path = |setting| named(setting, mask::secret_path);
    let text = |setting: &Option<Sourced<String>>| {
        let setting = setting.as_ref()?;
        let value = mask::identifier(&setting.value).into_owned();
        Some(Sourced::new(value, setting.source.clone()))
    };
    let secret = |name: &str, is_set: bool| {
        is_set.then(|| Sourced::new(MASK.to_owned(), Source::Environment(name.to_owned())))
    };
    let auth = sign_in
        .chosen()
        .map(|auth| Sourced::new(auth.value.name().to_owned(), auth.source));
    let command = sign_in
        .token_command
        .as_ref()
        // Its arguments may name what nobody else needs to know.
        .and_then(|words| {
            let program = Path::new(words.value.first()?);
            Some(Sourced::new(mask::path(program), words.source.clone()))
        });
    let of_cloud = |given: Option<&Source>| given.cloned().unwrap_or(Source::Cloud);
    let usual_ledger =
        || default_ledger().map(|file| Sourced::new(mask::path(&file), Source::Default));
    let ledger = path(&settings.ledger).or_else(usual_ledger);
    let (profile, file) = match &settings.profile {
        Some(chosen) => (Some(chosen.name.clone()), Some(chosen.file.clone())),
        None => (None, settings.file.clone().or_else(usual)),
    };
    Ok(vec![
        from(
            "configuration",
            file.map(|file| mask::path(&file)),
            &settings.origins.config,
        ),
        from("profile", profile, &settings.origins.profile),
        row(
            "cloud",
            settings
                .cloud
                .as_ref()
                .map(|cloud| Sourced::new(cloud.value.name().to_owned(), cloud.source.clone())),
        ),
        row(
            "region",
            settings
                .region
                .as_ref()
                .map(|region| Sourced::new(region.value.name().to_owned(), region.source.clone())),
        ),
        row(
            "apiRoot",
            Some(Sourced::new(
                mask::value(service.api_root.as_str()).into_owned(),
                of_cloud(settings.api_root.as_ref().map(|root| &root.source)),
            )),
        ),
        row(
            "authority",
            Some(Sourced::new(
                mask::value(&service.authority.origin().ascii_serialization()).into_owned(),
                of_cloud(
                    settings
                        .authority
                        .as_ref()
                        .map(|authority| &authority.source),
                ),
            )),
        ),
        row(
            "resource",
            Some(Sourced::new(
                mask::value(&service.resource).into_owned(),
                of_cloud(settings.resource.as_ref().map(|resource| &resource.source)),
            )),
        ),
        list(
            "allowApiHost",
            settings.allow_api_host.as_ref(),
            String::clone,
        ),
        row("auth", auth),
        row("tenant", text(&sign_in.tenant)),
        row("clientId", text(&sign_in.client_id)),
        row("clientSecretFile", secret_path(&sign_in.client_secret_file)),
        row(
            "clientSecret",
            secret(
                "AZURE_CLIENT_SECRET",
                sign_in.secrets.client_secret().is_some(),
            ),
        ),
        row("certificate", secret_path(&sign_in.certificate)),
        row(
            "certificatePasswordFile",
            secret_path(&sign_in.certificate_password_file),
        ),
        row(
            "certificatePassword",
            secret(
                "AZURE_CLIENT_CERTIFICATE_PASSWORD",
                sign_in.secrets.certificate_password().is_some(),
            ),
        ),
        row(
            "federatedTokenFile",
            secret_path(&sign_in.federated_token_file),
        ),
        row("identity", text(&sign_in.identity)),
        row("tokenFile", secret_path(&sign_in.token_file)),
        row(
            "token",
            secret("OFFBOARD_TOKEN", sign_in.secrets.token().is_some()),
        ),
        row("tokenCommand", command),
        row("caFile", path(&settings.ca_file)),
        list(
            "allowAddress",
            settings.allow_address.as_ref(),
            ToString::to_string,
        ),
        row("proxy", proxy()?),
        row(
            "quota",
            Some(match &settings.quota {
                Some(quota) => Sourced::new(quota.value.to_string(), quota.source.clone()),
                None => Sourced::new(settings.quota().to_string(), Source::Default),
            }),
        ),
        row("audit", path(&settings.audit)),
        row("ledger", ledger),
        policy(settings.policy.as_ref()),
    ])
}

/// The rules that are set, as the file writes them.
fn policy(policy: Option<&Sourced<Policy>>) -> Row {
    let source = policy.map_or(Source::Default, |policy| policy.source.clone());
    let rules = |policy: &Policy| {
        let never = policy.never.iter().map(ToString::to_string);
        let names = policy.never_names.iter().map(ToString::to_string);
        let mut rules = Map::new();
        for (name, words) in [
            ("never", never.collect()),
            ("neverNames", names.collect()),
            ("neverTags", policy.never_tags.clone()),
            ("neverGroups", policy.never_groups.clone()),
            ("neverValues", policy.never_values.clone()),
        ] {
            let words: Vec<String> = words;
            if !words.is_empty() {
                let words = words.iter().map(|word| mask::value(word));
                rules.insert(name.to_owned(), words.collect());
            }
        }
        if let Some(tag) = &policy.required_tag {
            rules.insert("requiredTag".to_owned(), mask::value(tag).into());
        }
        if let Some(least) = policy.not_seen_for {
            let least = humantime::format_duration(least).to_string();
            rules.insert("notSeenFor".to_owned(), least.into());
        }
        if let Some(share) = policy.largest_share {
            rules.insert("largestShare".to_owned(), share.into());
        }
        rules.into()
    };
    Row {
        name: "policy",
        value: policy.map(|policy| rules(&policy.value)),
        source: source.to_string(),
    }
}

/// The proxy, without its credential, and the variable that names it.
fn proxy() -> Result<Option<Sourced<String>>> {
    let proxies = Proxies::from_environment()?;
    Ok(proxies.proxy().map(|(proxy, variable)| {
        let source = variable.map_or(Source::Default, |name| Source::Environment(name.to_owned()));
        Sourced::new(proxy.to_string(), source)
    }))
}

/// A setting as the file and the flags write it.
fn spelled(name: &str) -> String {
    let mut spelled = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            spelled.push('-');
        }
        spelled.push(letter.to_ascii_lowercase());
    }
    spelled
}

fn row(name: &'static str, setting: Option<Sourced<String>>) -> Row {
    let source = setting
        .as_ref()
        .map_or(Source::Default, |setting| setting.source.clone());
    Row {
        name,
        value: setting.map(|setting| setting.value.into()),
        source: source.to_string(),
    }
}

fn list<T>(name: &'static str, setting: Option<&Sourced<Vec<T>>>, text: fn(&T) -> String) -> Row {
    let source = setting.map_or(Source::Default, |setting| setting.source.clone());
    let shown = |value: &T| mask::value(&text(value)).into_owned();
    Row {
        name,
        value: setting.map(|setting| setting.value.iter().map(shown).collect()),
        source: source.to_string(),
    }
}

fn from(name: &'static str, value: Option<String>, source: &Source) -> Row {
    row(name, value.map(|value| Sourced::new(value, source.clone())))
}

/// A text, or several.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(", "),
        value => value.to_string(),
    }
}

impl CsvRow for Row {
    const COLUMNS: &'static [&'static str] = &["setting", "value", "source"];

    fn cells(&self) -> Vec<String> {
        let value = match &self.value {
            None => String::new(),
            Some(Value::Object(values)) => values
                .iter()
                .map(|(name, value)| format!("{}={}", spelled(name), words(value)))
                .collect::<Vec<_>>()
                .join(", "),
            Some(value) => words(value),
        };
        vec![spelled(self.name), value, self.source.clone()]
    }
}

#[cfg(test)]
mod tests {
    use offboard::{Keyword, output::AUTH_METHODS};

    use crate::settings::Auth;

    #[test]
    fn the_schema_has_every_way_to_sign_in() {
        let names: Vec<_> = Auth::ALL.iter().map(|auth| auth.name()).collect();
        assert_eq!(names, AUTH_METHODS);
    }
}
