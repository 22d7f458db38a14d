//! Who is calling: extractors that a handler names in its signature.

use std::{
    future::{Future, Ready, ready},
    net::IpAddr,
    pin::Pin,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web};
use secrecy::ExposeSecret;
use tollgate_identity::Role;
use tollgate_use_cases::{
    App, GateQuestion, Session, pass_gate,
    ports::{AccessClaims, Caller},
};

use crate::http::{bearer, client_ip::TrustedProxies, error::ApiError};

/// The holder of an access token. Whether the session still lives is the use case's to ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed(pub(crate) AccessClaims);

/// Anybody in a session that lives.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn(pub(crate) Caller);

/// Anybody: in a session that lives, or `None`. Who has no valid token, for whatever reason, is nobody.
#[derive(Debug, Clone)]
pub(crate) struct Anybody(pub(crate) Option<Caller>);

/// An owner or admin of the account, in a session that lives.
#[derive(Debug, Clone)]
pub(crate) struct Admin(pub(crate) Caller);

/// Anybody in a session that lives whom both guards of the product let through.
#[derive(Debug, Clone)]
pub(crate) struct Product(pub(crate) Caller);

/// An owner or admin among those.
#[derive(Debug, Clone)]
pub(crate) struct ProductAdmin(pub(crate) Caller);

/// An operator of the platform, in a session that lives.
#[derive(Debug, Clone)]
pub(crate) struct Super(pub(crate) Caller);

/// Where the request came from, as a session remembers it.
#[derive(Debug, Clone)]
pub(crate) struct Origin(pub(crate) Session);

impl FromRequest for Signed {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(claims(request).map(Self))
    }
}

impl FromRequest for SignedIn {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = caller(request);
        Box::pin(async move { caller.await.map(Self) })
    }
}

impl FromRequest for Anybody {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let claims = claims(request).ok();
        let app = app(request);
        Box::pin(async move {
            let Some(claims) = claims else {
                return Ok(Self(None));
            };
            let caller = app?.store.caller(claims.session, claims.account).await?;
            Ok(Self(caller))
        })
    }
}

impl FromRequest for Admin {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = caller(request);
        Box::pin(async move {
            let caller = caller.await?;
            if !caller.role.is_admin_or_above() {
                return Err(ApiError::role_required(Role::Admin));
            }
            Ok(Self(caller))
        })
    }
}

impl FromRequest for Product {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let claims = claims(request);
        let app = app(request);
        Box::pin(async move {
            let passed = pass_gate(&*app?, &claims?, &GateQuestion::default()).await?;
            Ok(Self(passed.caller))
        })
    }
}

impl FromRequest for ProductAdmin {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let passed = Product::from_request(request, payload);
        Box::pin(async move {
            let Product(caller) = passed.await?;
            if !caller.role.is_admin_or_above() {
                return Err(ApiError::role_required(Role::Admin));
            }
            Ok(Self(caller))
        })
    }
}

impl FromRequest for Super {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = caller(request);
        Box::pin(async move {
            let caller = caller.await?;
            if !caller.is_super_admin {
                return Err(ApiError::super_admin_only());
            }
            Ok(Self(caller))
        })
    }
}

impl FromRequest for Origin {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let user_agent = request
            .headers()
            .get(header::USER_AGENT)
            .and_then(|agent| agent.to_str().ok())
            .map(|agent| agent.chars().take(400).collect());
        let ip = client_ip(request).map(|ip| ip.to_string());
        ready(Ok(Self(Session { user_agent, ip })))
    }
}

fn caller(request: &HttpRequest) -> impl Future<Output = Result<Caller, ApiError>> + use<> {
    let claims = claims(request);
    let app = app(request);
    async move {
        let claims = claims?;
        let caller = app?.store.caller(claims.session, claims.account).await?;
        caller.ok_or_else(ApiError::session_ended)
    }
}

pub(crate) fn client_ip(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let forwarded = request.headers().get_all("x-forwarded-for");
    let forwarded: Vec<_> = forwarded.filter_map(|hops| hops.to_str().ok()).collect();
    let proxies = request.app_data::<web::Data<TrustedProxies>>()?;
    proxies.client(peer, &forwarded.join(","))
}

fn claims(request: &HttpRequest) -> Result<AccessClaims, ApiError> {
    let app = app(request)?;
    let token = bearer(request).ok_or_else(ApiError::not_authenticated)?;
    Ok(app
        .access_tokens
        .verify(token.expose_secret(), app.clock.now())?)
}

fn app(request: &HttpRequest) -> Result<web::Data<App>, ApiError> {
    request
        .app_data::<web::Data<App>>()
        .cloned()
        .ok_or_else(ApiError::not_authenticated)
}
