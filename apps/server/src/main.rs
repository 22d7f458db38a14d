//! The `tollgate` program; everything of it is in the library, where tests reach it.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    tollgate::cli::main(tollgate::cli::Cli::parse())
}
