//! Supervision by its table: every row is a tree, deaths in it, and what OTP's text says follows.

mod told;

use majordomo_kernel::*;
use std::collections::BTreeMap;
use std::sync::Arc;

#[test]
fn deaths_lead_to_what_the_table_says() {
    let table = include_str!("tables/supervise.txt");
    let rows: Vec<&str> = table.lines().filter(|row| !row.starts_with('#')).collect();
    for row in &rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [tree, deaths, stopped, started, then] = cells[..] else { panic!("five: {row}") };
        let mut team = Team::of(tree);
        for death in deaths.split_whitespace() {
            team.happens(death);
        }
        let words = |names: &[String]| match names {
            [] => "-".to_owned(),
            names => names.join(" "),
        };
        assert_eq!(words(&team.stopped), stopped, "stopped: {row}");
        assert_eq!(words(&team.started), started, "started: {row}");
        let outcome = match (&team.given_up[..], team.escalations) {
            ([], 0) => "goes on".to_owned(),
            ([], count) => format!("escalates {count}"),
            (names, _) => format!("gives up {}", names.join(" ")),
        };
        assert_eq!(outcome, then, "and then: {row}");
        team.is_at_rest(row);
    }
    assert_eq!(rows.len(), 86, "every row was read");
}

/// A restart waits for its moment; one of those in it leaves, is back and dies: its own restart is
/// another one, and the first forgets it.
#[test]
fn who_left_a_restart_and_is_back_is_no_part_of_it() {
    let mut team = Team::of("rest_for_one/9 a b");
    let (a, b) = (team.ids["a"], team.ids["b"]);
    // From the second restart on there is a delay.
    team.happens("b!");
    team.started.clear();
    let again = Arc::new(AgentSpec::new("b", "native", Vec::new(), 1));
    let story = [team.exited(a), Command::Leave(b), Command::Join(again)];
    story.into_iter().for_each(|command| drop(team.tell(command)));
    drop(team.tell(team.exited(b)));
    team.drives();
    assert_eq!(team.started, ["a", "b"]);
    team.is_at_rest("both are up");
}

/// A team under the kernel, with everything that the kernel orders done at once.
struct Team {
    kernel: Kernel,
    journal: Vec<Entry>,
    now: u64,
    ids: BTreeMap<String, AgentId>,
    /// What the last death has led to.
    stopped: Vec<String>,
    started: Vec<String>,
    given_up: Vec<String>,
    escalations: usize,
}

impl Team {
    fn of(tree: &str) -> Team {
        let kernel = Kernel::new(Limits::default());
        let mut team = Team {
            kernel,
            journal: Vec::new(),
            now: 0,
            ids: BTreeMap::new(),
            stopped: Vec::new(),
            started: Vec::new(),
            given_up: Vec::new(),
            escalations: 0,
        };
        let (supervisors, agents) = read(tree);
        let _ = team.tell(Command::Begin(Begin { restored: false, seed: 7, wall_ms: 0 }));
        let policies = Arc::new(Policies { supervisors, ..Policies::default() });
        let _ = team.tell(Command::Configure { team: Text::default(), policies });
        for (name, restart) in agents {
            let mut spec = AgentSpec::new(name.clone(), "native", Vec::new(), 1);
            spec.restart = restart;
            let step = team.tell(Command::Join(Arc::new(spec)));
            let Ok(Answer::Joined(id)) = step.answer else { panic!("{:?}", step.answer) };
            team.ids.insert(name, id);
        }
        team
    }

    /// `a!`, `a.`, `a~`, or `+31` seconds that pass.
    fn happens(&mut self, what: &str) {
        if let Some(seconds) = what.strip_prefix('+') {
            let seconds: u64 = seconds.parse().expect("seconds");
            self.now += seconds * 1_000;
            return;
        }
        self.stopped.clear();
        self.started.clear();
        self.given_up.clear();
        self.escalations = 0;
        let (name, how) = what.split_at(1);
        let reason = match how {
            "!" => Exit::Abnormal("it died".into()),
            "." => Exit::Normal,
            "~" => Exit::Shutdown,
            _ => panic!("{what}"),
        };
        let agent = self.ids[name];
        let life = self.life_of(agent);
        self.performs(Command::Exited(Exited { agent, life, reason, extent: Extent::Whole }));
        self.drives();
    }

