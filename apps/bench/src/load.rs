//! Sends prepared requests over connections that stay open, as fast as they are answered. A process of
//! its own, so that what it costs is the same for every case; it shares nothing with what it measures.

use std::{
    env,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

/// What to send where, beside the requests themselves.
#[derive(Debug, Args)]
pub(crate) struct Order {
    pub(crate) address: SocketAddr,
    pub(crate) seconds: u64,
    pub(crate) connections: usize,
    /// Each request once, until they run out; else again and again
    #[arg(long)]
    pub(crate) once: bool,
}

/// One turn of one case.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    /// Milliseconds from the first byte sent to the last one read.
    pub(crate) median: f64,
    pub(crate) slowest_percent: f64,
}

/// Carries out `order` in a child process. Fails on any answer that is not 2xx.
pub(crate) fn in_child(order: &Order, requests: &[Vec<u8>]) -> anyhow::Result<Measured> {
    let mut child = Command::new(env::current_exe()?)
        .arg("load")
        .arg(order.address.to_string())
        .arg(order.seconds.to_string())
        .arg(order.connections.to_string())
        .args(order.once.then_some("--once"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting the load generator")?;
    let mut input = child.stdin.take().context("its input is a pipe")?;
    for request in requests {
        input.write_all(&u32::try_from(request.len())?.to_le_bytes())?;
        input.write_all(request)?;
    }
    drop(input);
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "the load generator failed");
    serde_json::from_slice(&output.stdout).context("reading what was measured")
}

/// The child's side: writes what was measured to standard output.
pub(crate) fn send_standard_input(order: &Order) -> anyhow::Result<()> {
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input)?;
    let measured = send(order, &requests(&input)?)?;
    serde_json::to_writer(io::stdout(), &measured)?;
    Ok(())
}

fn requests(mut input: &[u8]) -> anyhow::Result<Vec<&[u8]>> {
    let mut requests = Vec::new();
    while let Some((length, rest)) = input.split_first_chunk() {
        let length = usize::try_from(u32::from_le_bytes(*length))?;
        let (request, rest) = rest
            .split_at_checked(length)
            .context("a request is cut off")?;
        requests.push(request);
        input = rest;
    }
    ensure!(!requests.is_empty(), "there is nothing to send");
    Ok(requests)
}

fn send(order: &Order, requests: &[&[u8]]) -> anyhow::Result<Measured> {
    let next = AtomicUsize::new(0);
    let all_are_connected = Barrier::new(order.connections);
    let run = || -> anyhow::Result<(Duration, Vec<Duration>)> {
        let connection = Connection::open(order.address);
        all_are_connected.wait();
        let mut connection = connection?;
        let started = Instant::now();
        let mut latencies = Vec::new();
        while started.elapsed() < Duration::from_secs(order.seconds) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if order.once && number >= requests.len() {
                break;
            }
            let request = requests
                .get(number % requests.len())
                .context("no request")?;
            let sent = Instant::now();
            connection.exchange(request)?;
            latencies.push(sent.elapsed());
        }
        Ok((started.elapsed(), latencies))
    };
    let runs = thread::scope(|scope| {
        let threads: Vec<_> = (0..order.connections).map(|_| scope.spawn(run)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread
                .join()
                .unwrap_or_else(|_| bail!("a connection panicked"))
        };
        threads.into_iter().map(join).collect::<Result<Vec<_>, _>>()
    })?;
    measured(runs).context("nothing was answered")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody counts to 2^52 in seconds"
)]
pub(crate) fn measured(runs: Vec<(Duration, Vec<Duration>)>) -> Option<Measured> {
    let took = runs.iter().map(|(took, _)| *took).max()?;
    let mut latencies: Vec<_> = runs
        .into_iter()
        .flat_map(|(_, latencies)| latencies)
        .collect();
    latencies.sort_unstable();
    let millis = |rank: usize| Some(latencies.get(rank)?.as_secs_f64() * 1e3);
    Some(Measured {
        per_second: latencies.len() as f64 / took.as_secs_f64(),
        median: millis(latencies.len() / 2)?,
        slowest_percent: millis(latencies.len() * 99 / 100)?,
    })
}

/// Milliseconds of that percentile; 0 where nothing was measured.
pub(crate) fn rank(times: &[Duration], percent: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    let time = times.get(times.len() * percent / 100);
    time.map_or(0.0, Duration::as_secs_f64) * 1e3
}

/// One connection, one request at a time.
pub(crate) struct Connection {
    stream: TcpStream,
    chunk: [u8; 16 * 1024],
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self {
            stream,
            chunk: [0; 16 * 1024],
            answer: Vec::new(),
        })
    }

    /// The body of the answer, where it is JSON.
    pub(crate) fn ask(&mut self, request: &[u8]) -> anyhow::Result<serde_json::Value> {
        self.exchange(request)?;
        let answer = str::from_utf8(&self.answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").context("no body")?;
        serde_json::from_str(body).context("reading an answer")
    }

    /// Fails on any answer that is not 2xx.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> anyhow::Result<()> {
        let status = self.send(request)?;
        ensure!(
            (200..300).contains(&status),
            "answered {}",
            String::from_utf8_lossy(&self.answer)
        );
        Ok(())
    }

    /// The status of the answer.
    pub(crate) fn send(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request)?;
        self.answer.clear();
        loop {
            let count = self.stream.read(&mut self.chunk)?;
            ensure!(count > 0, "the server closed the connection");
            self.answer.extend(self.chunk.iter().take(count));
            if let Some(status) = status_of_whole(&self.answer)? {
                return Ok(status);
            }
        }
    }
}

/// The status of an HTTP/1.1 answer, once all of it is there.
fn status_of_whole(answer: &[u8]) -> anyhow::Result<Option<u16>> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(head) = answer.windows(END.len()).position(|bytes| bytes == END) else {
        return Ok(None);
    };
    let (head, body) = answer.split_at(head);
    let mut lines = str::from_utf8(head)?.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.context("no status line")?.parse()?;
    let is_length = |name: &str| name.eq_ignore_ascii_case("content-length");
    let length =
        match lines.find_map(|line| line.split_once(": ").filter(|(name, _)| is_length(name))) {
            Some((_, length)) => length.parse()?,
            None if status == 204 => 0,
            None => bail!("an answer without a length"),
        };
    Ok((body.len() >= END.len() + length).then_some(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx: y\r\n\r\nok";
        for end in 0..whole.len() {
            assert_eq!(status_of_whole(&whole[..end]).unwrap(), None, "{end}");
        }
        assert_eq!(status_of_whole(whole).unwrap(), Some(200));
        let empty = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(status_of_whole(empty).unwrap(), Some(204));
    }

    #[test]
    fn an_answer_that_cannot_be_followed_is_an_error() {
        let endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert!(status_of_whole(endless).is_err());
    }

    #[test]
    fn rates_count_every_connection_and_ranks_are_of_all_latencies() {
        let connection = |millis: std::ops::Range<u64>| {
            let latencies = millis.map(Duration::from_millis).collect();
            (Duration::from_secs(2), latencies)
        };
        let measured = measured(vec![connection(50..100), connection(0..50)]).unwrap();
        let Measured {
            per_second,
            median,
            slowest_percent,
        } = measured;
        assert_eq!(
            [per_second, median, slowest_percent].map(|figure| format!("{figure:.0}")),
            ["50", "50", "99"]
        );
    }
}
