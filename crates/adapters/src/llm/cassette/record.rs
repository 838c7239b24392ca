//! Recording: each call goes to the models as ever, and stands in the file when it has ended.
//!
//! Appended line by line, so that what was recorded before a crash can be played; at most the line
//! that was being written is cut off. A line that cannot be written ends the recording, not the
//! call, which is paid: [`Recorder::finish`] tells.

use super::file::{self, Ending, FILE_MAX_BYTES, Line};
use super::{Error, hidden};
use crate::llm::Secret;
use futures_util::{StreamExt as _, stream};
use runtime::llm::{Error as CallError, Part, Reply, Request};
use runtime::port::llm::Parts;
use runtime::port::{BoxFuture, Llm};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Models whose calls are recorded. See [`super::Cassette::record`].
pub struct Recorder {
    models: Arc<dyn Llm>,
    tape: Arc<Tape>,
}

/// The file while it is written.
struct Tape {
    path: PathBuf,
    keys: Vec<Secret>,
    state: Mutex<State>,
}

struct State {
    /// Where the file is until it has something to say: what was there before is worth keeping as
    /// long as nothing comes of this.
    waits_at: Option<PathBuf>,
    /// Nothing more is written once that has failed.
    file: Result<File, io::Error>,
    bytes: u64,
    calls: usize,
}

impl Recorder {
    pub(super) fn create(path: &Path, models: Arc<dyn Llm>) -> Result<Recorder, Error> {
        let (waits_at, file) = create(path).map_err(at(path))?;
        Ok(Recorder::on(path, file, Some(waits_at), file::head().len() as u64, models))
    }

    pub(super) fn go_on(path: &Path, models: Arc<dyn Llm>) -> Result<Recorder, Error> {
        if !path.exists() {
            return Recorder::create(path, models);
        }
        let bytes = file::read(path)?.whole_bytes;
        let open = || {
            let file = OpenOptions::new().append(true).open(path)?;
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
            file.set_len(bytes)?; // Half a line would spoil the next.
            Ok(file)
        };
        Ok(Recorder::on(path, open().map_err(at(path))?, None, bytes, models))
    }

    fn on(
        path: &Path,
        file: File,
        waits_at: Option<PathBuf>,
        bytes: u64,
        models: Arc<dyn Llm>,
    ) -> Recorder {
        let state = Mutex::new(State { waits_at, file: Ok(file), bytes, calls: 0 });
        let tape = Arc::new(Tape { path: path.to_owned(), keys: Vec::new(), state });
        Recorder { models, tape }
    }

    /// Writes `***` where one of these keys would stand. Requests have no keys in them; what a
    /// prompt or a provider says may.
    #[must_use]
    pub fn hiding(mut self, keys: impl IntoIterator<Item = Secret>) -> Recorder {
        if let Some(tape) = Arc::get_mut(&mut self.tape) {
            tape.keys.extend(keys);
        }
        self
    }

    /// Makes what was recorded durable; how many calls there are of this recording. More may
    /// follow.
    ///
    /// # Errors
    /// A call could not be written, and none since: the recording is not whole.
    pub fn finish(&self) -> Result<usize, Error> {
        let mut state = self.tape.lock();
        let placed = state.place(&self.tape.path);
        let synced = match &state.file {
            Ok(file) => placed.and_then(|()| file.sync_all()),
            Err(why) => Err(again(why)),
        };
        if let Err(why) = synced {
            state.file = Err(again(&why));
            return Err(at(&self.tape.path)(why));
        }
        Ok(state.calls)
    }
}

/// An error once more: they cannot be cloned.
fn again(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

fn at(path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io { path: path.to_owned(), what: "written", source }
}

impl State {
    /// Puts the file into the place of whatever was there.
    fn place(&mut self, path: &Path) -> io::Result<()> {
        let Some(waits_at) = &self.waits_at else { return Ok(()) };
        fs::rename(waits_at, path)?;
        self.waits_at = None;
        Ok(())
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(waits_at) = &self.waits_at {
            let _ = fs::remove_file(waits_at); // Nothing has come of it.
        }
    }
}

/// A file beside the place where it is to be, with nothing but its first line, for its owner alone.
fn create(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let _ = fs::remove_file(&new); // Of a recording that was killed as it began.
    let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&new)?;
    let new = PathBuf::from(new);
    if let Err(why) = file.write_all(file::head().as_bytes()).and_then(|()| file.sync_all()) {
        let _ = fs::remove_file(&new);
        return Err(why);
    }
    Ok((new, file))
}

impl Tape {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, line: &Line) {
        let text = line.text().and_then(|text| hidden(text, &self.keys)).map_err(io::Error::from);
        let mut state = self.lock();
        let placed = state.place(&self.path);
        let State { file: Ok(file), bytes, .. } = &mut *state else { return };
        let written = placed.and(text).and_then(|text| {
            *bytes += text.len() as u64;
            match *bytes {
                ..=FILE_MAX_BYTES => file.write_all(text.as_bytes()),
                _ => {
                    Err(io::Error::other(format!("it would have more than {FILE_MAX_BYTES} bytes")))
                }
            }
        });
        match written {
            Ok(()) => state.calls += 1,
            Err(why) => state.file = Err(why),
        }
    }
}

/// A call under way. Dropped before it has ended, it was given up.
struct Call {
    tape: Arc<Tape>,
    request: Arc<Request>,
    /// What has come of a stream.
    said: String,
    pieces: Vec<usize>,
    has_ended: bool,
}

impl Call {
    fn new(tape: &Arc<Tape>, request: &Arc<Request>) -> Call {
        let (tape, request) = (tape.clone(), request.clone());
        Call { tape, request, said: String::new(), pieces: Vec::new(), has_ended: false }
    }

    fn came(&mut self, text: &str) {
        self.said.push_str(text);
        self.pieces.push(text.len());
    }

    fn ended(&mut self, ending: Ending) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let mut line = Line::of(&self.request, ending);
        line.pieces = std::mem::take(&mut self.pieces);
        if !matches!(line.ending, Ending::Reply(_)) {
            line.said = std::mem::take(&mut self.said);
        }
        self.tape.write(&line);
    }

    fn result(&mut self, result: &Result<Reply, CallError>) {
        self.ended(match result {
            Ok(reply) => Ending::Reply(reply.clone()),
            Err(error) => Ending::Failure(error.clone()),
        });
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.ended(Ending::GivenUp(true));
    }
}

impl Llm for Recorder {
    fn complete(&self, request: Arc<Request>) -> BoxFuture<'static, Result<Reply, CallError>> {
        let mut call = Call::new(&self.tape, &request);
        let answer = self.models.complete(request);
        Box::pin(async move {
            let result = answer.await;
            call.result(&result);
            result
        })
    }

    fn stream(&self, request: Arc<Request>) -> Parts {
        let call = Call::new(&self.tape, &request);
        let parts = self.models.stream(request);
        Box::pin(stream::unfold((parts, call), |(mut parts, mut call)| async move {
            let part = parts.next().await?;
            match &part {
                Ok(Part::Text(text)) => call.came(text),
                Ok(Part::Done(reply)) => call.ended(Ending::Reply(reply.clone())),
                Err(error) => call.ended(Ending::Failure(error.clone())),
            }
            Some((part, (parts, call)))
        }))
    }

    fn check(&self, model: &str) -> Result<(), CallError> {
        self.models.check(model)
    }

    fn is_limited(&self) -> bool {
        self.models.is_limited()
    }
}
