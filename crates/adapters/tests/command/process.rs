//! The process layer: whole trees start, are watched, and end.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use adapters::agent::command::{Census, Limits, Pipes, Process, Program, sweep};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use crate::stage::{self, Stage, eventually};

async fn start(program: &Program, limits: &Limits) -> (Process, Pipes) {
    let present = Census::new().enter();
    Process::start(program, &BTreeMap::new(), limits, present).await.unwrap()
}

/// A parent, a child in its group, a grandchild in a session of its own whose parent is gone.
const FAMILY: &str = "
import os, time
def born(name):
    with open('family', 'a') as f: f.write(f'{name} {os.getpid()}\\n')
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            born('stray'); time.sleep(600)
        os._exit(0)
    born('child'); time.sleep(600)
born('parent')
while sum(1 for _ in open('family')) < 3: time.sleep(0.005)
open('ready', 'w').write('yes\\n')
time.sleep(600)
";

#[tokio::test]
async fn a_whole_family_ends_with_its_head() {
    let stage = Stage::new();
    let limits = Limits { grace_ms: 60_000, ..stage::limits() };
    let (process, _pipes) = start(&stage.python(FAMILY), &limits).await;
    stage.written("ready").await;
    assert!(stage.alive().len() >= 3, "{:?}", stage.alive());
    let ended = tokio::time::timeout(Duration::from_secs(30), process.end()).await;
    let status = ended.expect("who was not asked to end is not waited for").unwrap();
    assert_eq!(stage.alive(), Vec::<u32>::new());
    assert_eq!(status.signal(), Some(15), "TERM was enough for the first one");
}

#[tokio::test]
async fn who_ignores_term_gets_kill_after_the_grace() {
    let stage = Stage::new();
    let program = stage.python(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
         open('ready', 'w').write('yes\\n')\ntime.sleep(600)",
    );
    let (process, _pipes) = start(&program, &stage::limits()).await;
    stage.written("ready").await;
    let asked = Instant::now();
    let status = process.end().await.unwrap();
    assert_eq!(status.signal(), Some(9));
    assert!(asked.elapsed() >= Duration::from_millis(50), "the grace was given");
    assert!(stage.alive().is_empty());
}

#[tokio::test]
async fn who_ends_on_term_may_clean_up() {
    let stage = Stage::new();
    let program = stage.shell(
        "trap 'echo clean > cleaned; exit 3' TERM\necho yes > ready\nwhile :; do sleep 0.01; done",
    );
    let (process, _pipes) = start(&program, &Limits { grace_ms: 10_000, ..stage::limits() }).await;
    stage.written("ready").await;
    assert_eq!(process.end().await.unwrap().code(), Some(3));
    assert_eq!(stage.written("cleaned").await, "clean\n");
    assert!(stage.alive().is_empty());
}

#[tokio::test]
async fn what_a_finished_program_left_behind_is_ended() {
    let stage = Stage::new();
    let program = stage.shell("setsid sleep 600 &\nsleep 600 &\nexit 7");
    let (process, _pipes) = start(&program, &stage::limits()).await;
    process.exited().await;
    assert_eq!(process.end().await.unwrap().code(), Some(7));
    assert!(stage.alive().is_empty());
}

#[tokio::test]
async fn dropping_ends_the_tree_and_only_then_lets_go_of_what_it_held() {
    let stage = Stage::new();
    let (mut process, _pipes) = start(&stage.python(FAMILY), &stage::limits()).await;
    stage.written("ready").await;
    let (slot, mut freed) = tokio::sync::oneshot::channel::<()>();
    process.keep(slot);
    drop(process);
    assert!(freed.try_recv().is_err_and(|e| e == tokio::sync::oneshot::error::TryRecvError::Empty));
    freed.await.unwrap_err();
    assert_eq!(stage.alive(), Vec::<u32>::new());
}

#[test]
fn a_runtime_that_shuts_down_leaves_nobody() {
    let stage = Stage::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let process = runtime.block_on(async {
        let started = start(&stage.python(FAMILY), &stage::limits()).await;
        stage.written("ready").await;
        started
    });
    drop(runtime);
    drop(process);
    let waiter = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    waiter.block_on(stage.empty());
}

#[tokio::test]
async fn the_process_gets_what_it_is_given_and_nothing_else() {
    let stage = Stage::new();
    let leak = std::fs::File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    let mut program = stage.python(
        "import os, resource\n\
         print(sorted(os.listdir('/proc/self/fd')))\n\
         print(sorted(n for n in os.environ if n.startswith('CARGO')))\n\
         print(os.environ['GREETING'], os.environ['MAJORDOMO_KEY'])\n\
         print(oct(os.umask(0)), os.getsid(0) == os.getpid() == os.getpgid(0))\n\
         of = resource.getrlimit\n\
         print(of(resource.RLIMIT_DATA)[0], of(resource.RLIMIT_CORE))",
    );
    program.set.insert("GREETING".into(), "$HOME; echo `id`".into());
    let limits = Limits { memory_max_bytes: Some(1 << 30), ..stage::limits() };
    let variables = BTreeMap::from([("MAJORDOMO_KEY".to_string(), "k-1".to_string())]);
    let (process, mut pipes) =
        Process::start(&program, &variables, &limits, Census::new().enter()).await.unwrap();
    let mut printed = String::new();
    pipes.stdout.read_to_string(&mut printed).await.unwrap();
    assert!(process.end().await.unwrap().success());
    assert_eq!(
        printed,
        // Descriptor 3 is the listing itself.
        "['0', '1', '2', '3']\n[]\n$HOME; echo `id` k-1\n0o77 True\n1073741824 (0, 0)\n"
    );
    drop(leak);
}

