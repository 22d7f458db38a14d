//! The receiving side of SMTP, RFC 5321, as much as a client needs to hand mail over: no TLS, no
//! authentication, no relaying.
//!
//! Written by hand: the library at hand, `mailin`, parses commands and calls back synchronously.
//! Finding the lines, limits, making the client wait, and hanging up without a reply would still
//! be ours, and they are most of this file.

use std::{io, str, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

use crate::{Behaviour, inbox::Inbox};

/// The largest message taken, in bytes.
const LARGEST_MESSAGE: usize = 10 << 20;

/// RFC 5321 section 4.5.3.1.4 asks for 512; addresses may be longer with SMTPUTF8.
const LONGEST_COMMAND: usize = 2_048;

/// RFC 5321 section 4.5.3.1.8.
const MOST_RECIPIENTS: usize = 100;

/// RFC 5321 section 4.5.3.2.7.
const PATIENCE: Duration = Duration::from_mins(5);

/// Takes connections until it is dropped, and its conversations end with it.
pub(crate) async fn serve(listener: TcpListener, inbox: Arc<Inbox>) {
    let mut conversations = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                conversations.spawn(converse(stream, Arc::clone(&inbox)));
            }
            // Out of file descriptors, most likely: some come back when a conversation ends.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        while conversations.try_join_next().is_some() {}
    }
}

/// A client that goes away in the middle ends the conversation and nothing else.
async fn converse(stream: TcpStream, inbox: Arc<Inbox>) {
    let mut conversation = Conversation {
        stream: BufReader::new(stream),
        inbox,
        transaction: None,
    };
    let _ = conversation.hold().await;
}

struct Conversation {
    stream: BufReader<TcpStream>,
    inbox: Arc<Inbox>,
    /// The recipients so far, since `MAIL`.
    transaction: Option<Vec<String>>,
}

/// What becomes of the conversation after a command.
enum Next {
    Reply(&'static str),
    ReplyAndHangUp(&'static str),
    HangUp,
}

impl Conversation {
    async fn hold(&mut self) -> io::Result<()> {
        if self.inbox.behaviour() == Behaviour::Down {
            return Ok(());
        }
        self.say("220 mailbox ESMTP").await?;
        loop {
            let next = match self.read_line(LONGEST_COMMAND).await? {
                Some(line) => self.obey(&line).await?,
                None => Next::ReplyAndHangUp("500 5.5.2 line too long"),
            };
            match next {
                Next::Reply(reply) => self.say(reply).await?,
                Next::ReplyAndHangUp(reply) => return self.say(reply).await,
                Next::HangUp => return Ok(()),
            }
        }
    }

    async fn obey(&mut self, line: &[u8]) -> io::Result<Next> {
        if self.inbox.behaviour() == Behaviour::Down {
            return Ok(Next::HangUp);
        }
        let Ok(line) = str::from_utf8(line) else {
            return Ok(Next::Reply("500 5.5.2 not UTF-8"));
        };
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        let reply = match verb.to_ascii_uppercase().as_str() {
            "HELO" => {
                self.transaction = None;
                "250 mailbox"
            }
            "EHLO" => {
                self.transaction = None;
                "250-mailbox\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
                 250-ENHANCEDSTATUSCODES\r\n250 SIZE 10485760"
            }
            "MAIL" => self.mail(argument).await,
            "RCPT" => self.rcpt(argument),
            "DATA" => return self.data().await,
            "RSET" => {
                self.transaction = None;
                "250 2.0.0 forgotten"
            }
            "NOOP" => "250 2.0.0 still here",
            "QUIT" => return Ok(Next::ReplyAndHangUp("221 2.0.0 bye")),
            _ => "502 5.5.1 not implemented",
        };
        Ok(Next::Reply(reply))
    }

    async fn mail(&mut self, argument: &str) -> &'static str {
        if let Behaviour::Slow(delay) = self.inbox.behaviour() {
            tokio::time::sleep(delay).await;
        }
        let Some((_, parameters)) = path(argument, "FROM:") else {
            return "501 5.5.4 expected FROM:<address>";
        };
        if self.transaction.is_some() {
            return "503 5.5.1 one message at a time";
        }
        if parameters.split(' ').any(announces_too_much) {
            return "552 5.3.4 message too big";
        }
        self.transaction = Some(Vec::new());
        "250 2.1.0 go on"
    }

    fn rcpt(&mut self, argument: &str) -> &'static str {
        let Some(recipients) = &mut self.transaction else {
            return "503 5.5.1 MAIL first";
        };
        let Some((address, _)) = path(argument, "TO:").filter(|(address, _)| !address.is_empty())
        else {
            return "501 5.5.4 expected TO:<address>";
        };
        if recipients.len() == MOST_RECIPIENTS {
            return "452 4.5.3 too many recipients";
        }
        match self.inbox.behaviour() {
            Behaviour::RefuseTemporarily => "450 4.2.0 try again later",
            Behaviour::RefusePermanently => "550 5.1.1 no such mailbox",
            Behaviour::Accept
            | Behaviour::Slow(_)
            | Behaviour::CloseAfterData
            | Behaviour::Down => {
                recipients.push(address.to_owned());
                "250 2.1.5 known here"
            }
        }
    }

