"""A subscription's whole life, driven by Stripe's own client against the sandbox.

Usage: life_cycle.py <url of the sandbox>
"""

import json
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import stripe

URL = sys.argv[1]
SECRET = "whsec_python"
DAY = 86_400

client = stripe.StripeClient(
    "sk_test_sandbox", base_addresses={"api": URL}, max_network_retries=0
)
received = []


class Receiver(BaseHTTPRequestHandler):
    """Takes webhooks. The first one is refused, to see it come again."""

    refusals = 1

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if Receiver.refusals:
            Receiver.refusals -= 1
            self.send_response(503)
        else:
            received.append((body, self.headers["stripe-signature"]))
            self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def control(path, body=None, method="POST"):
    data = None if method == "GET" else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/_sandbox/{path}", data=data, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def advance(days):
    control("clock", {"advance_seconds": days * DAY})


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def pay_on_page(session, card):
    """Fills in the page's form. Answers status, address gone to, and text."""
    form = urllib.parse.urlencode({"card": card}).encode()
    try:
        with urllib.request.build_opener(NoRedirect).open(session.url, form) as answer:
            return answer.status, None, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers.get("location"), answer.read().decode()


def expect(error, call):
    try:
        call()
    except error as refused:
        return refused
    raise AssertionError(f"expected {error.__name__}")


def catalog():
    product = client.v1.products.create(
        {"name": "Pro", "metadata": {"tollgate_plan": "pro"}}
    )
    month, year = (
        client.v1.prices.create(
            {
                "product": product.id,
                "currency": "usd",
                "unit_amount": cents,
                "recurring": {"interval": interval},
                "lookup_key": f"pro_{interval}",
            }
        )
        for interval, cents in (("month", 4900), ("year", 49000))
    )
    found = client.v1.prices.list(
        {"product": product.id, "active": True, "expand": ["data.product"]}
    )
    assert [price.id for price in found.data] == [year.id, month.id]
    assert found.data[0].product.name == "Pro"
    return month


def buy(customer, price):
    session = client.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "customer": customer.id,
            "line_items": [{"price": price.id, "quantity": 2}],
            "success_url": "http://shop.test/done?id={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://shop.test/plans",
            "client_reference_id": "account-1",
            "metadata": {"account": "1"},
            "subscription_data": {"metadata": {"account": "1"}},
        },
        {"idempotency_key": "buy-1"},
    )
    assert session.status == "open" and session.amount_total == 9800
    with urllib.request.urlopen(session.url) as page:
        assert "$98.00" in page.read().decode()
    status, _, text = pay_on_page(session, "4000000000000002")
    assert status == 402 and "Your card was declined." in text
    status, address, _ = pay_on_page(session, "4242 4242 4242 4242")
    assert status == 303 and address == f"http://shop.test/done?id={session.id}", address
    paid = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert paid.line_items.data[0].quantity == 2
    return paid.subscription


def life(subscription_id):
    found = client.v1.subscriptions.retrieve(
        subscription_id, {"expand": ["latest_invoice.payments", "customer"]}
    )
    item = found["items"].data[0]
    assert found.status == "active" and item.quantity == 2
    assert found.metadata["account"] == "1" and found.customer.email == "ada@example.com"
    invoice = found.latest_invoice
    assert invoice.parent.subscription_details.subscription == subscription_id
    assert invoice.payments.data[0].payment.payment_intent.startswith("pi_")

    advance(10)
    moment = control("clock", method="GET")["now"]
    change = {
        "items": [{"id": item.id, "quantity": 5}],
        "proration_behavior": "always_invoice",
        "proration_date": moment,
    }
    preview = client.v1.invoices.create_preview(
        {"subscription": subscription_id, "subscription_details": change}
    )
    advance(1)
    changed = client.v1.subscriptions.update(
        subscription_id, {**change, "expand": ["latest_invoice"]}
    )
    assert changed["items"].data[0].quantity == 5
    assert changed.latest_invoice.amount_due == preview.amount_due > 0
    assert changed.latest_invoice.status == "paid"

    canceled = client.v1.subscriptions.update(subscription_id, {"cancel_at_period_end": True})
    assert canceled.cancel_at == canceled["items"].data[0].current_period_end
    kept = client.v1.subscriptions.update(subscription_id, {"cancel_at_period_end": False})
    assert kept.cancel_at is None and kept.canceled_at is None

    before = kept["items"].data[0].current_period_end
    control("clock", {"set": before})
    renewed = client.v1.subscriptions.retrieve(subscription_id)
    assert renewed["items"].data[0].current_period_start == before

    invoices = client.v1.invoices.list({"subscription": subscription_id, "limit": 1})
    reasons = [invoice.billing_reason for invoice in invoices.auto_paging_iter()]
    assert reasons == ["subscription_cycle", "subscription_update", "subscription_create"]

    refund = client.v1.refunds.create(
        {"payment_intent": invoice.payments.data[0].payment.payment_intent, "amount": 100}
    )
    assert refund.status == "succeeded"
    ended = client.v1.subscriptions.cancel(subscription_id)
    assert ended.status == "canceled" and ended.ended_at


