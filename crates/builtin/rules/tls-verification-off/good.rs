pub fn client(insecure: bool) -> reqwest::Client {
    let mut builder = reqwest::Client::builder().danger_accept_invalid_certs(false);
    if insecure {
        builder = builder.danger_accept_invalid_certs(true);
    }
    builder.danger_accept_invalid_certs(insecure).build().unwrap()
}
