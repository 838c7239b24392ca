//! A type that serves nothing joins a team.
use majordomo::Team;

struct Analyst;

fn main() {
    let _ = Team::in_memory().with_agent("analyst", 1, || Analyst);
}

// Do: Write `#[capability]` above its `impl` and `#[capability("…")]` above an `async fn` in it.
// A function joins by `.with(count)`.
