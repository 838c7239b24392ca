//! A table keyed by a counter: constant-time access, iteration in order, memory given back by page.
//!
//! Ids rise by one, so a hash would be a detour, and a tree would be slower than both. A page that
//! has become empty is dropped; one task that stays open for a year holds on to one page, not to
//! the year.

use std::collections::VecDeque;

/// Small, since one value that stays keeps its page: with 16, a long life holds on to 16 places.
const PAGE: u64 = 16;
const PLACES: usize = PAGE as usize;

/// `u64 → T` for dense, rising keys.
#[derive(Clone, Debug)]
pub(crate) struct Table<T> {
    pages: VecDeque<Option<Box<Page<T>>>>,
    /// Key of the first place of the first page.
    start: u64,
    len: usize,
}

#[derive(Clone, Debug)]
struct Page<T> {
    places: [Option<T>; PLACES],
    used: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { pages: VecDeque::new(), start: 0, len: 0 }
    }
}

impl<T> Table<T> {
    pub(crate) fn get(&self, key: u64) -> Option<&T> {
        let (page, place) = self.locate(key)?;
        self.pages.get(page)?.as_ref()?.places[place].as_ref()
    }

    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        let (page, place) = self.locate(key)?;
        self.pages.get_mut(page)?.as_mut()?.places[place].as_mut()
    }

    /// Puts a value at a key; the one that was there is dropped.
    pub(crate) fn insert(&mut self, key: u64, value: T) {
        if self.pages.is_empty() {
            self.start = key / PAGE * PAGE;
        }
        while key < self.start {
            self.pages.push_front(None);
            self.start -= PAGE;
        }
        let page = ((key - self.start) / PAGE) as usize;
        while self.pages.len() <= page {
            self.pages.push_back(None);
        }
        let page = self.pages[page].get_or_insert_default();
        let place = &mut page.places[(key % PAGE) as usize];
        if place.replace(value).is_none() {
            page.used += 1;
            self.len += 1;
        }
    }

    pub(crate) fn remove(&mut self, key: u64) -> Option<T> {
        let (at, place) = self.locate(key)?;
        let page = self.pages.get_mut(at)?.as_mut()?;
        let value = page.places[place].take()?;
        page.used -= 1;
        self.len -= 1;
        if page.used == 0 {
            self.pages[at] = None;
            while let Some(None) = self.pages.front() {
                self.pages.pop_front();
                self.start += PAGE;
            }
        }
        Some(value)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Values in the order of their keys.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        let pages = self.pages.iter().flatten();
        pages.flat_map(|page| page.places.iter().flatten())
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let pages = self.pages.iter_mut().flatten();
        pages.flat_map(|page| page.places.iter_mut().flatten())
    }

    fn locate(&self, key: u64) -> Option<(usize, usize)> {
        let offset = key.checked_sub(self.start)?;
        Some(((offset / PAGE) as usize, (key % PAGE) as usize))
    }
}

impl<T> Default for Page<T> {
    fn default() -> Page<T> {
        Page { places: [const { None }; PLACES], used: 0 }
    }
}

impl<T: PartialEq> PartialEq for Table<T> {
    fn eq(&self, other: &Table<T>) -> bool {
        self.len == other.len && self.values().eq(other.values())
    }
}

impl<T: Eq> Eq for Table<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_memory_back_and_keeps_order() {
        let mut table = Table::default();
        (1..=10_000).for_each(|key| table.insert(key, key));
        (1..=9_990).for_each(|key| assert_eq!(table.remove(key), Some(key)));
        assert_eq!(
            table.values().copied().collect::<Vec<_>>(),
            (9_991..=10_000).collect::<Vec<_>>()
        );
        assert_eq!((table.len(), table.pages.len()), (10, 2));
        assert_eq!((table.get(5), table.get(9_999)), (None, Some(&9_999)));
        assert_eq!(table.get(u64::MAX), None);
    }

    #[test]
    fn a_lower_key_may_come_later() {
        let mut table = Table::default();
        table.insert(5_000, 'b');
        table.insert(3, 'a');
        assert_eq!(table.values().collect::<String>(), "ab");
        assert_eq!(table.remove(3), Some('a'));
        assert_eq!(table.get(5_000), Some(&'b'));
    }
}
