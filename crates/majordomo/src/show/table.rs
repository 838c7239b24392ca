//! Lists as tables: one line a row, cut to the screen, coloured by row.

use super::escape::{cut, terminal};
use super::style::{HEAD, paint};
use anstyle::Style;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// A table; its last column gives way when the screen is narrow.
pub(super) struct Rows {
    header: Vec<&'static str>,
    rows: Vec<(Style, Vec<String>)>,
}

impl Rows {
    /// A header that begins with `>` stands over numbers.
    pub(super) fn new(header: &[&'static str]) -> Rows {
        Rows { header: header.to_vec(), rows: Vec::new() }
    }

    /// Cells are escaped here.
    pub(super) fn push(&mut self, style: Style, cells: Vec<String>) {
        self.rows.push((style, cells.iter().map(|it| terminal(it).into_owned()).collect()));
    }

    /// As lines, or what to say when there are no rows.
    pub(super) fn shown(mut self, width: usize, nothing: &str) -> String {
        if self.rows.is_empty() {
            return format!("{nothing}\n");
        }
        self.narrow(width);
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(self.header.iter().map(|it| it.trim_start_matches('>')));
        for (_, cells) in &self.rows {
            table.add_row(cells);
        }
        for (at, name) in self.header.iter().enumerate() {
            if let (true, Some(column)) = (name.starts_with('>'), table.column_mut(at)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let styles = std::iter::once(HEAD).chain(self.rows.iter().map(|row| row.0));
        let lines = table.lines().zip(styles);
        // Every cell is padded by one space on either side; the outermost are not wanted.
        let bare = |line: String| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned();
        let lines = lines.map(|(line, style)| paint(style, &bare(line)) + "\n");
        lines.collect()
    }

    /// Cuts the last column to what the others leave of the screen.
    fn narrow(&mut self, width: usize) {
        let columns = self.header.len();
        let widest = |at: usize| {
            let cells = self.rows.iter().map(|(_, cells)| cells[at].chars().count());
            cells.max().unwrap_or(0).max(self.header[at].len())
        };
        let others: usize = (0..columns - 1).map(|at| widest(at) + 2).sum();
        let room = width.saturating_sub(others + 2).max(12);
        for (_, cells) in &mut self.rows {
            cells[columns - 1] = cut(&cells[columns - 1], room).into_owned();
        }
    }
}
