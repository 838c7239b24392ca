//! Every way in which a call can fail, in both formats, whole and streamed.

use super::*;
use kernel::FailureKind;
use runtime::api::Failure;
use runtime::llm::Waited;
use std::time::Duration;

/// Plays the answer to a whole call and to a stream, in both formats; gives how each failed.
async fn failing(answer: impl Fn() -> Answer, limits: Limits) -> Vec<Error> {
    let server = Server::start();
    let models = models_with(&server, limits);
    let mut errors = Vec::new();
    for model in BOTH {
        server.then(answer()).then(answer());
        errors.push(complete(&models, asking(model)).await.unwrap_err());
        errors.push(streamed(&models, asking(model)).await.1.unwrap_err());
    }
    assert_eq!(server.seen().len(), 4, "each call is sent once");
    for error in &errors {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("canary"), "a key is shown: {shown}");
        assert!(BOTH.iter().any(|model| shown.contains(model)), "whose: {shown}");
    }
    errors
}

#[tokio::test]
async fn each_status_means_something() {
    for (status, words, kind, what) in [
        (400, "no", FailureKind::Rejected, "is not accepted (400"),
        (400, "prompt is too long: 9 > 8", FailureKind::Limit, "too long for it"),
        (400, "Your credit balance is too low", FailureKind::Error, "nothing is left"),
        (401, "bad key sk-canary-0123456789", FailureKind::Error, "bad key ***"),
        (404, "no such model", FailureKind::Error, "it is not there"),
        (413, "large", FailureKind::Limit, "too long for it"),
        (429, "slow down", FailureKind::Overloaded, "too many calls"),
        (429, "insufficient_quota", FailureKind::Error, "nothing is left"),
        (500, "oops", FailureKind::Error, "it failed (500"),
        (503, "busy", FailureKind::Overloaded, "it is overloaded"),
        (529, "busy", FailureKind::Overloaded, "it is overloaded"),
        (302, "there", FailureKind::Error, "BASE_URL"),
    ] {
        for error in failing(|| Answer::status(status).saying(words), limits()).await {
            assert_eq!(error.kind(), kind, "{status}: {error}");
            assert!(error.to_string().contains(what), "{status}: {error}");
            assert_eq!(error.retry_after_ms(), None, "nothing was said: {error}");
            let failure = Failure::from(error.clone());
            assert_eq!((failure.kind, failure.message), (kind, error.to_string()));
        }
    }
}

#[tokio::test]
async fn when_to_come_back_is_heard() {
    for status in [429, 500, 503, 529] {
        let answer = || Answer::status(status).header("retry-after", "2");
        for error in failing(answer, limits()).await {
            assert_eq!(error.retry_after_ms(), Some(2_000), "{error}");
            assert_eq!(Failure::from(error).retry_after_ms, Some(2_000));
        }
    }
}

