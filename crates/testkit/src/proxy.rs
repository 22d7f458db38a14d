//! Stands between a program and its `PostgreSQL`, counts the statements that pass and does something
//! right before or after a chosen one. It understands the frontend's half of the protocol just enough for
//! that: <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use std::{
    io,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Context as _;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream, UnixStream},
    task::AbortHandle,
};
use url::Url;

/// A proxy in front of one database. It cuts every connection when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    state: Arc<Mutex<State>>,
    listening: AbortHandle,
}

/// Where, seen from one statement, something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The statement never reaches the database.
    Before,
    /// The database has carried it out, and nobody hears of it.
    After,
}

type Action = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    /// Statements that have passed since the last plan.
    passed: usize,
    planned: Option<(Point, usize, Action)>,
    connections: Vec<AbortHandle>,
    refuses: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("passed", &self.passed)
            .field("refuses", &self.refuses)
            .finish_non_exhaustive()
    }
}

impl Proxy {
    /// Listens on loopback, in front of the database at `database_url`.
    pub async fn start(database_url: &str) -> anyhow::Result<Self> {
        let mut url = Url::parse(database_url)?;
        let target = Target::of(&url)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        url.set_query(Some("sslmode=disable"));
        url.set_host(Some("127.0.0.1"))?;
        url.set_port(Some(port))
            .map_err(|()| anyhow::anyhow!("the address of the database takes no port"))?;
        let state = Arc::new(Mutex::new(State::default()));
        let listening = tokio::spawn(accept(listener, target, Arc::clone(&state)));
        Ok(Self {
            url: url.into(),
            state,
            listening: listening.abort_handle(),
        })
    }

    /// The database, by way of this proxy.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Counts from here: at the given point of the `nth` statement from now, counted from 1, `action`
    /// runs and every connection is cut.
    pub fn at_statement(&self, point: Point, nth: usize, action: impl FnOnce() + Send + 'static) {
        let mut state = lock(&self.state);
        state.passed = 0;
        state.planned = Some((point, nth, Box::new(action)));
    }

    /// Gives up what was planned and did not come to pass.
    pub fn stand_down(&self) {
        lock(&self.state).planned = None;
    }

    /// How many statements have passed since the last plan, or ever.
    #[must_use]
    pub fn passed(&self) -> usize {
        lock(&self.state).passed
    }

    /// Cuts every connection and lets no new one through: the database is away.
    pub fn take_away(&self) {
        let mut state = lock(&self.state);
        state.refuses = true;
        state.cut();
    }

    /// Lets connections through again.
    pub fn bring_back(&self) {
        lock(&self.state).refuses = false;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        lock(&self.state).cut();
    }
}

impl State {
    fn cut(&mut self) {
        for connection in self.connections.drain(..) {
            connection.abort();
        }
    }

    /// Notes that a statement is about to pass, and hands out what was planned for it.
    fn statement(&mut self) -> Option<(Point, Action)> {
        self.passed += 1;
        let (point, _, action) = self.planned.take_if(|(_, nth, _)| *nth == self.passed)?;
        Some((point, action))
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Clone)]
enum Target {
    Tcp(String, u16),
    Unix(PathBuf),
}

impl Target {
    fn of(url: &Url) -> anyhow::Result<Self> {
        let port = url.port().unwrap_or(5432);
        let directory = url.query_pairs().find(|(key, _)| key == "host");
        if let Some((_, directory)) = directory {
            return Ok(Self::Unix(format!("{directory}/.s.PGSQL.{port}").into()));
        }
        let host = url
            .host_str()
            .context("the database's address has no host")?;
        Ok(Self::Tcp(host.to_owned(), port))
    }

    async fn connect(&self) -> io::Result<(Reading, Writing)> {
        Ok(match self {
            Self::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                let (reading, writing) = stream.into_split();
                (Box::pin(reading), Box::pin(writing))
            }
            Self::Unix(path) => {
                let (reading, writing) = UnixStream::connect(path).await?.into_split();
                (Box::pin(reading), Box::pin(writing))
            }
        })
    }
}

type Reading = Pin<Box<dyn AsyncRead + Send>>;
type Writing = Pin<Box<dyn AsyncWrite + Send>>;

async fn accept(listener: TcpListener, target: Target, state: Arc<Mutex<State>>) {
    while let Ok((client, _)) = listener.accept().await {
        let mut noted = lock(&state);
        if noted.refuses {
            continue;
        }
        let connection = tokio::spawn(relay(client, target.clone(), Arc::clone(&state)));
        noted.connections.push(connection.abort_handle());
    }
}

/// An error is the end of the connection, which is all there is to say about it.
async fn relay(client: TcpStream, target: Target, state: Arc<Mutex<State>>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let (mut from_server, to_server) = target.connect().await?;
    let (from_client, mut to_client) = client.into_split();
    let at_answer = Mutex::new(None);
    tokio::select! {
        ended = statements(BufReader::new(from_client), to_server, &state, &at_answer) => ended,
        ended = answers(&mut from_server, &mut to_client, &state, &at_answer) => ended,
    }
}

/// Passes on what the client says, message by message.
async fn statements(
    mut client: impl AsyncRead + Unpin,
    mut server: Writing,
    state: &Mutex<State>,
    at_answer: &Mutex<Option<Action>>,
) -> io::Result<()> {
    // The first message has no type.
    let startup = message(&mut client, Vec::new()).await?;
    server.write_all(&startup).await?;
    loop {
        let kind = client.read_u8().await?;
        let message = message(&mut client, vec![kind]).await?;
        // Execute, or a simple query.
        let planned = matches!(kind, b'E' | b'Q').then(|| lock(state).statement());
        match planned.flatten() {
            Some((Point::Before, action)) => return cut(action, state),
            Some((Point::After, action)) => *lock(at_answer) = Some(action),
            None => {}
        }
        server.write_all(&message).await?;
    }
}

/// Passes on what the server answers.
async fn answers(
    server: &mut Reading,
    client: &mut (impl AsyncWrite + Unpin),
    state: &Mutex<State>,
    at_answer: &Mutex<Option<Action>>,
) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = server.read(&mut buffer).await?;
        let planned = lock(at_answer).take();
        if let Some(action) = planned {
            return cut(action, state);
        }
        match buffer.get(..length) {
            None | Some([]) => return Ok(()),
            Some(said) => client.write_all(said).await?,
        }
    }
}

/// Ends this connection, and every other.
fn cut(action: Action, state: &Mutex<State>) -> io::Result<()> {
    action();
    lock(state).cut();
    Err(io::ErrorKind::ConnectionAborted.into())
}

/// The rest of a message, after `begun`: its length, which counts itself, and its content.
async fn message(client: &mut (impl AsyncRead + Unpin), mut begun: Vec<u8>) -> io::Result<Vec<u8>> {
    let length = client.read_u32().await?;
    begun.extend(length.to_be_bytes());
    let content = u64::from(length.saturating_sub(4));
    client.take(content).read_to_end(&mut begun).await?;
    Ok(begun)
}
