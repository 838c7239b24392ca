//! A state that cannot move between threads.
use majordomo::{Context, Result, capability};
use std::rc::Rc;

struct Analyst {
    rules: Rc<String>,
}

#[capability]
impl Analyst {
    #[capability("code.review@1")]
    async fn review(&self, _: Context, file: String) -> Result<bool> {
        Ok(file.contains(&*self.rules))
    }
}

fn main() {}

// Do: Use what can be shared: `Arc` for `Rc`, a `Mutex` or `&mut self` for a `RefCell`. The state
// of an agent is seen by tasks on several threads. What follows in the list is said of the same
// field.
