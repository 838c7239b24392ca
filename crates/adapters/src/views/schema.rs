//! The file: made, recognised, and made anew when another version of this program wrote it.

use super::Error;
use rusqlite::{Connection, ErrorCode};
use std::path::Path;

/// The tables, with what each column means.
pub const SQL: &str = include_str!("schema.sql");
/// Rises whenever a table or the meaning of a column changes; the file is then built anew.
pub const VERSION: i64 = 11;
/// "MjVw": tells our file from any other SQLite file.
const APPLICATION: i64 = 0x4d6a_5677;

/// SQLite has signed integers only; ours fit, or wrap and come back.
pub(super) fn int(value: u64) -> i64 {
    value as i64
}

/// Opens the file to write, made anew if it is of another version or damaged.
pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    match open_as_is(path)? {
        Some(connection) => Ok(connection),
        None => {
            remove(path)?;
            open_as_is(path)?.ok_or_else(|| Error::Foreign { path: path.into() })
        }
    }
}

/// `None`: it has to be built anew.
fn open_as_is(path: &Path) -> Result<Option<Connection>, Error> {
    let connection = Connection::open(path).map_err(|why| Error::unusable(path, why))?;
    match recognise(&connection) {
        Ok(Some((APPLICATION, VERSION))) => Ok(Some(connection)),
        Ok(Some((APPLICATION, _))) => Ok(None),
        Ok(Some(_)) => Err(Error::Foreign { path: path.into() }),
        Ok(None) => {
            create(&connection).map_err(|why| Error::unusable(path, why))?;
            Ok(Some(connection))
        }
        Err(why) if is_damage(&why) => Ok(None),
        Err(why) => Err(Error::unusable(path, why)),
    }
}

/// Sets the connection up, and says whose file it is; `None` for an empty one.
fn recognise(connection: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    let pragma = |name| connection.query_row(name, [], |row| row.get::<_, i64>(0));
    let tables = pragma("select count(*) from sqlite_schema")?;
    if tables == 0 {
        return Ok(None);
    }
    let found = (pragma("pragma application_id")?, pragma("pragma user_version")?);
    if found.0 == APPLICATION {
        tune(connection)?;
    }
    Ok(Some(found))
}

/// Nothing here is the only copy, so nothing is synced.
fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "off")?;
    connection.pragma_update(None, "cache_size", -16 * 1024)?; // KiB
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION)?;
    tune(connection)?;
    connection.execute_batch(&format!("begin; {SQL} pragma user_version = {VERSION}; commit;"))
}

/// Drops and makes again everything that is derived from the journal; `logs` stays.
pub(super) fn recreate(connection: &Connection) -> rusqlite::Result<()> {
    let mut derived = connection.prepare(
        "select type, name from sqlite_schema
         where type in ('table', 'view') and name not like 'sqlite_%' and name <> 'logs'",
    )?;
    let derived: Vec<(String, String)> = derived
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let drops: String =
        derived.iter().map(|(kind, name)| format!("drop {kind} if exists {name};")).collect();
    connection.execute_batch(&format!("begin; {drops} {SQL} commit;"))
}

/// Damage after a power cut is no harm: the journal has everything but the logs.
pub(super) fn is_damage(why: &rusqlite::Error) -> bool {
    let code = why.sqlite_error_code();
    matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

fn remove(path: &Path) -> Result<(), Error> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(&name) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::NotRemoved { path: path.into(), source: why });
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
