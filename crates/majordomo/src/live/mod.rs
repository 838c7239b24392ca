//! What a person sees while a run goes on: counted from durable entries, drawn a few times a
//! second.

mod board;
mod screen;

pub use board::{AgentLine, Board, Standing, Work};
pub use screen::Screen;
