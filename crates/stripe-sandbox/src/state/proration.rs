//! What a change within a period costs, in whole cents: the unused part of the old items is
//! credited, the remaining part of the new ones charged. A preview and the change itself ask here,
//! so that both give the same numbers for the same moment.

use super::{
    State,
    invoice::Line,
    subscription::{Item, Subscription},
};
use crate::{
    calendar::{Period, day},
    errors::StripeError,
    state::payment::dollars,
};

/// `amount` for `part` of `whole` seconds, rounded half away from zero.
fn share(amount: i64, part: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    let (amount, part, whole) = (i128::from(amount), i128::from(part), i128::from(whole));
    let doubled = amount * part * 2;
    let rounded = (doubled.abs() + whole) / (2 * whole) * doubled.signum();
    i64::try_from(rounded).unwrap_or(i64::MAX)
}

impl State {
    /// Lines for moving `before` to `items` at the moment `at`, which lies within the period.
    /// `period` is the one after the change.
    pub(crate) fn prorations(
        &self,
        before: &Subscription,
        items: &[Item],
        period: Period,
        at: i64,
    ) -> Result<Vec<Line>, StripeError> {
        let mut lines = Vec::new();
        let moved = before.period != period;
        for old in &before.items {
            if moved || !items.contains(old) {
                lines.push(self.proration_line(old, before.period, at, Direction::Credit)?);
            }
        }
        for new in items {
            if moved || !before.items.contains(new) {
                lines.push(self.proration_line(new, period, at, Direction::Charge)?);
            }
        }
        Ok(lines)
    }

    fn proration_line(
        &self,
        item: &Item,
        period: Period,
        at: i64,
        direction: Direction,
    ) -> Result<Line, StripeError> {
        let price = self.price(&item.price)?;
        let product = self.product_name(price);
        let whole = price.unit_amount * item.quantity;
        let amount = share(whole, period.end - at, period.seconds());
        let (amount, what) = match direction {
            Direction::Credit => (-amount, "Unused time"),
            Direction::Charge => (amount, "Remaining time"),
        };
        Ok(Line {
            id: String::new(),
            amount,
            description: format!("{what} on {} × {product} after {}", item.quantity, day(at)),
            price: price.id.clone(),
            product: price.product.clone(),
            unit_amount: price.unit_amount,
            quantity: item.quantity,
            period: Period {
                start: at,
                end: period.end,
            },
            proration: true,
            subscription_item: item.id.clone(),
        })
    }

    /// Lines for a whole period of the items; free while on trial.
    pub(crate) fn period_lines(
        &self,
        items: &[Item],
        period: Period,
        on_trial: bool,
    ) -> Result<Vec<Line>, StripeError> {
        items
            .iter()
            .map(|item| self.period_line(item, period, on_trial))
            .collect()
    }

    fn period_line(
        &self,
        item: &Item,
        period: Period,
        on_trial: bool,
    ) -> Result<Line, StripeError> {
        let price = self.price(&item.price)?;
        let product = self.product_name(price);
        let unit_amount = if on_trial { 0 } else { price.unit_amount };
        let description = match price.cadence {
            _ if on_trial => format!("Free trial for {} × {product}", item.quantity),
            Some(cadence) => format!(
                "{} × {product} (at {} / {})",
                item.quantity,
                dollars(price.unit_amount),
                cadence.interval.as_str()
            ),
            None => format!("{} × {product}", item.quantity),
        };
        Ok(Line {
            id: String::new(),
            amount: unit_amount * item.quantity,
            description,
            price: price.id.clone(),
            product: price.product.clone(),
            unit_amount,
            quantity: item.quantity,
            period,
            proration: false,
            subscription_item: item.id.clone(),
        })
    }
}

#[derive(Clone, Copy, Debug)]
enum Direction {
    Credit,
    Charge,
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_are_whole_cents_rounded_half_away_from_zero() {
        assert_eq!(share(1000, 1, 3), 333);
        assert_eq!(share(1000, 2, 3), 667);
        assert_eq!(share(1, 1, 2), 1);
        assert_eq!(share(-1, 1, 2), -1);
        assert_eq!(share(2500, 2_591_996, 2_592_000), 2500);
        assert_eq!(share(1000, 1, 0), 0);
    }
}
