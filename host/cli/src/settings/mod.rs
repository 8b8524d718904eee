//! What is in force: each setting with where it was found. Flags beat the
//! environment, the environment beats the file.

mod auth;
mod conflicts;
mod file;
mod source;

use std::{env, path::PathBuf};

use anyhow::Result;
use url::Url;
use uuid::Uuid;

use super::{
    args::{ConnectArgs, LedgerArgs, PluginArgs},
    secret::Secrets,
};
use offboard::{
    connection::{
        AddressRange, TokenClaims,
        cloud::{Choice, Cloud, Region, Service},
        is_same_tenant,
    },
    contract::ApiRoot,
    mask,
    pace::Quota,
    policy::Policy,
};

pub(super) use auth::{Auth, SignInSettings};
pub(super) use file::usual;
use file::{Chosen, Profile};
pub(super) use source::{Given, Source, Sourced, check_arguments};

/// Every setting of a connection.
#[derive(Debug)]
pub(super) struct Settings {
    /// The profile in force.
    pub(super) profile: Option<Chosen>,
    /// The configuration file that was named.
    pub(super) file: Option<PathBuf>,
    pub(super) cloud: Option<Sourced<Cloud>>,
    pub(super) region: Option<Sourced<Region>>,
    pub(super) api_root: Option<Sourced<ApiRoot>>,
    pub(super) authority: Option<Sourced<Url>>,
    pub(super) resource: Option<Sourced<String>>,
    pub(super) allow_api_host: Option<Sourced<Vec<String>>>,
    pub(super) sign_in: SignInSettings,
    pub(super) ca_file: Option<Sourced<PathBuf>>,
    pub(super) allow_address: Option<Sourced<Vec<AddressRange>>>,
    pub(super) quota: Option<Sourced<Quota>>,
    pub(super) audit: Option<Sourced<PathBuf>>,
    pub(super) ledger: Option<Sourced<PathBuf>>,
    pub(super) policy: Option<Sourced<Policy>>,
    pub(super) origins: Origins,
}

/// Where that was found which is in force in another form.
#[derive(Debug)]
pub(super) struct Origins {
    pub(super) config: Source,
    pub(super) profile: Source,
    pub(super) plugin: Source,
    pub(super) plugin_sha256: Source,
    pub(super) limits: Source,
}

/// The authority, as Azure's own tools take it.
const AUTHORITY_HOST: &str = "AZURE_AUTHORITY_HOST";

/// A variable's name, and how its text is read.
type Variable<'a, T> = (&'a str, fn(String) -> Result<T>);

/// Takes a field's value where it was found first.
struct Layers<'a> {
    given: &'a Given,
    profile: Option<&'a Source>,
}

impl Layers<'_> {
    /// By flag or a variable of its own; by one of these variables that others
    /// use too; by the profile.
    fn pick<T>(
        &self,
        id: &str,
        argument: Option<T>,
        variables: &[Variable<'_, T>],
        profile: Option<T>,
    ) -> Result<Option<Sourced<T>>> {
        if let Some(found) = self.given.value(id, argument) {
            return Ok(Some(found));
        }
        for (name, read) in variables {
            if let Some(text) = variable(name) {
                mask::check(name, &text)?;
                let value = read(text).map_err(|error| error.context((*name).to_owned()))?;
                let source = Source::Environment((*name).to_owned());
                return Ok(Some(Sourced::new(value, source)));
            }
        }
        let source = self.profile.cloned();
        Ok(profile
            .zip(source)
            .map(|(value, source)| Sourced::new(value, source)))
    }

    fn plain<T>(&self, id: &str, argument: Option<T>, profile: Option<T>) -> Option<Sourced<T>> {
        let profile = profile.zip(self.profile.cloned());
        self.given
            .value(id, argument)
            .or_else(|| profile.map(|(value, source)| Sourced::new(value, source)))
    }

    /// Limits of the profile stay in force beside those that were given, which
    /// are told.
    fn origins(&self, profile: &Profile) -> Origins {
        let of = |id: &str, is_in_profile: bool| {
            let given = self.given.value(id, Some(())).map(|given| given.source);
            let profile = self.profile.filter(|_| is_in_profile).cloned();
            given.or(profile).unwrap_or(Source::Default)
        };
        Origins {
            config: of("config", false),
            profile: of("profile", true),
            plugin: of("plugin", profile.plugin.is_some()),
            plugin_sha256: of("plugin_sha256", profile.plugin_sha256.is_some()),
            limits: of("limits", !profile.limits.is_empty()),
        }
    }

    fn many<T>(&self, id: &str, arguments: Vec<T>, profile: Vec<T>) -> Option<Sourced<Vec<T>>> {
        let some = |values: Vec<T>| Some(values).filter(|values| !values.is_empty());
        self.plain(id, some(arguments), some(profile))
    }
}

/// A variable of the environment that is not blank.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

