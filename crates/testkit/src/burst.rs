//! Many requests at one moment: each is sent but for its last byte, then all are released together.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Barrier,
    task::JoinSet,
    time::timeout,
};

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(30);

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub body: String,
}

/// Sends each of `requests` to its address, all at one moment, and answers in their order. A request
/// is the whole text of one in HTTP/1.1 that asks for `connection: close`.
pub async fn burst(requests: Vec<(SocketAddr, Vec<u8>)>) -> anyhow::Result<Vec<Reply>> {
    let release = Arc::new(Barrier::new(requests.len()));
    let mut tasks = JoinSet::new();
    for (nth, (address, request)) in requests.into_iter().enumerate() {
        let release = Arc::clone(&release);
        tasks.spawn(async move {
            let reply = timeout(PATIENCE, send(address, &request, &release)).await;
            anyhow::Ok((nth, reply.context("no answer in time")??))
        });
    }
    let mut replies = Vec::new();
    while let Some(reply) = tasks.join_next().await {
        replies.push(reply??);
    }
    replies.sort_by_key(|(nth, _)| *nth);
    Ok(replies.into_iter().map(|(_, reply)| reply).collect())
}

async fn send(address: SocketAddr, request: &[u8], release: &Barrier) -> anyhow::Result<Reply> {
    let (last, rest) = request.split_last().context("an empty request")?;
    let mut connection = TcpStream::connect(address).await?;
    connection.set_nodelay(true)?;
    connection.write_all(rest).await?;
    release.wait().await;
    connection.write_all(&[*last]).await?;
    let mut answer = Vec::new();
    if let Err(error) = connection.read_to_end(&mut answer).await
        // What arrived before the reset is the answer.
        && (error.kind() != io::ErrorKind::ConnectionReset || answer.is_empty())
    {
        return Err(error.into());
    }
    parse(&answer)
}

fn parse(answer: &[u8]) -> anyhow::Result<Reply> {
    let answer = String::from_utf8_lossy(answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("an answer without an end of its head")?;
    let status = head
        .split(' ')
        .nth(1)
        .context("an answer without a status")?;
    Ok(Reply {
        status: status.parse()?,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn nobody_is_answered_before_all_have_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let mut unfinished = Vec::new();
            for _ in 0..3 {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut sent = [0; 3];
                connection.read_exact(&mut sent).await.unwrap();
                unfinished.push(connection);
            }
            for mut connection in unfinished {
                assert_eq!(connection.read_u8().await.unwrap(), b'!');
                let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
                connection.write_all(answer).await.unwrap();
            }
        });
        let replies = burst(vec![(address, b"abc!".to_vec()); 3]).await.unwrap();
        server.await.unwrap();
        assert!(
            replies
                .iter()
                .all(|reply| reply.status == 204 && reply.body.is_empty())
        );
    }
}
