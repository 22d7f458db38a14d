//! Decides whether a server takes connections, by making one. A process id or a socket that
//! accepts proves nothing: the server may be recovering, and a container's proxy always accepts.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// The port in the name of the socket and in every URL, so that `PGPORT` cannot move a client.
pub(crate) const PORT: u16 = 5432;

const PATIENCE: Duration = Duration::from_secs(2);

/// Asks the server behind the socket in `directory`.
pub(crate) fn answers_in(directory: &Path) -> bool {
    let socket = directory.join(format!(".s.PGSQL.{PORT}"));
    let ask = || {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        converse(stream)
    };
    ask().is_ok_and(|answer| takes_connections(&answer))
}

/// Asks the server at a TCP address.
pub(crate) fn answers_at(address: SocketAddr) -> bool {
    let ask = || {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        converse(stream)
    };
    ask().is_ok_and(|answer| takes_connections(&answer))
}

/// Says hello and goodbye in one breath, so that the server closes without complaint in its log.
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
fn converse(mut stream: impl Read + Write) -> io::Result<Vec<u8>> {
    let parameters = b"user\0postgres\0database\0postgres\0\0";
    let length = u32::try_from(parameters.len() + 8).map_err(io::Error::other)?;
    let protocol = 3_u32 << 16;
    let mut hello = Vec::new();
    hello.extend(length.to_be_bytes());
    hello.extend(protocol.to_be_bytes());
    hello.extend(parameters);
    hello.extend(b"X\0\0\0\x04");
    stream.write_all(&hello)?;

    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer)?;
    Ok(answer)
}

/// An authentication request is a yes. So is any error but `cannot_connect_now`: a server whose
/// connections are all taken is up.
fn takes_connections(answer: &[u8]) -> bool {
    match answer.first() {
        Some(b'R') => true,
        Some(b'E') => !answer.windows(5).any(|code| code == b"57P03"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::takes_connections;

    #[test]
    fn only_a_server_that_would_serve_counts_as_up() {
        assert!(takes_connections(b"R\0\0\0\x08\0\0\0\0"));
        assert!(takes_connections(b"E\0\0\0\x20SFATAL\0C53300\0Msorry\0\0"));
        assert!(!takes_connections(
            b"E\0\0\0\x20SFATAL\0C57P03\0Mstarting up\0\0"
        ));
        assert!(!takes_connections(b""));
    }
}
