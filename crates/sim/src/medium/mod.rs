//! What the journal is written on, as far as the world can see and hurt it.

mod disk;
mod memory;

pub use disk::Disk;
pub use memory::Memory;

use runtime::port::journal::{Error, Journal, Seq};

/// What happens to the next append.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blow {
    /// Nothing.
    #[default]
    None,
    /// It fails before anything is written.
    Lost,
    /// There is no room for it.
    Full,
    /// It fails when everything is written: nobody knows what is on the disk.
    Kept,
    /// The process stops when so many bytes are written.
    Torn(usize),
}

/// Something a journal can be opened on again and again.
pub trait Medium {
    /// Opens it as a new writer, whose epoch is above all before.
    ///
    /// # Errors
    /// What the journal says.
    fn open(&mut self) -> Result<Box<dyn Journal>, Error>;

    /// Decides the fate of the next append.
    fn plan(&mut self, blow: Blow);

    /// The power fails while nobody has it open: what was not synced may be lost.
    ///
    /// # Errors
    /// What the system says of its files.
    fn power_cut(&mut self, seed: u64) -> Result<(), String>;

    /// A bit flips while nobody has it open, and flips back. Whether there was one to flip.
    ///
    /// # Errors
    /// With the bit flipped it could be opened, and entries up to `durable` were missing.
    fn bit_flips(&mut self, seed: u64, durable: Seq) -> Result<bool, String>;

    /// Whether a second writer can open it while the first stands still.
    fn can_be_taken_over(&self) -> bool;
}
