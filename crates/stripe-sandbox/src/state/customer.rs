//! Customers: who pays, by which card, with what balance.

use serde::{Deserialize, Serialize};

use super::{Metadata, State, table::rows};
use crate::errors::StripeError;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) deleted: bool,
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) currency: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) default_payment_method: Option<String>,
    /// Cents; a negative balance is the customer's credit.
    pub(crate) balance: i64,
    pub(crate) delinquent: bool,
    pub(crate) invoice_prefix: String,
    pub(crate) next_invoice_sequence: u32,
}

rows!(Customer);

impl State {
    /// The customer a path names.
    pub(crate) fn customer(&self, id: &str) -> Result<&Customer, StripeError> {
        self.live_customer(id)
            .ok_or_else(|| StripeError::no_such("customer", id))
    }

    /// The customer a parameter names.
    pub(crate) fn customer_in(&self, id: &str, param: &str) -> Result<&Customer, StripeError> {
        self.live_customer(id)
            .ok_or_else(|| StripeError::no_such_in("customer", id, param))
    }

    fn live_customer(&self, id: &str) -> Option<&Customer> {
        self.customers.get(id).filter(|customer| !customer.deleted)
    }

    pub(crate) fn new_customer(&mut self, fill: impl FnOnce(&mut Customer)) -> String {
        let id = self.new_id("cus_", 14);
        let mut customer = Customer {
            id: id.clone(),
            created: self.now,
            invoice_prefix: self.new_id("", 8).to_ascii_uppercase(),
            next_invoice_sequence: 1,
            ..Customer::default()
        };
        fill(&mut customer);
        let snapshot = customer.to_json();
        self.customers.insert(customer);
        self.emit("customer.created", snapshot);
        id
    }

    pub(crate) fn edit_customer(&mut self, id: &str, edit: impl FnOnce(&mut Customer)) {
        let Some(customer) = self.customers.get_mut(id) else {
            return;
        };
        let before = customer.to_json();
        edit(customer);
        let after = customer.to_json();
        self.emit_change("customer.updated", &before, after);
    }

    /// Deletes the customer and cancels what runs for it.
    pub(crate) fn delete_customer(&mut self, id: &str) -> Result<(), StripeError> {
        let snapshot = self.customer(id)?.to_json();
        let running: Vec<String> = self
            .subscriptions
            .iter()
            .filter(|subscription| {
                subscription.customer == id && !subscription.status.is_terminal()
            })
            .map(|subscription| subscription.id.clone())
            .collect();
        for subscription in running {
            self.end_subscription(&subscription);
        }
        if let Some(customer) = self.customers.get_mut(id) {
            customer.deleted = true;
        }
        self.emit("customer.deleted", snapshot);
        Ok(())
    }
}
