-- The views of a journal, for people. Everything here but `logs` is derived and can be rebuilt.
-- A column `*_ms` is wall time in milliseconds since 1970; `*_at` beside it is the same moment as text.
-- The three busiest tables are views over `*_rows`, so that the text is made on reading, not on writing.
-- An entry that a row of another table tells in full has no row in `event_rows`: `events` reads it from there.

create table meta (
  name  text primary key,       -- applied_seq, applied_ms, kernel_ms, offset_ms, incarnation, draining, seeded_seq
  value integer not null
) without rowid;

create table starts (           -- a process took the journal over
  incarnation integer primary key,
  seq        integer not null,  -- its entry in the journal
  down_ms    integer,           -- last sign of the process before; null for the first
  at_ms      integer not null,  -- when this one began
  generation integer not null,  -- life of the journal; a restore raises it
  why        text not null,     -- first, drain (the one before ended in order), crash (it did not)
  at         text generated always as (strftime('%Y-%m-%dT%H:%M:%fZ', at_ms / 1000.0, 'unixepoch')) virtual
);

create table task_rows (
  id           integer primary key,
  run          integer not null, -- the root of its tree; its own id if it is one
  parent       integer,          -- the task that asked for it
  step         text,             -- as which step of its parent
  capability   text not null,
  version      text,             -- versions that will do: '1', '1-3'; null is any
  class        text not null,    -- critical, high, normal, low, background
  tenant       text,
  team         text,
  status       text not null,    -- queued, assigned, running, waiting, completed, failed, cancelled, dead
  agent        text,             -- who has it, or had it last
  token        integer,          -- fencing token of the latest attempt
  attempts     integer not null, -- leases granted
  failed       integer not null, -- attempts charged to it
  lost         integer not null, -- attempts lost with the runtime or an agent that left
  attempts_max integer not null, -- charged attempts before it is set aside as dead
  timeout_ms   integer,          -- a duration: how long one attempt may work
  key          text,             -- idempotency key
  released_from integer,         -- the dead task that this is another life of
  accepted_seq integer not null,
  accepted_ms  integer not null,
  ready_ms     integer,          -- it may not start before (delay, or back-off after a failure)
  deadline_ms  integer,          -- it must end by then
  started_ms   integer,          -- first granted to an agent
  ended_ms     integer,
  ended_seq    integer,
  worked_ms    integer not null, -- a duration: held a slot, over all ended stretches of work
  money_micros integer not null, -- millionths of a dollar
  tokens       integer not null, -- model tokens
  failure_kind text,             -- how it failed or died; 'cancelled' with the reason beside it
  failure      text,
  input_bytes  integer not null,
  input_blob   text,             -- digest, where the input is in the blob store
  input        text,             -- JSON up to 4 KiB; null if in a blob or erased
  output_bytes integer,
  output_blob  text,
  output       text,
  awaits       text,             -- what it waits for before it is granted, until ready_ms: advice, its agent NAME; empty: nothing more
  queued_ms    integer,          -- since when it can be granted: accepted, delay over, or back in the queue
  weight       integer not null default 1, -- how many of an agent's slots it takes
  requires     text,             -- what an agent's labels must meet, as a team file writes it
  wishes       text,             -- what they had better meet
  addressed    text,             -- the only agent that may serve it
  affinity     text,             -- tasks with the same key go to the same agent
  terms        text              -- JSON: {"require","wish"} as the journal has them
);
create view tasks as select *,
  strftime('%Y-%m-%dT%H:%M:%fZ', accepted_ms / 1000.0, 'unixepoch') as accepted_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', ready_ms / 1000.0, 'unixepoch') as ready_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', deadline_ms / 1000.0, 'unixepoch') as deadline_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', started_ms / 1000.0, 'unixepoch') as started_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', ended_ms / 1000.0, 'unixepoch') as ended_at
from task_rows;
create index tasks_of_run on task_rows (run, status);
create index tasks_open on task_rows (status) where ended_ms is null;

