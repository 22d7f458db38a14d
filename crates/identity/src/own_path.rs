//! Where a browser may be sent after signing in: a path of our own pages, whatever the browser makes of
//! slashes and backslashes. Sends nobody anywhere.

use std::fmt;

use thiserror::Error;

/// Longer than any page of ours needs.
const LONGEST: usize = 512;

/// A path, perhaps with a query and a fragment, that leads nowhere but to the origin it is appended to.
///
/// One slash first and no second one, no backslash, and only what RFC 3986 allows in a path, query or
/// fragment; percent-encoding never hides a slash, a backslash or a control character. Browsers take
/// some of these for the beginning of a host, and drop tabs and line breaks before they look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPath(String);

/// The text could lead a browser to another origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("give a path of this site that begins with one slash")]
pub struct NotOwnPath;

impl OwnPath {
    pub fn parse(text: &str) -> Result<Self, NotOwnPath> {
        let is_path = text.starts_with('/') && !text.starts_with("//");
        if !is_path || text.len() > LONGEST || !text.bytes().all(is_plain) || hides(text) {
            return Err(NotOwnPath);
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OwnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for OwnPath {
    type Error = NotOwnPath;

    fn try_from(text: String) -> Result<Self, NotOwnPath> {
        Self::parse(&text)
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%?#".contains(&byte)
}

/// Whether a percent sign begins no escape, or one of what must not be hidden; the percent sign itself
/// is among that, so that decoding twice shows nothing new.
fn hides(text: &str) -> bool {
    text.split('%').skip(1).any(|rest| {
        let code = rest
            .get(..2)
            .filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()));
        code.and_then(|code| u8::from_str_radix(code, 16).ok())
            .is_none_or(|byte| byte.is_ascii_control() || b"/\\%".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_of_ours_is_where_one_goes_on() {
        for path in [
            "/",
            "/account/billing/select-plan",
            "/invite/abc-DEF_123",
            "/search?q=two%20words&page=2",
            "/docs/a.b~c#part-2",
            "/a//b",
            "/@me",
            "/a:b",
            "/caf%C3%A9",
        ] {
            assert_eq!(OwnPath::parse(path).unwrap().as_str(), path);
        }
    }

    /// T48: what has led browsers, frameworks or their parsers elsewhere.
    const ELSEWHERE: [&str; 80] = [
        "",
        " ",
        "e",
        "e.example",
        "//e",
        "//e.example",
        "///e.example",
        "////e.example",
        "/\\e",
        "/\\e.example",
        "\\e",
        "\\\\e.example",
        "\\/e.example",
        "/\\/e.example",
        "/\\\\e.example",
        "//\\e.example",
        "%2F%2Fe",
        "/%2Fe.example",
        "/%2fe.example",
        "/%2F%2Fe.example",
        "%2f%2fe.example",
        "/%5Ce.example",
        "/%5ce.example",
        "/%5C%5Ce.example",
        "%5Ce.example",
        "/%252Fe.example",
        "/%25%32%46e.example",
        "https:e",
        "https:e.example",
        "https:/e.example",
        "https://e.example",
        "https:///e.example",
        "https:\\\\e.example",
        "https:/\\e.example",
        "HTTPS://e.example",
        "http://e.example/",
        "http:e.example",
        "ftp://e.example",
        "ws://e.example",
        "//e.example@app.example",
        "//app.example@e.example",
        "https://app.example@e.example",
        "https://app.example.e.example",
        "@e.example",
        ".e.example",
        ":80",
        "?next=//e.example",
        "#//e.example",
        "#@e.example",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "java\tscript:alert(1)",
        "java\nscript:alert(1)",
        "javascript://app.example/%0aalert(1)",
        "data:text/html,x",
        "vbscript:x",
        "blob:https://e.example/1",
        "file:///etc/passwd",
        "mailto:eve@e.example",
        "/\t/e.example",
        "/\n/e.example",
        "/\r/e.example",
        "/\r\n/e.example",
        "\t//e.example",
        "\n//e.example",
        " //e.example",
        "/ /e.example",
        "/%09/e.example",
        "/%0a/e.example",
        "/%0D%0ALocation:%20//e.example",
        "/a\r\nSet-Cookie: a=b",
        "/%00",
        "/a\0b",
        "/%",
        "/%2",
        "/%zz",
        "/\u{2215}e.example",
        "/\u{ff0f}e.example",
        "\u{ff0f}\u{ff0f}e.example",
        "/<script>",
    ];

    #[test]
    fn t48_whatever_could_lead_elsewhere_is_no_path_of_ours() {
        for text in ELSEWHERE {
            assert_eq!(OwnPath::parse(text), Err(NotOwnPath), "{text:?}");
        }
        let long = format!("/{}", "a".repeat(LONGEST));
        assert_eq!(OwnPath::parse(&long), Err(NotOwnPath));
        assert!(OwnPath::parse(&long[..LONGEST]).is_ok());
    }

    proptest! {
        #[test]
        fn a_path_of_ours_has_one_slash_and_then_another_character(text in "(?s)[/\\\\%a-f0-9:@ ?#.]{0,12}") {
            if let Ok(path) = OwnPath::parse(&text) {
                prop_assert!(path.as_str().starts_with('/'));
                prop_assert!(!path.as_str()[1..].starts_with(['/', '\\']));
                prop_assert!(!path.as_str().contains('\\'));
            }
        }
    }
}
