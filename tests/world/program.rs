//! The program itself, as a process that can be killed.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use serde_json::Value;

/// A running `tollgate`; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: Arc<Mutex<Child>>,
    url: String,
    said: Option<JoinHandle<Vec<String>>>,
}

/// The program with exactly these settings, away from any `.env`.
fn command(arguments: &[&str], settings: &[(&str, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate-under-test"));
    command
        .args(arguments)
        .env_clear()
        .envs(settings.iter().cloned())
        .current_dir("/");
    command
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str], settings: &[(&str, String)]) -> Output {
    command(arguments, settings).output().unwrap()
}

impl Program {
    /// One that answers requests and runs no job. Returns when it has said that it started.
    pub(crate) fn start(settings: &[(&str, String)]) -> Self {
        Self::start_as("api", settings)
    }

    /// One that does both.
    pub(crate) fn start_with_worker(settings: &[(&str, String)]) -> Self {
        Self::start_as("serve", settings)
    }

    fn start_as(role: &str, settings: &[(&str, String)]) -> Self {
        let mut command = command(&[role], settings);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = said.by_ref().find_map(|line| {
            let line = line.unwrap();
            let line: Value = serde_json::from_str(&line).expect(&line);
            (line["message"] == "started").then(|| line["api"].as_str().unwrap().to_owned())
        });
        // What it says further is read at once, so that it is not held up.
        let said = thread::spawn(move || said.map_while(Result::ok).collect());
        Self {
            child: Arc::new(Mutex::new(child)),
            url: url.expect("the program starts"),
            said: Some(said),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.url)
    }

    /// Asks it to end, and returns how it did and every line it has said since it started.
    pub(crate) fn stop(mut self) -> (ExitStatus, Vec<String>) {
        let process = self.child.lock().unwrap().id().to_string();
        let asked = Command::new("kill").args(["-TERM", &process]).status();
        assert!(asked.unwrap().success());
        let said = self.said.take().unwrap().join().unwrap();
        (self.child.lock().unwrap().wait().unwrap(), said)
    }

    /// What ends it at once, with no chance to put anything right.
    pub(crate) fn killer(&self) -> impl FnOnce() + Send + 'static {
        let child = Arc::clone(&self.child);
        move || {
            let mut child = child.lock().unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.killer()();
    }
}
