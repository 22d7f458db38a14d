//! `tollgate` as it is shipped, for tests that need a process of their own.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    tollgate::cli::main(tollgate::cli::Cli::parse())
}
