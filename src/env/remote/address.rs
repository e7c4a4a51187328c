//! The address of a simulator.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

use super::RemoteError;

/// Fewest bytes of a shared secret.
const SHORTEST_SECRET: usize = 16;

/// The address of a simulator: `HOST:PORT`, or `unix:PATH` for a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Tcp(String),
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = RemoteError;

    fn from_str(text: &str) -> Result<Self, RemoteError> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self::Unix(path.into()));
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(Self::Tcp(text.to_owned())),
            _ => Err(RemoteError::Address { address: text.to_owned() }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Resolves a host, and requires a secret unless all of its addresses are of this machine.
pub(super) fn resolve(
    host: &str,
    secret: &str,
    failed: impl FnOnce(std::io::Error) -> RemoteError,
) -> Result<Vec<SocketAddr>, RemoteError> {
    let addresses: Vec<SocketAddr> = host.to_socket_addrs().map_err(failed)?.collect();
    match secret.len() {
        0 if addresses.iter().any(|address| !address.ip().is_loopback()) => {
            Err(RemoteError::SecretNeeded { address: host.to_owned() })
        }
        found @ 1..SHORTEST_SECRET => Err(RemoteError::SecretTooShort { minimum: SHORTEST_SECRET, found }),
        _ => Ok(addresses),
    }
}

/// Compares a secret with the right one, in a time that depends on the length of `given` alone.
pub(super) fn is_secret(given: &str, right: &str) -> bool {
    let (given, right) = (given.as_bytes(), right.as_bytes());
    let mut difference = u8::from(given.len() != right.len());
    for (i, byte) in given.iter().enumerate() {
        let other = if right.is_empty() { 0 } else { right[i % right.len()] };
        difference |= std::hint::black_box(byte ^ other);
    }
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_with_a_port_or_paths() {
        assert_eq!("[::1]:80".parse::<Address>().unwrap(), Address::Tcp("[::1]:80".to_owned()));
        assert_eq!("unix:/run/a b".parse::<Address>().unwrap(), Address::Unix("/run/a b".into()));
        for text in ["", "unix:", "localhost", ":80", "localhost:", "localhost:65536"] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert_eq!(error, format!("an address must be HOST:PORT or unix:PATH, got `{text}`"));
        }
        for text in ["127.0.0.1:1", "unix:/run/sim"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_address_beyond_this_machine_needs_a_secret_that_is_long() {
        let resolve = |host, secret| resolve(host, secret, |_| unreachable!("these are addresses"));
        for host in ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80"] {
            assert!(resolve(host, "").is_ok(), "{host}");
        }
        for host in ["0.0.0.0:80", "192.0.2.1:80", "[2001:db8::1]:80"] {
            let error = resolve(host, "").unwrap_err().to_string();
            assert!(error.starts_with("an address outside this machine needs a shared secret, got "), "{error}");
            assert!(resolve(host, "sixteen bytes, ok").is_ok());
        }
        let error = resolve("127.0.0.1:80", "too short").unwrap_err().to_string();
        assert_eq!(error, "a shared secret must have at least 16 bytes, got 9");
    }

    #[test]
    fn only_the_whole_secret_is_right() {
        assert!(is_secret("", ""));
        assert!(is_secret("sixteen bytes, ok", "sixteen bytes, ok"));
        for given in ["", "s", "sixteen bytes, o", "sixteen bytes, okk", "sixteen bytes, oK"] {
            assert!(!is_secret(given, "sixteen bytes, ok"), "{given}");
            assert_eq!(is_secret(given, ""), given.is_empty());
        }
        assert!(!is_secret("abab", "ab"));
    }
}