create table attempt_rows (     -- one lease of one task, and why its agent was chosen
  task         integer not null,
  token        integer not null, -- fencing token
  number       integer not null, -- 1 for the task's first attempt
  agent        text not null,
  granted_seq  integer not null,
  granted_ms   integer not null,
  started_ms   integer,          -- the agent said that it began
  ended_ms     integer,          -- null while it lasts; of one lost with its process, when that was last seen
  worked_ms    integer not null, -- a duration: held a slot, over its ended stretches of work
  outcome      text,             -- null while it lasts; completed, failed, lost, stopped (its task ended)
  failure_kind text,             -- of a lost one: runtime_ended, handed_back, agent_left, agent_restarted, preempted
  failure      text,
  retry_ms     integer,          -- the task may be tried again from then on
  fenced       integer not null, -- 1: it did not end by its own report; what it says later is refused
  work_ended_ms integer,         -- when the work behind a fenced attempt had really stopped
  money_micros integer not null,
  tokens       integer not null,
  reason       text not null,    -- only, wished, kept_back, room_made, preferred, least_loaded, longest_idle, another_than_last, addressed, two_drawn, best_record, explored, owns_key, next_for_key, advised, best_bid
  candidates   text,             -- JSON, best first: [{"agent","prefer","load","score","wished","offer"}], load in 1/1024 of its slots
  busy         integer not null, -- agents that serve it and had no free slot
  paused       integer not null, -- agents that serve it and were paused
  breaker_open integer not null, -- agents that serve it and were kept from it by their breakers
  not_serving  integer not null, -- agents present that do not serve its capability
  routing      text,             -- JSON: {"policy","fallback","words","round","passed_over"}; null for the plain policy
  wrong_version integer not null default 0, -- agents that serve it in no version that will do
  wrong_labels integer not null default 0, -- agents that serve it and whose labels do not meet what it requires
  too_small    integer not null default 0, -- agents that serve it and have fewer slots than it takes
  down         integer not null default 0, -- agents that serve it and do not run: restarting, suspected, given up
  kept_slots   integer,          -- slots that a fenced attempt takes until its work has ended
  late         integer not null default 0, -- 1: its work ended with an answer, which came too late and was refused
  primary key (task, token)
) without rowid;
create view attempts as select *,
  strftime('%Y-%m-%dT%H:%M:%fZ', granted_ms / 1000.0, 'unixepoch') as granted_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', ended_ms / 1000.0, 'unixepoch') as ended_at
from attempt_rows;
create index attempts_stopping on attempt_rows (token) where fenced = 1 and work_ended_ms is null;

create table waits (            -- stretches in which an attempt held no slot
  task     integer not null,
  seq      integer not null,    -- the entry with which it began
  token    integer not null,
  since_ms integer not null,
  until_ms integer,             -- null while it lasts
  primary key (task, seq)
) without rowid;

create table steps (            -- what a task asked for, each under its own key
  task         integer not null,
  step         text not null,
  kind         text not null,   -- child, once, timer
  child        integer,         -- the child's task
  token        integer,         -- the attempt that began it last
  tries        integer not null, -- times a once was begun
  due_ms       integer,         -- when a timer fires
  started_ms   integer not null,
  ended_ms     integer,         -- null while open; a child's end stands in its task
  outcome      text,            -- completed, failed, cancelled, dead
  failure      text,
  output_bytes integer,
  output_blob  text,
  output       text,
  primary key (task, step)
) without rowid;

create table agents (
  id           integer primary key,
  name         text not null,
  kind         text not null,    -- native, command, builtin, workflow, human, …
  team         text,
  serves       text not null,    -- JSON: ["code.review@1", …]
  slots        integer not null,
  prefer       integer not null,
  remote       integer not null, -- 1: lives outside this process
  presence     text not null,    -- active, paused, draining, left
  life         text not null,    -- up, stopping, down, starting, suspected, given up, ended
  joined_ms    integer not null,
  completed    integer not null,
  failed       integer not null,
  restarts     integer not null,
  last_exit    text,             -- how its last life ended, or why it was given up
  labels       text not null,    -- JSON: {"region":"eu","gpu":true}
  timed_out    integer not null, -- of the failed ones: it worked too long, or fell silent until its lease ran out
  faults       integer not null, -- of the failed ones: its own fault, not that of the task
  money_micros integer not null, -- millionths of a dollar, of all its attempts
  tokens       integer not null, -- model tokens, of all its attempts
  available_since integer,       -- kernel time since when it could take work; null while it cannot
  joined_at    text generated always as (strftime('%Y-%m-%dT%H:%M:%fZ', joined_ms / 1000.0, 'unixepoch')) virtual
);

