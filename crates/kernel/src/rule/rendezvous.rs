//! Whose a key is: rendezvous hashing (Thaler and Ravishankar, 1998).
//!
//! Every agent gets a weight for the key, and the heaviest owns it. Why not a ring? There is
//! nothing to keep: whoever knows key and agents knows the owner, and the order after it. When an
//! agent goes, only its own keys move, each to the next in its order; when one comes, it takes its
//! share from everybody alike.

use crate::AgentId;

/// The weight of an agent for a key that hashes to `key`.
pub(crate) fn weight(key: u64, agent: AgentId) -> u64 {
    super::backoff::draw(key ^ super::backoff::draw(u64::from(agent.0)).0).0
}

/// A key as a number: FNV-1a over its bytes, which is the same on every machine.
pub(crate) fn hash(key: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    key.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(key: &str, agents: impl Iterator<Item = u32>) -> u32 {
        let heaviest = agents.map(AgentId).max_by_key(|agent| weight(hash(key), *agent));
        heaviest.unwrap().0
    }

    #[test]
    fn keys_move_only_from_whoever_goes_and_to_whoever_comes() {
        let keys: Vec<String> = (0..4_000).map(|key| format!("customer/{key}")).collect();
        let mut counts = [0; 9];
        for key in &keys {
            let before = owner(key, 0..8);
            counts[before as usize] += 1;
            let without_3 = owner(key, (0..8).filter(|agent| *agent != 3));
            assert!(before == 3 || without_3 == before, "{key} moved from {before}");
            let with_8 = owner(key, 0..9);
            assert!(with_8 == 8 || with_8 == before, "{key} moved to {with_8}");
            counts[8] += u32::from(with_8 == 8);
        }
        // 500 each, and 444 for the ninth; four standard deviations are about 84.
        assert!(counts.iter().all(|count| (360..590).contains(count)), "{counts:?}");
    }
}
