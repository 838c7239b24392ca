//! The client against a scripted server, in both formats: what it asks, and what it reads.

mod failures;

use super::*;
use crate::testing::models::{Answer, Call, Server};
use futures_util::StreamExt as _;
use runtime::llm::{Finish, Message, Part, Tool, ToolCall};
use serde_json::json;

const KEY: &str = "sk-canary-0123456789";

/// The models of one server, each by the format that it speaks.
const BOTH: [&str; 2] = ["openai/scripted", "anthropic/scripted"];

fn limits() -> Limits {
    Limits { answer_max_bytes: 1 << 20, ..Limits::default() }
}

fn models_with(server: &Server, limits: Limits) -> Models {
    let key = || Some(Secret::new(KEY, "test").unwrap());
    let endpoints = [
        Endpoint::new(Provider::OpenAi, &server.openai(), key()).unwrap(),
        Endpoint::new(Provider::Anthropic, &server.anthropic(), key()).unwrap(),
        Endpoint::new(Provider::Compatible, &server.openai(), None).unwrap(),
    ];
    Models::at(endpoints, limits)
}

fn models(server: &Server) -> Models {
    models_with(server, limits())
}

fn asking(model: &str) -> Request {
    let system = Message::System { text: "Be brief.".into() };
    let user = Message::User { text: "What is it?".into() };
    Request { model: model.into(), messages: vec![system, user], ..Request::default() }
}

/// The texts of a stream and its reply, or how it failed.
async fn streamed(models: &Models, request: Request) -> (Vec<String>, Result<Reply, Error>) {
    let mut parts = models.stream(Arc::new(request));
    let mut texts = Vec::new();
    let mut done = None;
    while let Some(part) = parts.next().await {
        assert!(done.is_none(), "nothing comes after the end: {part:?}");
        match part {
            Ok(Part::Text(text)) => texts.push(text),
            Ok(Part::Done(reply)) => done = Some(Ok(reply)),
            Err(error) => done = Some(Err(error)),
        }
    }
    (texts, done.expect("a stream ends with a reply or an error"))
}

async fn complete(models: &Models, request: Request) -> Result<Reply, Error> {
    models.complete(Arc::new(request)).await
}

#[tokio::test]
async fn a_text_comes_whole_and_in_pieces() {
    let server = Server::start();
    let models = models(&server);
    for model in BOTH {
        let text = "to be, or nöt to be";
        let answer = || {
            let left = [("limit", "60"), ("remaining", "59")];
            let answer = Answer::text(text).with_usage(7, 3);
            left.into_iter().fold(answer, |it, (name, value)| {
                it.header(&format!("x-ratelimit-{name}-requests"), value)
            })
        };
        server.then(answer()).then(answer());
        let whole = complete(&models, asking(model)).await.unwrap();
        let (texts, reply) = streamed(&models, asking(model)).await;
        assert_eq!(reply.unwrap(), whole, "{model}");
        assert!(texts.len() > 1 && texts.concat() == text, "{texts:?}");
        assert_eq!((whole.text.as_str(), whole.finish), (text, Finish::Stop));
        let usage = Usage { input_tokens: 7, output_tokens: 3, ..Usage::default() };
        assert_eq!((whole.usage, whole.model.as_str()), (usage, "scripted"));
        let left = whole.allowance.requests.unwrap();
        assert_eq!((left.limit, left.remaining), (Some(60), 59), "and what may still be asked");
    }
}

