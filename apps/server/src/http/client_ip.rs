//! Where a request comes from, when proxies stand before us. What a client writes into the header itself
//! is believed no further than the proxies that are trusted.

use std::net::IpAddr;

use ipnet::IpNet;

/// The proxies whose word on where a request comes from is believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(pub Vec<IpNet>);

impl TrustedProxies {
    /// `forwarded` is what `X-Forwarded-For` says, several headers joined by commas: each proxy has
    /// written the address it heard from at the right end. So the right-most one that no trusted proxy
    /// has is the client's, and everything left of it is the client's own invention.
    pub(crate) fn client(&self, peer: IpAddr, forwarded: &str) -> Option<IpAddr> {
        let mut client = peer.to_canonical();
        for hop in forwarded.rsplit(',') {
            if !self.trusts(client) {
                break;
            }
            if hop.trim().is_empty() {
                continue;
            }
            // A trusted proxy that passes on what is no address knows no more than we do.
            client = hop.trim().parse::<IpAddr>().ok()?.to_canonical();
        }
        Some(client)
    }

    fn trusts(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&ip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t03_the_client_is_the_right_most_hop_that_is_not_trusted() {
        let trusted = TrustedProxies(vec![
            "10.0.0.0/8".parse().unwrap(),
            "fd00::/8".parse().unwrap(),
        ]);
        let outside = "203.0.113.7";
        for (peer, forwarded, client) in [
            // Nobody is believed who is not trusted.
            (outside, "", Some(outside)),
            (outside, "1.2.3.4", Some(outside)),
            ("10.0.0.1", "", Some("10.0.0.1")),
            ("10.0.0.1", outside, Some(outside)),
            ("10.0.0.1", "1.2.3.4, 203.0.113.7", Some(outside)),
            ("10.0.0.1", "1.2.3.4, 203.0.113.7, 10.9.9.9", Some(outside)),
            ("10.0.0.1", "1.2.3.4,203.0.113.7 , fd00::1", Some(outside)),
            ("::ffff:10.0.0.1", "::ffff:203.0.113.7", Some(outside)),
            ("fd00::1", "2001:db8::1", Some("2001:db8::1")),
            ("10.0.0.1", "10.0.0.2, 10.0.0.3", Some("10.0.0.2")),
            ("10.0.0.1", "203.0.113.7, nonsense", None),
            ("10.0.0.1", "203.0.113.7, unknown, 10.0.0.2", None),
        ] {
            let found = trusted.client(peer.parse().unwrap(), forwarded);
            let expected = client.map(|ip| ip.parse::<IpAddr>().unwrap());
            assert_eq!(found, expected, "{peer} {forwarded}");
        }
    }
}
