//! Where a server is, in a form that can be used: nobody on the way reads what goes there.

use hyper::Uri;

use crate::web::{has_user, is_this_machine, origin};

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    url: String,
    origin: String,
}

impl Address {
    /// `https`, or `http` on this machine.
    ///
    /// # Errors
    /// In words for people, what to write instead.
    pub fn new(url: &str) -> Result<Self, String> {
        let uri: Option<Uri> = url.parse().ok();
        let parts = uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.host()?)));
        let example = "`https://example.org/mcp`";
        match parts {
            Some(_) if uri.as_ref().is_some_and(has_user) => {
                Err(format!("write it without a user, as in {example}; a token stands in `token`"))
            }
            Some(("https", _)) => Ok(Self { url: url.to_owned(), origin: origin(url) }),
            Some(("http", host)) if is_this_machine(host) => {
                Ok(Self { url: url.to_owned(), origin: origin(url) })
            }
            Some(("http", _)) => Err(format!(
                "beyond this machine it is `https`, as in {example}: whoever is on the way could \
                 read and change what is said"
            )),
            _ => Err(format!("write an address, as in {example}")),
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Scheme, host and port, for people.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_over_the_wire_in_clear() {
        for good in [
            "https://example.org/mcp",
            "https://example.org:8443/mcp?toolset=a",
            "http://127.0.0.1:8000/mcp",
            "http://localhost/mcp",
            "http://[::1]:8000/mcp",
        ] {
            assert!(Address::new(good).is_ok(), "{good}");
        }
        for (bad, said) in [
            ("http://example.org/mcp", "beyond this machine"),
            ("http://localhost.example.org/mcp", "beyond this machine"),
            ("https://user:pass@example.org/mcp", "without a user"),
            ("ftp://example.org", "write an address"),
            ("example.org/mcp", "write an address"),
            ("/mcp", "write an address"),
            ("", "write an address"),
        ] {
            let why = Address::new(bad).unwrap_err();
            assert!(why.contains(said), "{bad}: {why}");
        }
        for rest in ["/c?key=d", "?key=d", "?key=d/e", "#d", "/", ""] {
            let address = Address::new(&format!("https://a.b:1{rest}")).unwrap();
            assert_eq!(address.origin(), "https://a.b:1", "{rest}");
        }
    }
}
