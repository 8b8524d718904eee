//! The definition of a setting: its names, its form and its description.

/// The definition of a setting. A front end builds its arguments from it.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The key in a profile and for an override, in kebab case.
    pub key: &'static str,
    /// The description, in one sentence.
    pub about: &'static str,
    /// The placeholder for the value in help texts, in upper case.
    pub value_name: &'static str,
    /// The name of a command's argument, in kebab case. `None` if only a profile
    /// can have the setting.
    pub argument: Option<&'static str>,
    /// The environment variable. `None` if only a profile can have the setting.
    pub variable: Option<&'static str>,
    /// Variables that other tools also read. `variable` takes precedence.
    pub others: &'static [&'static str],
    /// The secret that a variable may hold instead of the file of this setting.
    pub secret: Option<SecretVariable>,
    /// The topic.
    pub section: Section,
    /// The form of the value.
    pub kind: Kind,
    /// Whether it has several values, which are separated by commas in a variable.
    pub is_list: bool,
    /// Whether a profile can have it.
    pub in_profile: bool,
    /// Checks one value in the form in which a user writes it.
    pub(super) check: fn(&str) -> Result<(), InvalidValue>,
}

/// A secret that is only read from a variable.
#[derive(Debug, Clone, Copy)]
pub struct SecretVariable {
    /// The name under which the settings are listed.
    pub key: &'static str,
    /// The environment variable that holds the secret.
    pub variable: &'static str,
}

/// The topic of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The service, the network and the records.
    Connection,
    /// The credential.
    SignIn,
    /// The plugin and its limits.
    Plugin,
}

/// The form of a value.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Any text.
    Text,
    /// The name of a file.
    Path,
    /// One of these words. Each comes with its description.
    Keyword(fn() -> Vec<(&'static str, &'static str)>),
    /// A text that [`Setting::check`] accepts.
    Parsed,
    /// A table of the configuration file.
    Table,
}

/// Why a value cannot be used. The value itself is not quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(pub(super) String);

impl Section {
    /// The heading in help texts and documents.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Connection => "Connection",
            Self::SignIn => "Sign-in",
            Self::Plugin => "Plugin",
        }
    }
}

impl Setting {
    /// A setting with an argument, a variable and a key of the same name.
    pub(super) const fn new(
        section: Section,
        key: &'static str,
        variable: &'static str,
        value_name: &'static str,
        about: &'static str,
    ) -> Self {
        Self {
            key,
            about,
            value_name,
            argument: Some(key),
            variable: Some(variable),
            others: &[],
            secret: None,
            section,
            kind: Kind::Text,
            is_list: false,
            in_profile: true,
            check: |_| Ok(()),
        }
    }

    pub(super) const fn also(self, others: &'static [&'static str]) -> Self {
        Self { others, ..self }
    }

    pub(super) const fn or_secret(self, key: &'static str, variable: &'static str) -> Self {
        let secret = Some(SecretVariable { key, variable });
        Self { secret, ..self }
    }

    pub(super) const fn argument(self, name: &'static str) -> Self {
        let argument = Some(name);
        Self { argument, ..self }
    }

    pub(super) const fn only_in_profile(self) -> Self {
        Self {
            argument: None,
            variable: None,
            ..self
        }
    }

    pub(super) const fn never_in_profile(self, kind: Kind) -> Self {
        Self {
            in_profile: false,
            kind,
            ..self
        }
    }

    /// Checks one value in the form in which a user writes it.
    ///
    /// # Errors
    /// The value does not have this form.
    pub fn check(&self, text: &str) -> Result<(), InvalidValue> {
        (self.check)(text)
    }

    /// The description, with the other variables of the setting.
    #[must_use]
    pub fn help(&self) -> String {
        let mut help = self.about.to_owned();
        for name in self.others {
            help.push_str(&format!(" [or {name}]"));
        }
        if let Some(secret) = &self.secret {
            help.push_str(&format!(" [or the variable {}]", secret.variable));
        }
        help
    }
}
