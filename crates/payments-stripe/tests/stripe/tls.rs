//! Who is not Stripe is told nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivatePkcs8KeyDer},
};
use tollgate_payments_stripe::{Settings, StripePayments};
use tollgate_use_cases::ports::{Payments, PaymentsError};

use crate::given::{customer, key, settings};

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    plain: AtomicUsize,
    trusted: AtomicUsize,
}

/// A server with a certificate that it has signed itself.
async fn impostor() -> (String, Arc<Seen>, JoinHandle<()>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let secret = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], secret.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let seen = Arc::new(Seen::default());
    let counted = Arc::clone(&seen);
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counted.connections.fetch_add(1, Ordering::SeqCst);
            let mut first = [0];
            if stream.peek(&mut first).await.is_ok_and(|read| read > 0) && first != [HANDSHAKE] {
                counted.plain.fetch_add(1, Ordering::SeqCst);
            }
            if acceptor.accept(stream).await.is_ok() {
                counted.trusted.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    (url, seen, serving)
}

#[tokio::test]
async fn f40_a_server_with_a_wrong_certificate_is_told_nothing_and_tried_again() {
    let (url, seen, serving) = impostor().await;
    let payments = StripePayments::new(settings(&url)).unwrap();
    let result = payments.create_customer(&key("a"), &customer()).await;
    serving.abort();
    let Err(PaymentsError::Unavailable { source, .. }) = result else {
        panic!("{result:?}")
    };
    assert_eq!(source.to_string(), "no connection, or it broke");
    assert_eq!(seen.connections.load(Ordering::SeqCst), 4, "every try");
    assert_eq!(
        seen.plain.load(Ordering::SeqCst),
        0,
        "nothing in plain text"
    );
    assert_eq!(
        seen.trusted.load(Ordering::SeqCst),
        0,
        "no handshake went through"
    );
}

#[tokio::test]
async fn f40_a_name_that_leads_nowhere_is_unavailable() {
    let settings = Settings {
        deadline: Duration::from_secs(2),
        ..settings("https://stripe.invalid")
    };
    let payments = StripePayments::new(settings).unwrap();
    let result = payments.create_customer(&key("a"), &customer()).await;
    assert!(
        matches!(result, Err(PaymentsError::Unavailable { .. })),
        "{result:?}"
    );
}
