//! `sim bench`: lives a second of the kernel alone, and bytes of what it holds.

use majordomo_sim::bench_kernel::{Figure, House, Sizes, houses, lives, sizes};
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// For programs: one JSON object.
    #[arg(long)]
    json: bool,
    /// Lives measured in each house.
    #[arg(long, default_value_t = 300_000)]
    lives: u64,
    /// Only the house of so many queued tasks, agents and capabilities, as in `1000,10,1`.
    #[arg(long, value_delimiter = ',')]
    house: Option<Vec<u64>>,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    if let Some([queued, agents, capabilities]) = arguments.house.as_deref() {
        let (queued, agents, capabilities) = (*queued, *agents, *capabilities);
        print(&lives(House { queued, agents, capabilities }, arguments.lives));
        return ExitCode::SUCCESS;
    }
    // First, while no memory has been used and given back.
    let sizes = sizes();
    let mut figures = Vec::new();
    for house in houses() {
        let figure = lives(house, arguments.lives);
        if !arguments.json {
            print(&figure);
        }
        figures.push(figure);
    }
    if arguments.json {
        println!("{}", as_json(&figures, sizes));
    } else {
        print_summary(&figures, sizes);
    }
    ExitCode::SUCCESS
}

fn print(figure: &Figure) {
    let Figure { house, lives_per_s, lives_per_cpu_s } = figure;
    let cpu = lives_per_cpu_s.map_or(String::new(), |it| format!("{it:>10.0} lives/cpu-s"));
    println!(
        "{:>9} queued {:>7} agents {:>4} capabilities {:>10.0} lives/s {cpu}",
        house.queued, house.agents, house.capabilities, lives_per_s
    );
}

/// How much dearer a life is in the largest house than in the smallest, one capability count.
fn growth(figures: &[Figure], capabilities: u64) -> f64 {
    let of = |queued, agents| {
        let wanted = |it: &&Figure| {
            (it.house.queued, it.house.agents, it.house.capabilities)
                == (queued, agents, capabilities)
        };
        let found = figures.iter().find(wanted);
        found.map_or(f64::NAN, |it| it.lives_per_cpu_s.unwrap_or(it.lives_per_s))
    };
    of(1_000, 10) / of(1_000_000, 10_000)
}

fn print_summary(figures: &[Figure], sizes: Option<Sizes>) {
    for capabilities in [1, 100] {
        let growth = growth(figures, capabilities);
        println!("growth with {capabilities} capabilities: {growth:.2} (target ≤ 2)");
    }
    if let Some(sizes) = sizes {
        println!("bytes a queued task: {:.0} (target ≤ 256)", sizes.queued_task_bytes);
        println!("bytes an idle agent: {:.0} (target ≤ 512)", sizes.idle_agent_bytes);
    }
}

fn as_json(figures: &[Figure], sizes: Option<Sizes>) -> serde_json::Value {
    let row = |it: &Figure| {
        json!({
            "queued": it.house.queued,
            "agents": it.house.agents,
            "capabilities": it.house.capabilities,
            "lives_per_s": it.lives_per_s,
            "lives_per_cpu_s": it.lives_per_cpu_s,
        })
    };
    json!({
        "kernel": figures.iter().map(row).collect::<Vec<_>>(),
        "growth": { "1": growth(figures, 1), "100": growth(figures, 100) },
        "queued_task_bytes": sizes.map(|it| it.queued_task_bytes),
        "idle_agent_bytes": sizes.map(|it| it.idle_agent_bytes),
    })
}