    async fn data(&mut self) -> io::Result<Next> {
        let Some(recipients) = self
            .transaction
            .take_if(|recipients| !recipients.is_empty())
        else {
            return Ok(Next::Reply("503 5.5.1 RCPT first"));
        };
        self.say("354 end with a dot").await?;
        let Some(raw) = self.read_message().await? else {
            return Ok(Next::Reply("552 5.3.4 message too big"));
        };
        let raw = String::from_utf8_lossy(&raw).into_owned();
        if self.inbox.receive(recipients, raw).is_err() {
            return Ok(Next::Reply("452 4.3.1 cannot write the file"));
        }
        if self.inbox.behaviour() == Behaviour::CloseAfterData {
            return Ok(Next::HangUp);
        }
        Ok(Next::Reply("250 2.0.0 taken"))
    }

    /// Reads up to the line with only a dot; `None` when it was larger than we take.
    async fn read_message(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut message = Vec::new();
        let mut is_small = true;
        loop {
            let Some(line) = self.read_line(LARGEST_MESSAGE).await? else {
                return Err(io::Error::other(
                    "a single line is larger than a message may be",
                ));
            };
            if line == b"." {
                return Ok(is_small.then_some(message));
            }
            // RFC 5321 section 4.5.2
            let line = line.strip_prefix(b".").unwrap_or(&line);
            is_small &= message.len() + line.len() + 2 <= LARGEST_MESSAGE;
            if is_small {
                message.extend_from_slice(line);
                message.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Reads up to CR LF and returns what came before; a lone CR or LF is content. `None` when
    /// there is none within `limit` bytes, an error when the client went away or fell silent.
    async fn read_line(&mut self, limit: usize) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        while line.len() < limit {
            let room = u64::try_from(limit - line.len()).unwrap_or(u64::MAX);
            let mut bounded = (&mut self.stream).take(room);
            let read = timeout(PATIENCE, bounded.read_until(b'\n', &mut line)).await??;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(line) = line.strip_suffix(b"\r\n") {
                return Ok(Some(line.to_vec()));
            }
        }
        Ok(None)
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        let reply = format!("{reply}\r\n");
        timeout(PATIENCE, self.stream.write_all(reply.as_bytes())).await?
    }
}

/// Splits `FROM:<address> parameters` after `keyword`.
fn path<'a>(argument: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (found, rest) = argument.split_at_checked(keyword.len())?;
    if !found.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let (address, parameters) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    let is_printable = !address.chars().any(char::is_control);
    is_printable.then_some((address, parameters))
}

/// Whether a parameter of `MAIL` is a size (RFC 1870) beyond what we take.
fn announces_too_much(parameter: &str) -> bool {
    parameter
        .split_once('=')
        .filter(|(name, _)| name.eq_ignore_ascii_case("SIZE"))
        .and_then(|(_, size)| size.parse().ok())
        .is_some_and(|size: usize| size > LARGEST_MESSAGE)
}
