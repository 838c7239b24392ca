//! What the builder of the views remembers between batches, and finds again in the file.
//!
//! A root task that waits for its first agent costs nothing here: only children and tasks that were
//! granted are remembered, until they end.

use super::names;
use super::schema::int;
use kernel::Text;
use rusqlite::Connection;
use std::collections::HashMap;

/// Derived from the file by [`Memory::load`]; never the only copy of anything.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Memory {
    pub(super) applied: u64,
    /// Wall time of the last entry.
    pub(super) applied_ms: i64,
    /// Kernel time of the last entry.
    pub(super) kernel_ms: i64,
    /// Wall time minus kernel time.
    pub(super) offset_ms: i64,
    pub(super) incarnation: u64,
    /// The last sign of the process before this one, wall time; 0 if there was none.
    pub(super) down_ms: i64,
    pub(super) draining: bool,
    pub(super) agents: HashMap<u32, Member>,
    pub(super) open: HashMap<u64, Open>,
    /// Open tasks that take more than one slot.
    pub(super) heavy: HashMap<u64, u32>,
    /// Work that was told to stop, by its token.
    pub(super) stopping: HashMap<u64, Halted>,
}

/// An agent, as far as the fold has to know it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Member {
    pub(super) name: Text,
    /// Its label `model`; empty if it has none.
    pub(super) model: Text,
    /// It lives outside the process.
    pub(super) remote: bool,
    pub(super) slots: u32,
    /// It is there and not paused.
    pub(super) is_active: bool,
    /// It runs, as far as anybody knows.
    pub(super) is_up: bool,
    /// Kernel time since when it could take work; `None` while it cannot.
    pub(super) available_since: Option<i64>,
}

/// Work that was told to stop and has not said yet that it has.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Halted {
    pub(super) task: u64,
    pub(super) agent: u32,
    pub(super) since_ms: i64,
    /// Slots that it takes until then.
    pub(super) slots: u32,
}

/// An open task that has a parent or a past.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Open {
    pub(super) run: u64,
    pub(super) attempts: u32,
    pub(super) lease: Option<Lease>,
}

/// The attempt that has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lease {
    pub(super) token: u64,
    pub(super) agent: u32,
    /// When its present stretch of work, or its present wait, began.
    pub(super) since_ms: i64,
    /// Work done in earlier stretches.
    pub(super) worked_ms: i64,
    /// The wait it is in, by the entry that began it.
    pub(super) wait: Option<i64>,
}

