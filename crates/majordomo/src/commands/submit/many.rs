//! `majordomo submit --many`: a file of tasks, one a line, and an answer for each.

use super::Given;
use crate::exit::Exit;
use anyhow::{Context, Result};
use majordomo::control::{Door, MANY_MAX, Request, Response, Wants};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

/// No more text than this is handed over at once, unless a single line has more.
const BATCH_MAX_BYTES: usize = 1 << 20;

/// The longest line; a longer one is refused, and the next is read.
const LINE_MAX_BYTES: u64 = 4 << 20;

/// One line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    capability: Option<String>,
    #[serde(default)]
    input: Value,
    key: Option<String>,
    class: Option<kernel::Class>,
    deadline_ms: Option<u64>,
    tenant: Option<String>,
    preemptible: Option<bool>,
    require: Option<String>,
    wish: Option<String>,
    weight: Option<u32>,
    sticky: Option<String>,
}

/// What became of the lines so far.
#[derive(Default)]
struct Sum {
    fresh: u64,
    known: u64,
    refused: u64,
    /// Any of these was refused for want of room.
    no_room: bool,
}

/// Lines that go together: their numbers, and each as a request or why it is none.
#[derive(Default)]
struct Batch {
    lines: Vec<(u64, Result<Request, String>)>,
    bytes: usize,
}

/// Hands over the lines of a file, or of standard input if it is `-`. Nothing but one batch is held
/// in memory; whoever writes slowly to a pipe has the answers as soon as the lines are there.
pub(super) async fn submit(path: &Path, given: &Given, door: &mut Door) -> Result<Exit> {
    let source: Box<dyn Read + Send> = match path.to_str() {
        Some("-") => Box::new(std::io::stdin()),
        _ => {
            let file = std::fs::File::open(path);
            Box::new(file.with_context(|| format!("cannot read {}", path.display()))?)
        }
    };
    let (mut lines, mut sum) = (Lines::new(source), Sum::default());
    loop {
        let batch = tokio::task::block_in_place(|| lines.batch(given))?;
        if batch.lines.is_empty() {
            break;
        }
        if let Err(why) = hand_over(batch, &given.team, door, &mut sum).await {
            sum.say();
            return Err(why.context(
                "what has an answer above is accepted; send the file again, where lines with a key \
                 are not made twice",
            ));
        }
    }
    sum.say();
    Ok(if sum.refused == 0 { Exit::Done } else { Exit::Failed })
}

/// Sends a batch and prints an answer for each of its lines.
async fn hand_over(batch: Batch, team: &str, door: &mut Door, sum: &mut Sum) -> Result<()> {
    let requests = batch.lines.iter().filter_map(|(_, it)| it.as_ref().ok()).cloned().collect();
    let mut answers = match door.ask(team, Request::Many { requests }).await? {
        Response::Many { answers } => answers.into_iter(),
        other => anyhow::bail!("not an answer to many: {}", serde_json::to_string(&other)?),
    };
    let mut out = anstream::stdout().lock();
    for (number, line) in batch.lines {
        let answer = match line {
            Ok(_) => answers.next().context("there are fewer answers than lines")?,
            Err(message) => Response::Refused { message, retry_after_ms: None },
        };
        sum.count(&answer);
        let mut said = json!({ "line": number });
        if let (Value::Object(said), Value::Object(answer)) =
            (&mut said, serde_json::to_value(&answer)?)
        {
            said.extend(answer);
        }
        writeln!(out, "{said}")?;
    }
    out.flush()?;
    Ok(())
}

impl Sum {
    fn count(&mut self, answer: &Response) {
        match answer {
            Response::Accepted { fresh: true, .. } => self.fresh += 1,
            Response::Accepted { fresh: false, .. } => self.known += 1,
            other => {
                self.refused += 1;
                self.no_room |= matches!(other, Response::Refused { retry_after_ms: Some(_), .. });
            }
        }
    }

    fn say(&self) {
        let Sum { fresh, known, refused, no_room } = self;
        anstream::eprintln!("{fresh} accepted, {known} known by their keys, {refused} refused");
        if *no_room {
            anstream::eprintln!(
                "there was no room for some: send the file again later; lines with a key are not \
                 made twice"
            );
        }
    }
}

/// A source of lines, and how many there have been.
struct Lines {
    source: BufReader<Box<dyn Read + Send>>,
    number: u64,
}

impl Lines {
    fn new(source: Box<dyn Read + Send>) -> Lines {
        Lines { source: BufReader::with_capacity(1 << 16, source), number: 0 }
    }

    /// The lines that are there, up to a bound; none at the end.
    fn batch(&mut self, given: &Given) -> Result<Batch> {
        let mut batch = Batch::default();
        while batch.lines.len() < MANY_MAX && batch.bytes < BATCH_MAX_BYTES {
            let Some(text) = self.line()? else { break };
            batch.bytes += text.as_ref().map_or(0, Vec::len);
            match text {
                Ok(text) if text.trim_ascii().is_empty() => {}
                Ok(text) => batch.lines.push((self.number, given.request(&text))),
                Err(why) => batch.lines.push((self.number, Err(why))),
            }
            // More is to come, perhaps later: whoever wrote these shall hear of them.
            if !batch.lines.is_empty() && !self.source.buffer().contains(&b'\n') {
                break;
            }
        }
        Ok(batch)
    }

    /// The next line, or why it is too long; `None` at the end.
    fn line(&mut self) -> Result<Option<Result<Vec<u8>, String>>> {
        let mut text = Vec::new();
        let mut limited = self.source.by_ref().take(LINE_MAX_BYTES);
        if limited.read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if text.ends_with(b"\n") || (text.len() as u64) < LINE_MAX_BYTES {
            return Ok(Some(Ok(text)));
        }
        self.source.skip_until(b'\n')?;
        Ok(Some(Err(format!("the line has more than {LINE_MAX_BYTES} bytes"))))
    }
}

impl Given {
    /// What a line asks for, with what the command line says where it says nothing.
    fn request(&self, text: &[u8]) -> Result<Request, String> {
        let line: Line = serde_json::from_slice(text).map_err(|why| {
            format!(
                "{why}; write {{\"capability\":\"text.count\",\"input\":\"a b\",\"key\":\"1\"}}"
            )
        })?;
        let capability = line.capability.or_else(|| self.capability.clone());
        let given = self.wants.clone();
        let wants = Wants {
            tenant: line.tenant.or(given.tenant),
            preemptible: line.preemptible.unwrap_or(given.preemptible),
            require: line.require.or(given.require),
            wish: line.wish.or(given.wish),
            weight: line.weight.or(given.weight),
            sticky: line.sticky.or(given.sticky),
        };
        Ok(Request::Submit {
            capability: capability.ok_or("it does not say which `capability` is asked for")?,
            input: line.input,
            key: line.key,
            class: line.class.unwrap_or(self.class),
            deadline_ms: line.deadline_ms.or(self.deadline_ms),
            wait: false,
            live: false,
            wants,
        })
    }
}
