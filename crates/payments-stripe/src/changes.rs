//! What is asked to change a running subscription, and to see what that would cost. A preview and the
//! change it is of are asked for in the same words.

use stripe_billing::{
    invoice::{
        CreatePreviewInvoice, CreatePreviewInvoiceSubscriptionDetails,
        CreatePreviewInvoiceSubscriptionDetailsItems,
        CreatePreviewInvoiceSubscriptionDetailsProrationBehavior as PreviewProration,
    },
    subscription::{
        UpdateSubscription, UpdateSubscriptionItems, UpdateSubscriptionPaymentBehavior,
        UpdateSubscriptionProrationBehavior,
    },
};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use tollgate_billing::change::Terms;
use tollgate_primitives::Timestamp;

/// Has the subscription end with its period, or go on.
pub(crate) fn end_with_period(subscription: &str, ends: bool) -> RequestBuilder {
    UpdateSubscription::new(subscription)
        .cancel_at_period_end(ends)
        .build()
}

/// Takes back an end at a moment, which is how Stripe's own portal schedules one. async-stripe has no
/// word for it.
pub(crate) fn end_at_no_moment(subscription: &str) -> RequestBuilder {
    RequestBuilder {
        query: None,
        body: Some("cancel_at=".to_owned()),
        path: format!("/subscriptions/{subscription}"),
        method: StripeMethod::Post,
    }
}

/// Moves the subscription and charges the difference at once; a card that is declined leaves it as it
/// was (<https://docs.stripe.com/api/subscriptions/update>, `payment_behavior`).
pub(crate) fn move_to(subscription: &str, item: &str, terms: &Terms) -> RequestBuilder {
    let mut moved = UpdateSubscriptionItems::new();
    moved.id = Some(item.to_owned());
    moved.price = Some(terms.price.as_str().to_owned());
    moved.quantity = Some(terms.seats.into());
    let request = UpdateSubscription::new(subscription)
        .items(vec![moved])
        .proration_behavior(UpdateSubscriptionProrationBehavior::AlwaysInvoice)
        .payment_behavior(UpdateSubscriptionPaymentBehavior::ErrorIfIncomplete);
    match terms.proration_date {
        Some(date) => request.proration_date(date.unix_seconds()).build(),
        None => request.build(),
    }
}

/// The invoice that [`move_to`] would bring.
pub(crate) fn preview_of_now(subscription: &str, item: &str, terms: &Terms) -> RequestBuilder {
    let mut details = moved(item, terms);
    details.proration_behavior = Some(PreviewProration::AlwaysInvoice);
    details.proration_date = terms.proration_date.map(Timestamp::unix_seconds);
    preview(subscription, details)
}

/// The first invoice after [`move_to`].
pub(crate) fn preview_of_next(subscription: &str, item: &str, terms: &Terms) -> RequestBuilder {
    let mut details = moved(item, terms);
    details.proration_behavior = Some(PreviewProration::None);
    preview(subscription, details)
}

fn moved(item: &str, terms: &Terms) -> CreatePreviewInvoiceSubscriptionDetails {
    let mut moved = CreatePreviewInvoiceSubscriptionDetailsItems::new();
    moved.id = Some(item.to_owned());
    moved.price = Some(terms.price.as_str().to_owned());
    moved.quantity = Some(terms.seats.into());
    let mut details = CreatePreviewInvoiceSubscriptionDetails::new();
    details.items = Some(vec![moved]);
    details
}

fn preview(subscription: &str, details: CreatePreviewInvoiceSubscriptionDetails) -> RequestBuilder {
    CreatePreviewInvoice::new()
        .subscription(subscription)
        .subscription_details(details)
        .build()
}
