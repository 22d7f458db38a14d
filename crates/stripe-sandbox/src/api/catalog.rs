//! `/v1/products` and `/v1/prices`.

use super::{
    Method, Outcome, Routed,
    paging::{Created, Page, matches},
};
use crate::{
    calendar::{Cadence, Interval},
    errors::StripeError,
    form::Params,
    state::{
        State,
        catalog::{Price, Product},
    },
};

const MOST_CENTS: i64 = 99_999_999;

pub(super) fn products(state: &mut State, method: Method, rest: &[&str], params: Params) -> Routed {
    Ok(Some(match (method, rest) {
        (Method::Get, []) => list_products(state, params)?,
        (Method::Post, []) => create_product(state, params)?,
        (Method::Get, [id]) => {
            params.finish()?;
            state.product(id)?.to_json()
        }
        (Method::Post, [id]) => update_product(state, id, params)?,
        _ => return Ok(None),
    }))
}

pub(super) fn prices(state: &mut State, method: Method, rest: &[&str], params: Params) -> Routed {
    Ok(Some(match (method, rest) {
        (Method::Get, []) => list_prices(state, params)?,
        (Method::Post, []) => create_price(state, params)?,
        (Method::Get, [id]) => {
            params.finish()?;
            state.price(id)?.to_json()
        }
        (Method::Post, [id]) => update_price(state, id, params)?,
        _ => return Ok(None),
    }))
}

fn create_product(state: &mut State, mut params: Params) -> Outcome {
    let name = params.required_text("name")?;
    let active = params.boolean("active")?.unwrap_or(true);
    let description = params.text("description")?;
    let metadata = params.metadata()?.into_map();
    params.finish()?;
    let id = state.new_product(&name, |product| {
        product.active = active;
        product.description = description;
        product.metadata = metadata;
    });
    Ok(state.product(&id)?.to_json())
}

fn update_product(state: &mut State, id: &str, mut params: Params) -> Outcome {
    let name = params.text("name")?;
    let active = params.boolean("active")?;
    let description = params.clearable_text("description")?;
    let default_price = params.text("default_price")?;
    let metadata = params.metadata()?;
    params.finish()?;
    state.product(id)?;
    if let Some(price) = &default_price
        && state
            .prices
            .get(price)
            .is_none_or(|price| price.product != id)
    {
        return Err(StripeError::no_such_in("price", price, "default_price"));
    }
    state.edit_product(id, |product| {
        product.name = name.unwrap_or_else(|| product.name.clone());
        product.active = active.unwrap_or(product.active);
        if let Some(description) = description {
            product.description = (!description.is_empty()).then_some(description);
        }
        product.default_price = default_price.or_else(|| product.default_price.clone());
        metadata.apply(&mut product.metadata);
    });
    Ok(state.product(id)?.to_json())
}

fn list_products(state: &State, mut params: Params) -> Outcome {
    let page = Page::read(&mut params)?;
    let created = Created::read(&mut params)?;
    let active = params.boolean("active")?;
    let ids = params.texts("ids")?;
    params.finish()?;
    let rows = state.products.newest().filter(|product| {
        created.holds(*product)
            && active.is_none_or(|active| product.active == active)
            && (ids.is_empty() || ids.contains(&product.id))
    });
    page.cut("/v1/products", rows, Product::to_json)
}

fn create_price(state: &mut State, mut params: Params) -> Outcome {
    let currency = params.required_text("currency")?.to_lowercase();
    let active = params.boolean("active")?.unwrap_or(true);
    let unit_amount = params.integer("unit_amount", (0, MOST_CENTS))?;
    let cadence = params.object("recurring")?.map(read_cadence).transpose()?;
    let nickname = params.text("nickname")?;
    let lookup_key = params.text("lookup_key")?;
    let metadata = params.metadata()?.into_map();
    let product = params.text("product")?;
    let product_data = params.object("product_data")?;
    params.ignore(&["billing_scheme", "tax_behavior"]);
    params.finish()?;
    if currency.len() != 3 || !currency.chars().all(|c| c.is_ascii_lowercase()) {
        return Err(StripeError::parameter(
            None,
            "currency",
            format!("Invalid currency: {currency}"),
        ));
    }
    let unit_amount = unit_amount.ok_or_else(|| StripeError::missing_parameter("unit_amount"))?;
    check_lookup_key(state, lookup_key.as_ref())?;
    let product = match (product, product_data) {
        (Some(product), None) => {
            let known = state.products.get(&product);
            known.ok_or_else(|| StripeError::no_such_in("product", &product, "product"))?;
            product
        }
        (None, Some(mut data)) => {
            let name = data.required_text("name")?;
            data.finish()?;
            state.new_product(&name, |_| ())
        }
        (Some(_), Some(_)) | (None, None) => return Err(StripeError::missing_parameter("product")),
    };
    let id = state.new_price(&product, |price| {
        price.active = active;
        price.currency = currency;
        price.unit_amount = unit_amount;
        price.cadence = cadence;
        price.nickname = nickname;
        price.lookup_key = lookup_key;
        price.metadata = metadata;
    });
    Ok(state.price(&id)?.to_json())
}

