use std::time::Duration;

pub async fn poll(ready: bool) {
    while !ready {
        std::thread::sleep(Duration::from_secs(1)); // expect: blocking-in-async
    }
    let task = async move {
        std::thread::sleep(Duration::from_millis(5)); // expect: blocking-in-async
    };
    task.await
}
