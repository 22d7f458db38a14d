mod storm;
mod stripe;
