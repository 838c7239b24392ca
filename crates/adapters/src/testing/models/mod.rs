//! A model server that plays a script: real HTTP on loopback, in OpenAI's and Anthropic's formats.
//!
//! ```
//! use majordomo_adapters::testing::models::{Answer, Server};
//!
//! let server = Server::start();
//! server.then(Answer::status(429).header("retry-after", "2"));
//! server.then(Answer::text("to be").with_usage(12, 3));
//! // … point a client at `server.openai()` or `server.anthropic()`, then:
//! assert_eq!(server.seen().len(), 0);
//! ```
//!
//! It does to its clients what servers do on bad days: see [`Answer`]. It stands on threads of its
//! own, so that it serves a program under test as well as a test.

mod answer;
mod http;
mod wire;

pub use answer::{Answer, Call};

use http::{Connection, Received};
use serde_json::Value;
use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Clients at once; more are turned away.
const CONNECTIONS_MAX: usize = 512;

/// A server that plays a script until it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `POST`, mostly.
    pub method: String,
    /// Below the server's root.
    pub path: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body, if it was JSON.
    pub body: Value,
}

type Answering = dyn Fn(&Seen, usize) -> Answer + Send + Sync;

#[derive(Default)]
struct State {
    script: VecDeque<Answer>,
    always: Option<Arc<Answering>>,
    seen: Vec<Seen>,
    /// Answers that were written to their end.
    answered: usize,
    connections: usize,
    is_over: bool,
    /// Whether what was held may go on.
    is_released: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Seen {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What was said last in the conversation.
    #[must_use]
    pub fn last_text(&self) -> String {
        let last = self.body.get("messages").and_then(|it| it.as_array()?.last());
        let content = last.and_then(|it| it.get("content"));
        match content {
            Some(Value::Array(blocks)) => {
                let text = |it: &Value| it.get("text").or(it.get("content")).cloned();
                let texts = blocks.iter().filter_map(text);
                texts.filter_map(|it| it.as_str().map(str::to_owned)).collect()
            }
            Some(Value::String(text)) => text.clone(),
            _ => String::new(),
        }
    }
}

impl Server {
    /// Listens on a free port of loopback.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        let serving = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.lock().is_over {
                    return;
                }
                if let Ok(stream) = stream {
                    Shared::admit(&serving, stream);
                }
            }
        });
        Server { address, shared }
    }

    /// The base address for OpenAI's format.
    #[must_use]
    pub fn openai(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The base address for Anthropic's.
    #[must_use]
    pub fn anthropic(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds an answer to the script: each is given once, in order.
    pub fn then(&self, answer: Answer) -> &Server {
        self.shared.lock().script.push_back(answer);
        self
    }

    /// What is answered when the script is over; it knows the request, and its number from 0.
    pub fn always(
        &self,
        answer: impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static,
    ) -> &Server {
        self.shared.lock().always = Some(Arc::new(answer));
        self
    }

    /// Every request so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }

    /// Waits until so many requests have come; at most a minute.
    ///
    /// # Panics
    /// When the minute is over.
    pub fn wait_for(&self, requests: usize) {
        self.shared.wait(|state| state.seen.len() >= requests, "requests");
    }

    /// Waits until so many answers are written to their end; at most a minute.
    ///
    /// # Panics
    /// When the minute is over.
    pub fn wait_for_answers(&self, answers: usize) {
        self.shared.wait(|state| state.answered >= answers, "answers");
    }

    /// Waits until nobody is connected: whoever was has gone, or was told to. At most a minute.
    ///
    /// # Panics
    /// When the minute is over.
    pub fn wait_until_alone(&self) {
        self.shared.wait(|state| state.connections == 0, "an end of connections");
    }

    /// Lets answers that are held go on, those to come included.
    pub fn release(&self) {
        self.shared.lock().is_released = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        // Wakes the one who listens.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn wait(&self, until: impl Fn(&State) -> bool, what: &str) {
        let ends = Instant::now() + Duration::from_secs(60);
        let mut state = self.lock();
        while !until(&state) {
            let left = ends.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited a minute for {what}; {} came", state.seen.len());
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    fn admit(shared: &Arc<Shared>, stream: TcpStream) {
        let mut state = shared.lock();
        if state.connections >= CONNECTIONS_MAX {
            return;
        }
        state.connections += 1;
        drop(state);
        let shared = shared.clone();
        std::thread::spawn(move || {
            // Whoever is gone needs no answer.
            let _ = shared.serve(stream);
            shared.change(|state| state.connections -= 1);
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut connection = Connection::new(stream)?;
        while let Some(Received { method, path, headers, body }) = connection.receive()? {
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let seen = Seen { method, path, headers, body };
            let answer = self.next_answer(&seen);
            let goes_on = answer.write(&mut connection, &seen, &|pause| self.pause(pause))?;
            self.change(|state| state.answered += 1);
            if !goes_on {
                return Ok(());
            }
        }
        Ok(())
    }

    fn next_answer(&self, seen: &Seen) -> Answer {
        if seen.method == "GET" {
            return Answer::models(&["scripted"]);
        }
        let mut state = self.lock();
        let number = state.seen.len();
        state.seen.push(seen.clone());
        let (next, always) = (state.script.pop_front(), state.always.clone());
        drop(state);
        self.changed.notify_all();
        next.unwrap_or_else(|| match always {
            Some(always) => always(seen, number),
            None => Answer::status(500).saying("the script is over"),
        })
    }

    /// Waits so long, or, without a time, until it is released; `false` when all is over.
    fn pause(&self, pause: Option<Duration>) -> bool {
        let ends = pause.map(|pause| Instant::now() + pause);
        let mut state = self.lock();
        loop {
            if state.is_over {
                return false;
            }
            let left = match ends {
                None if state.is_released => return true,
                None => Duration::from_secs(60),
                Some(ends) => ends.saturating_duration_since(Instant::now()),
            };
            if left.is_zero() {
                return true;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }
}
