//! One life of a server: a death is told once, by the start as long as that is under way and to the
//! agent's supervisor from then on.

use std::sync::{Arc, Mutex, PoisonError};

use kernel::Exit;
use runtime::port::Vitals;

use super::fault::Fault;
use super::stdio::OnEnd;

/// What is known of it.
pub(super) struct Life {
    vitals: Vitals,
    stage: Arc<Mutex<Stage>>,
}

enum Stage {
    Coming,
    Up,
    Ended(Fault),
}

impl Life {
    pub(super) fn new(vitals: Vitals) -> Self {
        Self { vitals, stage: Arc::new(Mutex::new(Stage::Coming)) }
    }

    /// What is to be done when the server has ended.
    pub(super) fn on_end(&self) -> OnEnd {
        let (vitals, stage) = (self.vitals.clone(), self.stage.clone());
        Box::new(move |fault, is_normal| {
            let mut stage = stage.lock().unwrap_or_else(PoisonError::into_inner);
            let was = std::mem::replace(&mut *stage, Stage::Ended(fault.clone()));
            if matches!(was, Stage::Up) {
                let abnormal = || Exit::Abnormal(fault.to_string().into());
                vitals.exited(if is_normal { Exit::Normal } else { abnormal() });
            }
        })
    }

    /// It has come up, if it has not ended since.
    pub(super) fn is_up(&self) -> Result<(), Fault> {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Ended(fault) = &*stage {
            return Err(fault.clone());
        }
        *stage = Stage::Up;
        Ok(())
    }
}
