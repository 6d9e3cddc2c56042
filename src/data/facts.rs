//! What is known of a running environment when its resources are declared: addresses and credentials,
//! and their names in a profile's texts (`${postgres.port}`).

use crate::base::Problem;

/// A server's address and credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// `127.0.0.1`.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User, where the server has users.
    pub user: String,
    /// Password of that user.
    pub password: String,
    /// Default database, where the server has databases.
    pub database: String,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({}:{})", self.host, self.port)
    }
}

/// The addresses of an environment's parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// `http://127.0.0.1:4566`.
    pub endpoint: String,
    /// The database server, if there is one.
    pub postgres: Option<Server>,
    /// The cache server, if there is one.
    pub redis: Option<Server>,
}

impl Facts {
    /// `text` with each `${part.key}` replaced. `$${` stands for a literal `${`. `what` names the
    /// profile's key in an error.
    pub fn fill_in(&self, what: &str, text: &str) -> Result<String, Problem> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                filled.push_str(&rest[..at]);
                filled.push('{');
                rest = &rest[at + 2..];
                continue;
            }
            filled.push_str(&rest[..at]);
            let after = &rest[at + 2..];
            let end = after.find('}').ok_or_else(|| unknown(what, &rest[at..]))?;
            filled.push_str(&self.value(what, &after[..end])?);
            rest = &after[end + 1..];
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn value(&self, what: &str, name: &str) -> Result<String, Problem> {
        let (part, key) = name.split_once('.').ok_or_else(|| unknown(what, name))?;
        let server = match part {
            "gateway" if key == "endpoint" => return Ok(self.endpoint.clone()),
            "postgres" => self.postgres.as_ref(),
            "redis" => self.redis.as_ref(),
            _ => return Err(unknown(what, name)),
        };
        let server = server.ok_or_else(|| {
            Problem::failed(
                "no-such-part",
                format!("{what} refers to ${{{name}}}, but this environment has no {part}"),
            )
            .hint(format!("add a [{part}] section to devenv.toml, or give the value itself"))
        })?;
        match (part, key) {
            (_, "host") => Ok(server.host.clone()),
            (_, "port") => Ok(server.port.to_string()),
            ("postgres", "user") => Ok(server.user.clone()),
            ("postgres", "password") => Ok(server.password.clone()),
            ("postgres", "database") => Ok(server.database.clone()),
            _ => Err(unknown(what, name)),
        }
    }
}

fn unknown(what: &str, name: &str) -> Problem {
    Problem::failed("unknown-placeholder", format!("{what} refers to {name}, which devenv does not know"))
        .hint("known: ${gateway.endpoint}, ${postgres.host|port|user|password|database}, ${redis.host|port}; write $${ for a literal ${")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let server = |port| Server {
            host: "127.0.0.1".into(),
            port,
            user: "app".into(),
            password: "p$w".into(),
            database: "clinic".into(),
        };
        Facts {
            endpoint: "http://127.0.0.1:4566".into(),
            postgres: Some(server(5432)),
            redis: None,
        }
    }

    #[test]
    fn placeholders_are_replaced_and_escapes_kept() {
        let filled = facts()
            .fill_in("secret", "${postgres.user}:${postgres.password}@${postgres.port} $${x} $5");
        assert_eq!(filled.unwrap(), "app:p$w@5432 ${x} $5");
        assert_eq!(
            facts().fill_in("s", "${gateway.endpoint}/q").unwrap(),
            "http://127.0.0.1:4566/q"
        );
    }

    #[test]
    fn what_is_not_there_is_named() {
        let problem = facts().fill_in("secrets.\"prod/cache\"", "${redis.host}").unwrap_err();
        assert!(
            problem.message.contains("prod/cache") && problem.message.contains("no redis"),
            "{problem}"
        );
        assert!(facts().fill_in("s", "${postgres.colour}").is_err());
        assert!(facts().fill_in("s", "${open").is_err());
    }

    proptest::proptest! {
        #[test]
        fn texts_without_placeholders_stay_as_they_are(text in "[^$]{0,60}") {
            proptest::prop_assert_eq!(facts().fill_in("s", &text).unwrap(), text);
        }
    }
}