impl Settings {
    /// Puts together what was given. What the profile says of the plugin goes
    /// to where the arguments have it, if they are silent.
    ///
    /// # Errors
    /// The configuration file cannot be used, or a variable makes no sense.
    pub(super) fn resolve(args: &mut ConnectArgs, given: &Given, secrets: Secrets) -> Result<Self> {
        let chosen = file::choose(args.config.as_deref(), args.profile.as_deref())?;
        let profile = chosen.as_ref().map(|chosen| chosen.profile.clone());
        let profile = profile.unwrap_or_default();
        let source = chosen.as_ref().map(|chosen| Source::Profile {
            file: chosen.file.clone(),
            profile: chosen.name.clone(),
        });
        let layers = Layers {
            given,
            profile: source.as_ref(),
        };
        let origins = layers.origins(&profile);
        fall_back(&mut args.plugin, &profile);
        Ok(Self {
            cloud: layers.plain("cloud", args.cloud, profile.cloud),
            region: layers.plain("region", args.region, profile.region),
            api_root: layers.plain("api_root", args.api_root.clone(), profile.api_root.clone()),
            authority: layers.pick(
                "authority",
                args.sign_in.authority.clone(),
                &[(AUTHORITY_HOST, read_url)],
                profile.authority.clone(),
            )?,
            resource: layers.plain(
                "resource",
                args.sign_in.resource.clone(),
                profile.resource.clone(),
            ),
            allow_api_host: layers.many(
                "allow_api_host",
                args.allow_api_host.clone(),
                profile.allow_api_host.clone(),
            ),
            ca_file: layers.plain("ca_file", args.ca_file.clone(), profile.ca_file.clone()),
            allow_address: layers.many(
                "allow_address",
                args.allow_address.clone(),
                profile.allow_address.clone(),
            ),
            quota: layers.plain("quota", args.quota.clone(), profile.quota.clone()),
            audit: layers.plain("audit", args.audit.clone(), profile.audit.clone()),
            ledger: layers.plain("ledger", args.ledger.clone(), profile.ledger.clone()),
            policy: Sourced::in_profile(
                Some(profile.policy.clone()).filter(|policy| !policy.is_empty()),
                source.as_ref(),
            ),
            origins,
            sign_in: SignInSettings::resolve(&args.sign_in, &profile, &layers, secrets)?,
            profile: chosen,
            file: args.config.clone(),
        })
    }

    /// The quota that is in force.
    pub(super) fn quota(&self) -> Quota {
        let given = self.quota.as_ref().map(|quota| quota.value.clone());
        given.unwrap_or_default()
    }

    /// Where the ledger is; nowhere for who has no home.
    pub(super) fn ledger(&self) -> Option<PathBuf> {
        let named = self.ledger.as_ref().map(|ledger| ledger.value.clone());
        named.or_else(default_ledger)
    }

    /// The tenant of a token, if it is another one than the one that was named.
    pub(super) fn other_tenant<'a>(
        &'a self,
        claims: &'a TokenClaims,
    ) -> Option<(&'a str, &'a str)> {
        let (wanted, found) = (self.named_tenant()?, claims.tenant.as_deref()?);
        (!is_same_tenant(wanted, found)).then_some((found, wanted))
    }

    /// The tenant that was named by its id. A domain cannot be held against one.
    pub(super) fn named_tenant(&self) -> Option<&str> {
        let tenant = self.sign_in.tenant.as_ref()?.value.as_str();
        tenant.parse::<Uuid>().is_ok().then_some(tenant)
    }

    /// The service that is meant.
    ///
    /// # Errors
    /// Its parts do not belong together.
    pub(super) fn service(&self) -> Result<Service> {
        self.check_authority()?;
        let choice = Choice {
            cloud: self.cloud.as_ref().map(|cloud| cloud.value),
            region: self.region.as_ref().map(|region| region.value),
            api_root: self.api_root.as_ref().map(|root| root.value.clone()),
            authority: self
                .authority
                .as_ref()
                .map(|authority| authority.value.clone()),
            resource: self
                .resource
                .as_ref()
                .map(|resource| resource.value.clone()),
            allowed_hosts: self
                .allow_api_host
                .as_ref()
                .map(|hosts| hosts.value.clone())
                .unwrap_or_default(),
        };
        Ok(choice.service(self.sign_in.issuer())?)
    }
}

impl<T> Sourced<T> {
    fn in_profile(value: Option<T>, source: Option<&Source>) -> Option<Self> {
        value
            .zip(source.cloned())
            .map(|(value, source)| Self::new(value, source))
    }
}

/// What the arguments do not say of the plugin, the profile may.
fn fall_back(args: &mut PluginArgs, profile: &Profile) {
    args.plugin = args.plugin.take().or_else(|| profile.plugin.clone());
    let pinned = args.plugin_sha256.take();
    args.plugin_sha256 = pinned.or_else(|| profile.plugin_sha256.clone());
    // The later one counts.
    args.limits.splice(0..0, profile.limits.iter().copied());
}

fn read_url(text: String) -> Result<Url> {
    // Also without a scheme, as some of Azure's tools write it.
    let text = match text.contains("://") {
        true => text,
        false => format!("https://{text}"),
    };
    Ok(Url::parse(&text)?)
}

/// Where the ledger is where nobody says otherwise; nowhere for who has no home.
pub(super) fn default_ledger() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    let folders = etcetera::choose_base_strategy().ok()?;
    let folder = folders.state_dir().unwrap_or_else(|| folders.data_dir());
    let file = folder.join("offboard").join("ledger.db");
    Some(file).filter(|file| file.is_absolute())
}

/// Where the ledger is for who only looks at it; nowhere for who has no home.
///
/// # Errors
/// The configuration cannot be read.
pub(super) fn ledger_of(args: &LedgerArgs) -> Result<Option<PathBuf>> {
    if args.ledger.is_some() {
        return Ok(args.ledger.clone());
    }
    let chosen = file::choose(args.config.as_deref(), args.profile.as_deref())?;
    let in_profile = chosen.and_then(|chosen| chosen.profile.ledger);
    Ok(in_profile.or_else(default_ledger))
}