create table breakers (         -- agents kept from a capability because they failed at it
  agent      integer not null,  -- its number
  capability text not null,
  state      text not null,     -- closed, open, half_open, forced_open, forced_closed
  since_ms   integer not null,
  until_ms   integer,           -- open: when it is tried again
  why        text,              -- why it opened last: failed, slow, probe
  opened     integer not null,  -- how often it has opened
  primary key (agent, capability)
) without rowid;

create table work_times (       -- a histogram of completed attempts
  agent   text not null,
  work_ms integer not null,     -- middle of a bucket; buckets are at most 1/32 wide
  count   integer not null,
  primary key (agent, work_ms)
) without rowid;

create table queue_times (      -- a histogram of how long granted work had waited for an agent
  agent   text not null,
  wait_ms integer not null,     -- middle of a bucket, as in work_times
  count   integer not null,
  primary key (agent, wait_ms)
) without rowid;

create table agent_minutes (    -- the latest quarter of an hour, for utilisation
  minute       integer not null, -- of kernel time, which stands still while no process runs
  agent        integer not null, -- its number
  busy_ms      integer not null, -- a duration: of these, slots in use × time
  available_ms integer not null, -- a duration: slots that could take work × time
  primary key (minute, agent)
) without rowid;

create table restarts (         -- restarts that count, since the process began
  team      text not null,      -- whose agents; empty: those of no team
  tier      text not null,      -- what counts: an agent on its own, a group under a supervisor, the root
  name      text not null,      -- of the agent or supervisor; of the root: which child of it
  moment    integer not null,   -- kernel time of the restart
  period_ms integer not null    -- a duration: how long it counts
);

create table policies (         -- what holds for a team: quotas, breakers, supervisors, routing
  team     text primary key,    -- empty: for tasks of no team
  policies text not null        -- JSON, as the journal has it
) without rowid;

create table costs (            -- what was spent, by day, run, agent and model
  day_ms       integer not null, -- the beginning of the day, UTC
  run          integer not null,
  agent        text not null,    -- who spent it; empty where that was not known any more
  model        text not null,    -- the one that was asked, as far as that is said; else the agent's label `model`
  reports      integer not null, -- how often something was spent: calls, for models
  money_micros integer not null, -- millionths of a dollar
  tokens       integer not null, -- model tokens, read and written
  day          text generated always as (strftime('%Y-%m-%d', day_ms / 1000, 'unixepoch')) virtual,
  primary key (day_ms, run, agent, model)
) without rowid;
create index costs_of_run on costs (run);

create table spent_days (       -- the same by day and tenant, of runs that are not kept any more too
  day_ms       integer not null, -- the beginning of the day, UTC
  tenant       text not null,    -- empty: work without one
  money_micros integer not null, -- millionths of a dollar
  tokens       integer not null, -- model tokens, read and written
  calls        integer not null, -- calls of models
  primary key (day_ms, tenant)
) without rowid;

create table dead_letters (
  task          integer primary key,
  capability    text,
  at_ms         integer not null,
  failure_kind  text not null,
  failure       text not null,
  released_into integer,         -- its other life
  closed_ms     integer,         -- when it was released or dropped
  at            text generated always as (strftime('%Y-%m-%dT%H:%M:%fZ', at_ms / 1000.0, 'unixepoch')) virtual
);

create table pins (             -- runs that are pinned to a team definition
  run        integer primary key,
  team       text,
  definition text not null      -- digest
);

