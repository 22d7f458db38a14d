//! Which ports development mode takes: always the same ones, or the next free one above.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use anyhow::Context;

/// How far above its own port each part looks.
const REACH: u16 = 100;

#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) api: SocketAddr,
    pub(super) ops: SocketAddr,
    pub(super) inbox: SocketAddr,
    pub(super) smtp: SocketAddr,
    pub(super) sandbox: SocketAddr,
    pub(super) product: SocketAddr,
}

impl Ports {
    pub(super) fn free() -> anyhow::Result<Self> {
        // Held until all are found, so that no two parts find the same.
        let mut held = Vec::new();
        let mut find = |preferred: u16| -> anyhow::Result<SocketAddr> {
            let listener = first_free(preferred)
                .with_context(|| format!("finding a free port from {preferred} on"))?;
            let address = listener.local_addr()?;
            held.push(listener);
            Ok(address)
        };
        Ok(Self {
            api: find(8080)?,
            ops: find(8081)?,
            inbox: find(8025)?,
            smtp: find(1025)?,
            sandbox: find(12111)?,
            product: find(3000)?,
        })
    }
}

fn first_free(preferred: u16) -> io::Result<TcpListener> {
    let mut last = TcpListener::bind((Ipv4Addr::LOCALHOST, preferred));
    for above in 1..=REACH {
        if last.is_ok() {
            break;
        }
        last = TcpListener::bind((Ipv4Addr::LOCALHOST, preferred.saturating_add(above)));
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_gives_way_to_the_next() {
        let taken = first_free(21_000).unwrap();
        let port = taken.local_addr().unwrap().port();
        let next = first_free(port).unwrap().local_addr().unwrap().port();
        assert!(next > port);
    }

    #[test]
    fn no_two_parts_get_the_same_port() {
        let Ports {
            api,
            ops,
            inbox,
            smtp,
            sandbox,
            product,
        } = Ports::free().unwrap();
        let distinct = std::collections::BTreeSet::from([api, ops, inbox, smtp, sandbox, product]);
        assert_eq!(distinct.len(), 6);
    }
}