    /// Lets time pass until nothing is due any more.
    fn drives(&mut self) {
        while let Some(at) = self.kernel.next_deadline() {
            self.now = self.now.max(at.0);
            self.performs(Command::Tick);
        }
    }

    /// Does what is ordered, and what is ordered because of it.
    fn performs(&mut self, command: Command) {
        let mut commands = vec![command];
        while let Some(command) = commands.pop() {
            let step = self.tell(command);
            for effect in step.effects {
                match effect {
                    Effect::StartAgent { agent, life } => {
                        self.started.push(self.name(agent));
                        commands.push(Command::Started(agent, life));
                    }
                    Effect::StopAgent { agent, life, .. } => {
                        self.stopped.push(self.name(agent));
                        let (reason, extent) = (Exit::Shutdown, Extent::Whole);
                        let exited = Exited { agent, life, reason, extent };
                        commands.push(Command::Exited(exited));
                    }
                    other => panic!("nobody has work: {other:?}"),
                }
            }
        }
    }

    fn tell(&mut self, command: Command) -> Step {
        let step = told::step(&mut self.kernel, &mut self.journal, self.now, command);
        for entry in &step.entries {
            match &entry.event {
                Event::Supervised(Supervised::Escalated { .. }) => self.escalations += 1,
                Event::Supervised(Supervised::GivenUp { agent, .. }) => {
                    self.given_up.push(self.name(*agent));
                }
                _ => {}
            }
        }
        step
    }

    fn exited(&self, agent: AgentId) -> Command {
        let reason = Exit::Abnormal("it died".into());
        let life = self.life_of(agent);
        Command::Exited(Exited { agent, life, reason, extent: Extent::Whole })
    }

    fn life_of(&self, agent: AgentId) -> u64 {
        self.kernel.state().agent(agent).expect("known").life.number
    }

    fn name(&self, agent: AgentId) -> String {
        self.kernel.state().agent(agent).expect("known").spec.name.to_string()
    }

    /// Nothing is under way any more, and everybody is up or rests.
    fn is_at_rest(&self, row: &str) {
        assert!(self.kernel.outstanding().is_empty(), "{row}");
        let state = self.kernel.state();
        assert!(state.supervision.plans.is_empty(), "{row}: {:?}", state.supervision.plans);
        for agent in state.agents() {
            let rests = matches!(agent.life.stage, Stage::Up | Stage::Resting);
            assert!(rests && agent.life.plan.is_none(), "{row}: {:?}", agent.life);
        }
    }
}

/// The supervisors and agents of a tree in words, agents in start order.
fn read(tree: &str) -> (Supervisors, Vec<(String, Restart)>) {
    let spaced = tree.replace('(', "( ").replace(')', " )");
    let words = spaced.split_whitespace();
    let (mut supervisors, mut agents) = (Supervisors::default(), Vec::new());
    let mut open: Vec<Supervisor> = Vec::new();
    let (mut count, mut alone) = (0, false);
    for word in words {
        if let Some((strategy, restarts)) = word.split_once('/') {
            count += 1;
            let mut supervisor =
                Supervisor::new(format!("supervisor-{count}"), strategy_of(strategy), Vec::new());
            supervisor.intensity.restarts = restarts.parse().expect("a number");
            open.push(supervisor);
        } else if let Some(mark) = word.strip_prefix(')') {
            let mut closed = open.pop().expect("it was opened");
            closed.restart = restart_of(mark);
            open.last_mut().expect("it stands in another").children.push(closed.name.clone());
            supervisors.named.push(closed);
        } else if word == "alone" {
            alone = true;
        } else if word != "(" {
            let (name, mark) = word.split_at(1);
            agents.push((name.to_owned(), restart_of(mark)));
            if !alone {
                open.last_mut().expect("a supervisor").children.push(name.into());
            }
        }
    }
    supervisors.named.extend(open);
    (supervisors, agents)
}

fn strategy_of(word: &str) -> Strategy {
    match word {
        "one_for_one" => Strategy::OneForOne,
        "one_for_all" => Strategy::OneForAll,
        "rest_for_one" => Strategy::RestForOne,
        _ => panic!("{word}"),
    }
}

fn restart_of(mark: &str) -> Restart {
    match mark {
        "" => Restart::Permanent,
        "?" => Restart::Transient,
        "-" => Restart::Temporary,
        _ => panic!("{mark}"),
    }
}