def refusals(customer, price):
    missing = expect(
        stripe.InvalidRequestError, lambda: client.v1.subscriptions.retrieve("sub_none")
    )
    assert (missing.http_status, missing.code) == (404, "resource_missing")
    unknown = expect(
        stripe.InvalidRequestError, lambda: client.v1.customers.create({"colour": "red"})
    )
    assert (unknown.code, unknown.param) == ("parameter_unknown", "colour")
    early = expect(
        stripe.InvalidRequestError,
        lambda: client.v1.checkout.sessions.create(
            {
                "mode": "subscription",
                "line_items": [{"price": price.id, "quantity": 1}],
                "success_url": "http://shop.test/done",
                "subscription_data": {
                    "trial_end": control("clock", method="GET")["now"] + 47 * 3600
                },
            }
        ),
    )
    assert "at least 2 days" in early.user_message
    client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer.id})
    declined = expect(
        stripe.CardError,
        lambda: client.v1.payment_methods.attach(
            "pm_card_visa_chargeDeclined", {"customer": customer.id}
        ),
    )
    assert declined.code == "card_declined"
    assert declined.json_body["error"]["decline_code"] == "generic_decline"
    expect(
        stripe.AuthenticationError,
        lambda: stripe.StripeClient("sk_test_other", base_addresses={"api": URL}).v1.customers.list(),
    )


def keys():
    options = {"idempotency_key": "customer-1"}
    first = client.v1.customers.create({"email": "twice@example.com"}, options)
    again = client.v1.customers.create({"email": "twice@example.com"}, options)
    assert first.id == again.id
    assert again.last_response.headers["idempotent-replayed"] == "true"
    expect(
        stripe.IdempotencyError,
        lambda: client.v1.customers.create({"email": "other@example.com"}, options),
    )


def events(subscription_id):
    assert control("drain", {"timeout_ms": 60_000}) == {"pending": 0}
    listed = [
        event
        for event in client.v1.events.list({"types": ["customer.subscription.*"]}).auto_paging_iter()
        if event.data.object.id == subscription_id
    ]
    assert listed[0].type == "customer.subscription.deleted"
    kinds = set()
    for body, signature in received:
        event = stripe.Webhook.construct_event(body, signature, SECRET)
        assert event.api_version == stripe.api_version, event.api_version
        kinds.add(event.type)
    expect(
        stripe.SignatureVerificationError,
        lambda: stripe.Webhook.construct_event(received[0][0] + b" ", received[0][1], SECRET),
    )
    wanted = {
        "checkout.session.completed",
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "invoice.paid",
        "invoice.upcoming",
        "charge.refunded",
    }
    assert wanted <= kinds, wanted - kinds


def main():
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}/webhooks"
    control("webhooks", {"url": endpoint, "secret": SECRET})
    price = catalog()
    customer = client.v1.customers.create({"email": "ada@example.com", "name": "Ada"})
    subscription = buy(customer, price)
    life(subscription)
    refusals(customer, price)
    keys()
    events(subscription)
    print(f"stripe-python {stripe.VERSION}: a whole life, {len(received)} webhooks verified")


main()
