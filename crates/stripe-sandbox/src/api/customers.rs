//! `/v1/customers`.

use serde_json::json;

use super::{
    Method, Outcome, Routed,
    paging::{Created, Page, matches},
};
use crate::{
    errors::StripeError,
    form::{MetadataChange, Params},
    state::{State, customer::Customer},
};

pub(super) fn customers(
    state: &mut State,
    method: Method,
    rest: &[&str],
    params: Params,
) -> Routed {
    Ok(Some(match (method, rest) {
        (Method::Get, []) => list(state, params)?,
        (Method::Post, []) => create(state, params)?,
        (Method::Get, [id]) => retrieve(state, id, params)?,
        (Method::Post, [id]) => update(state, id, params)?,
        (Method::Delete, [id]) => delete(state, id, params)?,
        (Method::Get, [id, "payment_methods"]) => {
            super::payments::list_of_customer(state, id, params)?
        }
        _ => return Ok(None),
    }))
}

/// What a call sets; an empty text clears.
#[derive(Debug)]
struct Fields {
    texts: [(Text, Option<String>); 4],
    default_payment_method: Option<String>,
    metadata: MetadataChange,
}

#[derive(Clone, Copy, Debug)]
enum Text {
    Email,
    Name,
    Description,
    Phone,
}

impl Fields {
    fn read(params: &mut Params) -> Result<Self, StripeError> {
        let email = params.clearable_text("email")?;
        if let Some(address) = email.as_ref().filter(|email| !email.is_empty())
            && !address.contains('@')
        {
            return Err(StripeError::parameter(
                Some("email_invalid"),
                "email",
                format!("Invalid email address: {address}"),
            ));
        }
        let texts = [
            (Text::Email, email),
            (Text::Name, params.clearable_text("name")?),
            (Text::Description, params.clearable_text("description")?),
            (Text::Phone, params.clearable_text("phone")?),
        ];
        let mut default_payment_method = None;
        if let Some(mut settings) = params.object("invoice_settings")? {
            default_payment_method = settings.clearable_text("default_payment_method")?;
            settings.finish()?;
        }
        let metadata = params.metadata()?;
        Ok(Self {
            texts,
            default_payment_method,
            metadata,
        })
    }

    fn apply(self, customer: &mut Customer) {
        for (field, text) in self.texts {
            let Some(text) = text else { continue };
            let place = match field {
                Text::Email => &mut customer.email,
                Text::Name => &mut customer.name,
                Text::Description => &mut customer.description,
                Text::Phone => &mut customer.phone,
            };
            *place = (!text.is_empty()).then_some(text);
        }
        if let Some(method) = self.default_payment_method {
            customer.default_payment_method = (!method.is_empty()).then_some(method);
        }
        self.metadata.apply(&mut customer.metadata);
    }
}

fn create(state: &mut State, mut params: Params) -> Outcome {
    let mut fields = Fields::read(&mut params)?;
    let method = params.text("payment_method")?;
    params.ignore(&["preferred_locales", "tax_exempt"]);
    params.finish()?;
    let default = fields.default_payment_method.take();
    if default.is_some() && default != method {
        return Err(StripeError::no_such_in(
            "PaymentMethod",
            &default.unwrap_or_default(),
            "invoice_settings[default_payment_method]",
        ));
    }
    let method = method
        .map(|method| state.payment_method(&method))
        .transpose()?;
    if let Some(card) = method.as_ref().and_then(|id| state.payment_methods.get(id)) {
        card.card.behaviour.attach()?;
    }
    let id = state.new_customer(|customer| fields.apply(customer));
    if let Some(method) = method {
        state.attach(&method, &id)?;
        if default.is_some() {
            state.edit_customer(&id, |customer| {
                customer.default_payment_method = Some(method);
            });
        }
    }
    Ok(state.customer(&id)?.to_json())
}

fn retrieve(state: &State, id: &str, params: Params) -> Outcome {
    params.finish()?;
    let customer = state
        .customers
        .get(id)
        .ok_or_else(|| StripeError::no_such("customer", id))?;
    Ok(customer.to_json())
}

fn update(state: &mut State, id: &str, mut params: Params) -> Outcome {
    let fields = Fields::read(&mut params)?;
    params.ignore(&["preferred_locales", "tax_exempt"]);
    params.finish()?;
    state.customer(id)?;
    if let Some(method) = fields
        .default_payment_method
        .as_deref()
        .filter(|id| !id.is_empty())
    {
        state
            .check_owner(Some(method), id)
            .map_err(|error| error.with_param("invoice_settings[default_payment_method]"))?;
    }
    state.edit_customer(id, |customer| fields.apply(customer));
    Ok(state.customer(id)?.to_json())
}

fn delete(state: &mut State, id: &str, params: Params) -> Outcome {
    params.finish()?;
    state.delete_customer(id)?;
    Ok(json!({ "id": id, "object": "customer", "deleted": true }))
}

fn list(state: &State, mut params: Params) -> Outcome {
    let page = Page::read(&mut params)?;
    let created = Created::read(&mut params)?;
    let email = params.text("email")?;
    params.finish()?;
    let rows = state.customers.newest().filter(|customer| {
        !customer.deleted
            && created.holds(*customer)
            && matches(email.as_ref(), customer.email.as_deref())
    });
    page.cut("/v1/customers", rows, Customer::to_json)
}