create table schedules (        -- tasks that come round again
  name        text primary key,
  origin      text,             -- the team file it stands in; null if set by hand
  cron        text,             -- five fields, or null for an interval
  zone        text,             -- the time zone they are meant in
  every_ms    integer,          -- or how often
  capability  text not null,
  version     text,
  team        text,
  class       text not null,
  missed      text not null,    -- skip, once, all
  overlap     text not null,    -- allow, skip, queue_one, cancel_previous
  within_ms   integer,          -- each task must end within this time
  paused      integer not null,
  next_ms     integer,          -- null while that is looked up, and for never
  why_never   text,
  held_ms     integer,          -- it is due and there was no room: not before then
  waits_ms    integer,          -- a due that waits for the end of the task before
  last_ms     integer,          -- the latest due
  last_came   text,             -- task, waits, missed, overlap, refused
  last_task   integer,
  last_note   text,             -- why it was refused
  started     integer not null, -- tasks it made
  skipped     integer not null, -- dues that made none
  input_bytes integer not null,
  input_blob  text,
  input       text,
  next_at     text generated always as (strftime('%Y-%m-%dT%H:%M:%fZ', next_ms / 1000.0, 'unixepoch')) virtual,
  last_at     text generated always as (strftime('%Y-%m-%dT%H:%M:%fZ', last_ms / 1000.0, 'unixepoch')) virtual
) without rowid;

create table event_rows (       -- the latest million entries, but for those below
  seq   integer primary key,
  at_ms integer not null,
  kind  text not null,
  task  integer,
  token integer,
  agent text,
  step  text,
  note  text                    -- capability, failure or reason
);
create view events as select *,
  strftime('%Y-%m-%dT%H:%M:%fZ', at_ms / 1000.0, 'unixepoch') as at
from (
  with oldest (seq) as (select max(
    (select value - 1000000 from meta where name = 'applied_seq'),
    coalesce((select value from meta where name = 'seeded_seq'), 0)))
  select * from event_rows
  union all
  select accepted_seq, accepted_ms, 'task_accepted', id, null, null, step, capability
  from task_rows where accepted_seq > (select seq from oldest)
  union all
  select granted_seq, granted_ms, 'lease_granted', task, token, agent, null, reason
  from attempt_rows where granted_seq > (select seq from oldest)
  union all
  select ended_seq, ended_ms, 'task_completed', id, token, null, null, null
  from task_rows where status = 'completed' and ended_seq > (select seq from oldest)
);

create table if not exists logs ( -- what agents said while they worked; not in the journal
  id    integer primary key,
  task  integer not null,
  token integer not null,
  at_ms integer not null,
  level text not null,          -- error, warn, info, debug, progress, stderr
  text  text not null,
  fields text,                  -- what was said beside it, as JSON by name; null if nothing
  at    text generated always as (strftime('%Y-%m-%dT%H:%M:%fZ', at_ms / 1000.0, 'unixepoch')) virtual
);
create index if not exists logs_of_task on logs (task, id);

create view runs as
select
  t.id as run, t.capability, t.team, p.definition, t.status, t.tenant,
  t.accepted_ms as started_ms, t.accepted_at as started_at, t.ended_ms, t.ended_at,
  t.failure_kind, t.failure,
  (select count(*) from tasks c where c.run = t.id) as tasks,
  (select count(*) from tasks c where c.run = t.id and c.status = 'completed') as completed,
  (select count(*) from tasks c where c.run = t.id and c.status = 'failed') as failed,
  (select count(*) from tasks c where c.run = t.id and c.status = 'cancelled') as cancelled,
  (select count(*) from tasks c where c.run = t.id and c.status = 'dead') as dead
from tasks t left join pins p on p.run = t.id
where t.parent is null;

create view agent_speeds as
select agent, total as completed,
  min(case when upto * 2 >= total then work_ms end) as p50_ms,
  min(case when upto * 20 >= total * 19 then work_ms end) as p95_ms,
  min(case when upto * 100 >= total * 99 then work_ms end) as p99_ms
from (
  select agent, work_ms,
    sum(count) over (partition by agent order by work_ms) as upto,
    sum(count) over (partition by agent) as total
  from work_times
)
group by agent;

create view agent_waits as
select agent, total as granted,
  min(case when upto * 2 >= total then wait_ms end) as p50_ms,
  min(case when upto * 20 >= total * 19 then wait_ms end) as p95_ms
from (
  select agent, wait_ms,
    sum(count) over (partition by agent order by wait_ms) as upto,
    sum(count) over (partition by agent) as total
  from queue_times
)
group by agent;