#[tokio::test]
async fn a_request_is_sent_in_the_words_of_its_provider() {
    let server = Server::start();
    server.always(|_, _| Answer::text("yes"));
    let models = models(&server);
    for model in ["openai/scripted", "anthropic/scripted", "compatible/scripted"] {
        let request = Request {
            temperature: Some(0.5),
            output_tokens_max: Some(99),
            key: Some("majordomo-1/call".into()),
            token: Some("7".into()),
            ..asking(model)
        };
        complete(&models, request).await.unwrap();
    }
    let seen = server.seen();
    let [openai, anthropic, compatible] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(openai.path, "/v1/chat/completions");
    assert_eq!(openai.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(openai.body["max_completion_tokens"], 99);
    assert_eq!(openai.body["messages"][0]["role"], "system");
    assert_eq!(anthropic.path, "/v1/messages");
    assert_eq!(anthropic.header("x-api-key"), Some(KEY));
    assert_eq!(anthropic.header("anthropic-version"), Some(ANTHROPIC_VERSION));
    assert_eq!(anthropic.body["system"], "Be brief.");
    assert_eq!(anthropic.body["max_tokens"], 99);
    assert_eq!(compatible.header("authorization"), None);
    assert_eq!(compatible.body["max_tokens"], 99);
    for one in &seen {
        assert_eq!(one.header("idempotency-key"), Some("majordomo-1/call"));
        assert_eq!(one.header("majordomo-token"), Some("7"));
        assert_eq!(
            (&one.body["model"], &one.body["temperature"]),
            (&json!("scripted"), &json!(0.5))
        );
        assert!(!one.body.to_string().contains("canary"));
    }
}

#[tokio::test]
async fn tools_are_called_and_their_results_told() {
    let server = Server::start();
    let models = models(&server);
    let (one, two) = (r#"{"city":"Oslo"}"#, r#"{"city":"Rome"}"#);
    for model in BOTH {
        let answer = || {
            Answer::text("Let me look.")
                .and_calls([Call::new("a", "look", one), Call::new("b", "look", two)])
        };
        server.then(answer()).then(answer());
        let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
        let look = Tool { name: "look".into(), description: "Looks.".into(), schema };
        let request = Request { tools: vec![look], ..asking(model) };
        let reply = complete(&models, request.clone()).await.unwrap();
        assert_eq!(streamed(&models, request.clone()).await.1.unwrap(), reply, "{model}");
        assert_eq!((reply.text.as_str(), &reply.finish), ("Let me look.", &Finish::Calls));
        let call = |id: &str, arguments: &str| ToolCall {
            id: id.into(),
            name: "look".into(),
            arguments: arguments.into(),
        };
        assert_eq!(reply.calls, [call("a", one), call("b", two)]);

        server.then(Answer::text("Rain."));
        let mut messages = request.messages.clone();
        messages.push(reply.to_message());
        for (id, text, is_error) in [("a", "rain", false), ("b", "no such city", true)] {
            let (id, name, text) = (id.into(), "look".into(), text.into());
            messages.push(Message::Tool { id, name, text, is_error });
        }
        complete(&models, Request { messages, ..request }).await.unwrap();
    }
    let seen = server.seen();
    let (openai, anthropic) = (&seen[2].body, &seen[5].body);
    assert_eq!(openai["tools"][0]["function"]["name"], "look");
    assert_eq!(openai["messages"][2]["tool_calls"][1]["function"]["arguments"], two);
    assert_eq!(openai["messages"][4]["tool_call_id"], "b");
    assert_eq!(anthropic["tools"][0]["input_schema"]["type"], "object");
    assert_eq!(anthropic["messages"][1]["content"][2]["input"]["city"], "Rome");
    let results = &anthropic["messages"][2]["content"];
    assert_eq!((&results[0]["tool_use_id"], &results[1]["is_error"]), (&json!("a"), &json!(true)));
}

#[tokio::test]
async fn an_answer_by_a_schema_is_asked_for_in_both_formats() {
    let server = Server::start();
    let models = models(&server);
    let object = json!({ "type": "object", "properties": { "n": { "type": "integer" } } });
    let list = json!({ "type": "array", "items": { "type": "integer" } });
    for (schema, answer, arguments) in
        [(object, r#"{"n":1}"#, r#"{"n":1}"#), (list, "[1]", r#"{"answer":[1]}"#)]
    {
        let by_tool = || Answer::calls([Call::new("a", "answer", arguments)]);
        server.then(Answer::text(answer)).then(Answer::text(answer));
        server.then(by_tool()).then(by_tool());
        for model in BOTH {
            let request = Request { schema: Some(schema.clone()), ..asking(model) };
            let reply = complete(&models, request.clone()).await.unwrap();
            assert_eq!((reply.text.as_str(), &reply.finish), (answer, &Finish::Stop), "{model}");
            assert_eq!(reply.calls, []);
            assert_eq!(streamed(&models, request).await.1.unwrap(), reply);
        }
    }
    let seen = server.seen();
    assert_eq!(seen[0].body["response_format"]["json_schema"]["schema"]["type"], "object");
    assert_eq!(seen[2].body["tool_choice"], json!({ "type": "tool", "name": "answer" }));
    assert_eq!(seen[6].body["tools"][0]["input_schema"]["required"], json!(["answer"]));
}

#[tokio::test]
async fn why_an_answer_ended_is_told() {
    let server = Server::start();
    let models = models(&server);
    for (model, said, finish) in [
        ("openai/scripted", "length", Finish::Length),
        ("anthropic/scripted", "max_tokens", Finish::Length),
        ("openai/scripted", "content_filter", Finish::Refused),
        ("anthropic/scripted", "refusal", Finish::Refused),
        ("openai/scripted", "odd", Finish::Other("odd".into())),
        ("anthropic/scripted", "pause_turn", Finish::Other("pause_turn".into())),
    ] {
        server.then(Answer::text("half").finishing(said));
        server.then(Answer::text("half").finishing(said));
        assert_eq!(complete(&models, asking(model)).await.unwrap().finish, finish);
        assert_eq!(streamed(&models, asking(model)).await.1.unwrap().finish, finish);
    }
}

#[tokio::test]
async fn tokens_that_nobody_counts_are_estimated_and_marked() {
    let server = Server::start();
    server.always(|_, _| Answer::text("twelve bytes").without_usage());
    let models = models(&server);
    let usage = complete(&models, asking("compatible/scripted")).await.unwrap().usage;
    let input_tokens = "Be brief.What is it?".len().div_ceil(4) as u64;
    let expected = Usage { input_tokens, output_tokens: 3, cached_tokens: 0, is_estimated: true };
    assert_eq!(usage, expected);
    assert_eq!(streamed(&models, asking("compatible/scripted")).await.1.unwrap().usage, expected);
}
