//! Amounts in integer minor units of one currency. Never a float, never a silent overflow.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An ISO 4217 code in lower case, as payment providers write it: `usd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// The text is not three ASCII letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a currency is three letters, like usd")]
pub struct CurrencyInvalid;

impl Currency {
    pub fn parse(text: &str) -> Result<Self, CurrencyInvalid> {
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| CurrencyInvalid)?;
        if !code.iter().all(u8::is_ascii_alphabetic) {
            return Err(CurrencyInvalid);
        }
        Ok(Self(code.map(|letter| letter.to_ascii_lowercase())))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Currency {
    type Error = CurrencyInvalid;

    fn try_from(text: String) -> Result<Self, CurrencyInvalid> {
        Self::parse(&text)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

/// An amount in minor units (cents) of a currency; may be negative for credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

/// The amounts are of different currencies, or their sum does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("amounts of different currencies, or too large")]
pub struct MoneyOverflow;

impl Money {
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    pub fn checked_add(self, other: Self) -> Result<Self, MoneyOverflow> {
        if self.currency != other.currency {
            return Err(MoneyOverflow);
        }
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyOverflow)?;
        Ok(Self {
            minor,
            currency: self.currency,
        })
    }

    pub fn checked_mul(self, quantity: u32) -> Result<Self, MoneyOverflow> {
        let minor = self
            .minor
            .checked_mul(i64::from(quantity))
            .ok_or(MoneyOverflow)?;
        Ok(Self {
            minor,
            currency: self.currency,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_three_letters_in_lower_case() {
        assert_eq!(Currency::parse("USD").unwrap().as_str(), "usd");
        for bad in ["", "us", "usdd", "u5d", "€"] {
            assert_eq!(Currency::parse(bad), Err(CurrencyInvalid), "{bad}");
        }
    }

    #[test]
    fn sums_never_wrap_and_never_mix_currencies() {
        let usd = Currency::parse("usd").unwrap();
        let eur = Currency::parse("eur").unwrap();
        assert_eq!(
            Money::new(2, usd).checked_add(Money::new(3, usd)),
            Ok(Money::new(5, usd))
        );
        assert_eq!(
            Money::new(2, usd).checked_add(Money::new(3, eur)),
            Err(MoneyOverflow)
        );
        assert_eq!(
            Money::new(i64::MAX, usd).checked_add(Money::new(1, usd)),
            Err(MoneyOverflow)
        );
        assert_eq!(Money::new(i64::MAX, usd).checked_mul(2), Err(MoneyOverflow));
    }
}