#[tokio::test]
async fn memory_beyond_the_limit_is_refused_to_the_program() {
    let stage = Stage::new();
    let program = stage.python("b = bytearray(512 << 20)\nprint(len(b))");
    let limits = Limits { memory_max_bytes: Some(256 << 20), ..stage::limits() };
    let (process, mut pipes) = start(&program, &limits).await;
    let mut complaint = String::new();
    pipes.stderr.read_to_string(&mut complaint).await.unwrap();
    process.exited().await;
    assert_eq!(process.end().await.unwrap().code(), Some(1));
    assert!(complaint.contains("MemoryError"), "{complaint}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_said_so() {
    let stage = Stage::new();
    let program = stage.program(["majordomo-no-such-program"]);
    let present = Census::new().enter();
    let refused = Process::start(&program, &BTreeMap::new(), &stage::limits(), present).await;
    let message = refused.err().unwrap().to_string();
    assert!(message.contains("majordomo-no-such-program") && message.contains("PATH"), "{message}");
}

/// Three children, each in one net only; who is found by the group or by descent has cleared its
/// environment, who is found by the marker has left the group and lost its parent.
const THREE_NETS: &str = "
import os, sys
def child(orphaned, strayed, cleared, name):
    if os.fork(): return
    if strayed: os.setsid()
    if orphaned and os.fork(): os._exit(0)
    with open(name, 'w') as f: f.write(f'{os.getpid()}\\n')
    os.execve('/bin/sleep', ['sleep', '600'], {} if cleared else os.environ)
child(True, False, True, 'by-group')
child(False, True, True, 'by-descent')
child(True, True, False, 'by-marker')
import time; time.sleep(600)
";

#[tokio::test]
async fn each_net_catches_what_the_others_lose() {
    let stage = Stage::new();
    let (process, _pipes) = start(&stage.python(THREE_NETS), &stage::limits()).await;
    let mut pids = Vec::new();
    for name in ["by-group", "by-descent", "by-marker"] {
        pids.push(stage.written(name).await.trim().to_string());
    }
    let lives = |pid: &String| {
        std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|text| !text.is_empty())
    };
    eventually("all three sleep", || pids.iter().all(lives)).await;
    process.end().await.unwrap();
    assert!(!pids.iter().any(lives));
}

/// A stray whose first thread has ended: its state says zombie, its environment is empty, it works.
#[cfg(target_arch = "x86_64")]
const HEADLESS: &str = "
import ctypes, os, threading, time
if os.fork(): time.sleep(600)
os.setsid()
if os.fork(): os._exit(0)
def work():
    stat = f'/proc/{os.getpid()}/stat'
    while ') Z' not in open(stat).read(): time.sleep(0.001)
    open('headless', 'w').write('yes\\n')
    while True: time.sleep(1)
threading.Thread(target=work).start()
ctypes.CDLL(None).syscall(60, 0)  # ends this thread only
";

#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn a_stray_that_works_on_without_its_first_thread_is_found() {
    let stage = Stage::new();
    let (process, _pipes) = start(&stage.python(HEADLESS), &stage::limits()).await;
    stage.written("headless").await;
    assert_eq!(stage.alive().len(), 2, "the head and the stray");
    process.end().await.unwrap();
    eventually("nobody is left", || stage.alive().is_empty()).await;
}

/// Not a test by itself: the orchestrator that the next test kills.
#[tokio::test]
async fn orchestrator_that_will_be_killed() {
    let Ok(mark) = std::env::var("MAJORDOMO_TEST_VICTIM") else { return };
    let stage = Stage::new();
    let mut program = stage.python(FAMILY);
    program.set.insert(stage.mark().0.into(), mark);
    let _started = start(&program, &stage::limits()).await;
    stage.written("ready").await;
    println!("\nready");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn when_the_orchestrator_is_killed_the_head_dies_at_once_and_the_rest_is_swept() {
    let stage = Stage::new();
    let mark = format!("{}-victim", stage.mark().1);
    let mut victim = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process::orchestrator_that_will_be_killed", "--nocapture"])
        .env("MAJORDOMO_TEST_VICTIM", &mark)
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    while lines.next_line().await.unwrap().expect("the victim gets ready") != "ready" {}
    let before = stage::alive(&mark);
    assert!(before.len() >= 3, "{before:?}");
    assert_eq!(sweep(), 0, "a living orchestrator's processes are its own affair");
    victim.kill().await.unwrap();
    eventually("the head is dead", || stage::alive(&mark).len() < before.len()).await;
    assert!(!stage::alive(&mark).is_empty(), "the stray has no reason to die");
    assert!(sweep() >= 1);
    eventually("nobody is left", || stage::alive(&mark).is_empty()).await;
}
