use std::time::Duration;

pub async fn poll(ready: bool) {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let work = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(1)));
    work.await.ok();
    println!("std::thread::sleep");
}

pub fn wait() {
    std::thread::sleep(Duration::from_secs(1));
}

#[cfg(test)]
mod tests {
    async fn slow() {
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}
