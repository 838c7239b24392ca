//! A server of models that somebody else wrote: does our client understand it?
//!
//! `cargo xtask litellm` starts one and runs this. `COMPATIBLE_BASE_URL` and `COMPATIBLE_API_KEY`
//! say where it is, the words after the name which model to ask for, and what it answers.

use majordomo::models::{Endpoint, Limits, Models, Secret, provider::Provider};
use majordomo::runtime::llm::{Error, Message, Part, Reply, Request};
use majordomo::runtime::port::Llm as _;
use std::future::poll_fn;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// A server on this machine takes a moment for each of these.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [model, expected] = &words[..] else {
        eprintln!("usage: foreign MODEL ANSWER");
        return ExitCode::from(2);
    };
    match tokio::time::timeout(PATIENCE, all(model, expected)).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(_) => {
            eprintln!("it takes longer than {PATIENCE:?}");
            ExitCode::FAILURE
        }
    }
}

/// Whether each look went well; says how each went.
async fn all(model: &str, expected: &str) -> bool {
    let models = Models::from_environment(Limits::default());
    let asked = || Arc::new(asking(model));
    let plain = models.complete(asked()).await;
    let (pieces, streamed) = streamed(&models, asked()).await;
    let counts = |reply: &Result<Reply, Error>| {
        reply.as_ref().is_ok_and(|it| it.usage.total_tokens() > 0 && !it.usage.is_estimated)
    };
    let says = |reply: &Result<Reply, Error>| reply.as_ref().is_ok_and(|it| it.text == expected);
    let listed = models.list(Provider::Compatible).await;
    let wrong = match stranger() {
        Ok(models) => models.complete(asked()).await,
        Err(what) => Err(Error::Setup { model: model.to_owned(), what }),
    };
    let looks = [
        ("lists its models", listed.is_ok(), format!("{listed:?}")),
        ("answers", says(&plain), format!("{plain:?}")),
        ("counts tokens", counts(&plain), format!("{plain:?}")),
        ("streams", says(&streamed) && pieces > 1, format!("{pieces} pieces, {streamed:?}")),
        ("counts them in a stream", counts(&streamed), format!("{streamed:?}")),
        // 401, or 400 from a proxy without a database in which keys could stand.
        ("refuses a wrong key", is_refused(&wrong), format!("{wrong:?}")),
    ];
    for (what, is_so, how) in &looks {
        println!("{} {what}", if *is_so { "ok  " } else { "FAIL" });
        if !is_so {
            println!("     {how}");
        }
    }
    if let Err(error) = &wrong {
        println!("     in its words: {error}");
    }
    looks.iter().all(|(_, is_so, _)| *is_so)
}

fn is_refused(result: &Result<Reply, Error>) -> bool {
    matches!(result, Err(Error::Auth { .. } | Error::BadRequest { status: 400, .. }))
}

fn asking(model: &str) -> Request {
    let system = Message::System { text: "Be brief.".to_owned() };
    let user = Message::User { text: "What is it?".to_owned() };
    Request { model: model.to_owned(), messages: vec![system, user], ..Request::default() }
}

/// How many pieces a stream has, and its reply.
async fn streamed(models: &Models, request: Arc<Request>) -> (usize, Result<Reply, Error>) {
    let model = request.model.clone();
    let (mut parts, mut pieces) = (models.stream(request), 0);
    loop {
        match poll_fn(|cx| parts.as_mut().poll_next(cx)).await {
            Some(Ok(Part::Text(_))) => pieces += 1,
            Some(Ok(Part::Done(reply))) => return (pieces, Ok(reply)),
            Some(Err(error)) => return (pieces, Err(error)),
            None => return (pieces, Err(Error::Cut { model, bytes: 0 })),
        }
    }
}

/// The same server, asked with a key that it does not know.
fn stranger() -> Result<Models, String> {
    let key = Secret::new("sk-nobody-knows-this-one", "a test").map_err(|why| why.to_string())?;
    let at = std::env::var("COMPATIBLE_BASE_URL").map_err(|why| why.to_string())?;
    Ok(Models::at([Endpoint::new(Provider::Compatible, &at, Some(key))?], Limits::default()))
}
