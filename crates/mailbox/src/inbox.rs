//! Holds the messages, bounded in number and size, and keeps them in a file if asked to. Also
//! holds the behaviour that the SMTP side must show.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, ErrorKind, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::Utc;
use tokio::sync::watch;

use crate::{
    Behaviour,
    message::{Envelope, Message},
};

const MOST_MESSAGES: usize = 2_000;
const MOST_BYTES: usize = 64 << 20;

#[derive(Debug)]
pub(crate) struct Inbox {
    contents: Mutex<Contents>,
    arrivals: watch::Sender<()>,
    behaviour: watch::Sender<Behaviour>,
}

#[derive(Debug, Default)]
struct Contents {
    /// Oldest first.
    messages: VecDeque<Message>,
    /// The number of the oldest message; numbers count up and are never used again.
    first: usize,
    bytes: usize,
    journal: Option<Journal>,
}

impl Inbox {
    pub(crate) fn open(file: Option<PathBuf>) -> io::Result<Self> {
        let mut contents = Contents::default();
        if let Some(path) = file {
            for envelope in read(&path)? {
                contents.put(envelope.into());
            }
            contents.journal = Some(Journal::begin(path, &contents.messages)?);
        }
        Ok(Self {
            contents: Mutex::new(contents),
            arrivals: watch::Sender::default(),
            behaviour: watch::Sender::default(),
        })
    }

    /// Takes a message in. An error means that the file could not be written, and that the message
    /// was not taken.
    pub(crate) fn receive(&self, to: Vec<String>, raw: String) -> io::Result<()> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the arrival is observed here, and no rule depends on it"
        )]
        let at = Utc::now();
        self.contents().receive(Envelope { at, to, raw })?;
        self.arrivals.send_replace(());
        Ok(())
    }

    pub(crate) fn newest(&self, wanted: impl Fn(&Message) -> bool) -> Vec<Message> {
        let contents = self.contents();
        let newest_first = contents.messages.iter().rev();
        newest_first
            .filter(|message| wanted(message))
            .cloned()
            .collect()
    }

    /// Every message with its number, newest first.
    pub(crate) fn numbered(&self) -> Vec<(usize, Message)> {
        let contents = self.contents();
        let newest_first = contents.messages.iter().enumerate().rev();
        newest_first
            .map(|(index, message)| (contents.first + index, message.clone()))
            .collect()
    }

    pub(crate) fn get(&self, number: usize) -> Option<Message> {
        let contents = self.contents();
        contents
            .messages
            .get(number.checked_sub(contents.first)?)
            .cloned()
    }

    pub(crate) fn arrivals(&self) -> watch::Receiver<()> {
        self.arrivals.subscribe()
    }

    pub(crate) fn behaviour(&self) -> Behaviour {
        *self.behaviour.borrow()
    }

    pub(crate) fn set_behaviour(&self, behaviour: Behaviour) {
        self.behaviour.send_replace(behaviour);
    }

    /// A panic elsewhere leaves the contents whole: they are changed in single steps.
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn receive(&mut self, envelope: Envelope) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            if journal.lines >= 2 * MOST_MESSAGES {
                *journal = Journal::begin(journal.path.clone(), &self.messages)?;
            }
            journal.append(&envelope)?;
        }
        self.put(envelope.into());
        Ok(())
    }

    fn put(&mut self, message: Message) {
        self.bytes += message.raw.len();
        self.messages.push_back(message);
        while self.messages.len() > MOST_MESSAGES || self.bytes > MOST_BYTES {
            let Some(oldest) = self.messages.pop_front() else {
                return;
            };
            self.bytes -= oldest.raw.len();
            self.first += 1;
        }
    }
}

/// The file, one envelope a line. It is written anew when it has grown to twice what is kept.
#[derive(Debug)]
struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
}

impl Journal {
    /// Writes a new file with `messages` in place of the one at `path`.
    fn begin(path: PathBuf, messages: &VecDeque<Message>) -> io::Result<Self> {
        let unfinished = path.with_added_extension("unfinished");
        let mut options = OpenOptions::new();
        let mut journal = Self {
            file: options
                .create(true)
                .write(true)
                .truncate(true)
                .open(&unfinished)?,
            path,
            lines: 0,
        };
        for message in messages {
            journal.append(&Envelope {
                at: message.at,
                to: message.to.clone(),
                raw: message.raw.clone(),
            })?;
        }
        fs::rename(&unfinished, &journal.path)?;
        Ok(journal)
    }

    fn append(&mut self, envelope: &Envelope) -> io::Result<()> {
        let mut line = serde_json::to_vec(envelope)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.lines += 1;
        Ok(())
    }
}

/// Reads a journal; a line that a crash cut short is left out.
fn read(path: &Path) -> io::Result<Vec<Envelope>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    BufReader::new(file)
        .split(b'\n')
        .filter_map(|line| match line {
            Ok(line) => serde_json::from_slice(&line).ok().map(Ok),
            Err(error) => Some(Err(error)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(inbox: &Inbox, text: &str) {
        let to = vec!["ada@example.com".to_owned()];
        inbox
            .receive(to, format!("Subject: {text}\r\n\r\n{text}\r\n"))
            .unwrap();
    }

    fn subjects(inbox: &Inbox) -> Vec<String> {
        inbox
            .newest(|_| true)
            .into_iter()
            .map(|message| message.subject)
            .collect()
    }

    #[test]
    fn the_oldest_messages_make_room_and_numbers_stay() {
        let inbox = Inbox::open(None).unwrap();
        for each in 0..=MOST_MESSAGES {
            receive(&inbox, &each.to_string());
        }
        assert_eq!(inbox.numbered().len(), MOST_MESSAGES);
        assert!(inbox.get(0).is_none());
        assert_eq!(inbox.get(1).unwrap().subject, "1");
        assert_eq!(inbox.numbered()[0].0, MOST_MESSAGES);
    }

    #[test]
    fn large_messages_make_room_by_their_size() {
        let inbox = Inbox::open(None).unwrap();
        for _ in 0..3 {
            inbox
                .receive(Vec::new(), "x".repeat(MOST_BYTES / 2))
                .unwrap();
        }
        assert_eq!(inbox.numbered().len(), 2);
        assert!(inbox.get(0).is_none());
    }

    #[test]
    fn a_file_keeps_the_messages_and_forgives_a_line_cut_short() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mail.jsonl");
        let inbox = Inbox::open(Some(path.clone())).unwrap();
        receive(&inbox, "first");
        receive(&inbox, "second");
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(br#"{"at":"2026-11-"#).unwrap();

        let reopened = Inbox::open(Some(path.clone())).unwrap();
        assert_eq!(subjects(&reopened), ["second", "first"]);
        receive(&reopened, "third");
        let again = Inbox::open(Some(path)).unwrap();
        assert_eq!(subjects(&again), ["third", "second", "first"]);
        assert_eq!(again.newest(|_| true)[1..], reopened.newest(|_| true)[1..]);
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mail.jsonl");
        let inbox = Inbox::open(Some(path.clone())).unwrap();
        for each in 0..=2 * MOST_MESSAGES {
            receive(&inbox, &each.to_string());
        }
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert_eq!(lines, MOST_MESSAGES + 1);
        assert_eq!(
            subjects(&Inbox::open(Some(path)).unwrap()),
            subjects(&inbox)
        );
    }
}
