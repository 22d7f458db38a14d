//! Medians over the rounds, and whether they are good enough.

use std::{
    fmt,
    io::{self, Write as _},
};

use crate::{case::Case, load::Measured};

/// Largest resident KiB of an idle server that is good enough.
const IDLE_MEMORY: u64 = 60 * 1024;

/// What every round measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    turns: Vec<(Case, Measured)>,
    /// KiB; `None` when it was not measured.
    pub(crate) idle_memory: Option<u64>,
}

impl Report {
    pub(crate) fn add(&mut self, case: Case, measured: Measured) {
        self.turns.push((case, measured));
    }

    /// Whether every target that was measured was reached.
    pub(crate) fn passed(&self) -> bool {
        let reached = |case: &Case| {
            case.target()
                .is_none_or(|(baseline, least)| self.share(*case, baseline) >= least)
        };
        Case::ALL.iter().all(reached) && self.idle_memory.is_none_or(|kib| kib <= IDLE_MEMORY)
    }

    /// The median of the ratios of each round: what slowed the machine down in one round slowed both.
    fn share(&self, case: Case, baseline: Case) -> f64 {
        let rates = |case| self.of(case).map(|turn| turn.per_second);
        median(
            rates(case)
                .zip(rates(baseline))
                .map(|(own, other)| own / other),
        )
    }

    fn of(&self, case: Case) -> impl Iterator<Item = &Measured> {
        self.turns
            .iter()
            .filter(move |(of, _)| *of == case)
            .map(|(_, measured)| measured)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:<32}{:>10}{:>10}{:>10}",
            "", "req/s", "p50 ms", "p99 ms"
        )?;
        for case in Case::ALL {
            let of = |value: fn(&Measured) -> f64| median(self.of(case).map(value));
            write!(
                f,
                "{:<32}{:>10.0}{:>10.2}{:>10.2}",
                case.name(),
                of(|turn| turn.per_second),
                of(|turn| turn.median),
                of(|turn| turn.slowest_percent),
            )?;
            if let Some((baseline, least)) = case.target() {
                let share = self.share(case, baseline);
                let (percent, least_percent) = (share * 100.0, least * 100.0);
                let verdict = verdict(share >= least);
                let baseline = baseline.name();
                write!(
                    f,
                    "   {percent:.0} % of {baseline}, at least {least_percent:.0} %: {verdict}"
                )?;
            }
            writeln!(f)?;
        }
        match self.idle_memory {
            None => writeln!(
                f,
                "idle server: not measured, because `tollgate` was not built here"
            ),
            Some(kib) => writeln!(
                f,
                "idle server: {} MiB resident, at most {}: {}",
                kib.div_ceil(1024),
                IDLE_MEMORY / 1024,
                verdict(kib <= IDLE_MEMORY)
            ),
        }
    }
}

/// A reader that went away is no reason to fail.
pub(crate) fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

pub(crate) const fn verdict(is_reached: bool) -> &'static str {
    if is_reached { "PASS" } else { "FAIL" }
}

/// The upper one of two in the middle; 0 of nothing.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One round for each pair of rates: the baselines', and ours.
    fn report(rounds: &[(f64, f64)]) -> Report {
        let mut report = Report::default();
        for (baseline, own) in rounds {
            for case in Case::ALL {
                let per_second = if case.target().is_some() {
                    *own
                } else {
                    *baseline
                };
                let measured = Measured {
                    per_second,
                    median: 1.0,
                    slowest_percent: 2.0,
                };
                report.add(case, measured);
            }
        }
        report
    }

    #[test]
    fn a_missed_target_fails() {
        assert!(report(&[(100.0, 90.0)]).passed());
        assert!(!report(&[(100.0, 89.0)]).passed());
    }

    #[test]
    fn a_round_is_compared_with_itself_and_one_bad_round_decides_nothing() {
        assert!(report(&[(100.0, 95.0), (50.0, 48.0), (100.0, 10.0)]).passed());
    }

    #[test]
    fn memory_counts_only_when_it_was_measured() {
        let of = |idle_memory| Report {
            idle_memory,
            ..report(&[(100.0, 100.0)])
        };
        assert!(of(None).passed());
        assert!(of(Some(IDLE_MEMORY)).passed());
        assert!(!of(Some(IDLE_MEMORY + 1)).passed());
    }
}
