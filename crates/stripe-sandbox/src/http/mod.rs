//! The server: Stripe's API under `/v1`, the control API under `/_sandbox`, and the pages.

mod control;
mod pages;
mod v1;

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    sync::Arc,
    time::Duration,
};

use actix_web::{App, HttpServer, dev::ServerHandle, web};
use tokio::sync::{mpsc, oneshot};

use crate::{Config, base_url, core::Core, webhooks};

type Started = io::Result<(SocketAddr, ServerHandle)>;

/// Runs a whole sandbox on the calling thread and tells when it has started.
pub(crate) fn serve(config: Config, started: oneshot::Sender<Started>) {
    let system = actix_web::rt::System::new();
    system.block_on(async move {
        match start(config) {
            Ok((server, address, tasks)) => {
                // Nobody listens when the caller gave up; the sandbox then stops with its handle.
                let _caller_gone = started.send(Ok((address, server.handle())));
                if let Err(error) = server.await {
                    tracing::error!(%error, "the sandbox's server failed");
                }
                for task in tasks {
                    task.abort();
                }
            }
            Err(error) => {
                let _caller_gone = started.send(Err(error));
            }
        }
    });
}

type Tasks = [actix_web::rt::task::JoinHandle<()>; 2];

fn start(config: Config) -> io::Result<(actix_web::dev::Server, SocketAddr, Tasks)> {
    let listener = TcpListener::bind(config.bind)?;
    let address = listener.local_addr()?;
    let (queue, deliveries) = mpsc::unbounded_channel();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(io::Error::other)?;
    let core = Arc::new(Core::open(config, base_url(address), queue)?);
    let shared = web::Data::from(Arc::clone(&core));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .app_data(web::PayloadConfig::new(1 << 20))
            .configure(v1::routes)
            .configure(control::routes)
            .configure(pages::routes)
    })
    .on_connect(|connection, data| {
        if let Some(stream) = connection.downcast_ref::<actix_web::rt::net::TcpStream>()
            && let Ok(handle) = stream.as_fd().try_clone_to_owned()
        {
            data.insert(Connection(Arc::new(TcpStream::from(handle))));
        }
    })
    .workers(2)
    .shutdown_timeout(1)
    .disable_signals()
    .listen(listener)?
    .run();
    let tasks = [
        actix_web::rt::spawn(webhooks::deliver_all(Arc::clone(&core), client, deliveries)),
        actix_web::rt::spawn(tick(core)),
    ];
    Ok((server, address, tasks))
}

async fn tick(core: Arc<Core>) {
    let mut every = actix_web::rt::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        core.tick();
    }
}

/// A caller's connection, kept so that an injected fault can drop it.
#[derive(Clone, Debug)]
struct Connection(Arc<TcpStream>);

impl Connection {
    fn sever(&self) {
        // A connection that is closed already is what was wanted.
        let _closed = self.0.shutdown(Shutdown::Both);
    }
}
