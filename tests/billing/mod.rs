mod checkout_session;
mod portal_session;
mod state;
