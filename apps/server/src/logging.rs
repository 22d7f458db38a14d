//! Where log lines go: standard error, one JSON object a line, or for people who watch.

use std::{
    io::{self, IsTerminal as _},
    panic,
};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{Log, LogFormat};

/// Installs the process's subscriber and makes panics one line of it. Only the first call counts.
pub(crate) fn start(log: &Log) {
    let filter = EnvFilter::new(&log.filter);
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(filter);
    let started = match log.format {
        LogFormat::Json => registry
            .with(
                lines
                    .json()
                    .flatten_event(true)
                    .with_current_span(true)
                    .with_span_list(false),
            )
            .try_init(),
        LogFormat::Pretty => registry.with(lines.with_target(false)).try_init(),
    };
    if started.is_ok() {
        panic::set_hook(Box::new(report_panic));
    }
}

fn report_panic(panic: &panic::PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    tracing::error!(location, said = panic.payload_as_str(), "a thread panicked");
}