fn read_cadence(mut recurring: Params) -> Result<Cadence, StripeError> {
    let missing = StripeError::missing_parameter(recurring.name("interval"));
    let interval = recurring
        .choice("interval", &Interval::NAMES)?
        .ok_or(missing)?;
    let count = recurring.integer("interval_count", (1, 156))?.unwrap_or(1);
    recurring.choice("usage_type", &[("licensed", ())])?;
    recurring.finish()?;
    Ok(Cadence {
        interval,
        count: u32::try_from(count).unwrap_or(1),
    })
}

fn check_lookup_key(state: &State, key: Option<&String>) -> Result<(), StripeError> {
    let Some(key) = key else { return Ok(()) };
    let holder = state
        .prices
        .iter()
        .find(|price| price.lookup_key.as_ref() == Some(key));
    match holder {
        None => Ok(()),
        Some(price) => Err(StripeError::invalid(format!(
            "A price (`{}`) already uses that lookup key.",
            price.id
        ))
        .with_code("resource_already_exists")
        .with_param("lookup_key")),
    }
}

fn update_price(state: &mut State, id: &str, mut params: Params) -> Outcome {
    let active = params.boolean("active")?;
    let nickname = params.clearable_text("nickname")?;
    let lookup_key = params.text("lookup_key")?;
    let metadata = params.metadata()?;
    params.ignore(&["tax_behavior"]);
    params.finish()?;
    let same_key = state.price(id)?.lookup_key == lookup_key;
    if !same_key {
        check_lookup_key(state, lookup_key.as_ref())?;
    }
    state.edit_price(id, |price| {
        price.active = active.unwrap_or(price.active);
        if let Some(nickname) = nickname {
            price.nickname = (!nickname.is_empty()).then_some(nickname);
        }
        price.lookup_key = lookup_key.or_else(|| price.lookup_key.clone());
        metadata.apply(&mut price.metadata);
    });
    Ok(state.price(id)?.to_json())
}

fn list_prices(state: &State, mut params: Params) -> Outcome {
    let page = Page::read(&mut params)?;
    let created = Created::read(&mut params)?;
    let active = params.boolean("active")?;
    let product = params.text("product")?;
    let currency = params.text("currency")?;
    let lookup_keys = params.texts("lookup_keys")?;
    let recurring = params.choice("type", &[("recurring", true), ("one_time", false)])?;
    let mut interval = None;
    if let Some(mut filter) = params.object("recurring")? {
        interval = filter.choice("interval", &Interval::NAMES)?;
        filter.choice("usage_type", &[("licensed", ())])?;
        filter.finish()?;
    }
    params.finish()?;
    let rows = state.prices.newest().filter(|price| {
        created.holds(*price)
            && active.is_none_or(|active| price.active == active)
            && matches(product.as_ref(), Some(&price.product))
            && matches(currency.as_ref(), Some(&price.currency))
            && recurring.is_none_or(|recurring| price.cadence.is_some() == recurring)
            && interval.is_none_or(|interval| {
                price
                    .cadence
                    .is_some_and(|cadence| cadence.interval == interval)
            })
            && (lookup_keys.is_empty()
                || price
                    .lookup_key
                    .as_ref()
                    .is_some_and(|key| lookup_keys.contains(key)))
    });
    page.cut("/v1/prices", rows, Price::to_json)
}
