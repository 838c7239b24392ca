//! A type that serves nothing joins a team.
use majordomo::Team;

struct Analyst;

fn main() {
    let _ = Team::in_memory().with_agent("analyst", 1, || Analyst);
}
