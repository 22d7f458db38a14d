mod stripe;
