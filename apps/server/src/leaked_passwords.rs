//! The operator's file of passwords that have leaked somewhere: their SHA-1 digests in hexadecimal, one a
//! line and in order, each with a colon and a count behind it or not, as Have I Been Pwned hands them out
//! (<https://haveibeenpwned.com/Passwords>, "ordered by hash"). The file has tens of gigabytes, so it is
//! searched where it lies, in some forty reads, and nothing of it is kept.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt as _,
    path::Path,
};

use sha1::{Digest as _, Sha1};
use tollgate_identity::Password;

/// Hexadecimal digits of a SHA-1.
const DIGITS: usize = 40;

/// What is read at once; holds some sixty lines.
const PAGE: u64 = 4096;

/// More than two lines have.
const LINES: u64 = 160;

/// Where a file that is in order is sampled.
const SAMPLES: u64 = 256;

#[derive(Debug)]
pub struct LeakedPasswords {
    file: File,
    length: u64,
}

impl LeakedPasswords {
    /// Fails on a file of something else, or in another order, as far as samples of it tell.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let passwords = Self { file, length };
        let mut before = passwords.line_at(0)?;
        let samples = if length > PAGE { SAMPLES } else { 0 };
        for sample in 1..samples {
            // Not all of it, so that a line begins after each.
            let near = length.saturating_sub(LINES) / SAMPLES * sample;
            let digest = passwords.line_after(near)?.1;
            if digest < before {
                return Err(invalid("the digests are not in order"));
            }
            before = digest;
        }
        Ok(passwords)
    }

    /// Whether the password is among them.
    pub fn contain(&self, password: &Password) -> io::Result<bool> {
        let digest = hex::encode_upper(Sha1::digest(password.expose()));
        let wanted = digest.as_bytes();
        // The line, if there is one, begins at `from` or later and before `until`; at `from` begins one.
        let (mut from, mut until) = (0, self.length);
        while until - from > PAGE {
            let (start, digest) = self.line_after(from + (until - from) / 2)?;
            if digest.as_slice() <= wanted {
                from = start;
            } else {
                until = start;
            }
        }
        let page = self.read(from, until - from)?;
        let mut lines = page.split(|byte| *byte == b'\n');
        Ok(lines.any(|line| {
            line.get(..DIGITS)
                .is_some_and(|digest| digest.eq_ignore_ascii_case(wanted))
        }))
    }

    /// The first line that begins after `near`: where, and its digest.
    fn line_after(&self, near: u64) -> io::Result<(u64, Vec<u8>)> {
        let near_by = self.read(near, LINES)?;
        let before = near_by.iter().position(|byte| *byte == b'\n');
        let before = before.ok_or_else(|| invalid("a line is too long"))?;
        let start = near + u64::try_from(before).unwrap_or_default() + 1;
        Ok((start, self.line_at(start)?))
    }

    fn line_at(&self, start: u64) -> io::Result<Vec<u8>> {
        let mut line = self.read(start, LINES)?;
        line.truncate(DIGITS);
        if line.len() < DIGITS || !line.iter().all(u8::is_ascii_hexdigit) {
            return Err(invalid("a line does not begin with a SHA-1 in hexadecimal"));
        }
        line.make_ascii_uppercase();
        Ok(line)
    }

    /// As much as there is of so many bytes.
    fn read(&self, from: u64, bytes: u64) -> io::Result<Vec<u8>> {
        let bytes = bytes.min(self.length.saturating_sub(from));
        let mut page = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut page, from)?;
        Ok(page)
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fmt::Write as _, fs};

    use tempfile::TempDir;

    use super::*;

    fn digest(nth: u32) -> String {
        hex::encode_upper(Sha1::digest(format!("leaked password {nth}")))
    }

    fn open(text: &str) -> io::Result<LeakedPasswords> {
        let place = TempDir::new().unwrap();
        let path = place.path().join("leaked");
        fs::write(&path, text).unwrap();
        LeakedPasswords::open(&path)
    }

    #[test]
    fn t08_what_leaked_is_found_and_nothing_else_wherever_it_stands() {
        let all: BTreeSet<_> = (0..3000).map(digest).collect();
        for (end, case) in [("\r\n", true), ("\n", false)] {
            let mut text = String::new();
            for (nth, digest) in all.iter().enumerate() {
                let lower = digest.to_lowercase();
                let digest = if case { digest } else { &lower };
                let count = if nth % 3 == 0 {
                    String::new()
                } else {
                    format!(":{nth}")
                };
                write!(text, "{digest}{count}{end}").unwrap();
            }
            let leaked = open(&text).unwrap();
            let found = |text: &str| leaked.contain(&Password::parse(text).unwrap()).unwrap();
            for nth in 0..3000 {
                assert!(found(&format!("leaked password {nth}")), "{nth}");
                assert!(!found(&format!("own password {nth}")), "{nth}");
            }
        }
    }

    #[test]
    fn a_list_may_be_short() {
        let leaked = open(&format!("{}:3\n", digest(1))).unwrap();
        let found = |text: &str| leaked.contain(&Password::parse(text).unwrap()).unwrap();
        assert!(found("leaked password 1"));
        assert!(!found("leaked password 2"));
    }

    #[test]
    fn what_is_no_list_in_order_is_refused() {
        let all: BTreeSet<_> = (0..3000).map(digest).collect();
        let mut lines: Vec<_> = all.iter().map(|digest| format!("{digest}:1")).collect();
        lines.reverse();
        let passwords: Vec<_> = (0..3000)
            .map(|nth| format!("leaked password {nth}"))
            .collect();
        for text in [
            lines.join("\n"),
            passwords.join("\n"),
            String::new(),
            "0".repeat(100_000),
            format!("{}\n{}", lines.last().unwrap(), "x".repeat(100_000)),
        ] {
            let refused = open(&text).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidData, "{refused}");
        }
        let missing = LeakedPasswords::open(Path::new("/nonexistent/leaked"));
        assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    }
}
