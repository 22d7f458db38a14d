//! Who vouches for people: Google, Microsoft, and any other provider that speaks OpenID Connect.

use std::borrow::Cow;

use tollgate_identity::provider::{Issuer, ProviderName};
use tollgate_sign_in_oidc::{ProviderSettings, Reach};
use url::Url;

use super::{origin, reader::Reader};

/// The providers that people may sign in with.
#[derive(Debug)]
pub struct SignIn {
    pub providers: Vec<ProviderSettings>,
    pub reach: Reach,
}

const GOOGLE: &str = "https://accounts.google.com";
const MICROSOFT: &str = "https://login.microsoftonline.com";

/// The four keys of one provider.
struct Keys {
    name: &'static str,
    client_id: &'static str,
    client_secret: &'static str,
    issuer: &'static str,
}

const GOOGLE_KEYS: Keys = Keys {
    name: "google",
    client_id: "GOOGLE_CLIENT_ID",
    client_secret: "GOOGLE_CLIENT_SECRET",
    issuer: "GOOGLE_ISSUER",
};

const MICROSOFT_KEYS: Keys = Keys {
    name: "microsoft",
    client_id: "MS_CLIENT_ID",
    client_secret: "MS_CLIENT_SECRET",
    issuer: "MS_ISSUER",
};

/// `frontend_url`: where answers go unless there is another place for them.
pub(super) fn read(
    reader: &mut Reader<'_>,
    is_production: bool,
    frontend_url: Option<&str>,
) -> Option<SignIn> {
    let base = reader.optional("OAUTH_REDIRECT_BASE", |text| origin(text, is_production));
    let base = base.map(|base| base.or_else(|| frontend_url.map(str::to_owned)));
    let google = read_one(reader, &GOOGLE_KEYS, GOOGLE, is_production);
    let tenant = reader.open("MS_TENANT", "common", |text| {
        let is_tenant = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
        if !text.bytes().all(is_tenant) {
            return Err("must be common, organizations, consumers, or a tenant's id or domain");
        }
        Ok(text.to_owned())
    });
    let tenant = tenant.unwrap_or_default();
    let authority = format!("{MICROSOFT}/{tenant}/v2.0");
    let microsoft = read_one(reader, &MICROSOFT_KEYS, &authority, is_production);
    let others = read_others(reader, is_production);
    let found = google?.into_iter().chain(microsoft?).chain(others?);
    let base = base?;
    let providers: Vec<_> = found
        .map(|found| found.settings(base.as_deref().unwrap_or_default()))
        .collect();
    refuse_twice(reader, &providers);
    Some(SignIn {
        providers,
        reach: if is_production {
            Reach::Public
        } else {
            Reach::Loopback
        },
    })
}

/// A provider before it is known where its answers go.
struct Found {
    name: ProviderName,
    address: String,
    client_id: String,
    client_secret: String,
}

impl Found {
    fn settings(self, redirect_base: &str) -> ProviderSettings {
        let issuer = if self.name.as_str() == MICROSOFT_KEYS.name {
            Issuer::microsoft(&self.address)
        } else {
            Issuer::at(&self.address)
        };
        ProviderSettings {
            redirect_uri: format!("{redirect_base}/auth/{}/callback", self.name),
            name: self.name,
            address: self.address,
            issuer,
            client_id: self.client_id,
            client_secret: self.client_secret.into(),
        }
    }
}

/// `Some(None)` for one that is not configured.
#[expect(
    clippy::option_option,
    reason = "the outer option is whether reading went well, as everywhere here"
)]
fn read_one(
    reader: &mut Reader<'_>,
    keys: &Keys,
    default: &str,
    is_production: bool,
) -> Option<Option<Found>> {
    if !reader.has(keys.client_id) {
        reader.note_unset(keys.client_id);
        if reader.has(keys.client_secret) || reader.has(keys.issuer) {
            let what = "is missing, but other keys of the same provider are set";
            reader.refuse(keys.client_id, what);
        }
        return Some(None);
    }
    let client_id = reader.required(keys.client_id, |text| Ok(text.to_owned()));
    let client_secret = reader.secret(keys.client_secret, |text| Ok(text.to_owned()));
    let address = reader.open(keys.issuer, default, |text| issuer(text, is_production));
    Some(Some(Found {
        name: ProviderName::parse(keys.name).ok()?,
        address: address?,
        client_id: client_id?,
        client_secret: client_secret?,
    }))
}

fn read_others(reader: &mut Reader<'_>, is_production: bool) -> Option<Vec<Found>> {
    let names = reader.optional("OIDC_PROVIDERS", |text| {
        let names = text.split(',').map(|name| ProviderName::parse(name.trim()));
        let names = names.collect::<Result<Vec<_>, _>>();
        names.map_err(|_| "must be names of a-z, 0-9 and -, with commas between")
    });
    let found = names?.unwrap_or_default().into_iter().map(|name| {
        let key = |what: &str| -> Cow<'static, str> {
            let name = name.as_str().to_uppercase().replace('-', "_");
            format!("OIDC_{name}_{what}").into()
        };
        let address = reader.required(key("ISSUER"), |text| issuer(text, is_production));
        let client_id = reader.required(key("CLIENT_ID"), |text| Ok(text.to_owned()));
        let client_secret = reader.secret(key("CLIENT_SECRET"), |text| Ok(text.to_owned()));
        Some(Found {
            address: address?,
            client_id: client_id?,
            client_secret: client_secret?,
            name,
        })
    });
    // Each is read before any is given up on.
    let found: Vec<_> = found.collect();
    found.into_iter().collect()
}

/// Two names for one issuer would be two people at it, and two providers with one name are none.
fn refuse_twice(reader: &mut Reader<'_>, providers: &[ProviderSettings]) {
    for (number, one) in providers.iter().enumerate() {
        let mut earlier = providers.iter().take(number);
        if earlier.any(|other| other.name == one.name || other.issuer == one.issuer) {
            reader.refuse(
                "OIDC_PROVIDERS",
                "must not name a provider or an issuer twice",
            );
        }
    }
}

/// To the letter as the provider writes it, a slash at the end included.
fn issuer(text: &str, is_production: bool) -> Result<String, &'static str> {
    let what = "must be an address like https://accounts.example.com";
    let url = Url::parse(text).map_err(|_| what)?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain {
        return Err(what);
    }
    if is_production && url.scheme() != "https" {
        return Err("must begin with https:// in production");
    }
    Ok(text.to_owned())
}
