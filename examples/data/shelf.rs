//! Shelves for books, as a library would keep them.
//!
//! A shelf has room for so many books and keeps them in order.

/// Books that fit on a shelf unless told otherwise.
pub const ROOM: usize = 40;

/// A book, as far as a shelf is concerned.
#[derive(Clone, Debug, PartialEq)]
pub struct Book {
    /// As it stands on the spine.
    pub title: String,
    /// In centimetres.
    pub height: f64,
}

/// A shelf and what stands on it.
#[derive(Debug, Default)]
pub struct Shelf {
    books: Vec<Book>,
    room: usize,
}

impl Shelf {
    /// An empty shelf with room for so many books.
    pub fn with_room(room: usize) -> Shelf {
        Shelf { books: Vec::new(), room }
    }

    /// Puts a book where it belongs; gives it back if there is no room.
    pub fn put(&mut self, book: Book) -> Result<(), Book> {
        if self.books.len() >= self.room {
            return Err(book);
        }
        let at = self.books.partition_point(|other| other.title < book.title);
        self.books.insert(at, book);
        Ok(())
    }

    /// The book of this title, if it stands here.
    pub fn find(&self, title: &str) -> Option<&Book> {
        self.books.iter().find(|book| book.title == title)
    }

    pub fn is_full(&self) -> bool {
        self.books.len() >= self.room
    }
}

/// How high a shelf must be for these books, with two fingers of air.
pub fn height_for(books: &[Book], air: f64) -> f64 {
    books.iter().map(|book| book.height).fold(0.0, f64::max) + air
}

/// Sorts titles as a librarian does: articles do not count.
pub fn sort_key(title: &str) -> String {
    let lower = title.to_lowercase();
    ["the ", "a ", "an "]
        .iter()
        .find_map(|article| lower.strip_prefix(article))
        .unwrap_or(&lower)
        .to_owned()
}