#[tokio::test]
async fn what_is_no_answer_is_refused() {
    type Script = fn() -> Answer;
    let nonsense: [(&str, Script); 5] = [
        ("no JSON", || Answer::raw("{\"choices\": [")),
        ("not JSON", || Answer::raw("<html>").content_type("text/html")),
        ("it has no", || Answer::raw("{}")),
        ("it has no", || Answer::raw(r#"{"choices":[],"content":null}"#)),
        ("it has no", || Answer::raw("[]")),
    ];
    for (what, answer) in nonsense {
        for (at, error) in failing(answer, limits()).await.into_iter().enumerate() {
            assert_eq!(error.kind(), FailureKind::Garbage, "{error}");
            let streamed = at % 2 == 1 && error.to_string().contains("not a stream");
            assert!(error.to_string().contains(what) || streamed, "{what}: {error}");
        }
    }
    let garbled =
        |bytes: &'static str| move || Answer::raw(bytes).content_type("text/event-stream");
    let server = Server::start();
    for model in BOTH {
        for bytes in ["data: {\n\n", "data: \u{0}\n\n"] {
            server.then(garbled(bytes)());
            let error = streamed(&models(&server), asking(model)).await.1.unwrap_err();
            assert!(error.to_string().contains("an event of it is no JSON"), "{error}");
        }
        server.then(Answer::raw(b"data: \xff\n\n".to_vec()).content_type("text/event-stream"));
        let error = streamed(&models(&server), asking(model)).await.1.unwrap_err();
        assert!(error.to_string().contains("no text"), "{error}");
    }
}

#[tokio::test]
async fn an_error_in_the_middle_of_a_stream_is_one() {
    let server = Server::start();
    let models = models(&server);
    let event = |data: &str| {
        // What speaks of the stream itself is passed over.
        let text = format!("id: 7\n\nretry: 5\n\ndata: {data}\n\n");
        Answer::raw(text).content_type("text/event-stream")
    };
    let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"O"}}"#;
    for model in BOTH {
        server.then(event(overloaded));
        let error = streamed(&models, asking(model)).await.1.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Overloaded, "{error}");
    }
    server.then(event(r#"{"error":{"code":429,"message":"slow"}}"#));
    let error = streamed(&models, asking("openai/scripted")).await.1.unwrap_err();
    assert!(matches!(error, Error::RateLimited { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    for error in failing(|| Answer::text("a long enough text").cut_after(1), limits()).await {
        assert!(matches!(error, Error::Cut { bytes: 1.., .. }), "{error}");
    }
    for error in failing(|| Answer::text("").cut_after(0), limits()).await {
        assert!(matches!(error, Error::Cut { .. }), "{error}");
    }
    let server = Server::start();
    for model in BOTH {
        // Proper HTTP; only the format says that there should be more.
        server.then(Answer::text("a long enough text").ended_after(3));
        let (_, reply) = streamed(&models(&server), asking(model)).await;
        assert!(matches!(reply, Err(Error::Cut { .. })), "{reply:?}");
    }
}

#[tokio::test]
async fn a_silent_server_is_not_waited_for_for_ever() {
    let short = |change: fn(&mut Limits)| {
        let mut limits = limits();
        change(&mut limits);
        limits
    };
    let waited = |error: &Error| match error {
        Error::Timeout { waited, .. } => Some(*waited),
        _ => None,
    };
    for error in failing(|| Answer::text("x").held(), short(|it| it.answer_ms = 50)).await {
        assert_eq!(waited(&error), Some(Waited::Answer), "{error}");
        assert_eq!(error.kind(), FailureKind::Timeout);
    }
    let stalled = |pieces| move || Answer::text("a long enough text").stalling_after(pieces);
    for error in failing(stalled(1), short(|it| it.whole_ms = 50)).await {
        assert_eq!(waited(&error), Some(Waited::Whole), "{error}");
    }
    let both = short(|it| (it.piece_ms, it.answer_ms) = (40, 80));
    for (at, error) in failing(stalled(1), both).await.iter().enumerate() {
        let streamed = at % 2 == 1;
        let expected = if streamed { Waited::Answer } else { Waited::NextPiece };
        assert_eq!(waited(error), Some(expected), "a stream has said no word yet: {error}");
    }
    let server = Server::start();
    let models = models_with(&server, short(|it| it.piece_ms = 50));
    for model in BOTH {
        server.then(stalled(4)());
        let (texts, reply) = streamed(&models, asking(model)).await;
        assert_eq!(waited(&reply.unwrap_err()), Some(Waited::NextPiece), "{texts:?}");
        assert!(!texts.is_empty(), "it had begun");
    }
}

#[tokio::test]
async fn a_slow_answer_is_an_answer() {
    let server = Server::start();
    let models = models_with(&server, Limits { piece_ms: 2_000, ..limits() });
    for model in BOTH {
        server.then(Answer::text("slow but sure, slow").slowly(Duration::from_millis(20)));
        let (texts, reply) = streamed(&models, asking(model)).await;
        assert_eq!(texts.concat(), reply.unwrap().text);
    }
}

#[tokio::test]
async fn an_enormous_answer_is_not_taken() {
    let answer = || Answer::text("x".repeat(2 << 20));
    for error in failing(answer, limits()).await {
        assert!(matches!(error, Error::TooLarge { max: 1_048_576, .. }), "{error}");
        assert_eq!(error.kind(), FailureKind::Garbage);
    }
    let refusal = || Answer::status(400).saying("x".repeat(1 << 19));
    for error in failing(refusal, limits()).await {
        assert!(error.to_string().len() < 500, "what it says is cut");
    }
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let server = Server::start();
    for model in BOTH {
        server.then(Answer::text("all at once").whole());
        let (texts, reply) = streamed(&models(&server), asking(model)).await;
        assert_eq!((texts.len(), reply.unwrap().text.as_str()), (0, "all at once"));
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_is_ended() {
    let server = Server::start();
    server.then(Answer::text("late").held());
    let models = models(&server);
    let call = tokio::spawn(models.complete(Arc::new(asking("openai/scripted"))));
    let server = tokio::task::spawn_blocking(move || {
        server.wait_for(1);
        server
    });
    let server = server.await.unwrap();
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    // Its connection is closed, though `models` lives on.
    server.release();
    tokio::task::spawn_blocking(move || server.wait_until_alone()).await.unwrap();
    drop(models);
}

#[tokio::test]
async fn what_is_not_set_up_is_said_before_anything_is_sent() {
    let server = Server::start();
    let models = models(&server);
    for (model, what) in [
        ("gemini/pro", "provider gemini is not set up"),
        ("scripted", "say whose model it is"),
        ("oopenai/scripted", "there is no provider `oopenai`"),
    ] {
        let error = models.check(model).unwrap_err();
        assert!(matches!(error, Error::Setup { .. }), "{error}");
        assert!(error.to_string().contains(what), "{error}");
        assert_eq!(complete(&models, asking(model)).await.unwrap_err(), error);
        assert_eq!(streamed(&models, asking(model)).await.1.unwrap_err(), error);
    }
    assert_eq!(models.check("openai/scripted"), Ok(()));
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn nobody_there_is_said() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{closed}/v1");
    let endpoint = Endpoint::new(Provider::Ollama, &nobody, None).unwrap();
    let models = Models::at([endpoint], limits());
    let error = complete(&models, asking("ollama/qwen3")).await.unwrap_err();
    let Error::Unreachable { at, .. } = &error else { panic!("{error}") };
    assert_eq!(*at, format!("http://{closed}"));
    let error = models.list(Provider::Ollama).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn the_models_of_a_provider_are_listed() {
    let server = Server::start();
    let models = models(&server);
    assert_eq!(models.list(Provider::OpenAi).await, Ok(vec!["scripted".to_owned()]));
    assert_eq!(models.list(Provider::Anthropic).await, Ok(vec!["scripted".to_owned()]));
    assert!(!format!("{:?}", models.settings().collect::<Vec<_>>()).contains("canary"));
}

#[tokio::test]
async fn a_proxy_is_asked_for_https_and_for_nothing_else() {
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let heard = std::thread::spawn(move || {
        use std::io::{BufRead as _, Write as _};
        let (mut stream, _) = proxy.accept().unwrap();
        let mut line = String::new();
        std::io::BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").unwrap();
        line
    });
    let proxies = Matcher::builder().all(format!("http://{address}")).build();
    let server = Server::start();
    server.then(Answer::text("direct"));
    let settings = [
        Endpoint::new(Provider::Compatible, "https://models.invalid/v1", None),
        Endpoint::new(Provider::Ollama, &server.openai(), None),
    ];
    let settings = settings.map(|it| (it.as_ref().unwrap().provider, it));
    let models = Models::new(settings, limits(), &proxies);
    assert_eq!(complete(&models, asking("ollama/x")).await.unwrap().text, "direct");
    let error = complete(&models, asking("compatible/x")).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(heard.join().unwrap(), "CONNECT models.invalid:443 HTTP/1.1\r\n");
}
