//! What the wizard is answered: closed sets, two of ours and one of the operator's.

use std::fmt;

use thiserror::Error;

/// The longest name of a tool.
const MAX_LENGTH: usize = 40;

/// The text is none of the answers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("answer one of {}", .0.join(", "))]
pub struct AnswerInvalid(Vec<String>);

macro_rules! answers {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($variant),+
        }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            pub fn parse(text: &str) -> Result<Self, AnswerInvalid> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|answer| answer.as_str() == text)
                    .ok_or_else(|| AnswerInvalid(vec![$($text.to_owned()),+]))
            }
        }
    };
}

answers! {
    /// How many work there.
    TeamSize {
        UpTo2 = "1-2",
        UpTo5 = "3-5",
        UpTo10 = "6-10",
        UpTo25 = "11-25",
        More = "26+",
    }
}

answers! {
    /// What the person does there.
    RoleAtSignup {
        Owner = "owner",
        LeadTech = "lead_tech",
        Tech = "tech",
        Other = "other",
    }
}

/// The tool that an account works in, one of the operator's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool(String);

impl Tool {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The tools that the operator's wizard offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tools(Vec<String>);

/// The list offers nothing, something twice, or something that is no plain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("tools are names of 1 to 40 of a-z, 0-9, _ and -, each once, with commas between")]
pub struct ToolsInvalid;

impl Tools {
    /// Reads a list with commas between.
    pub fn parse(text: &str) -> Result<Self, ToolsInvalid> {
        let mut tools: Vec<String> = Vec::new();
        for tool in text.split(',').map(str::trim) {
            if !is_plain(tool) || tools.iter().any(|known| known == tool) {
                return Err(ToolsInvalid);
            }
            tools.push(tool.to_owned());
        }
        Ok(Self(tools))
    }

    pub fn choose(&self, text: &str) -> Result<Tool, AnswerInvalid> {
        let found = self.0.iter().find(|tool| *tool == text);
        found
            .map(|tool| Tool(tool.clone()))
            .ok_or_else(|| AnswerInvalid(self.0.clone()))
    }
}

impl fmt::Display for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

fn is_plain(tool: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    (1..=MAX_LENGTH).contains(&tool.len()) && tool.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_reads_back_from_its_own_text_and_nothing_else_is_one() {
        for size in TeamSize::ALL {
            assert_eq!(TeamSize::parse(size.as_str()), Ok(*size));
        }
        for role in RoleAtSignup::ALL {
            assert_eq!(RoleAtSignup::parse(role.as_str()), Ok(*role));
        }
        for other in ["", "1-2 ", "27", "admin", "Owner"] {
            assert!(TeamSize::parse(other).is_err());
            assert!(RoleAtSignup::parse(other).is_err());
        }
        assert_eq!(
            RoleAtSignup::parse("boss").unwrap_err().to_string(),
            "answer one of owner, lead_tech, tech, other"
        );
    }

    #[test]
    fn the_tools_are_the_operators() {
        let tools = Tools::parse("connectwise, halopsa ,none").unwrap();
        assert_eq!(tools.to_string(), "connectwise,halopsa,none");
        assert_eq!(tools.choose("halopsa").unwrap().as_str(), "halopsa");
        for other in ["", "HaloPSA", "autotask", "halopsa,none"] {
            assert!(tools.choose(other).is_err(), "{other}");
        }
        for wrong in ["", "a,", "a,a", "Halo PSA", "a'b", &"x".repeat(41)] {
            assert_eq!(Tools::parse(wrong), Err(ToolsInvalid), "{wrong}");
        }
    }
}
