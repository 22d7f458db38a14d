//! How often something may be tried before one has to wait, and by whom it is counted. Counts nothing
//! itself: that is one guarded statement of the store, so that all nodes count together.

use std::{net::IpAddr, time::Duration};

/// `burst` at once, then one in every `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Keeps what is counted for one apart from what is counted for another.
    pub name: &'static str,
    pub burst: u32,
    pub per: Duration,
}

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Sign-ups from one network.
pub const REGISTER: Limit = Limit::of("register", 3, MINUTE);

/// Sign-ups with addresses of one domain whose mailboxes are given to anybody for minutes.
pub const REGISTER_THROWAWAY: Limit = Limit::of("register_throwaway", 5, HOUR);

/// Sign-ins from one network.
pub const SIGN_IN: Limit = Limit::of("sign_in", 10, MINUTE);

/// Sign-ins through a provider that begin, from one network: more than end, because people change their
/// minds.
pub const AUTHORIZE: Limit = Limit::of("authorize", 30, MINUTE);

/// Passwords tried for one address, or by one person who changes theirs: ten in the first five minutes
/// and one a minute ever after, from however many networks. Nobody is locked out for longer than a
/// minute after the guessing ends, and being right starts anew (ASVS 5.0, 6.3.1).
pub const PASSWORD: Limit = Limit {
    name: "password",
    burst: 5,
    per: MINUTE,
};

/// Resets asked for from one network.
pub const FORGOT: Limit = Limit::of("forgot", 10, MINUTE);

/// Codes of invitations looked up from one network.
pub const INVITE_LOOKUP: Limit = Limit::of("invite_lookup", 30, MINUTE);

/// Mails that anybody can have sent to one mailbox, within an hour and within a day.
pub const MAILS: [Limit; 2] = [
    Limit::of("mails_hour", 3, HOUR),
    Limit::of("mails_day", 10, DAY),
];

/// Events with a wrong signature from one network. Whoever signs right is not counted. Each node counts
/// for itself: a count in the store would cost more than the refusal.
pub const UNSIGNED_EVENTS: Limit = Limit::of("unsigned_events", 60, MINUTE);

/// Offers asked for from one network.
pub const SALES_LEAD: Limit = Limit::of("sales_lead", 5, HOUR);

impl Limit {
    const fn of(name: &'static str, times: u32, within: Duration) -> Self {
        let per = match within.checked_div(times) {
            Some(per) => per,
            None => within,
        };
        Self {
            name,
            burst: times,
            per,
        }
    }

    /// A hundred times wider if it lets one more pass within a minute; those that count hours stay.
    #[must_use]
    pub fn wide(self) -> Self {
        if self.per > MINUTE {
            return self;
        }
        Self {
            burst: self.burst.saturating_mul(100),
            per: self.per / 100,
            ..self
        }
    }
}

/// What is counted together: an address of IPv4, however it is written, or the /64 of one of IPv6,
/// which is the least that one subscriber has. Whoever comes from nowhere shares one count.
#[must_use]
pub fn network(ip: Option<&str>) -> String {
    let ip = ip.and_then(|ip| ip.parse::<IpAddr>().ok());
    match ip.map(|ip| ip.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t03_one_network_is_one_however_it_is_written() {
        for ip in ["127.0.0.1", "::ffff:127.0.0.1", "::FFFF:7f00:1"] {
            assert_eq!(network(Some(ip)), "127.0.0.1", "{ip}");
        }
        for ip in ["2001:db8:1:2::1", "2001:0DB8:1:2:ffff:ffff:ffff:ffff"] {
            assert_eq!(network(Some(ip)), "2001:db8:1:2::/64", "{ip}");
        }
        assert_ne!(network(Some("2001:db8:1:3::1")), "2001:db8:1:2::/64");
        for nowhere in [None, Some(""), Some("localhost"), Some("1.2.3.4:80")] {
            assert_eq!(network(nowhere), "unknown", "{nowhere:?}");
        }
    }

    #[test]
    fn development_widens_what_counts_minutes_and_nothing_else() {
        assert_eq!(REGISTER.per, Duration::from_secs(20));
        assert_eq!(REGISTER.wide().burst, 300);
        assert_eq!(REGISTER.wide().per, Duration::from_millis(200));
        assert_eq!(PASSWORD.wide().burst, 500);
        for limit in MAILS {
            assert_eq!(limit.wide(), limit);
        }
    }

    /// T01: no more than ten in five minutes, whatever the guesser does.
    #[test]
    fn t01_passwords_tried_in_five_minutes_are_ten_at_most() {
        let refilled = Duration::from_mins(5).as_secs() / PASSWORD.per.as_secs();
        assert!(u64::from(PASSWORD.burst) + refilled <= 10);
    }
}
