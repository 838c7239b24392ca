//! `docs/views.md` names every table and column that there is, and no other; its queries run.

#![cfg(feature = "views")]
#![allow(clippy::unwrap_used)] // Helpers of a test.

use majordomo_adapters::views::Views;
use rusqlite::Connection;
use std::collections::BTreeMap;

type Columns = BTreeMap<String, Vec<String>>;

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/views.md");
    std::fs::read_to_string(path).unwrap()
}

/// The tables of the page: a heading "### `name`", then rows that begin with "| `column` |".
fn documented(page: &str) -> Columns {
    let mut tables = Columns::new();
    let mut table = None;
    let name = |line: &str| line.split('`').nth(1).map(str::to_owned);
    for line in page.lines() {
        if line.starts_with("### `") {
            table = name(line);
            tables.entry(table.clone().unwrap()).or_default();
        } else if line.starts_with('#') {
            table = None;
        } else if let (true, Some(table)) = (line.starts_with("| `"), &table) {
            tables.get_mut(table).unwrap().push(name(line).unwrap());
        }
    }
    tables
}

fn real(connection: &Connection) -> Columns {
    let mut select = connection
        .prepare(
            "select s.name, c.name from sqlite_schema s, pragma_table_xinfo(s.name) c
             where s.type in ('table', 'view') order by s.name, c.cid",
        )
        .unwrap();
    let mut tables = Columns::new();
    let mut rows = select.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        tables.entry(row.get_unwrap(0)).or_default().push(row.get_unwrap(1));
    }
    tables
}

#[test]
fn the_page_and_the_schema_agree() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("views.db");
    drop(Views::open(&path).unwrap());
    let real = real(&Connection::open(&path).unwrap());
    let documented = documented(&page());
    assert!(real.len() > 10 && real["tasks"].len() > 40, "{real:?}");
    let (rows, told): (Columns, Columns) =
        real.into_iter().partition(|(table, _)| table.ends_with("_rows"));
    assert_eq!(rows.len(), 3);
    for (table, columns) in rows {
        let view = &told[&table.replace("_rows", "s")];
        let stored: Vec<&String> = view.iter().filter(|it| !it.ends_with("at")).collect();
        assert_eq!(columns.iter().collect::<Vec<_>>(), stored, "table {table}");
    }
    for (table, columns) in &told {
        assert_eq!(documented.get(table), Some(columns), "table {table}");
    }
    assert_eq!(documented.len(), told.len(), "tables that are no more: {documented:?}");
}

#[test]
fn the_queries_on_the_page_run() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("views.db");
    drop(Views::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    let page = page();
    let queries: Vec<&str> =
        page.split("```sql\n").skip(1).map(|it| it.split("```").next().unwrap()).collect();
    assert!(queries.len() >= 6);
    for query in queries {
        let mut select = connection.prepare(query).unwrap_or_else(|why| panic!("{why}: {query}"));
        select.query([]).unwrap().next().unwrap();
    }
}
