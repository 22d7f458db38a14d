//! Which machines a sign-in provider may be. A provider is configured by name, and names its other
//! addresses itself: none of them may lead into the operator's own network.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;
use url::Host;

/// Whom a connection may be opened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses over TLS.
    Public,
    /// And this machine itself, without TLS: for development and tests.
    Loopback,
}

impl Reach {
    pub(crate) fn allows(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match self {
            Self::Public => is_public(address),
            Self::Loopback => is_public(address) || address.is_loopback(),
        }
    }

    /// Whether a host may be connected to as far as its text tells: names are judged by what they
    /// resolve to.
    pub(crate) fn allows_host(self, host: &Host<&str>) -> bool {
        match host {
            Host::Domain(_) => true,
            Host::Ipv4(address) => self.allows(IpAddr::V4(*address)),
            Host::Ipv6(address) => self.allows(IpAddr::V6(*address)),
        }
    }
}

type Lookup = fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Resolves names for the connector, which connects to exactly what this answers: a name that resolves
/// to something else a moment later changes nothing.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    reach: Reach,
    lookup: Lookup,
}

impl Resolver {
    pub(crate) fn new(reach: Reach) -> Self {
        Self {
            reach,
            lookup: |host| {
                Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
            },
        }
    }

    /// One address that is not allowed is enough to refuse the name: it was not made for us.
    async fn resolve(self, host: String) -> io::Result<vec::IntoIter<SocketAddr>> {
        let found = (self.lookup)(host).await?;
        if !found.iter().all(|address| self.reach.allows(address.ip())) {
            let refused = "the name resolves to an address that is not public";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, refused));
        }
        Ok(found.into_iter())
    }
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.clone().resolve(name.as_str().to_owned()))
    }
}

/// Whether anybody on the internet could be there: the special-purpose registries of IANA left out.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || matches!(
            (a, b, c),
            (0 | 224.., ..) | (100, 64..128, _) | (192, 0, 0) | (192, 88, 99)
        )
        || matches!((a, b), (198, 18..20));
    !is_special
}

/// Global unicast alone, without what tunnels or translates to another address.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let is_global_unicast = a & 0xe000 == 0x2000;
    let is_special = matches!(
        (a, b),
        (0x2001, 0..0x200 | 0xdb8) | (0x2002, _) | (0x3fff, 0..0x1000)
    );
    is_global_unicast && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t47_what_is_inside_is_not_public_however_it_is_written() {
        for inside in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.7",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "2001::a9fe:a9fe",
            "2001:db8::1",
            "2002:a9fe:a9fe::",
            "fc00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!Reach::Public.allows(inside.parse().unwrap()), "{inside}");
        }
        for public in ["8.8.8.8", "::ffff:8.8.8.8", "2a00:1450:4001:80e::200e"] {
            assert!(Reach::Public.allows(public.parse().unwrap()), "{public}");
        }
        for own in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(Reach::Loopback.allows(own.parse().unwrap()), "{own}");
        }
        assert!(!Reach::Loopback.allows("169.254.169.254".parse().unwrap()));
    }

    #[tokio::test]
    async fn t47_a_name_with_one_address_inside_is_refused_whole() {
        let resolver = |lookup| Resolver {
            reach: Reach::Public,
            lookup,
        };
        let mixed = resolver(|_| {
            Box::pin(async { Ok(vec![([8, 8, 8, 8], 0).into(), ([10, 0, 0, 1], 0).into()]) })
        });
        let refused = mixed.resolve("e.example".into()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        let public = resolver(|_| Box::pin(async { Ok(vec![([8, 8, 8, 8], 0).into()]) }));
        assert_eq!(public.resolve("e.example".into()).await.unwrap().count(), 1);
    }
}
