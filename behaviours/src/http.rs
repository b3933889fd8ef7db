//! HTTP clients.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, Url, redirect::Policy};

/// A client for one address. It follows no redirects. Where nothing is encrypted it does without
/// the system's certificates, which a small machine may not have.
pub(crate) fn client(url: &Url, timeout: Duration) -> reqwest::Result<Client> {
    let builder: ClientBuilder = Client::builder()
        .timeout(timeout)
        .redirect(Policy::none())
        .user_agent(concat!("vedette/", env!("CARGO_PKG_VERSION")));
    if url.scheme() == "http" { builder.tls_certs_only([]).build() } else { builder.build() }
}