impl Memory {
    /// What the file says.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Memory> {
        let mut memory = Memory::default();
        let mut meta = connection.prepare("select name, value from meta")?;
        let mut rows = meta.query([])?;
        while let Some(row) = rows.next()? {
            let value: i64 = row.get(1)?;
            match row.get_ref(0)?.as_str()? {
                "applied_seq" => memory.applied = value as u64,
                "applied_ms" => memory.applied_ms = value,
                "kernel_ms" => memory.kernel_ms = value,
                "offset_ms" => memory.offset_ms = value,
                "incarnation" => memory.incarnation = value as u64,
                "draining" => memory.draining = value != 0,
                _ => {} // A name that only people use.
            }
        }
        let down = "select down_ms from starts order by incarnation desc limit 1";
        let mut down = connection.prepare(down)?;
        if let Some(row) = down.query([])?.next()? {
            memory.down_ms = row.get::<_, Option<i64>>(0)?.unwrap_or(0);
        }
        memory.load_agents(connection)?;
        memory.load_open(connection)?;
        memory.load_heavy(connection)?;
        memory.load_stopping(connection)?;
        Ok(memory)
    }

    /// Stores the numbers; the rest stands in the tables already.
    pub(super) fn store(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut put = connection.prepare_cached("insert or replace into meta values (?1, ?2)")?;
        put.execute(("applied_seq", int(self.applied)))?;
        put.execute(("applied_ms", self.applied_ms))?;
        put.execute(("kernel_ms", self.kernel_ms))?;
        put.execute(("offset_ms", self.offset_ms))?;
        put.execute(("incarnation", int(self.incarnation)))?;
        put.execute(("draining", self.draining))?;
        Ok(())
    }

    /// The run that a task belongs to. One that is not remembered is a root.
    pub(super) fn run_of(&self, task: u64) -> u64 {
        self.open.get(&task).map_or(task, |open| open.run)
    }

    /// How many slots an open task takes.
    pub(super) fn weight_of(&self, task: u64) -> u32 {
        self.heavy.get(&task).copied().unwrap_or(1)
    }

    /// The name of an agent, for ever.
    pub(super) fn agent(&self, id: u32) -> Text {
        let known = self.agents.get(&id).map(|member| member.name.clone());
        known.unwrap_or_else(|| format!("#{id}").into())
    }

    fn load_agents(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut select = connection.prepare(
            "select id, name, remote, slots, presence, life, available_since,
                    case json_type(labels, '$.model')
                      when 'text' then json_extract(labels, '$.model') else '' end
             from agents",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (presence, life) = (row.get_ref(4)?.as_str()?, row.get_ref(5)?.as_str()?);
            let member = Member {
                name: row.get::<_, String>(1)?.into(),
                model: row.get::<_, String>(7)?.into(),
                remote: row.get(2)?,
                slots: row.get(3)?,
                is_active: names::is_active(presence),
                is_up: life == names::UP,
                available_since: row.get(6)?,
            };
            self.agents.insert(row.get(0)?, member);
        }
        Ok(())
    }

    fn load_open(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let ids = self.ids();
        let mut select = connection.prepare(
            "select t.id, t.run, t.attempts, a.token, a.agent, a.granted_ms, a.worked_ms,
                    (select max(seq) from waits w where w.task = t.id and w.until_ms is null),
                    (select max(coalesce(until_ms, since_ms)) from waits w
                      where w.task = t.id and w.token = a.token)
             from task_rows t
             left join attempt_rows a on a.task = t.id and a.token = t.token and a.ended_ms is null
             where t.ended_ms is null and (t.parent is not null or t.attempts > 0)",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let mut lease = None;
            if let Some(token) = row.get::<_, Option<i64>>(3)? {
                let name: String = row.get(4)?;
                let granted_ms: i64 = row.get(5)?;
                lease = Some(Lease {
                    token: token as u64,
                    agent: ids.get(&*name).copied().unwrap_or(u32::MAX),
                    since_ms: row.get::<_, Option<i64>>(8)?.unwrap_or(granted_ms),
                    worked_ms: row.get(6)?,
                    wait: row.get(7)?,
                });
            }
            let open = Open { run: row.get::<_, i64>(1)? as u64, attempts: row.get(2)?, lease };
            self.open.insert(row.get::<_, i64>(0)? as u64, open);
        }
        Ok(())
    }

    fn load_heavy(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut select = connection
            .prepare("select id, weight from task_rows where ended_ms is null and weight > 1")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            self.heavy.insert(row.get::<_, i64>(0)? as u64, row.get(1)?);
        }
        Ok(())
    }

    fn ids(&self) -> HashMap<Text, u32> {
        self.agents.iter().map(|(id, member)| (member.name.clone(), *id)).collect()
    }

    fn load_stopping(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let ids = self.ids();
        let mut select = connection.prepare(
            "select token, task, agent, ended_ms, kept_slots from attempt_rows
             where fenced = 1 and work_ended_ms is null",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(2)?;
            let halted = Halted {
                task: row.get::<_, i64>(1)? as u64,
                agent: ids.get(&*name).copied().unwrap_or(u32::MAX),
                since_ms: row.get::<_, Option<i64>>(3)?.unwrap_or(0),
                slots: row.get::<_, Option<u32>>(4)?.unwrap_or(0),
            };
            self.stopping.insert(row.get::<_, i64>(0)? as u64, halted);
        }
        Ok(())
    }
}
